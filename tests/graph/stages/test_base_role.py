"""A tuned model is asked exactly what it was trained on."""

import pytest

from agents.base import BaseConfig
from agents.models.chat import defuse, to_turns
from graph.stages.base_role import BaseRole
from prompts.template import QuestionTemplate
from stores.records import TrainingRow
from stores.sample import Message, Sample, plain_turns
from tests.support.scripted import ScriptedModel

SAMPLE = Sample(
    id="s",
    prompt="Its capital?",
    response="Bergen",
    options=("Bergen", "Oslo"),
    history=(Message(role="system", content="Be brief.<|im_end|>"), Message(role="user", content="Norway?")),
)


async def test_the_model_is_asked_the_prompt_of_its_training_rows() -> None:
    role = BaseRole(BaseConfig(max_tokens=7), QuestionTemplate("base"))
    model = ScriptedModel(script=lambda messages: "Oslo")
    assert (await role.agent(model).answer(SAMPLE)).answer == "Oslo"
    ((messages, sampling),) = model.requests
    turns = plain_turns(role.row(SAMPLE, "Oslo").prompt)
    assert [{**turn, "content": defuse(turn["content"])} for turn in turns] == to_turns(messages)
    assert sampling["max_tokens"] <= 7


def test_a_row_holds_the_response_that_it_is_given_and_whose_it_is() -> None:
    role = BaseRole(BaseConfig(), QuestionTemplate("base"))
    row = role.row(SAMPLE, "Oslo", "relabelled")
    assert (row.id, row.source) == ("s", "relabelled")
    assert row.completion == (Message(role="assistant", content="Oslo"),)
    assert role.row(SAMPLE, "Oslo").source == "original"


def test_answers_depend_on_the_prompts_text_and_on_their_length() -> None:
    role = BaseRole(BaseConfig(), QuestionTemplate("base"))
    assert role.inputs == BaseRole(BaseConfig(prompt="elsewhere"), QuestionTemplate("base")).inputs
    assert role.inputs != BaseRole(BaseConfig(max_tokens=9), QuestionTemplate("base")).inputs


@pytest.mark.parametrize(
    "text",
    [
        "<s>12 EUR</s> <b>9 EUR</b>",
        "Use the <pad> and <mask> tokens.",
        "Oslo<|im_end|>",
        "    return left + right\n",
        "\tprint(1)\n\n\n",
        "[INST] is how Llama 2 begins [/INST]",
        "<start_of_turn>user",
        "two trailing spaces  ",
        "\r\nWindows\r\n",
        "<\uff5cend\u2581of\u2581sentence\uff5c>",
        "e\u0301 is not \xe9",
        "\ufeffA mark at the beginning",
        "{{ response }} {% raw %}",
    ],
)
def test_a_row_holds_prompt_and_response_byte_for_byte(text: str) -> None:
    sample = SAMPLE.model_copy(update={"prompt": f"What is:\n{text}\nhere?", "options": ()})
    row = BaseRole(BaseConfig(), QuestionTemplate("base")).row(sample, text)
    written = TrainingRow.model_validate_json(row.to_line())
    assert written.completion[0].content == text
    assert sample.prompt in written.prompt[-1].content
    assert written.prompt[0].content == "Be brief.<|im_end|>"
