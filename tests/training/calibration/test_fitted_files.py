"""A kept calibration is checked before it is believed: whatever is wrong with it is one typed error."""

import hashlib
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

from agents.record import SampleRecord
from stores.errors import RecordError
from stores.sample import Annotation
from tests.support.drawn_records import LookedUp, assessed, choices, classes, seeing, texts
from training.calibration import priors
from training.calibration.calibrate import calibrate
from training.calibration.fitted import FittedCalibration
from training.calibration.fitted_files import digest_of
from training.calibration.measures import Measures

TEXT, ARRAYS = "calibration.json", "calibration.npz"


def annotated(record: SampleRecord, *, agree: bool) -> SampleRecord:
    """Return a record with the responses of two people, of whom the first gives the response."""
    response = record.sample.response
    other = response if agree else {"good": "bad", "bad": "good"}[response]
    said = (Annotation(annotator="ann", response=response), Annotation(annotator="bob", response=other))
    return record.model_copy(update={"sample": record.sample.model_copy(update={"annotations": said})})


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a fit of classes, options and free text. Two people have annotated the first."""
    encoder = LookedUp()
    moods, _ = classes(encoder, 200, ("good", "bad"), options=True)
    moods = [annotated(record, agree=place % 3 > 0) for place, record in enumerate(moods)]
    intents, _ = classes(encoder, 900, [f"intent {number}" for number in range(60)])
    records = [*moods, *intents, *choices(60), *assessed(texts(120))]
    folder = tmp_path_factory.mktemp("written")
    calibrate(lambda: records, Measures(encoder), ("base", "reasoning"), sight=seeing()).save(folder)
    return folder


@pytest.fixture
def kept(written: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    for name in (TEXT, ARRAYS):
        (tmp_path / name).write_bytes((written / name).read_bytes())
    return tmp_path


def change(kept: Path, *keys: Any, value: Any) -> None:
    """Put a value into the text, at a place that keys lead to, as if it had been written so."""
    text = json.loads((kept / TEXT).read_text(encoding="utf-8"))
    inner = text
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    seal(kept, text)


def seal(kept: Path, text: dict[str, Any]) -> None:
    """Write a text that goes with the arrays, with the digests that belong to both."""
    text["arrays"] = hashlib.sha256((kept / ARRAYS).read_bytes()).hexdigest()
    text["digest"] = digest_of({name: value for name, value in text.items() if name != "digest"})
    (kept / TEXT).write_text(json.dumps(text), encoding="utf-8")


def put_arrays(kept: Path, found: dict[str, Any]) -> None:
    """Write other arrays, as if they had been written so."""
    numpy.savez(kept / ARRAYS, **found)
    seal(kept, json.loads((kept / TEXT).read_text(encoding="utf-8")))


def arrays(kept: Path) -> dict[str, Any]:
    with numpy.load(kept / ARRAYS, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def refused(kept: Path) -> str:
    with pytest.raises(RecordError) as caught:
        FittedCalibration.load(kept)
    return str(caught.value)


def test_what_was_written_is_read(written: Path) -> None:
    assert len(FittedCalibration.load(written).models) == 4


def test_a_folder_without_one_is_said_to_have_none(tmp_path: Path) -> None:
    assert "no calibration was kept here" in refused(tmp_path / "nowhere")


@pytest.mark.parametrize("name", [TEXT, ARRAYS])
@pytest.mark.parametrize("content", [b"", b"{}", b"\x00" * 99, b"PK\x03\x04", b"[" * 5000])
def test_a_file_of_something_else_is_refused(name: str, content: bytes, kept: Path) -> None:
    (kept / name).write_bytes(content)
    assert name in refused(kept)


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("version",), 3),
        (("groups", 0, "left_out"), -1),
        (("more",), 1),
        (("views",), ["base"]),
        (("groups", 0, "size"), -1),
        (("groups", 0, "nature"), "odd"),
        (("groups", 0, "reviewer"), 1e400),
        (("groups", 2, "space", "classes"), ["good", "bad", "new"]),
        (("groups", 0, "label", "classes"), 7),
        (("groups", 0, "label", "sources"), {"label": ["nothing"]}),
        (("groups", 0, "label", "annotators"), []),
        (("groups", 0, "label", "annotators"), ["ann"]),
        (("groups", 0, "label", "annotators"), ["bob", "ann"]),
        (("groups", 0, "label", "annotators"), ["ann", "ann"]),
        (("groups", 0, "label", "annotators"), ["ann", 2]),
        (("groups", 1, "label", "annotators"), ["ann", "bob"]),
        (("groups", 0, "label", "sources", "annotators"), ["right"]),
        (("groups", 0, "label", "sources"), {"../label": ["../../x"]}),
        (("groups", 3, "similarity", "slopes"), 1.0),
        (("groups", 3, "similarity", "facts"), 1.0),
        (("by_options", 0, 1), 99),
        (("by_text", 0, 1), -1),
        (("own",), 4),
    ],
)
def test_a_text_that_does_not_fit_is_refused(keys: tuple[Any, ...], value: Any, kept: Path) -> None:
    change(kept, *keys, value=value)
    refused(kept)


def numbers_in(value: Any, *keys: Any) -> Iterator[tuple[tuple[Any, ...], float]]:
    """Yield every number in a text, with the keys that lead to it."""
    if isinstance(value, dict | list):
        inside = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in inside:
            yield from numbers_in(inner, *keys, key)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield keys, value


def test_a_number_changed_by_hand_is_refused_wherever_it_is(written: Path, kept: Path) -> None:
    found = list(numbers_in(json.loads((written / TEXT).read_text(encoding="utf-8"))))
    assert len(found) > 30
    for keys, value in found:
        text = json.loads((written / TEXT).read_text(encoding="utf-8"))
        inner = text
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = value + 1 if isinstance(value, int) else value * 0.999 + 1e-6
        (kept / TEXT).write_text(json.dumps(text), encoding="utf-8")
        assert TEXT in refused(kept)


def test_a_text_that_is_only_laid_out_anew_is_read(kept: Path) -> None:
    text = json.loads((kept / TEXT).read_text(encoding="utf-8"))
    (kept / TEXT).write_text(json.dumps(text, indent=2, sort_keys=True), encoding="utf-8")
    assert len(FittedCalibration.load(kept).models) == 4


def test_arrays_changed_by_hand_within_range_are_refused(written: Path, kept: Path) -> None:
    for name in arrays(written):
        found = arrays(written)
        found[name] = ~found[name] if found[name].dtype == bool else found[name] * 0.999 + 1e-9
        numpy.savez(kept / ARRAYS, **found)
        assert "together" in refused(kept)


def test_the_files_of_two_fits_are_no_pair(kept: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    records = choices(60)
    calibrate(lambda: records, Measures(LookedUp()), ("base", "reasoning")).save(other)
    (kept / ARRAYS).write_bytes((other / ARRAYS).read_bytes())
    assert "together" in refused(kept)


def test_too_many_annotators_are_cautioned_of_by_a_fit_and_by_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(priors, "MOST_ANNOTATORS", 1)
    moods, _ = classes(encoder := LookedUp(), 200, ("good", "bad"), options=True)
    records = [annotated(record, agree=place % 3 > 0) for place, record in enumerate(moods)]
    fitted = calibrate(lambda: records, Measures(encoder), ("base", "reasoning"))
    fitted.save(tmp_path)
    for found in (fitted, FittedCalibration.load(tmp_path)):
        assert [said for said in found.cautions if said.startswith("1 annotator with the fewest")]


def test_a_fit_that_is_written_again_is_written_alike(written: Path, tmp_path: Path) -> None:
    FittedCalibration.load(written).save(tmp_path)
    for name in (TEXT, ARRAYS):
        assert (tmp_path / name).read_bytes() == (written / name).read_bytes()


def test_an_earlier_version_is_refused_and_named(kept: Path) -> None:
    change(kept, "version", value=1)
    told = refused(kept)
    assert "version 1" in told
    assert "--reuse" in told


@pytest.mark.parametrize("how", ["missing", "shorter", "nan", "text", "flat", "complex"])
def test_an_array_that_does_not_fit_is_refused(how: str, written: Path, kept: Path) -> None:
    changes: dict[str, Any] = {
        "shorter": lambda array: array[:-1],
        "nan": lambda array: array * numpy.nan,
        "text": lambda array: array.astype(str),
        "flat": lambda array: array.ravel()[:1],
        "complex": lambda array: array.astype(complex),
    }
    # Patterns and their logarithms belong together: either alone is another model.
    assert sum(".facts." in name for name in arrays(written)) == 5
    for name in arrays(written):
        found = arrays(written)
        array = found.pop(name)
        if how != "missing":
            found[name] = changes[how](array)
        if how == "flat" and array.shape == found[name].shape:
            continue
        put_arrays(kept, found)
        refused(kept)


def test_no_pickle_is_read(kept: Path) -> None:
    found = arrays(kept)
    name = next(iter(found))
    found[name] = numpy.array([print], dtype=object)
    put_arrays(kept, found)
    assert "pickle" in refused(kept)


def test_packed_arrays_are_refused_unread(kept: Path) -> None:
    with zipfile.ZipFile(kept / ARRAYS, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("0.weights.npy", bytes(1 << 20))
    seal(kept, json.loads((kept / TEXT).read_text(encoding="utf-8")))
    assert "packed" in refused(kept)


def test_a_shape_that_no_memory_holds_is_refused(kept: Path) -> None:
    header = {"descr": "<f8", "fortran_order": False, "shape": (1 << 40,)}
    with zipfile.ZipFile(kept / ARRAYS, "a") as packed, packed.open("9.label.logarithms.npy", "w") as file:
        numpy.lib.format.write_array_header_1_0(file, header)
    seal(kept, json.loads((kept / TEXT).read_text(encoding="utf-8")))
    assert ARRAYS in refused(kept)
