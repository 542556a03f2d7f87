"""Samples that are longer than a model takes: found and told before anything is asked."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from langchain_core.language_models import BaseChatModel

from agents.agent import request
from agents.errors import TurnsRefusedError
from agents.models.chat import DirectChatModel
from agents.room import estimate_tokens
from graph.config.run import RunConfig
from graph.context import Prompts
from graph.stages.base_role import BaseRole
from stores.model_hub import fetchable_weights
from stores.pretrained import load_tokenizer
from stores.sample import Sample

_LOG = logging.getLogger("robustft")
# With less room than this there is no reply.
_LEAST_REPLY = 16
# Tokens of an agent's own words, and of the marks of turns: rather too many.
_OWN_WORDS = 512
# No language has more tokens a character than this.
_MOST_A_SIGN = 2
# By so much the estimate of tokens may be too high.
_ESTIMATE_SLACK = 1.5
_NAMED = 5


class Window(NamedTuple):
    """How much a model takes.

    Args:
        model: what messages call it.
        tokens: the most that a sample may have.
        count: returns the tokens of a sample.
        fate: what becomes of a longer one.
    """

    model: str
    tokens: int
    count: Callable[[Sample], int]
    fate: str


def windows_of_agents(
    models: Mapping[str, BaseChatModel], config: RunConfig, prompts: Prompts
) -> list[Window]:
    """Return the windows of the agents' models, as far as they or their endpoints tell.

    Args:
        models: those of a run, by their names in its config.
        config: the run's.
        prompts: the base agent's shows the least besides a sample, so what exceeds it exceeds all.
    """
    found: dict[int, Window] = {}
    for name, model in models.items():
        if id(model) not in found and isinstance(model, DirectChatModel) and (size := model.window):
            found[id(model)] = Window(
                f"models.{name} ({config.models[name].name})",
                size,
                _requests_of(model, prompts),
                "their requests will fail",
            )
    return list(found.values())


def _requests_of(model: DirectChatModel, prompts: Prompts) -> Callable[[Sample], int]:
    prompt = prompts.agents["base"]["prompt"]

    def count(sample: Sample) -> int:
        turns = request(sample, prompt)
        try:
            exact = model.count_tokens(turns, sample.tools)
        except TurnsRefusedError:
            # It fails, but not for its length.
            return 0
        if exact is None:
            # The tokenizer is not at hand: only what is longer with any is told of.
            exact = int(sum(estimate_tokens(turn.content) for turn in turns) / _ESTIMATE_SLACK)
        return exact + _LEAST_REPLY

    return count


def window_of_student(config: RunConfig, prompts: Prompts) -> Window:
    """Return how long a sample may be that a model is trained on; its response counts as it is."""
    # Imported here: transformers takes seconds.
    from agents.models.chat_template import ChatTemplate, Example
    from training.objectives.tokens import tokenize

    role = BaseRole(config.agents.base, prompts.agents["base"]["prompt"])
    name = config.models[config.training.model].name

    @cache
    def template() -> ChatTemplate:
        return ChatTemplate(load_tokenizer(fetchable_weights(name)), name)

    def count(sample: Sample) -> int:
        (made,) = tokenize([role.row(sample, sample.response)], template())
        return len(made.tokens) if isinstance(made, Example) else 0

    drops = config.training.too_long == "drop"
    fate = "they will be left out of training" if drops else "their ends will be cut off in training"
    return Window("training.max_length", config.training.max_length, count, fate)


def tell_too_long(samples: Iterable[Sample], windows: Sequence[Window]) -> None:
    """Say in the log which samples are longer than a model takes: one line a model, none where all fit."""
    found: list[list[str]] = [[] for _ in windows]
    total = 0
    for total, sample in enumerate(samples, 1):  # noqa: B007 - how many there were
        for window, ids in zip(windows, found, strict=True):
            if _may_exceed(sample, window.tokens) and window.count(sample) > window.tokens:
                ids.append(sample.id)
    for window, ids in zip(windows, found, strict=True):
        if ids:
            more = f" and {len(ids) - _NAMED:,} more" if len(ids) > _NAMED else ""
            _LOG.warning(
                "%s of %s samples are longer than %s takes (%s tokens); %s: ids %s%s",
                f"{len(ids):,}",
                f"{total:,}",
                window.model,
                f"{window.tokens:,}",
                window.fate,
                ", ".join(f"{one:.80}" for one in ids[:_NAMED]),
                more,
            )


def _may_exceed(sample: Sample, tokens: int) -> bool:
    """Return whether a sample has to be counted: by its characters at first, which takes no time."""
    turns = (*sample.history, *sample.after)
    texts = [sample.prompt, sample.response, *sample.options, *(turn.content for turn in turns)]
    texts += [str(turn.tool_calls) for turn in turns if turn.tool_calls]
    texts += [str(sample.tools)] if sample.tools else []
    if _MOST_A_SIGN * sum(map(len, texts)) + _OWN_WORDS <= tokens:
        return False
    return sum(map(estimate_tokens, texts)) + _OWN_WORDS > tokens
