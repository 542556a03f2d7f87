"""One sample as the agents are asked it, and as it is trained on: what a person looks at before a run."""

from collections.abc import Sequence

from agents.agent import request
from agents.base import request_as_trained
from prompts.template import QuestionTemplate
from stores.counts import counted
from stores.printable import printable
from stores.sample import Message, Sample

_LONGEST = 800
# What is shown of a longer text at each end. It is well below half of that: a few signs are not worth a note.
_END = 300


def preview(sample: Sample, prompt: QuestionTemplate) -> str:
    """Return a sample as the base agent is asked it, and the turn and response that a model is trained on.

    Args:
        sample: a sample of the data. What it holds is shown without signs that a terminal obeys.
        prompt: the base agent's.
    """
    asked, trained = request(sample, prompt), request_as_trained(sample, prompt)
    more = f" (or {counted(len(sample.other_responses), 'other')})" if sample.other_responses else ""
    tools = [f"  with {len(sample.tools)} tools"] if sample.tools else []
    response = _cut(sample.response) if sample.says_something else "(empty: it is noisy, and gets a new one)"
    lines = ["the first sample, as the agents are asked it:", *tools, *_shown(asked)]
    lines.append(f"and as it is trained on, unless it is noisy{more}:")
    if trained != asked:
        lines += _shown(trained[len(sample.history) :])
    return "\n".join([*lines, "  [assistant]", _indented(response)])


def _shown(turns: Sequence[Message]) -> list[str]:
    shown = []
    for turn in turns:
        called = f" calls {len(turn.tool_calls)} tools" if turn.tool_calls else ""
        shown.append(f"  [{turn.role}]{called}")
        if turn.content:
            shown.append(_indented(_cut(turn.content)))
    return shown


def _cut(text: str) -> str:
    """Return the beginning and the end of a long text, with a note of how much lies between."""
    if len(text) <= _LONGEST:
        return printable(text)
    note = f"[... {len(text) - 2 * _END:,} characters are not shown here ...]"
    return f"{printable(text[:_END])}\n{note}\n{printable(text[-_END:])}"


def first_words(text: str, most: int) -> str:
    """Return the beginning of a text on one line, without signs that a terminal obeys.

    Args:
        text: any text of a data set or a model.
        most: the number of characters that are shown at most.
    """
    # What is beyond cannot be shown, and a text may be a book.
    line = printable(" ".join(text[: 2 * most + 100].split()))
    whole = len(line) <= most and len(text) <= 2 * most + 100
    return line if whole else f"{line[: most - 1]}…"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.split("\n"))
