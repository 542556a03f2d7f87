"""The limit by itself: how replies and failures move it."""

import pytest

from agents.models.adaptive_limit import AdaptiveLimit


def reply_until_it_moves(pace: AdaptiveLimit, rate: float, work: float = 1.0, start: float = 0.0) -> float:
    """Let an endpoint send so many replies a second until the limit moves; returns the time at the end."""
    now, before = start, pace.limit
    for _ in range(1000):
        now += 1 / rate
        pace.replied(now, work)
        if pace.limit != before:
            return now
    raise AssertionError(f"the limit stays at {before}")


def test_the_limit_doubles_up_to_the_ceiling_while_a_reply_takes_as_long_as_before() -> None:
    pace = AdaptiveLimit(200)
    limits = []
    now = 0.0
    for _ in range(3):
        now = reply_until_it_moves(pace, rate=pace.limit, start=now)
        limits.append(pace.limit)
    assert limits == [64, 128, 200]


def test_two_doublings_that_brought_nothing_are_taken_back() -> None:
    pace = AdaptiveLimit(400)
    limits = []
    now = 0.0
    for _ in range(3):
        now = reply_until_it_moves(pace, rate=16, start=now)
        limits.append(pace.limit)
    assert limits == [64, 128, 32]


def test_the_dip_after_a_doubling_is_not_held_against_it() -> None:
    pace = AdaptiveLimit(400)
    now = 0.0
    for _ in range(3):
        # The endpoint reads the new prompts: for as many replies as are under way it is slow.
        for _ in range(pace.limit):
            now += 1 / 8
            pace.replied(now, 1)
        now = reply_until_it_moves(pace, rate=16 + pace.limit / 8, start=now)
    assert pace.limit == 256


def test_throughput_is_work_and_not_replies() -> None:
    pace = AdaptiveLimit(400)
    now = reply_until_it_moves(pace, rate=16, work=10)
    # Fewer replies a second, but each is four times the work.
    now = reply_until_it_moves(pace, rate=8, work=40, start=now)
    reply_until_it_moves(pace, rate=9, work=40, start=now)
    assert pace.limit == 256


def test_a_doubling_in_doubt_must_show_what_it_brings_even_at_the_ceiling() -> None:
    pace = AdaptiveLimit(128)
    now = reply_until_it_moves(pace, rate=16)
    now = reply_until_it_moves(pace, rate=16, start=now)
    assert pace.limit == 128
    reply_until_it_moves(pace, rate=16.5, start=now)
    assert pace.limit == 32


def test_a_limit_that_nobody_fills_stays() -> None:
    pace = AdaptiveLimit(400)
    now = 0.0
    for _ in range(100):
        now += 1
        pace.note_room()
        pace.replied(now, 1)
    assert pace.limit == 32


def test_a_refusal_halves_the_limit_once_for_all_that_were_sent_with_it() -> None:
    pace = AdaptiveLimit(64)
    sent = pace.epoch
    assert [pace.failed(sent, refused=True) for _ in range(5)] == [True, False, False, False, False]
    assert pace.limit == 16
    assert pace.failed(pace.epoch, refused=True)
    assert pace.limit == 8


def test_the_limit_never_falls_below_one() -> None:
    pace = AdaptiveLimit(1)
    for _ in range(10):
        pace.failed(pace.epoch, refused=True)
    assert pace.limit == 1


@pytest.mark.parametrize(("replies", "limit"), [(0, 8), (20, 16)])
def test_failures_halve_it_only_where_they_are_many(replies: int, limit: int) -> None:
    pace = AdaptiveLimit(16)
    for _ in range(3):
        pace.failed(pace.epoch, refused=False)
        for _ in range(replies):
            pace.replied(0.0, 1)
    assert pace.limit == limit


def test_after_an_outage_it_begins_anew() -> None:
    pace = AdaptiveLimit(64)
    for _ in range(4):
        pace.failed(pace.epoch, refused=True)
    before = pace.epoch
    pace.restart()
    assert pace.limit == 32
    assert not pace.failed(before, refused=True)
