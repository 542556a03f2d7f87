"""The kind of `agents.answers.listing`."""

from agents.answers.listing import Listing

LISTING = Listing()


def test_lists_have_the_same_items_or_not() -> None:
    assert LISTING.agree("red, blue", "blue and red") is True
    assert LISTING.agree("red", "red, blue") is False
    assert LISTING.agree("1. mix\n2. bake", "1. bake\n2. mix") is False
