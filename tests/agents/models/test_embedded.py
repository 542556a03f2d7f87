"""The model inside this process: its answers do not depend on what else is asked, nor on how it decodes."""

import asyncio
from typing import Any

import pytest
import torch
from langchain_core.messages import AIMessage, HumanMessage
from transformers import AutoModelForCausalLM, AutoTokenizer

from agents.errors import ModelCallError
from agents.models.chat import to_messages
from agents.models.config import EmbeddedModelConfig
from agents.models.embedded import EmbeddedChatModel
from agents.models.loading import load_embedded
from agents.models.probe import probe
from agents.outcomes import outcome_of
from agents.role import Role
from agents.thoughts import split_thoughts
from stores.sample import Message
from stores.weights import SMOLLM2, resolve_weights
from tests.support.waiting import until

pytestmark = pytest.mark.slow

TOWNS = ("France", "Japan", "Norway", "Peru", "Kenya", "Italy", "Egypt", "Cuba")
PROMPTS = [
    *(f"What is the capital of {town}?" for town in TOWNS),
    *(f"Name a dish, a song and a river that people from {town} would know, briefly." for town in TOWNS),
    *(f"{town}?" for town in TOWNS),
]


@pytest.fixture(scope="module", params=[False, True], ids=["own loop", "generate"])
def model(request: pytest.FixtureRequest) -> EmbeddedChatModel:
    return load_embedded(EmbeddedModelConfig(dtype="float32", batch_size=8), generates=request.param)


async def ask_together(model: EmbeddedChatModel, prompts: list[str], **sampling: Any) -> list[AIMessage]:
    return list(await asyncio.gather(*(model.ainvoke(prompt, **sampling) for prompt in prompts)))


def log_probabilities(message: AIMessage) -> list[float]:
    return [token["logprob"] for token in message.response_metadata["logprobs"]["content"]]


def test_answers_do_not_depend_on_company_order_or_the_event_loop(model: EmbeddedChatModel) -> None:
    together = [reply.text for reply in asyncio.run(ask_together(model, PROMPTS, max_tokens=8))]
    reordered = asyncio.run(ask_together(model, PROMPTS[::-1], max_tokens=8))
    assert [reply.text for reply in reordered[::-1]] == together
    assert [model.invoke(prompt, max_tokens=8).text for prompt in PROMPTS[::4]] == together[::4]
    assert len(set(together)) > 12


async def test_asked_one_after_the_other_the_answers_are_those_given_together(
    model: EmbeddedChatModel,
) -> None:
    together = await ask_together(model, PROMPTS[::3], max_tokens=8)
    alone = [await model.ainvoke(prompt, max_tokens=8) for prompt in PROMPTS[::3]]
    assert [reply.text for reply in alone] == [reply.text for reply in together]
    for left, right in zip(alone, together, strict=True):
        assert log_probabilities(left) == pytest.approx(log_probabilities(right), abs=1e-3)


async def test_log_probabilities_are_those_of_one_plain_forward_pass(model: EmbeddedChatModel) -> None:
    weights = resolve_weights(SMOLLM2)
    tokenizer = AutoTokenizer.from_pretrained(weights)
    plain = AutoModelForCausalLM.from_pretrained(weights, dtype=torch.float32)
    for prompt, reply in zip(
        PROMPTS[::6], await ask_together(model, PROMPTS[::6], max_tokens=10), strict=True
    ):
        turns = [{"role": "user", "content": prompt}]
        text = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        before = len(tokenizer(text)["input_ids"])
        tokens = tokenizer(text + reply.text, return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            scores = plain(tokens).logits[0, before - 1 : -1].log_softmax(-1)
        expected = scores.gather(1, tokens[0, before:, None]).squeeze(1).tolist()
        assert log_probabilities(reply) == pytest.approx(expected, abs=1e-3)
        assert max(log_probabilities(reply)) <= 0


async def test_a_reply_that_is_cut_off_says_so(model: EmbeddedChatModel) -> None:
    reply = await model.ainvoke("Tell me a long story.", max_tokens=3)
    assert reply.response_metadata["finish_reason"] == "length"
    assert len(log_probabilities(reply)) == 3
    assert reply.usage_metadata is not None
    assert reply.usage_metadata["output_tokens"] == 3


async def test_a_reply_that_ends_by_itself_says_so(model: EmbeddedChatModel) -> None:
    reply = await model.ainvoke("What is the capital of France?", max_tokens=40)
    assert reply.response_metadata["finish_reason"] == "stop"
    assert "Paris" in reply.text
    assert "<|im_end|>" not in reply.text
    assert reply.usage_metadata is not None
    # The end-of-turn token was generated, too, but is no part of the answer nor of its entropy.
    assert reply.usage_metadata["output_tokens"] == len(log_probabilities(reply)) + 1 < 40


async def test_a_reply_of_nothing_is_an_empty_text(model: EmbeddedChatModel) -> None:
    first = await model.ainvoke(PROMPTS[0], max_tokens=1)
    generation = model._model.generation_config
    ends = generation.eos_token_id
    # Whatever the model says first ends its turn.
    generation.eos_token_id = model._tokenizer(first.text)["input_ids"]
    try:
        silent = EmbeddedChatModel(
            model=model._model,
            tokenizer=model._tokenizer,
            name_or_path=model.name_or_path,
            batch_size=model.batch_size,
            generates=model.generates,
        )
    finally:
        generation.eos_token_id = ends
    reply = await silent.ainvoke(PROMPTS[0], max_tokens=8)
    assert (reply.text, log_probabilities(reply)) == ("", [])
    assert reply.response_metadata["finish_reason"] == "stop"


async def test_every_token_has_its_text(model: EmbeddedChatModel) -> None:
    reply = await model.ainvoke("What is the capital of France?", max_tokens=40)
    tokens = reply.response_metadata["logprobs"]["content"]
    assert "".join(token["token"] for token in tokens) == reply.text


async def test_sampling_repeats_with_its_seed_in_any_company(model: EmbeddedChatModel) -> None:
    sampling = {"temperature": 1.0, "max_tokens": 12}
    prompt = "Tell me a story."
    alone = [(await model.ainvoke(prompt, seed=seed, **sampling)).text for seed in range(4)]
    together = await asyncio.gather(*(model.ainvoke(prompt, seed=seed, **sampling) for seed in range(4)))
    assert [reply.text for reply in together] == alone
    assert len(set(alone)) > 1


async def test_replies_of_different_lengths_share_a_batch(model: EmbeddedChatModel) -> None:
    lengths = [1, 5, 2, 9]
    replies = await asyncio.gather(
        *(model.ainvoke("Tell me a long story.", max_tokens=length) for length in lengths)
    )
    assert [len(log_probabilities(reply)) for reply in replies] == lengths
    assert all(replies[3].text.startswith(reply.text) for reply in replies)


async def test_a_prompt_too_long_for_the_model_is_refused_alone(model: EmbeddedChatModel) -> None:
    long, short = await asyncio.gather(
        model.ainvoke("word " * 9000, max_tokens=4),
        model.ainvoke("Hello.", max_tokens=4),
        return_exceptions=True,
    )
    assert isinstance(long, ModelCallError)
    assert "8192" in str(long)
    assert isinstance(short, AIMessage)


async def test_the_model_passes_the_probe(model: EmbeddedChatModel) -> None:
    await probe(model, "models.default", {"max_tokens": 4, "logprobs": True})


async def test_a_conversation_is_read_with_all_its_turns(model: EmbeddedChatModel) -> None:
    tokenizer = AutoTokenizer.from_pretrained(resolve_weights(SMOLLM2))
    turns = [
        {"role": "user", "content": "I am Zelda."},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "Who am I?"},
    ]
    text = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    reply = await model.ainvoke(turns, max_tokens=1)
    assert reply.usage_metadata is not None
    assert reply.usage_metadata["input_tokens"] == len(tokenizer(text)["input_ids"])


async def test_what_nobody_waits_for_any_more_is_not_answered_to_its_end(model: EmbeddedChatModel) -> None:
    passes: list[object] = []
    hook = model._model.register_forward_hook(lambda *passed: passes.append(passed[0]))
    call = asyncio.create_task(model.ainvoke("Tell a very long story.", max_tokens=7000))
    await until(lambda: len(passes) > 10)
    call.cancel()
    hook.remove()
    # One batch at a time: this one would wait for some minutes.
    async with asyncio.timeout(30):
        await model.ainvoke("What is the capital of France?", max_tokens=2)


async def test_one_of_a_few_letters_is_chosen_and_each_is_rated(model: EmbeddedChatModel) -> None:
    turns = [Message(role="user", content="Which is a colour?\nA. blue\nB. seven\nAnswer with the letter.")]
    chosen = await Role(model, max_tokens=8).choose(turns, ["A", "B"])
    assert chosen.letter in ("A", "B")
    assert sum(chosen.probabilities.values()) == pytest.approx(1)
    assert chosen.letter == max(chosen.probabilities, key=chosen.probabilities.__getitem__)
    assert chosen.reply.usage.completion_tokens <= 2
    # Beside a request of another kind it is the same.
    both = await asyncio.gather(
        Role(model, max_tokens=8).choose(turns, ["A", "B"]), Role(model, max_tokens=8).ask(turns)
    )
    assert both[0].probabilities == pytest.approx(chosen.probabilities, abs=1e-3)


async def test_a_reply_gets_the_room_that_the_prompt_leaves(model: EmbeddedChatModel) -> None:
    longest = model._model.config.max_position_embeddings
    assert model._room_for([1] * (longest - 40), 500) == 40
    assert model._room_for([1] * (longest - 4), 4) == 4
    with pytest.raises(ModelCallError, match=f"{longest - 4} tokens"):
        model._room_for([1] * (longest - 4), 500)


async def test_turns_of_tools_and_their_descriptions_reach_the_template(model: EmbeddedChatModel) -> None:
    call = {"function": {"name": "w", "arguments": '{"city": "Oslo"}'}}
    template = model._tokenizer.chat_template
    shown = "{{ messages[1].tool_calls[0].function.arguments.city }} {{ tools[0].name }}"
    model._tokenizer.chat_template = shown
    try:
        turns = [
            Message(role="user", content="Weather?"),
            Message(role="assistant", tool_calls=(call,)),
            Message(role="tool", content="rain", tool_call_id="1"),
        ]
        request = model._to_request(to_messages(turns), {"tools": [{"name": "weather"}]})
    finally:
        model._tokenizer.chat_template = template
    assert model._tokenizer.decode(request.prompt) == "Oslo weather"


async def test_a_reply_ends_with_its_turn_whatever_the_tokenizer_calls_its_end(
    model: EmbeddedChatModel,
) -> None:
    folder = resolve_weights(SMOLLM2)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.eos_token = "<|endoftext|>"
    other = EmbeddedChatModel(model=model._model, tokenizer=tokenizer, name_or_path="other", batch_size=8)
    said = await other.ainvoke("What is the capital of France?", max_tokens=60)
    assert said.response_metadata["finish_reason"] == "stop"
    assert said.text == (await model.ainvoke("What is the capital of France?", max_tokens=60)).text


async def test_a_template_that_opens_the_thoughts_has_them_told_apart(model: EmbeddedChatModel) -> None:
    tokenizer = AutoTokenizer.from_pretrained(resolve_weights(SMOLLM2))
    assert not model.thinks
    tokenizer.chat_template += "{% if add_generation_prompt %}<think>\n{% endif %}"
    other = EmbeddedChatModel(model=model._model, tokenizer=tokenizer, name_or_path="other", batch_size=8)
    assert other.thinks
    reply = await Role(other, max_tokens=3, most=3).ask([Message(role="user", content="Tell a story.")])
    assert (reply.text, reply.outcome) == ("", "cut")
    assert reply.thoughts


@pytest.mark.parametrize(("settings", "thinks"), [({}, True), ({"enable_thinking": False}, False)])
def test_a_template_that_can_switch_thoughts_off_has_a_model_that_thinks(
    model: EmbeddedChatModel, settings: dict[str, Any], thinks: bool
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(resolve_weights(SMOLLM2))
    tokenizer.chat_template += (
        "{% if add_generation_prompt and enable_thinking is defined and not enable_thinking %}"
        "<think>\n\n</think>\n\n{% endif %}"
    )
    other = EmbeddedChatModel(
        model=model._model, tokenizer=tokenizer, name_or_path="o", batch_size=8, template_settings=settings
    )
    assert other.thinks is thinks


def test_a_reply_that_repeats_itself_is_stopped_and_is_a_loop(model: EmbeddedChatModel) -> None:
    line = "The answer is blue, and that is all I can say. "
    asked = [HumanMessage("Say it again and again."), AIMessage(line * 12), HumanMessage("Go on, please.")]
    reply = model.invoke(asked, max_tokens=400)
    assert reply.usage_metadata is not None
    assert reply.usage_metadata["output_tokens"] < 250
    assert reply.response_metadata["finish_reason"] == "length"
    assert outcome_of(split_thoughts(reply.text), "length") == "looped"


async def test_both_ways_to_decode_give_the_same_replies(model: EmbeddedChatModel) -> None:
    other = EmbeddedChatModel(
        model=model._model,
        tokenizer=model._tokenizer,
        name_or_path="other",
        batch_size=8,
        generates=not model.generates,
    )
    replies = await ask_together(model, PROMPTS[::2], max_tokens=12)
    others = await ask_together(other, PROMPTS[::2], max_tokens=12)
    for left, right in zip(replies, others, strict=True):
        assert left.text == right.text
        assert log_probabilities(left) == pytest.approx(log_probabilities(right), abs=1e-4)


async def test_memory_that_is_used_up_fails_only_a_request_that_is_too_large_alone(
    model: EmbeddedChatModel,
) -> None:
    plain = [reply.text for reply in await ask_together(model, PROMPTS[:6], max_tokens=3)]

    def use_up(module: object, args: object, kwargs: dict[str, torch.Tensor]) -> None:
        rows, tokens = kwargs["input_ids"].shape
        if rows > 2 or tokens > 300:
            raise torch.OutOfMemoryError("CUDA out of memory")

    with model._model.register_forward_pre_hook(use_up, with_kwargs=True):
        asked = [*PROMPTS[:6], "word " * 400]
        replies = await asyncio.gather(
            *(model.ainvoke(prompt, max_tokens=3) for prompt in asked), return_exceptions=True
        )
        with pytest.raises(ModelCallError, match="memory"):
            model.invoke("word " * 400, max_tokens=3)
    assert [reply.text for reply in replies[:6] if isinstance(reply, AIMessage)] == plain
    assert isinstance(replies[6], ModelCallError)
