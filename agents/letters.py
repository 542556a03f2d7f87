"""A direct answer: by its letter where the question lists its options so, else in words."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from agents.agent import Reply, answer_in
from agents.answers.kind import sample_kind
from prompts.template import LETTERS, QuestionTemplate, shows_letters
from stores.sample import Message, Sample

if TYPE_CHECKING:
    from agents.role import Role


class Answered(NamedTuple):
    """A direct answer.

    `answer` is None where it cannot be read. `confidence` is the probability of its letter among all letters,
    None where it was given in words. `log_probabilities` are those of what was generated, in nats.
    """

    answer: str | None
    confidence: float | None
    log_probabilities: tuple[float, ...]
    reply: Reply


def goes_by_letter(sample: Sample, prompt: QuestionTemplate) -> bool:
    """Say whether a prompt asks for the letter of an answer.

    The shipped prompts do where the question lists letters. So does a folder with a `choice.md`. A user's one
    file for all forms is answered in words.
    """
    kind = sample_kind(sample)
    return kind.form == "choice" and prompt.is_own(kind.form) and shows_letters(sample.options)


def letter_of(sample: Sample) -> str:
    """Return the letter of a sample's response; the response itself where it is none of the options."""
    if sample.response not in sample.options:
        return sample.response
    return LETTERS[sample.options.index(sample.response)]


async def answer_directly(
    role: "Role", turns: Sequence[Message], sample: Sample, prompt: QuestionTemplate
) -> Answered:
    """Ask for an answer, and for nothing before it.

    Args:
        role: the model in its role.
        turns: what it is asked.
        sample: the sample that it is asked about.
        prompt: what the request was made with.

    Raises:
        ModelBusyError, ModelCallError, EndpointDownError, StorageError: as `Role.ask`.
    """
    room = sample_kind(sample).max_tokens(sample.options)
    if not goes_by_letter(sample, prompt):
        reply = await role.ask(turns, at_most=room, tools=sample.tools)
        return Answered(await answer_in(reply, sample), None, reply.log_probabilities, reply)
    letters = LETTERS[: len(sample.options)]
    letter, probabilities, reply = await role.choose(turns, letters, at_most=room, tools=sample.tools)
    if letter is None:
        return Answered(await answer_in(reply, sample), None, reply.log_probabilities, reply)
    answer = sample.options[letters.index(letter)]
    if not probabilities:
        return Answered(answer, None, reply.log_probabilities, reply)
    confidence = probabilities[letter]
    return Answered(answer, confidence, (math.log(confidence),), reply)
