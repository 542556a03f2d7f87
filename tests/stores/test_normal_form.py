"""Normal forms are Unicode's own, but for runs of marks that no language has."""

import random
import sys
import unicodedata

import pytest

from stores.normal_form import _LAST_MARK, Form, normal_form

FORMS: tuple[Form, ...] = ("NFC", "NFD", "NFKC", "NFKD")


@pytest.mark.parametrize("form", FORMS)
def test_text_of_any_signs_is_in_its_normal_form(form: Form) -> None:
    dice = random.Random(0)  # noqa: S311
    for _ in range(500):
        text = "".join(chr(dice.choice([dice.randrange(0x3000), dice.randrange(0x20000)])) for _ in range(25))
        assert normal_form(form, text) == unicodedata.normalize(form, text)


@pytest.mark.parametrize(
    "marks", ["\u0301\u0316", "\u0316\u0301\u0327", "\u0f71\u0f72\u0f74", "\u0344", "\u0f73"]
)
def test_of_a_long_run_of_marks_the_first_ones_stay(marks: str) -> None:
    text = f"e{(marks * 30)[:31]}{marks * 10_000} e"
    assert normal_form("NFD", text) == unicodedata.normalize("NFD", f"e{(marks * 30)[:30]} e")


def test_a_text_that_is_too_long_to_compare_stays_as_it_is() -> None:
    text = "\ufdfa" * 100_000
    assert normal_form("NFKC", text) == text


def test_no_mark_stands_behind_the_last_that_is_looked_for() -> None:
    behind = range(_LAST_MARK + 1, sys.maxunicode + 1)
    assert not any(unicodedata.combining(unicodedata.normalize("NFKD", chr(code))[0]) for code in behind)
