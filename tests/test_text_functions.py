"""Every public function that reads text takes linear time, whatever the text: a megabyte comes back.

Functions are found by their annotations, so that a new one is tried as well. A deadline of a hundred times
what they need tells what is quadratic.
"""

import importlib
import inspect
import pkgutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from pydantic import SecretStr

import agents
import agents.answers
import agents.models
import stores
import stores.files
from agents.answers.kind import KINDS
from agents.answers.words import LONGEST_READ, cut_tokens
from agents.models.refusal import RequestError
from agents.models.secrets import Hider
from agents.models.turns import TurnRules
from agents.reply import read_reply
from agents.thoughts import split_thoughts
from stores.errors import RobustFTError
from stores.fields import RowError
from stores.options import Keys, Options
from stores.sample import Message
from tests.support.crafted import crafted

LONG, LENGTH = 60_000, 1_000_000
# Of the processor, for one call.
SECONDS = 20
OPTIONS = ("alpha", "beta")
# What a parameter is given, by its name; what is not named here and is a text is given the crafted one.
GIVEN: dict[str, Callable[[str], Any]] = {
    "options": lambda text: OPTIONS,
    "phrases": lambda text: (text, "a"),
    "one": lambda text: [text],
    "other": lambda text: [text[1:]],
    "longer": lambda text: cut_tokens(text),
    "quoted": lambda text: (text,),
    "asked": lambda text: (text,),
    "said": lambda text: split_thoughts(text),
    "turns": lambda text: [{"role": "user", "content": text}],
    "rules": lambda text: TurnRules(),
    "content": lambda text: text.encode("utf-8", "replace"),
    "headers": lambda text: {"Retry-After": text, "Location": text},
    "status": lambda text: 429,
    "error": lambda text: {"error": [text]},
    "pause": lambda text: None,
    "hide": lambda text: Hider(SecretStr("sk-0123456789\\%")).hide,
    "form": lambda text: "NFKD",
    "most": lambda text: 300,
    "stated": lambda text: True,
    "ended": lambda text: False,
    "ordered": lambda text: False,
    "refusal": lambda text: text,
    "answer": lambda text: text,
    "field": lambda text: "field",
    "column": lambda text: "column",
    "label": lambda text: "models.a",
    "keys": lambda text: Keys(),
    "count": lambda text: 2,
    "limit": lambda text: None,
    "texts": lambda text: {"a": text},
    "old": lambda text: text,
    "now": lambda text: 0,
    "place": lambda text: 1,
}
PIECES: dict[str, Callable[[str], Any]] = {
    "tokens": lambda text: [(at, at + 4) for at in range(0, len(text), 4)],
    "window": lambda text: 512,
}
# Tuples of words, and options as `stores` has them.
SPECIAL: dict[str, dict[str, Callable[[str], Any]]] = {
    "agents.answers.claims.claims": {"answer": lambda text: ("a", "b")},
    "agents.answers.claims.takes_back": {"sentence": cut_tokens, "answer": lambda text: ("a", "b")},
    "agents.outcomes.outcome_of": {"refusal": lambda text: False},
    "stores.options.find_option": {"options": lambda text: Options(OPTIONS, ())},
    "stores.options.check_options": {"texts": lambda text: [text, "b"], "labels": lambda text: []},
    "stores.options.respell_option": {"options": lambda text: Options(OPTIONS, ())},
    "stores.responses.take_chosen": {"options": lambda text: Options(OPTIONS, ())},
    "stores.pieces.cut_evenly": PIECES,
    "stores.pieces.cut_prompt": PIECES,
    "stores.turns.split_turns": {"turns": lambda text: [Message(role="user", content=text)] * 2},
}
# What they are given is ours, and has been read before: rows of a file, and fields of a reply.
UNTRIED = {
    "stores.files.splicing.splice",
    "stores.files.splicing.members",
    "stores.files.rows.changed_columns",
    "stores.responses.with_others",
    "stores.shapes.content_hash",
    "agents.models.refusal.distrusting",
    "agents.record.to_decision",
    "stores.places.make_folder",
    "stores.module_patterns.check_patterns",
}
# Names of files, data sets and models; and what asks a model.
NO_TEXT = {
    "path", "source", "name", "directory", "folder", "target", "model", "weights", "sample", "samples",
    "config",
    "row", "rows", "head", "layout", "reading", "columns", "template", "features", "command", "log",
    "arguments",
    "turn", "turns_", "thing", "what", "wordings", "write", "message", "messages", "letters", "cut",
    "gold", "prompts",
    "kind", "value_", "said_", "number",
}  # fmt: skip


def modules() -> Iterator[Any]:
    for package in (agents, agents.answers, agents.models, stores, stores.files):
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if not found.ispkg:
                yield importlib.import_module(found.name)
    yield importlib.import_module("graph.preview")
    yield importlib.import_module("robustft.tables")


def text_functions() -> dict[str, Callable[..., Any]]:
    """Return every public function that takes a text, and nothing that is no text, by its name."""
    found = {}
    for module in modules():
        for name, function in vars(module).items():
            own = inspect.isfunction(inspect.unwrap(function)) if callable(function) else False
            if name.startswith("_") or not own or function.__module__ != module.__name__:
                continue
            if inspect.iscoroutinefunction(function):
                continue
            parameters = inspect.signature(function).parameters
            takes_text = any(
                "str" in str(each.annotation) or each.annotation is object for each in parameters.values()
            )
            if takes_text and not NO_TEXT & set(parameters):
                found[f"{module.__name__}.{name}"] = function
    for name in UNTRIED:
        del found[name]
    return found


FUNCTIONS = text_functions()


@contextmanager
def soon(unit: str) -> Iterator[None]:
    """Fail where a block takes far longer than it needs for a text of this unit."""
    began = time.process_time()
    yield
    assert time.process_time() - began < SECONDS, unit


def call(name: str, function: Callable[..., Any], text: str) -> None:
    given: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        fill = SPECIAL.get(name, {}).get(parameter.name) or GIVEN.get(parameter.name, lambda text: text)
        given[parameter.name] = fill(text)
    try:
        result = function(**given)
        if inspect.isgenerator(result):
            for _ in result:
                pass
    except (RobustFTError, RowError, RequestError, ValueError):
        # What it is for: one typed error.
        pass


def test_the_functions_that_read_text_are_found() -> None:
    known = (
        "words.normalise",
        "thoughts.split_thoughts",
        "checker.parse_verdict",
        "options.find_option",
        "loops.is_loop",
    )
    assert all(any(name.endswith(one) for name in FUNCTIONS) for one in known)
    assert len(FUNCTIONS) > 50


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_reads_any_text_in_linear_time(name: str) -> None:
    for unit, text in crafted(LONG):
        with soon(unit):
            call(name, FUNCTIONS[name], text)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_an_answer_of_any_kind_is_read_and_compared_in_linear_time(kind: Any) -> None:
    # As long as any answer that is read: a longer text is free text.
    for unit, text in crafted(LONGEST_READ):
        options = [text, "beta"] if kind.name == "choice" else []
        with soon(unit):
            kind.recognises(text, options)
            kind.extract(text, options)
            kind.agree(text, text[:-1], options)
            kind.agree(f"x {text}", "Paris", options)


@pytest.mark.slow
@pytest.mark.parametrize("in_field", [False, True])
def test_a_reply_of_a_megabyte_is_read_in_linear_time(in_field: bool) -> None:
    for unit, text in crafted(LENGTH):
        rated = [{"token": text[at : at + 100], "logprob": -0.5} for at in range(0, len(text), 100)]
        sent = AIMessage(text, response_metadata={"logprobs": {"content": rated}, "finish_reason": "stop"})
        if in_field:
            sent.additional_kwargs["reasoning_content"] = text
        with soon(unit), suppress(RobustFTError):
            read_reply(sent, [text])
