"""A chat model's message, read with suspicion: what it says, what it thought, and how it ended."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage

from agents.agent import LEAST_LIKELY, Reply, Usage
from agents.errors import ModelBusyError
from agents.models.content import read_content, read_count
from agents.outcomes import outcome_of
from agents.thoughts import split_thoughts

_ROUNDING = 1e-3


def read_reply(message: AIMessage, asked: Iterable[str] = ()) -> Reply:
    """Return a model's message as a reply.

    The log-probabilities are those of the text's tokens. Where the tokens do not spell the text, those of the
    thoughts cannot be told from them, and all are kept.

    Args:
        message: what the model sent.
        asked: the texts of the conversation.

    Raises:
        ModelBusyError: it is empty for no reason it gives, or its log-probabilities are none.
    """
    used = message.usage_metadata
    usage = Usage(
        requests=1,
        prompt_tokens=read_count(used["input_tokens"]) if used else 0,
        completion_tokens=read_count(used["output_tokens"]) if used else 0,
    )
    try:
        content = read_content({**message.additional_kwargs, "content": message.content})
    except TypeError as exc:
        raise ModelBusyError("the model's reply holds no text") from exc
    said = split_thoughts(content.text)
    thoughts = "\n".join(part for part in (content.thoughts, said.thoughts) if part) or None
    finish = message.response_metadata.get("finish_reason") or message.response_metadata.get("stop_reason")
    outcome = outcome_of(
        said._replace(thoughts=thoughts), finish, refusal=content.refusal is not None, asked=asked
    )
    text = said.text if said.text.strip() else (content.refusal or "")
    if not text.strip() and outcome is None:
        if thoughts is None:
            # An empty reply is not an unreadable answer: the model gave none, and no verdict can rest on it.
            raise ModelBusyError(
                f"the model's reply is empty after {usage.completion_tokens} tokens (finish_reason: {finish})"
            )
        # It stopped where the answer was to begin.
        outcome = "cut"
    tokens = _tokens_of(message)
    if thoughts is not None:
        tokens = _after_thoughts(tokens, said.text)
    return Reply(
        text=text,
        thoughts=thoughts,
        outcome=outcome,
        log_probabilities=tuple(value for _, value in tokens),
        usage=usage,
    )


def read_rating(message: AIMessage) -> Reply:
    """Return a reply that was given to a model, with the log-probabilities that it finds.

    Raises:
        ModelBusyError: they cannot be read.
    """
    used = message.usage_metadata
    return Reply(
        text=str(message.content),
        log_probabilities=tuple(value for _, value in _tokens_of(message)),
        usage=Usage(requests=1, prompt_tokens=read_count(used["input_tokens"]) if used else 0),
    )


def read_letters(message: AIMessage, letters: Sequence[str]) -> dict[str, float]:
    """Return the log-probability of each letter as a reply's first token; of those that are rated.

    A letter's tokens with and without a space count together.

    Raises:
        ModelBusyError: what the model sent cannot be read.
    """
    try:
        content = (message.response_metadata.get("logprobs") or {}).get("content") or ()
        rated = [*(content[0].get("top_logprobs") or ()), content[0]] if content else []
        seen = {str(token["token"]): _logarithm(token["logprob"]) for token in rated}
    except Exception as exc:  # whatever a model may send in their place
        raise ModelBusyError("the reply's log-probabilities cannot be read") from exc
    shares = dict.fromkeys(letters, 0.0)
    for token, value in seen.items():
        if (letter := token.strip(" \n▁Ġ")) in shares and not math.isnan(value):
            shares[letter] += math.exp(min(value, 0.0))
    return {letter: math.log(min(share, 1.0)) for letter, share in shares.items() if share > 0}


def _tokens_of(message: AIMessage) -> list[tuple[str, float]]:
    """Return each token with its log-probability; none where the reply has none.

    Raises:
        ModelBusyError: one is no logarithm of a probability, or less than any server sends.
    """
    try:
        content: Sequence[Mapping[str, Any]] = (message.response_metadata.get("logprobs") or {}).get(
            "content"
        ) or ()
        tokens = [(str(token.get("token", "")), _logarithm(token["logprob"])) for token in content]
    except Exception as exc:  # whatever a model may send in their place
        raise ModelBusyError("the reply's log-probabilities cannot be read") from exc
    if not all(LEAST_LIKELY <= value < _ROUNDING for _, value in tokens):
        raise ModelBusyError("the reply's log-probabilities are no logarithms of probabilities")
    # A value a little above 0 is a rounding error.
    return [(token, min(value, 0.0)) for token, value in tokens]


def _logarithm(value: Any) -> float:
    """Return a log-probability as a number.

    Raises:
        TypeError: it is a truth value, which Python would take for 0: the surest there is.
        ValueError: it is none otherwise.
        OverflowError: it is too large for one.
    """
    if isinstance(value, bool):
        raise TypeError("a truth value")
    return float(value)


def _after_thoughts(tokens: list[tuple[str, float]], text: str) -> list[tuple[str, float]]:
    """Return the tokens that spell a reply's text, which is what follows its thoughts."""
    spelt = "".join(token for token, _ in tokens)
    said = text.strip()
    # Backwards, since `rfind` is quadratic and `find` is not.
    left = spelt[::-1].find(said[::-1])
    if left < 0:
        return tokens
    start = len(spelt) - left - len(said)
    kept, place = [], 0
    for token, value in tokens:
        place += len(token)
        if place > start:
            kept.append((token, value))
    return kept
