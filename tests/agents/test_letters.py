"""Direct answers: by letter where letters are listed and asked for, in words otherwise."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agents.agent import Reply, Usage
from agents.base import BaseAgent
from agents.letters import goes_by_letter, letter_of
from agents.record import SampleRecord, to_decision
from agents.relabeler import Relabeler
from agents.role import Chosen, Role
from prompts.template import QuestionTemplate
from stores.examples import Example, ExampleStore, Neighbour
from stores.sample import Message, Sample
from tests.support.scripted import ScriptedModel

LISTED = Sample(
    id="s", prompt="Which is a town?", response="a river", options=("a river, wide", "Bergen", "a")
)
CLASSES = LISTED.model_copy(update={"response": "no", "options": ("yes", "no")})


class Picks(Role):
    """A role whose model finds one letter likelier than the others."""

    def __init__(self, letter: str | None, probabilities: dict[str, float], text: str) -> None:
        super().__init__(ScriptedModel(script=lambda messages: text), max_tokens=64)
        self.asked: list[list[Message]] = []
        self._chosen = Chosen(
            letter, probabilities, Reply(text=text, usage=Usage(requests=1), log_probabilities=(-0.5,))
        )

    async def choose(self, turns: Sequence[Message], letters: Sequence[str], **more: Any) -> Chosen:
        self.asked.append(list(turns))
        assert "".join(letters) == "ABC"
        return self._chosen


async def test_a_letter_is_read_as_its_option_with_how_likely_it_is() -> None:
    role = Picks("B", {"A": 0.2, "B": 0.75, "C": 0.05}, "B")
    said = await BaseAgent(role, QuestionTemplate("base")).answer(LISTED)
    assert (said.answer, said.confidence, said.reply) == ("Bergen", 0.75, "B")
    decision = to_decision(SampleRecord(sample=LISTED, base=said), None)
    assert decision.agents["base"].confidence == 0.75


@pytest.mark.parametrize(("text", "answer"), [("It is Bergen.", "Bergen"), ("Hm.", None)])
async def test_what_rates_no_letter_answers_in_words(text: str, answer: str | None) -> None:
    said = await BaseAgent(Picks(None, {}, text), QuestionTemplate("base")).answer(LISTED)
    assert (said.answer, said.confidence) == (answer, None)


async def test_classes_are_asked_for_in_words() -> None:
    role = Picks("B", {}, "no")
    said = await BaseAgent(role, QuestionTemplate("base")).answer(CLASSES)
    assert (said.answer, said.confidence, role.asked) == ("no", None, [])


async def test_a_tuned_model_is_asked_in_words_what_it_was_trained_on() -> None:
    role = Picks("B", {}, "Bergen")
    said = await BaseAgent(role, QuestionTemplate("base"), tuned=True).answer(LISTED)
    assert (said.answer, role.asked) == ("Bergen", [])


async def test_neighbours_show_the_letter_and_the_probability_is_that_of_the_letter(tmp_path: Path) -> None:
    class Nearest(ExampleStore):
        def __init__(self) -> None: ...

        async def nearest(self, sample: Sample, count: int) -> list[Neighbour]:
            right = LISTED.model_copy(update={"id": "n", "response": "Bergen"})
            return [Neighbour(sample=Example(right).sample, distance=0.1)]

    role = Picks("B", {"A": 0.2, "B": 0.75, "C": 0.05}, "B")
    said = await Relabeler(role, QuestionTemplate("relabel"), Nearest(), 1).answer(LISTED)
    ((question, shown, asked),) = role.asked
    assert question.content == asked.content
    assert shown.content == "B"
    assert said.answer == "Bergen"
    assert said.log_probabilities == pytest.approx([math.log(0.75)])


def test_a_users_one_file_is_answered_in_words_and_a_folders_choice_by_letter(tmp_path: Path) -> None:
    (tmp_path / "mine.md").write_text("{{ question }}")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "choice.md").write_text("{{ question }} The letter?")
    one = QuestionTemplate(str(tmp_path / "mine.md"), shipped="base")
    folder = QuestionTemplate(str(tmp_path / "mine"), shipped="base")
    shipped = QuestionTemplate("base")
    assert [goes_by_letter(LISTED, prompt) for prompt in (one, folder, shipped)] == [False, True, True]
    assert not goes_by_letter(CLASSES, shipped)


def test_a_response_that_is_none_of_the_options_has_no_letter() -> None:
    assert letter_of(LISTED) == "a river"
    assert letter_of(LISTED.model_copy(update={"response": "Bergen"})) == "B"
