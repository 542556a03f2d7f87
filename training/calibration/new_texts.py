"""Which new free text takes the place of a noisy response, and which response stays and is left out.

| the review is by            | the new text takes the place where                                          |
|-----------------------------|-----------------------------------------------------------------------------|
| a model that is a view      | the response is empty, or unlike its prompt                                 |
| another model               | the same, or it is as like the views' answers as right responses are        |

A response unlike all answers of one model may be wrong, or the model errs there. What that model writes anew
is like its answers either way, so that this tells nothing. With weak agents a third of right responses were
replaced by wrong ones (`benchmarks/harm.py --pools text`).
"""

from collections.abc import Iterator, Sequence

import numpy

from agents.record import Consensus, SampleRecord
from training.calibration.arrays import Reals
from training.calibration.group_model import GroupModel, consensus_of
from training.calibration.label_model import PROMPTS


def new_texts(
    model: GroupModel, records: Sequence[SampleRecord], similarities: Reals | None, repeats: Sequence[bool]
) -> Iterator[Consensus | None]:
    """Yield the consensus of each noisy free text of a group.

    Args:
        model: of the group, which tells by similarity.
        records: the samples, with their weights and with what was answered since (n).
        similarities: of the new answers, as `Measures.similar_answers` returns them (n, views + 1).
        repeats: whether each review is by a model that is a view already (n).

    Raises:
        ValueError: there are no similarities.
    """
    if similarities is None or model.similarity is None:
        raise ValueError("the similarities of new answers are needed")
    noise = model.similarity.noise(similarities)
    for record, doubt, repeated in zip(records, noise, repeats, strict=True):
        sure = _unlike_prompt(record)
        if not repeated:
            sure = max(sure, 1 - float(doubt))
        if record.sample.says_something and sure < model.replaces:
            yield consensus_of(record.sample.response, record.trust)
        else:
            yield consensus_of(record.review.answer if record.review else None, 1 - doubt)


def _unlike_prompt(record: SampleRecord) -> float:
    """Return how likely a response is wrong, told from its likeness to the prompt and from nothing else."""
    weights = record.check.weights if record.check is not None else {}
    score = weights.get(PROMPTS, 0.0) + weights.get("prior", 0.0)
    return float(1 / (1 + numpy.exp(score)))
