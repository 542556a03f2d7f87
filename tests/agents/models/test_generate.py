"""Completing with transformers' `generate`: as the loop of `decoding.py` does, whoever joins and when."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest
import torch
from transformers import GenerationConfig, PreTrainedModel

from agents.errors import ModelCallError
from agents.models import generate
from agents.models.decoding import Completion, Request, complete_batch
from agents.models.generate import Alone, Generation
from tests.agents.models.test_decoding import END, PROMPTS, assert_same, greedy, model, requests

__all__ = ["model"]


class Joining(Alone):
    """Callers of whom some come while others are answered; each reply is noted with the passes until then."""

    def __init__(self, later: Sequence[Request], passes: list[int]) -> None:
        super().__init__()
        self.later, self.passes = list(later), passes
        self.after: dict[int, int] = {}

    def count_joinable(self) -> int:
        return len(self.later)

    def join(self) -> list[Request]:
        joining, self.later = self.later, []
        return joining

    def hand_back(self, replies: Mapping[int, Completion | Exception]) -> None:
        super().hand_back(replies)
        self.after.update(dict.fromkeys(replies, len(self.passes)))


@pytest.fixture
def passes(model: PreTrainedModel) -> Iterator[list[int]]:
    """Return how many rows each pass of the model had."""
    seen: list[int] = []
    hook = model.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    yield seen
    hook.remove()


def complete(
    model: PreTrainedModel,
    asked: Sequence[Request],
    ends: Sequence[int] = (END,),
    caller: Alone | None = None,
    circles: Callable[[list[int]], bool] = lambda tokens: False,
) -> list[Completion]:
    caller = caller or Alone()
    Generation(model, ends, caller, circles).complete(asked)
    completions = [caller.replies[position] for position in range(len(caller.replies))]
    assert len(completions) >= len(asked)
    return [completion for completion in completions if isinstance(completion, Completion)]


@pytest.mark.parametrize(
    "prompts",
    [PROMPTS, PROMPTS[:1], [[5, 6, 7], [5, 6, 7]], [[2], [3]], [[4, 5, 6], [7, 8]]],
    ids=["of all lengths", "alone", "twice", "single tokens", "nothing shared"],
)
def test_a_batch_is_completed_as_each_prompt_alone(model: PreTrainedModel, prompts: list[list[int]]) -> None:
    for prompt, completion in zip(prompts, complete(model, requests(prompts, 20)), strict=True):
        assert_same(completion, greedy(model, prompt, 20))


def test_ends_rooms_and_circles_are_those_of_the_own_loop(model: PreTrainedModel) -> None:
    asked = [Request(prompt, most, 0.0, 0) for prompt, most in zip(PROMPTS, (1, 4, 50, 70, 33), strict=True)]
    end = complete_batch(model, asked, ())[3].tokens[20]
    odd = complete_batch(model, asked, ())[2].tokens[0]

    def circles(tokens: list[int]) -> bool:
        return tokens[0] == odd and len(tokens) >= 30

    own = complete_batch(model, asked, (39, end), circles=circles)
    for left, right in zip(complete(model, asked, (39, end), circles=circles), own, strict=True):
        assert_same(left, right)
    assert {completion.finished for completion in own} == {True, False}
    assert len(own[2].tokens) == 32 or own[2].finished


def test_without_an_end_a_completion_ends_at_its_room(model: PreTrainedModel) -> None:
    (completion,) = complete(model, requests([[5, 6]], max_tokens=3), ())
    assert (len(completion.tokens), completion.finished) == (3, False)


def test_what_is_drawn_depends_on_the_seed_and_not_on_the_company(model: PreTrainedModel) -> None:
    asked = [Request([5, 6, 7], 40, 1.0, seed) for seed in range(4)]
    beside = [*asked, Request([5, 6, 7, 8], 40, 0.0, 0)]
    together = complete(model, beside)
    for request, completion in zip(beside, together, strict=True):
        assert_same(complete(model, [request])[0], completion)
    assert len({tuple(completion.tokens) for completion in together}) == 5
    # A batch that stops for others goes on with the same draws.
    stopped = complete(model, asked[:2], caller=Joining(asked[2:], []))
    assert [completion.tokens for completion in stopped] == [completion.tokens for completion in together[:4]]


def test_log_probabilities_are_the_models_whatever_the_temperature(model: PreTrainedModel) -> None:
    [completion] = complete(model, [Request([5, 6, 7], 4, 5.0, 3)])
    with torch.inference_mode():
        scores = (
            model(input_ids=torch.tensor([[5, 6, 7, *completion.tokens]])).logits[0, 2:-1].log_softmax(-1)
        )
    expected = [float(row[token]) for row, token in zip(scores, completion.tokens, strict=True)]
    assert completion.log_probabilities == pytest.approx(expected, abs=1e-4)


def test_one_of_a_few_tokens_is_chosen_and_each_is_rated(model: PreTrainedModel) -> None:
    asked = [
        Request([5, 6, 7], 6, 0.0, 0, (3, 17, 8)),
        Request([5, 6, 7, 8], 6, 0.0, 0),
        Request([5, 6, 2], 6, 0.0, 0, (4, 9)),
        Request([5, 6, 7], 0, 0.0, 0, rated=(8, 9)),
    ]
    chosen, plain, other, rated = complete(model, asked)
    for left, right in zip((chosen, plain, other), complete_batch(model, asked[:3], (END,)), strict=True):
        assert_same(left, right)
        assert left.among == pytest.approx(right.among, abs=1e-4)
    assert (rated.tokens, len(rated.log_probabilities)) == ([8, 9], 2)


def test_work_that_nobody_waits_for_is_given_up(
    model: PreTrainedModel, passes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Alone, "is_awaited", lambda self: len(passes) < 8)
    with pytest.raises(ModelCallError, match="nobody waits"):
        complete(model, requests(PROMPTS, max_tokens=100))
    assert len(passes) < 12


def test_those_who_come_meanwhile_join_and_change_nobodys_completion(
    model: PreTrainedModel, passes: list[int]
) -> None:
    caller = Joining(requests(PROMPTS, max_tokens=60), passes)
    complete(model, requests(PROMPTS[:2], max_tokens=60), caller=caller)
    for position, prompt in enumerate([*PROMPTS[:2], *PROMPTS]):
        reply = caller.replies[position]
        assert isinstance(reply, Completion)
        assert_same(reply, greedy(model, prompt, 60))
    # The two went on with the five after the first look.
    assert max(passes) == 7
    assert passes.count(2) == 16


def test_fewer_than_are_under_way_do_not_stop_them(model: PreTrainedModel, passes: list[int]) -> None:
    complete(model, requests(PROMPTS, max_tokens=60), caller=Joining(requests([[5, 6]]), passes))
    # One is fewer than five, and has its turn after them.
    assert passes.count(5) == 60


def test_what_is_done_is_handed_back_before_the_batch_is(model: PreTrainedModel, passes: list[int]) -> None:
    caller = Joining([], passes)
    asked = [Request([5, 6, 7], 3, 0.0, 0), Request([5, 6, 8], 90, 0.0, 0)]
    complete(model, asked, (), caller)
    assert caller.after[0] <= 18
    assert caller.after[1] >= 90


def test_a_batch_is_as_large_as_the_free_memory(
    model: PreTrainedModel, passes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = generate.row_bytes(model, 3, 6)
    monkeypatch.setattr(generate, "free_bytes", lambda device: 2.5 * row)
    prompts = [[5, 6, last] for last in range(7, 12)]
    together = complete(model, requests(prompts))
    assert max(passes) == 2
    for prompt, completion in zip(prompts, together, strict=True):
        assert_same(completion, greedy(model, prompt, 6))


def test_prompts_of_other_lengths_do_not_make_a_batch_mostly_padding(
    model: PreTrainedModel, passes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generate, "_PADDING", 0)
    complete(model, requests([[5] * 100, *([[5, 6]] * 9)]))
    # The long one has a single short one beside it.
    assert {2, 8} <= set(passes)
    assert max(passes) == 8


def test_where_the_memory_is_used_up_the_batch_is_halved_and_none_fails(model: PreTrainedModel) -> None:
    rows: list[int] = []

    def use_up(module: object, args: object, kwargs: dict[str, torch.Tensor]) -> None:
        rows.append(len(kwargs["input_ids"]))
        if rows[-1] > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")

    caller = Joining(requests(PROMPTS), [])
    with model.register_forward_pre_hook(use_up, with_kwargs=True):
        complete(model, requests(PROMPTS), caller=caller)
    for position, prompt in enumerate(PROMPTS * 2):
        reply = caller.replies[position]
        assert isinstance(reply, Completion)
        assert_same(reply, greedy(model, prompt, 6))
    # Once is enough: those who came later were not tried as five.
    assert sum(number > 3 for number in rows) == 1


def test_memory_that_is_used_up_under_way_loses_nothing(model: PreTrainedModel) -> None:
    lengths: list[int] = []

    def use_up(module: object, args: object, kwargs: dict[str, torch.Tensor]) -> None:
        lengths.append(len(kwargs["input_ids"]))
        if lengths.count(5) == 40:
            lengths.append(5)
            raise torch.OutOfMemoryError("CUDA out of memory")

    with model.register_forward_pre_hook(use_up, with_kwargs=True):
        together = complete(model, requests(PROMPTS, max_tokens=60))
    for prompt, completion in zip(PROMPTS, together, strict=True):
        assert_same(completion, greedy(model, prompt, 60))


def test_a_prompt_that_the_memory_does_not_hold_fails_alone(model: PreTrainedModel) -> None:
    long = Request([7] * 50, 6, 0.0, 0)

    def use_up(module: object, args: object, kwargs: dict[str, torch.Tensor]) -> None:
        # Alone it has a prefix of all but one token.
        if kwargs["input_ids"].shape[1] > 40:
            raise torch.OutOfMemoryError("CUDA out of memory")

    caller = Alone()
    with model.register_forward_pre_hook(use_up, with_kwargs=True):
        complete(model, [*requests(PROMPTS), long], caller=caller)
    assert isinstance(caller.replies[5], ModelCallError)
    assert "memory" in str(caller.replies[5])
    assert all(isinstance(caller.replies[position], Completion) for position in range(5))


def test_what_a_models_folder_adds_to_sampling_is_left_out(model: PreTrainedModel) -> None:
    plain = complete(model, requests(PROMPTS, max_tokens=20))
    own = GenerationConfig(repetition_penalty=9.0, eos_token_id=plain[0].tokens[2], max_length=7)  # type: ignore[no-untyped-call]
    before, model.generation_config = model.generation_config, own
    try:
        for left, right in zip(complete(model, requests(PROMPTS, max_tokens=20)), plain, strict=True):
            assert_same(left, right)
        assert model.generation_config is own
    finally:
        model.generation_config = before
