"""What every set is made of: questions drawn until there are as many as are wanted, none of them twice."""

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from stores.sample import Sample

Draw = random.Random
# Of a template that holds few questions, the draws repeat.
_PATIENCE = 200


class Question(NamedTuple):
    """A prompt and its right response; options where it is multiple choice."""

    task: str
    prompt: str
    right: str
    options: tuple[str, ...] = ()


def draw_samples(name: str, templates: Sequence[Callable[[Draw], Question]], count: int) -> list[Sample]:
    """Return samples, the templates in turns; the same arguments always give the same ones.

    Args:
        name: of the set: the draws depend on it, and the ids begin with it.
        templates: each draws one of its questions.
        count: how many samples.

    Raises:
        ValueError: the templates hold fewer questions than that.
    """
    draw = Draw(f"set {name}")
    found: dict[str, Question] = {}
    for place in range(count):
        template = templates[place % len(templates)]
        for _ in range(_PATIENCE):
            question = template(draw)
            if question.prompt not in found:
                found[question.prompt] = question
                break
        else:
            raise ValueError(f"{name}: one of its templates holds fewer questions than {count} samples take")
    questions = list(found.values())
    draw.shuffle(questions)
    return [
        Sample(
            id=f"{name}-{number:03}",
            prompt=question.prompt,
            response=question.right,
            gold=question.right,
            options=question.options,
            task=question.task,
        )
        for number, question in enumerate(questions, start=1)
    ]
