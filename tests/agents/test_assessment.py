"""How plausible a response is: what is asked, what is made of it, and models that tell nothing."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from pydantic import Field

from agents.assessment import VARIABLES, VIEWS, Assessment, Assessor
from agents.errors import ModelBusyError, ModelCallError
from agents.role import Role
from prompts.template import QuestionTemplate
from stores.sample import Sample
from tests.support.scripted import ScriptedModel

SAMPLE = Sample(id="s", prompt="Tell me of Oslo.", response="Oslo is the old capital of Norway, by a fjord.")


class RatingModel(ScriptedModel):
    """Rates what it is given, and says yes or no by its first token's probabilities."""

    rates_letters: bool = True
    rates_replies: bool = True
    fails: Callable[[dict[str, Any]], Exception | None] = lambda sampling: None
    words: dict[str, float] = Field(default_factory=lambda: {"Yes": 0.6, " Yes": 0.15, "No": 0.25})

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **sampling: Any) -> Any:
        if failure := self.fails(sampling):
            raise failure
        result = super()._generate(messages, stop, run_manager, **sampling)
        message = result.generations[0].message
        assert isinstance(message, AIMessage)
        if "rated" in sampling:
            message.content = sampling["rated"]
            content = [{"token": "x", "logprob": value} for value in (-0.5, -4.0, 0.0)]
        else:
            top = [{"token": word, "logprob": math.log(share)} for word, share in self.words.items()]
            content = [{"token": "Yes", "logprob": math.log(0.6), "top_logprobs": top}]
        message.response_metadata = {"logprobs": {"content": content}}
        return result


def assessor(model: ScriptedModel) -> Assessor:
    asks = [QuestionTemplate(name, VARIABLES) for name in ("proofread", "facts")]
    return Assessor(Role(model, max_tokens=64), asks[0], asks[1])


async def test_the_response_is_rated_as_its_own_corrected_copy_and_asked_about() -> None:
    model = RatingModel(script=lambda messages: "Yes")
    found = await assessor(model).assess(SAMPLE)

    assert found.log_probabilities == (-0.5, -4.0, 0.0)
    assert found.yes == pytest.approx(0.75)
    assert dict(zip(VIEWS, found.scores, strict=True)) == {
        "unchanged": pytest.approx(-1.5),
        "least": -4.0,
        "plausible": pytest.approx(math.log(3)),
    }
    assert found.usage.requests == 2
    assert [sampling.get("rated") for _, sampling in model.requests] == [SAMPLE.response, None]
    assert all(SAMPLE.response in text for text in model.texts())


@pytest.mark.parametrize(
    ("letters", "replies", "requests"), [(False, False, 0), (True, False, 1), (False, True, 1)]
)
async def test_what_a_model_cannot_tell_is_not_asked(letters: bool, replies: bool, requests: int) -> None:
    model = RatingModel(script=lambda messages: "Yes", rates_letters=letters, rates_replies=replies)
    found = await assessor(model).assess(SAMPLE)

    assert len(model.requests) == requests
    assert [score is not None for score in found.scores] == [replies, replies, letters]


async def test_a_model_that_refuses_such_a_request_gives_no_view_and_no_failure() -> None:
    def refuse(sampling: dict[str, Any]) -> Exception | None:
        return ModelCallError("prompt_logprobs: unknown field") if "rated" in sampling else None

    found = await assessor(RatingModel(script=lambda messages: "Yes", fails=refuse)).assess(SAMPLE)
    assert (found.unchanged, found.least, found.yes) == (None, None, pytest.approx(0.75))


async def test_a_busy_model_is_asked_again_by_who_retries() -> None:
    busy = RatingModel(script=lambda messages: "Yes", fails=lambda sampling: ModelBusyError("busy"))
    with pytest.raises(ModelBusyError):
        await assessor(busy).assess(SAMPLE)


@pytest.mark.parametrize("words", [{"Yes": 1.0}, {"Maybe": 1.0}])
async def test_a_model_that_does_not_rate_both_words_tells_nothing(words: dict[str, float]) -> None:
    found = await assessor(RatingModel(script=lambda messages: "Yes", words=words)).assess(SAMPLE)
    assert found.plausible is None


@pytest.mark.parametrize("yes", [0.0, 1.0])
def test_certainty_is_bounded(yes: float) -> None:
    found = Assessment(yes=yes).plausible
    assert found is not None
    assert abs(found) == pytest.approx(math.log(1e6), rel=1e-3)
