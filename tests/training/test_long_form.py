"""What new free text looks like: how long, whether it goes in circles, and whether it ends."""

import pytest

from stores.records import FreeText
from training.long_form import FreeTextTally, ends, repeats

STORY = (
    "Your parcel left our warehouse on Monday. It should reach you by Thursday at the latest. If it is not, "
    "write to us again and we will send another one at once."
)


@pytest.mark.parametrize(
    ("text", "circles"),
    [
        ("", False),
        ("No.", False),
        (STORY, False),
        ('The answer is: "No, this is incorrect. ' * 6, True),
        ("and so on " * 30, True),
        ("ha " * 40, True),
        ("ha ha ha", False),
        ("\u6211\u4eec\u5c06\u4e8e\u660e\u5929\u4e0a\u5348\u4e3a\u60a8\u53d1\u8d27\u3002" * 5, True),
        ("\u6211\u4eec\u5c06\u4e8e\u660e\u5929\u4e0a\u5348\u4e3a\u60a8\u53d1\u8d27\u3002", False),
        ("x" * 400, True),
        ("\n".join(f"{at}. Wash the dish number {at} well." for at in range(9)), False),
        ("Please restart the router and wait for it.\n" * 4, True),
        ("Please restart the router and wait for it.\n" * 2, False),
    ],
)
def test_a_text_that_goes_in_circles_is_told(text: str, circles: bool) -> None:
    assert repeats(text) is circles


@pytest.mark.parametrize(
    ("text", "ended"),
    [
        (STORY, True),
        ("please refer to the", False),
        ("Is that so?", True),
        ('He said "no."', True),
        ("**It is done.**", True),
        ("It is done (see below).", True),
        ("It is done (see below.)", True),
        ("\u660e\u5929\u53d1\u8d27\u3002", True),
        ("\u660e\u5929\u53d1", False),
        ("Wait\u2026", True),
        ("", False),
        ("It is done. \n", True),
        ("one, two,", False),
    ],
)
def test_a_sentence_that_does_not_end_is_told(text: str, ended: bool) -> None:
    assert ends(text) is ended


def test_lengths_are_medians_over_those_of_clean_responses() -> None:
    tally = FreeTextTally()
    for length in (9, 99, 999):
        tally.add_clean("a" * length + ".")
    for length in (49, 49, 4999):
        tally.add_relabel("b c " * (length // 4) + ".")
    found = tally.report()
    assert found is not None
    assert (found.relabelled, found.length_ratio, found.repeating, found.unfinished) == (3, 0.49, 3, 0)


def test_ends_are_not_counted_where_the_data_have_none() -> None:
    tally = FreeTextTally()
    for _ in range(5):
        tally.add_clean("def f(): return 1")
    tally.add_relabel("def g(): return 2")
    assert tally.report() == FreeText(relabelled=1, length_ratio=1.0, repeating=0, unfinished=None)


def test_without_new_or_without_clean_responses_nothing_is_made_up() -> None:
    tally = FreeTextTally()
    assert tally.report() is None
    tally.add_relabel(STORY)
    assert tally.report() == FreeText(relabelled=1, length_ratio=None, repeating=0, unfinished=None)
