"""Completing a batch token by token, with a small random model: as each prompt would be completed alone."""

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from agents.errors import ModelCallError
from agents.models.decoding import Completion, Request, complete_batch

END = 39  # no completion here comes to it by itself
# Beginnings that all share, that some share and that none do; one token is the least.
PROMPTS = [[5, 6, 7], [5, 6, 7, 8, 9], [5], [5, 6, 2], [5, 6, 7]]


@pytest.fixture(scope="module")
def model() -> PreTrainedModel:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=40,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.5,
    )
    return LlamaForCausalLM(config).eval()


def requests(prompts: list[list[int]], max_tokens: int = 6, temperature: float = 0.0) -> list[Request]:
    return [Request(prompt, max_tokens, temperature, seed) for seed, prompt in enumerate(prompts)]


@torch.inference_mode()
def greedy(model: PreTrainedModel, prompt: list[int], max_tokens: int) -> Completion:
    """Complete one prompt with the whole sequence read anew for each token."""
    tokens: list[int] = []
    values: list[float] = []
    for _ in range(max_tokens):
        scores = model(input_ids=torch.tensor([prompt + tokens])).logits[0, -1].log_softmax(-1)
        token = int(scores.argmax())
        if token == END:
            return Completion(tokens, values, finished=True)
        tokens.append(token)
        values.append(float(scores[token]))
    return Completion(tokens, values, finished=False)


def assert_same(left: Completion, right: Completion) -> None:
    assert (left.tokens, left.finished) == (right.tokens, right.finished)
    assert left.log_probabilities == pytest.approx(right.log_probabilities, abs=1e-4)


@pytest.mark.parametrize(
    "prompts",
    [PROMPTS, PROMPTS[:1], [[5, 6, 7], [5, 6, 7]], [[2], [3]], [[4, 5, 6], [7, 8]]],
    ids=["of all lengths", "alone", "twice", "single tokens", "nothing shared"],
)
def test_a_batch_is_completed_as_each_prompt_alone(model: PreTrainedModel, prompts: list[list[int]]) -> None:
    together = complete_batch(model, requests(prompts), (END,))
    for prompt, completion in zip(prompts, together, strict=True):
        assert_same(completion, greedy(model, prompt, 6))


def test_a_completion_ends_before_the_token_that_ends_a_turn(model: PreTrainedModel) -> None:
    plain = complete_batch(model, requests(PROMPTS), (END,))
    end = plain[1].tokens[2]
    cut = complete_batch(model, requests(PROMPTS), (39, end))
    for before, after in zip(plain, cut, strict=True):
        assert after.finished == (end in before.tokens)
        if after.finished:
            assert after.tokens == before.tokens[: before.tokens.index(end)]
            assert len(after.log_probabilities) == len(after.tokens)
        else:
            assert_same(after, before)


def test_each_prompt_has_a_length_of_its_own(model: PreTrainedModel) -> None:
    lengths = [1, 4, 2, 7, 3]
    asked = [Request(prompt, most, 0.0, 0) for prompt, most in zip(PROMPTS, lengths, strict=True)]
    completions = complete_batch(model, asked, (END,))
    assert [len(completion.tokens) for completion in completions] == lengths
    assert not any(completion.finished for completion in completions)


def test_what_is_drawn_depends_on_the_seed_and_not_on_the_company(model: PreTrainedModel) -> None:
    asked = [Request([5, 6, 7], 8, 1.0, seed) for seed in range(6)]
    together = complete_batch(model, asked, (END,))
    for request, completion in zip(asked, together, strict=True):
        assert_same(complete_batch(model, [request], (END,))[0], completion)
    assert len({tuple(completion.tokens) for completion in together}) > 1


def test_log_probabilities_are_the_models_whatever_the_temperature(model: PreTrainedModel) -> None:
    [completion] = complete_batch(model, [Request([5, 6, 7], 4, 5.0, 3)], (END,))
    with torch.inference_mode():
        scores = (
            model(input_ids=torch.tensor([[5, 6, 7, *completion.tokens]])).logits[0, 2:-1].log_softmax(-1)
        )
    expected = [float(row[token]) for row, token in zip(scores, completion.tokens, strict=True)]
    assert completion.log_probabilities == pytest.approx(expected, abs=1e-4)


def test_work_that_nobody_waits_for_is_given_up(model: PreTrainedModel) -> None:
    waits = iter([True, True, False])
    with pytest.raises(ModelCallError, match="nobody waits"):
        complete_batch(model, requests(PROMPTS, max_tokens=100), (END,), lambda: next(waits))
    assert list(waits) == []


def test_one_of_a_few_tokens_is_chosen_and_each_is_rated(model: PreTrainedModel) -> None:
    letters = (3, 17, 8)
    asked = [Request([5, 6, 7], 6, 0.0, 0, letters), Request([5, 6, 7, 8], 6, 0.0, 0)]
    chosen, plain = complete_batch(model, asked, (END,))
    with torch.inference_mode():
        scores = model(input_ids=torch.tensor([[5, 6, 7]])).logits[0, -1].log_softmax(-1)
    assert chosen.among == pytest.approx([float(scores[token]) for token in letters], abs=1e-4)
    assert chosen.tokens == [max(letters, key=lambda token: float(scores[token]))]
    assert chosen.finished
    assert_same(plain, greedy(model, [5, 6, 7, 8], 6))


def test_without_an_end_a_completion_ends_at_its_room(model: PreTrainedModel) -> None:
    (completion,) = complete_batch(model, requests([[5, 6]], max_tokens=3), ())
    assert (len(completion.tokens), completion.finished) == (3, False)


def test_a_completion_that_runs_in_circles_ends_as_if_its_room_were_used_up(model: PreTrainedModel) -> None:
    plain = complete_batch(model, requests(PROMPTS, max_tokens=60), ())
    first = plain[0].tokens[0]

    def circles(tokens: list[int]) -> bool:
        return tokens[0] == first and len(tokens) >= 30

    stopped = complete_batch(model, requests(PROMPTS, max_tokens=60), (), circles=circles)
    for before, after in zip(plain, stopped, strict=True):
        # It is looked at every 16 tokens.
        length = 32 if before.tokens[0] == first else 60
        assert (after.tokens, after.finished) == (before.tokens[:length], False)
