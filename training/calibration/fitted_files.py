"""The files of a fitted calibration: `calibration.json` has what is text, `calibration.npz` has the arrays.

Both may be damaged or written by another program, and nothing in them is believed before it is checked: no
pickle is read, nothing is unpacked, and a model is tried before it is handed out.

The text has two digests: of itself, and of the arrays. So a number that was changed by hand is noticed, and
so are two files that were not written together. This is against damage: a forger can forge a digest, too.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import numpy
from pydantic import BaseModel, ConfigDict, Field

from agents.assessment import VIEWS
from agents.record import SampleRecord
from stores.atomic import atomic_path, write_text_atomically
from stores.errors import RecordError, first_line
from stores.sample import Annotation, Sample
from training.calibration import priors
from training.calibration.arrays import Reals
from training.calibration.crowd import NAME as CROWD
from training.calibration.facts import PlausibilityModel
from training.calibration.free_text import SimilarityModel
from training.calibration.group_model import GroupModel
from training.calibration.groups import Group, Groups, Nature
from training.calibration.label_model import LabelModel
from training.calibration.label_space import LabelSpace
from training.calibration.many_classes import ManyClasses
from training.calibration.prompt_classifier import FoldModels

VERSION: Literal[2] = 2
_TEXT, _ARRAYS = "calibration.json", "calibration.npz"
FILES = _ARRAYS, _TEXT
"""The files of a fitted calibration, in its folder."""
_DIGEST = "digest"
_MEND = "`robustft run --reuse DIR` makes a new run of this one's replies, and calibrates it anew"
_NOT_FOUND = "no calibration was kept here"
# A model of the prompts is the largest array: of thousands of classes some tens of millions of numbers.
_MOST_BYTES = 4 << 30

_Share = Annotated[float, Field(ge=0, le=1)]
_Prompts = Literal["none", "folds", "many"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class _Space(_Part):
    classes: list[str]
    closed: bool
    of_tasks: list[tuple[str | None, list[str]]]


class _Label(_Part):
    confusion: bool
    noise_interval: tuple[_Share, _Share]
    classes: int = Field(ge=0)
    prompts: _Prompts
    sharpness: float = 0.0
    sources: dict[str, list[str]]
    annotators: list[str] = []


class _Group(_Part):
    name: str
    nature: Nature
    size: int = Field(ge=0)
    space: _Space | None
    label: _Label | None
    similarity: dict[str, float] | None
    noise_rate: float | None = Field(ge=0, le=1)
    threshold: _Share
    reliability: dict[str, _Share]
    reviewer: float = Field(ge=0, le=1)
    replaces: float = Field(ge=0, le=1)
    silence: str
    left_out: int = Field(ge=0)


class _File(_Part):
    version: Literal[2]
    arrays: str
    """The digest of the arrays' file."""
    views: tuple[str, ...]
    groups: list[_Group]
    by_options: list[tuple[int, int]]
    by_kind: list[tuple[tuple[str | None, ...], str, int]]
    by_text: list[tuple[tuple[str | None, ...], int]]
    own: int | None


def write_fitted(folder: Path, views: Sequence[str], groups: Groups, models: Sequence[GroupModel]) -> None:
    """Write what was learned; see `FittedCalibration.save`."""
    arrays: dict[str, Any] = {}
    for place, model in enumerate(models):
        arrays.update({f"{place}.{name}": array for name, array in _arrays_of(model)})
    folder.mkdir(parents=True, exist_ok=True)
    # The text comes last: where it is, the arrays are.
    with atomic_path(folder / _ARRAYS) as part:
        with part.open("xb") as file:
            numpy.savez(file, **arrays)
        written = _digest_of_file(part)
    text = _File(
        version=VERSION,
        arrays=written,
        views=tuple(views),
        groups=[_group_of(group, model) for group, model in zip(groups.groups, models, strict=True)],
        by_options=list(groups.by_options.items()),
        by_kind=[(task, kind, place) for (task, kind), place in groups.by_kind.items()],
        by_text=list(groups.by_text.items()),
        own=groups.own,
    )
    content = text.model_dump(mode="json")
    write_text_atomically(folder / _TEXT, json.dumps({_DIGEST: digest_of(content), **content}) + "\n")


def digest_of(content: Mapping[str, Any]) -> str:
    """Return the digest of a text's content, whatever its spacing and the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _digest_of_file(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def read_fitted(folder: Path) -> tuple[tuple[str, ...], Groups, tuple[GroupModel, ...]]:
    """Return what `write_fitted` wrote: the views, the groups and their models.

    Raises:
        RecordError: a file is missing, damaged, changed by hand or of another version.
    """
    try:
        text = _read_text(folder / _TEXT)
    except FileNotFoundError as error:
        raise RecordError(f"{_NOT_FOUND}: {_MEND}", path=folder) from error
    except (ValueError, RecursionError, OSError) as error:
        raise RecordError(f"{first_line(error)}: {_MEND}", path=folder / _TEXT) from error
    try:
        if _digest_of_file(folder / _ARRAYS) != text.arrays:
            raise ValueError(f"was not written together with {_TEXT}, or was changed or damaged since")
        arrays = _read_arrays(folder / _ARRAYS)
        groups = _groups(text)
        models = tuple(_model(kept, place, arrays) for place, kept in enumerate(text.groups))
        for group, model in zip(groups.groups, models, strict=True):
            _try_out(group, model, text.views)
    # What a damaged array makes numpy raise is of no one kind.
    except (OSError, BadZipFile, ValueError, TypeError, LookupError, MemoryError, ArithmeticError) as error:
        raise RecordError(f"{first_line(error)}: {_MEND}", path=folder / _ARRAYS) from error
    return text.views, groups, models


def _read_text(file: Path) -> _File:
    """Return the text.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds something else than RobustFT has written. Deep nesting is a RecursionError.
    """
    content = json.loads(file.read_bytes())
    if not isinstance(content, dict):
        raise ValueError("holds no object")
    if content.get("version") != VERSION:
        raise ValueError(f"is of version {content.get('version')!r:.20}, and this RobustFT reads {VERSION}")
    if content.pop(_DIGEST, None) != digest_of(content):
        raise ValueError("was changed or damaged since RobustFT wrote it")
    return _File.model_validate(content)


def _group_of(group: Group, model: GroupModel) -> _Group:
    space, label, similarity = model.space, model.label, model.similarity
    return _Group(
        name=group.name,
        nature=group.nature,
        size=group.size,
        space=space
        and _Space(
            classes=list(space.classes),
            closed=space.closed,
            of_tasks=[(task, list(names)) for task, names in space.of_tasks.items()],
        ),
        label=label
        and _Label(
            confusion=label.confusion,
            noise_interval=label.noise_interval,
            classes=label.classes,
            prompts=_prompts_name(label),
            sharpness=label.prompts.sharpness if isinstance(label.prompts, ManyClasses) else 0.0,
            sources={name: list(learned) for name, learned in label.learned.items()},
            annotators=list(label.annotators),
        ),
        similarity=similarity
        and {name: value for name, value in _fields(similarity) if isinstance(value, float)},
        noise_rate=model.noise_rate,
        threshold=model.threshold,
        reliability=dict(model.reliability),
        reviewer=model.reviewer,
        replaces=model.replaces,
        silence=model.silence,
        left_out=model.left_out,
    )


def _arrays_of(model: GroupModel) -> Iterator[tuple[str, Any]]:
    """Yield all arrays of a group's model by their names."""
    if model.similarity is not None:
        for name, value in _fields(model.similarity):
            if isinstance(value, numpy.ndarray):
                yield f"similarity.{name}", value
        if model.similarity.facts is not None:
            yield from ((f"facts.{name}", value) for name, value in _fields(model.similarity.facts))
    if model.label is None:
        return
    for source, learned in model.label.learned.items():
        for name, array in learned.items():
            yield f"{source}.{name}", array
    prompts = model.label.prompts
    if isinstance(prompts, FoldModels):
        yield from (("weights", prompts.weights), ("intercepts", prompts.intercepts), ("seen", prompts.seen))
    elif prompts is not None:
        yield from (("weights", prompts.weights), ("shares", prompts.shares))


def _fields(model: SimilarityModel | PlausibilityModel) -> Iterator[tuple[str, Any]]:
    for known in fields(model):
        yield known.name, getattr(model, known.name)


def _prompts_name(label: LabelModel) -> _Prompts:
    if label.prompts is None:
        return "none"
    return "folds" if isinstance(label.prompts, FoldModels) else "many"


def _read_arrays(file: Path) -> Mapping[str, Any]:
    """Return all arrays of a file, each of which is of finite numbers.

    Raises:
        ValueError: the file holds something else.
    """
    with ZipFile(file) as packed:
        members = packed.infolist()
        if any(member.compress_type != ZIP_STORED for member in members):
            raise ValueError("the arrays are packed, as RobustFT never writes them")
        if sum(member.file_size for member in members) > _MOST_BYTES:
            raise ValueError("the arrays are larger than any calibration's")
    with numpy.load(file, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    for name, array in arrays.items():
        if array.dtype.kind not in "fb" or not numpy.isfinite(array).all():
            raise ValueError(f"{name} holds something else than numbers")
    return arrays


def _groups(text: _File) -> Groups:
    places = [place for _, place in text.by_options] + [place for *_, place in text.by_kind]
    places += [place for _, place in text.by_text] + ([] if text.own is None else [text.own])
    if any(not 0 <= place < len(text.groups) for place in places):
        raise ValueError("a sample would belong to a group that there is not")
    return Groups(
        [Group(kept.name, kept.nature, kept.size, _space(kept)) for kept in text.groups],
        dict(text.by_options),
        {(task, kind): place for task, kind, place in text.by_kind},
        dict(text.by_text),
        text.own,
    )


def _space(kept: _Group) -> LabelSpace | None:
    if kept.space is None:
        return None
    of_tasks = {task: tuple(names) for task, names in kept.space.of_tasks}
    return LabelSpace(kept.space.classes, closed=kept.space.closed, of_tasks=of_tasks)


def _model(kept: _Group, place: int, arrays: Mapping[str, Any]) -> GroupModel:
    label = similarity = None
    if kept.label is not None:
        learned = {
            source: {name: arrays[f"{place}.{source}.{name}"] for name in names}
            for source, names in kept.label.sources.items()
        }
        prompts = _prompts(kept.label, place, arrays)
        annotators = tuple(kept.label.annotators)
        if list(annotators) != sorted(set(annotators)) or bool(annotators) != (CROWD in learned):
            raise ValueError("the annotators are not those that something was learned of")
        label = LabelModel(
            learned,
            kept.label.confusion,
            kept.label.classes,
            prompts,
            kept.label.noise_interval,
            annotators,
        )
    if kept.similarity is not None:
        told = _named(arrays, f"{place}.facts.")
        facts = PlausibilityModel(**told) if told else None
        named = _named(arrays, f"{place}.similarity.")
        similarity = SimilarityModel(**{**named, **kept.similarity}, facts=facts)
    return GroupModel(
        _space(kept),
        label,
        similarity,
        kept.noise_rate,
        kept.threshold,
        kept.reliability,
        kept.reviewer,
        kept.silence,
        kept.replaces,
        kept.left_out,
    )


def _named(arrays: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): arrays[name] for name in arrays if name.startswith(prefix)}


def _prompts(kept: _Label, place: int, arrays: Mapping[str, Any]) -> FoldModels | ManyClasses | None:
    if kept.prompts == "none":
        return None
    weights: Reals = arrays[f"{place}.weights"]
    if weights.ndim != 3 or len(weights) != priors.FOLDS:
        raise ValueError("the models of the prompts are not one a fold")
    if kept.prompts == "many":
        shares: Reals = arrays[f"{place}.shares"]
        if shares.shape != weights.shape[2:] or shares.min() <= 0 or len(shares) != kept.classes + 1:
            raise ValueError("the classes' shares are not one a class")
        return ManyClasses(weights, shares, kept.sharpness)
    intercepts, seen = arrays[f"{place}.intercepts"], arrays[f"{place}.seen"]
    expected = (weights.shape[0], weights.shape[2])
    if not intercepts.shape == seen.shape == expected or seen.dtype != bool:
        raise ValueError("the models of the prompts do not fit together")
    return FoldModels(weights, intercepts, seen)


def _try_out(group: Group, model: GroupModel, views: Sequence[str]) -> None:
    """Decide a made-up sample of a group.

    Raises:
        ValueError, KeyError, IndexError: the model cannot.
    """
    space = group.space
    if (model.label is None or space is None) and model.similarity is None:
        return
    options = space.classes if space is not None and space.closed else ()
    said = space.classes[0] if space is not None and space.shared else "1"
    annotations = tuple(
        Annotation(annotator=name, response=said) for name in (model.label.annotators if model.label else ())
    )
    sample = Sample(id="", prompt="", response="", options=options, annotations=annotations)
    vectors = None
    if model.label is not None and model.label.prompts is not None and space is not None:
        extra = isinstance(model.label.prompts, ManyClasses)
        vectors = numpy.zeros((1, model.label.prompts.weights.shape[1] - extra))
        width = len(space.classes) + 1 if extra else space.least_size
        if model.label.prompts.weights.shape[2] != width:
            raise ValueError("the models of the prompts are of other classes")
    if (
        model.label is not None
        and space is not None
        and model.label.classes != space.many * len(space.classes)
    ):
        raise ValueError("the label model is of other classes")
    if model.similarity is not None:
        _check_shapes(model.similarity, views)
    model.judge([SampleRecord(sample=sample)], views, vectors, numpy.zeros((1, len(views) + 1)))


def _check_shapes(similarity: SimilarityModel, views: Sequence[str]) -> None:
    """Check that every array of a model of free text is of the views: one number would do for all of them.

    Raises:
        ValueError: one is not.
    """
    for name, value in _fields(similarity):
        if name in ("prior", "facts"):
            continue
        if numpy.shape(value) != ((2,) if name == "judge" else (len(views) + 1,)):
            raise ValueError("the similarities are of other views")
    if similarity.facts is None:
        return
    for name, value in _fields(similarity.facts):
        if numpy.shape(value) != ((2, len(VIEWS)) if name == "line" else (len(VIEWS),)):
            raise ValueError("the plausibility is of other views")
