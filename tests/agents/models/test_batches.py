"""How large a batch may be follows from the free memory; where it was too large, it is halved."""

from types import SimpleNamespace

import pytest
import torch
from transformers import PreTrainedModel

from agents.errors import ModelCallError
from agents.models.batches import (
    batch_tokens,
    cache_bytes,
    free_bytes,
    in_halves,
    is_too_large,
    rated_tokens,
    row_bytes,
)
from tests.agents.models.test_decoding import model

__all__ = ["model"]
GIB = 2**30


def set_available(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    memory = SimpleNamespace(available=number)
    monkeypatch.setattr("agents.models.batches.psutil.virtual_memory", lambda: memory)


def test_a_tokens_keys_and_values_are_those_of_all_layers(model: PreTrainedModel) -> None:
    # Keys and values, 2 layers, 2 heads of 8 numbers of 4 bytes.
    assert cache_bytes(model) == 2 * 2 * 2 * 8 * 4
    cache = model(input_ids=torch.tensor([[5, 6, 7]])).past_key_values
    held = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
    assert held == 3 * cache_bytes(model)


def test_a_row_needs_more_with_its_prompt_and_its_room(model: PreTrainedModel) -> None:
    assert row_bytes(model, 10, 10) < row_bytes(model, 20, 10) < row_bytes(model, 20, 30)
    assert row_bytes(model, 10, 30) - row_bytes(model, 10, 10) >= 20 * cache_bytes(model)


def test_a_cpus_batch_is_the_measured_one_where_the_memory_takes_it(
    model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_available(monkeypatch, 24 * GIB)
    assert batch_tokens(model) == 16_384
    assert rated_tokens(model) == 1024
    set_available(monkeypatch, 1000 * cache_bytes(model))
    assert 0 < batch_tokens(model) < 1000


def test_a_gpus_batch_may_take_what_torch_holds_without_using_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda device: (10 * GIB, 80 * GIB))
    monkeypatch.setattr("torch.cuda.memory_reserved", lambda device: 30 * GIB)
    monkeypatch.setattr("torch.cuda.memory_allocated", lambda device: 20 * GIB)
    assert 10 * GIB < free_bytes(torch.device("cuda")) < 20 * GIB


def test_what_is_too_much_at_once_is_done_in_halves_and_in_order() -> None:
    asked: list[int] = []

    def work(numbers: list[int]) -> list[int]:
        asked.append(len(numbers))
        if len(numbers) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return [2 * number for number in numbers]

    assert in_halves(work, list(range(10))) == [2 * number for number in range(10)]
    assert asked == [10, 5, 2, 3, 5, 2, 3]


def test_one_that_is_too_much_alone_fails_alone() -> None:
    def work(numbers: list[int]) -> list[int]:
        if 7 in numbers:
            raise MemoryError
        return numbers

    done = in_halves(work, list(range(10)))
    assert isinstance(done[7], ModelCallError)
    assert [number for number in done if number != done[7]] == [0, 1, 2, 3, 4, 5, 6, 8, 9]


def test_another_error_is_no_reason_to_try_again() -> None:
    calls: list[int] = []

    def work(numbers: list[int]) -> list[int]:
        calls.append(1)
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        in_halves(work, [1, 2])
    assert calls == [1]


def test_what_torch_says_of_a_cpus_memory_is_known() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.empty(10**15)
    assert is_too_large(raised.value)
