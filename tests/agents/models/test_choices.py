"""Tokens that are drawn follow their chances; letters are chosen among those asked for."""

import pytest
import torch

from agents.models.choices import Draws, Letters
from agents.models.decoding import Request, Row

CPU = torch.device("cpu")
LOGITS = torch.tensor([0.1, 0.2, 0.7, 1e-30]).log()


def test_tokens_are_drawn_as_often_as_they_are_likely() -> None:
    rows = [Row(Request([1], 1, 1.0, seed)) for seed in range(4000)]
    draws = Draws.of(rows, CPU)
    assert draws is not None
    drawn = draws.draw(LOGITS.expand(4000, -1), 0)
    shares = torch.bincount(drawn, minlength=4) / 4000
    assert shares.tolist() == pytest.approx([0.1, 0.2, 0.7, 0.0], abs=0.03)


def test_a_temperature_flattens_the_chances_of_its_own_row() -> None:
    rows = [Row(Request([1], 1, temperature, seed)) for seed in range(2000) for temperature in (0.01, 100.0)]
    draws = Draws.of(rows, CPU)
    assert draws is not None
    drawn = draws.draw(torch.tensor([0.0, 1.0]).expand(4000, -1), 0)
    assert drawn[0::2].tolist() == [1] * 2000
    assert drawn[1::2].float().mean().item() == pytest.approx(0.5, abs=0.05)


def test_draws_go_on_where_a_row_stands() -> None:
    whole, later = Row(Request([1], 9, 1.0, 5)), Row(Request([1], 9, 1.0, 5))
    later.tokens = [2, 2, 2]
    draws = Draws.of([whole, later], CPU)
    assert draws is not None
    assert draws.numbers[:6, 1].tolist() == draws.numbers[3:9, 0].tolist()


def test_letters_are_rated_and_the_likeliest_is_chosen() -> None:
    rows = [Row(Request([1], 1, 0.0, 0, among)) for among in ((0, 1), (), (3, 2, 0))]
    letters = Letters.of(rows, CPU)
    assert letters is not None
    assert letters.choose(LOGITS.expand(3, -1)).tolist() == [1, 2]
    letters.tell(rows)
    assert rows[0].among == pytest.approx(LOGITS[[0, 1]].tolist(), abs=1e-5)
    assert rows[2].among == pytest.approx(LOGITS[[3, 2, 0]].tolist(), abs=1e-5)
    assert rows[1].among == ()


def test_where_the_likeliest_token_is_wanted_nothing_is_prepared() -> None:
    rows = [Row(Request([1], 1, 0.0, 0))]
    assert (Letters.of(rows, CPU), Draws.of(rows, CPU)) == (None, None)
