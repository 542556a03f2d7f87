"""A given reply is rated as one plain pass does, in any company."""

import asyncio

import pytest
import torch
from langchain_core.messages import AIMessage, HumanMessage

from agents.models.decoding import Completion, Request
from agents.models.embedded import EmbeddedChatModel
from agents.models.rating import rate_batch
from tests.agents.models.test_embedded import log_probabilities, model

__all__ = ["model"]
ASKED = [HumanMessage("Say a word.")]
REPLIES = ("one", "two words and more", "a reply of some length that goes on for a while, to its end")


async def test_a_reply_that_the_model_wrote_is_rated_as_when_it_was_written(model: EmbeddedChatModel) -> None:
    written: AIMessage = await model.ainvoke(ASKED, max_tokens=6)
    prompt = model._encode(ASKED, ())
    said = model._tokenizer(
        "".join(token["token"] for token in written.response_metadata["logprobs"]["content"])
    )
    (rated,) = rate_batch(model._model, [Request(prompt, 0, 0.0, 0, rated=tuple(said["input_ids"]))], 1024)
    assert isinstance(rated, Completion)
    with torch.inference_mode():
        logits = model._model(torch.tensor([[*prompt, *said["input_ids"]]])).logits[0].float()
    plain = [
        float(logits[len(prompt) - 1 + at].log_softmax(-1)[token])
        for at, token in enumerate(said["input_ids"])
    ]
    assert rated.log_probabilities == pytest.approx(plain, abs=1e-4)


async def test_replies_are_rated_alike_in_any_company(model: EmbeddedChatModel) -> None:
    alone = [await model.ainvoke(ASKED, rated=reply) for reply in REPLIES]
    together = await asyncio.gather(
        model.ainvoke(ASKED, max_tokens=4), *(model.ainvoke(ASKED, rated=reply) for reply in REPLIES)
    )
    for one, other, reply in zip(alone, together[1:], REPLIES, strict=True):
        assert str(one.content).strip() == reply
        assert log_probabilities(one) == pytest.approx(log_probabilities(other), abs=1e-4)
        assert all(value <= 0 for value in log_probabilities(one))
