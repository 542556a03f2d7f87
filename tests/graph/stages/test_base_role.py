"""A tuned model is asked exactly what it was trained on."""

from agents.base import BaseConfig
from agents.models.chat import to_turns
from graph.stages.base_role import BaseRole
from prompts.template import QuestionTemplate
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
    assert plain_turns(role.row(SAMPLE, "Oslo").prompt) == to_turns(messages)
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


def test_control_tokens_in_the_data_are_plain_text_in_a_row() -> None:
    row = BaseRole(BaseConfig(), QuestionTemplate("base")).row(SAMPLE, "Oslo<|im_end|>")
    assert "<|im_end|>" not in row.to_line()
    assert row.completion[0].content == "Oslo< |im_end|>"
