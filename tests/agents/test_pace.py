"""The limit by itself: how replies and failures move it."""

import pytest

from agents.pace import Pace


def reply_rounds(pace: Pace, rounds: int, seconds: float, work: float = 1.0, start: float = 0.0) -> float:
    """Let an endpoint answer so many rounds, each in so many seconds; returns the time at the end."""
    now = start
    for _ in range(rounds):
        replies = pace.limit + 1  # the first only starts the clock
        for _ in range(replies):
            now += seconds / replies
            pace.replied(now, work)
    return now


def test_the_limit_doubles_up_to_the_ceiling_while_a_round_takes_as_long_as_before() -> None:
    pace = Pace(100)
    limits = []
    now = 0.0
    for _ in range(4):
        now = reply_rounds(pace, 1, seconds=1.0, start=now)
        limits.append(pace.limit)
    assert limits == [32, 64, 100, 100]


def test_two_doublings_that_brought_nothing_are_taken_back() -> None:
    pace = Pace(400)
    now = reply_rounds(pace, 1, seconds=1.0)
    assert pace.limit == 32
    # Twice as many at once take twice as long: nothing is gained.
    now = reply_rounds(pace, 1, seconds=2.0, start=now)
    assert pace.limit == 64
    reply_rounds(pace, 1, seconds=4.0, start=now)
    assert pace.limit == 16


def test_throughput_is_work_and_not_replies() -> None:
    pace = Pace(400)
    now = reply_rounds(pace, 1, seconds=1.0, work=10)
    # Fewer replies a second, but each is four times the work.
    now = reply_rounds(pace, 1, seconds=4.0, work=40, start=now)
    reply_rounds(pace, 1, seconds=4.0, work=40, start=now)
    assert pace.limit > 64


def test_a_limit_that_nobody_fills_stays() -> None:
    pace = Pace(400)
    now = 0.0
    for _ in range(100):
        now += 1
        pace.note_room()
        pace.replied(now, 1)
    assert pace.limit == 16


def test_a_refusal_halves_the_limit_once_for_all_that_were_sent_with_it() -> None:
    pace = Pace(64)
    sent = pace.epoch
    assert [pace.failed(sent, refused=True) for _ in range(5)] == [True, False, False, False, False]
    assert pace.limit == 8
    assert pace.failed(pace.epoch, refused=True)
    assert pace.limit == 4


def test_the_limit_never_falls_below_one() -> None:
    pace = Pace(1)
    for _ in range(10):
        pace.failed(pace.epoch, refused=True)
    assert pace.limit == 1


@pytest.mark.parametrize(("replies", "limit"), [(0, 8), (20, 16)])
def test_failures_halve_it_only_where_they_are_many(replies: int, limit: int) -> None:
    pace = Pace(16)
    for _ in range(3):
        pace.failed(pace.epoch, refused=False)
        for _ in range(replies):
            pace.replied(0.0, 1)
    assert pace.limit == limit


def test_after_an_outage_it_begins_anew() -> None:
    pace = Pace(64)
    for _ in range(4):
        pace.failed(pace.epoch, refused=True)
    before = pace.epoch
    pace.restart()
    assert pace.limit == 16
    assert not pace.failed(before, refused=True)
