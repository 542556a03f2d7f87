"""A fitted calibration: what was learned from all samples, frozen. It decides any sample, of the run or new.

A sample is decided by the model of its group, whatever other samples are decided with it. Prompts are told by
the model of the fold that the sample's id belongs to, which has never learned from that sample. So a sample
of the run is decided alone exactly as in the run.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy

from agents.record import Consensus, SampleRecord
from agents.trusted import trusted_consensus, with_trust
from stores.counts import counted
from training.calibration.arrays import Reals, Vectors
from training.calibration.cautions import Verdicts, caution_of_texts, cautions
from training.calibration.fitted_files import read_fitted, write_fitted
from training.calibration.group_model import GroupModel, Judged, consensus_of
from training.calibration.groups import Groups
from training.calibration.judge_alone import decide_alone
from training.calibration.new_texts import new_texts


@dataclass(frozen=True)
class FittedCalibration:
    """What was learned from all samples.

    Args:
        views: whose answers count.
        groups: which group a sample belongs to.
        models: what was learned of each group, in their order.

    Example:
        A sample of a run, or a new one, decided by what the run has learned:

            fitted = FittedCalibration.load(folder)
            [judged] = calibrated(lambda: [record], Measures(encoder), fitted)
    """

    views: tuple[str, ...]
    groups: Groups
    models: tuple[GroupModel, ...]

    @property
    def uses_prompts(self) -> bool:
        """Whether the prompts' vectors are needed to decide a sample."""
        return any(model.by_prompts for model in self.models)

    @property
    def uses_similarities(self) -> bool:
        """Whether the similarities of free text are needed to decide a sample."""
        return any(model.similarity is not None for model in self.models)

    @property
    def uses_plausibility(self) -> bool:
        """Whether it is needed how plausible free text is (`agents.assessment`) to decide a sample."""
        return any(
            model.similarity is not None and model.similarity.facts is not None for model in self.models
        )

    @property
    def noise_rate(self) -> float | None:
        """The estimated share of wrong responses, of the groups that have one; None where none has."""
        rates = [(model.noise_rate, size) for model, size in self._sized() if model.noise_rate is not None]
        total = sum(size for _, size in rates)
        return sum(rate * size for rate, size in rates) / total if total else None

    @property
    def noise_interval(self) -> tuple[float, float] | None:
        """The lowest and the highest noise rate that the data allow; None where some group tells none."""
        ends = [(model.noise_interval, size) for model, size in self._sized() if model.noise_rate is not None]
        total = sum(size for _, size in ends)
        least = most = 0.0
        for interval, size in ends:
            if interval is None:
                return None
            least, most = least + interval[0] * size / total, most + interval[1] * size / total
        return (least, most) if total else None

    @property
    def threshold(self) -> float:
        """The noise probability from which on responses are noisy; 1 where none is calibrated."""
        return max((model.threshold for model in self.models if model.tells), default=1.0)

    @property
    def cautions(self) -> tuple[str, ...]:
        """What to know before trusting the verdicts, a sentence each; see `cautions.py`."""
        several = len(self.models) > 1
        said = []
        for group, model in zip(self.groups.groups, self.models, strict=True):
            if model.noise_rate is None:
                continue
            if model.noise_interval is None:
                found = caution_of_texts(model.noise_rate)
            else:
                found = cautions(
                    Verdicts(model.noise_rate, model.noise_interval, model.reliability, model.left_out)
                )
            name = f"{group.name} ({counted(group.size, 'sample')}): " if several else ""
            said += [f"{name}{one}" for one in found]
        return tuple(said)

    @property
    def estimated(self) -> int:
        """How many samples `noise_rate` is a share of."""
        return sum(size for model, size in self._sized() if model.noise_rate is not None)

    @property
    def reliability(self) -> Mapping[str, float]:
        """By view and by `prompts`, the estimated share of answers that are right, where groups tell."""
        shares: dict[str, list[tuple[float, int]]] = defaultdict(list)
        for model, size in self._sized():
            for name, share in model.reliability.items():
                shares[name].append((share, size))
        return {
            name: sum(share * size for share, size in pairs) / sum(size for _, size in pairs)
            for name, pairs in shares.items()
        }

    @property
    def judged_alone(self) -> int:
        """How many of the samples that were learned from only the judge decides about."""
        return sum(size for model, size in self._sized() if not model.tells)

    @property
    def silence(self) -> tuple[str, ...]:
        """Why nothing tells how likely some responses are wrong; empty where all are calibrated."""
        return tuple(model.silence for model in self.models if model.silence)

    def judge(
        self, records: Sequence[SampleRecord], vectors: Vectors | None, similarities: Reals | None
    ) -> list[SampleRecord]:
        """Return samples with their calibrated verdicts, noise probabilities and weights.

        What the relabeler and the reviewer said is left out, since their examples were clean by other
        verdicts. A sample that was never judged comes back as it is.

        Args:
            records: the samples (n), with what the agents and the judge said of them.
            vectors: one a prompt (n, d); None where `uses_prompts` is false.
            similarities: of free text, as `Measures.similar` returns them (n, views + 1); None where
                `uses_similarities` is false.

        Raises:
            ValueError: vectors or similarities are missing, or not as many as samples.
        """
        _check_rows(len(records), vectors, similarities)
        judged = list(records)
        for place, rows in self._by_group(records):
            chosen = [records[row] for row in rows]
            model = self.models[place] if place is not None else None
            found = model and model.judge(chosen, self.views, _rows(vectors, rows), _rows(similarities, rows))
            for at, row in enumerate(rows):
                judged[row] = _decided(records[row], model.threshold if model else 1.0, found or None, at)
        return judged

    def conclude(
        self,
        records: Sequence[SampleRecord],
        vectors: Vectors | None,
        similarities: Reals | None,
        repeats: Sequence[bool],
    ) -> list[SampleRecord]:
        """Return samples with their consensus, in the light of the new answers.

        A sample that the judge decided about alone has none, and neither has new free text where only the
        plausibility of the given one tells. Its new response is the reviewer's, and it is selected by the
        entropy of the context answer (Eq. 8), as with the policy `hybrid`. A sample that failed comes back as
        it is.

        Args:
            records: the samples (n), with their verdicts and with what was answered since.
            vectors: as for `judge`.
            similarities: of the new answers to free text, as `Measures.similar_answers` returns them.
            repeats: whether each sample's review is by a model that is a view already, and errs where that
                did (n).

        Raises:
            ValueError: vectors or similarities are missing, or not as many as samples.
        """
        _check_rows(len(records), vectors, similarities)
        concluded = list(records)
        for place, rows in self._by_group(records):
            model = self.models[place] if place is not None else GroupModel(None)
            found = self._consensus(model, records, rows, vectors, similarities, repeats)
            for row, consensus in zip(rows, found, strict=True):
                if records[row].status != "failed":
                    known = trusted_consensus(records[row].sample) or consensus
                    concluded[row] = records[row].model_copy(update={"consensus": known})
        return concluded

    def reviews(
        self, records: Sequence[SampleRecord], vectors: Vectors | None, repeats: Sequence[bool]
    ) -> Iterator[tuple[int, Reals]]:
        """Yield, by the place of a group, what tells how reliable its reviewer is (m, 3).

        The columns are those of `learn_reliability`.
        """
        for place, rows in self._by_group(records):
            rows = [row for row in rows if records[row].review is not None]
            if place is None or self.models[place].label is None or not rows:
                continue
            chosen, repeated = [records[row] for row in rows], [repeats[row] for row in rows]
            _, _, found = self.models[place].reviews(chosen, self.views, _rows(vectors, rows), repeated)
            yield place, numpy.column_stack([found.before, found.others, found.share])

    def with_reviewers(self, reliability: Mapping[int, float]) -> "FittedCalibration":
        """Return the same, with how reliable the reviewer is by the place of a group."""
        models = [
            replace(model, reviewer=reliability.get(place, model.reviewer))
            for place, model in enumerate(self.models)
        ]
        return replace(self, models=tuple(models))

    def save(self, folder: Path) -> None:
        """Write what was learned into two files of a folder, each of them as a whole or not at all.

        Raises:
            OSError: the folder cannot be written, or is full.
        """
        write_fitted(folder, self.views, self.groups, self.models)

    @classmethod
    def load(cls, folder: Path) -> "FittedCalibration":
        """Read what `save` wrote.

        Raises:
            RecordError: a file is missing, damaged or of another version.
        """
        return cls(*read_fitted(folder))

    def _sized(self) -> Iterator[tuple[GroupModel, int]]:
        yield from zip(self.models, (group.size for group in self.groups.groups), strict=True)

    def _by_group(self, records: Sequence[SampleRecord]) -> list[tuple[int | None, list[int]]]:
        """Return the rows of the samples of each group; None for those that no group is like."""
        found: dict[int | None, list[int]] = defaultdict(list)
        for row, record in enumerate(records):
            found[self.groups.place_of(record.sample)].append(row)
        return list(found.items())

    def _consensus(
        self,
        model: GroupModel,
        records: Sequence[SampleRecord],
        rows: Sequence[int],
        vectors: Vectors | None,
        similarities: Reals | None,
        repeats: Sequence[bool],
    ) -> list[Consensus | None]:
        """Return the consensus of some samples of a group."""
        found: dict[int, Consensus | None] = dict.fromkeys(rows)
        asked = []
        for row in rows:
            check = records[row].check
            if check is None or not check.clean:
                asked.append(row)
            elif check.noise is not None:
                found[row] = consensus_of(records[row].sample.response, 1 - check.noise)
        chosen = [records[row] for row in asked]
        if asked and model.label is not None:
            repeated = [repeats[row] for row in asked]
            new = model.conclude(chosen, self.views, _rows(vectors, asked), repeated)
            found.update(zip(asked, new, strict=True))
        elif asked and model.similarity is not None and model.similarity.groups:
            repeated = [repeats[row] for row in asked]
            texts = new_texts(model, chosen, _rows(similarities, asked), repeated)
            found.update(zip(asked, texts, strict=True))
        return list(found.values())


def _decided(record: SampleRecord, threshold: float, found: Judged | None, at: int) -> SampleRecord:
    """Return a sample with its verdict: what was found of it at a place, or the judge's alone."""
    if record.check is None:
        return record
    changes = decide_alone(record) if found is None else _weighed(found, threshold, at)
    check = with_trust(record.sample, record.check.model_copy(update=changes))
    return record.before_relabeling().model_copy(update={"check": check})


def _weighed(found: Judged, threshold: float, at: int) -> dict[str, Any]:
    """Return what the calibration changes in a sample's check."""
    noise = float(found.noise[at])
    return {
        "clean": noise < threshold,
        "noise": noise,
        "weights": {name: round(float(part[at]), 4) for name, part in found.weights.items() if part[at]},
        "reason": f"noise probability {noise:.2f}, noisy from {threshold:.2f} on",
    }


def _rows(values: Any, rows: Sequence[int]) -> Any:
    return None if values is None else values[list(rows)]


def _check_rows(size: int, vectors: Vectors | None, similarities: Reals | None) -> None:
    for values in (vectors, similarities):
        if values is not None and len(values) != size:
            raise ValueError(f"there are {size} samples, but {len(values)} rows")
