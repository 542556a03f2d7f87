"""How many requests an endpoint bears at once, found from how it answers.

The limit doubles while throughput grows. After a doubling that brought nothing it doubles once more, since
the requests of two rounds differ. If that brings nothing either, both are taken back, and tried again later.

A refusal halves the limit, once for all requests that were under way. Server errors and time-outs do the
same when there are more than a few. Then the limit rises to just below what was refused without further
proof. From there it grows by an eighth, and by more each time that helped.
"""

FIRST_LIMIT = 32
"""What an endpoint is given to begin with, where nothing is known of it."""

# Throughput that grew by less than this is noise.
_GROWTH = 1.03
_CLEAR_GROWTH = 1.06
# Throughput that fell by less than this is noise, too.
_LEVEL = 0.9
# Rounds until a limit that brought nothing is tried again: an endpoint may gain capacity.
_HOLD = 8
# A round that is measured takes as many times the limit in replies: they come in waves, and an edge of one
# should count for little.
_MEASURED = 2
# The first step of a limit that no longer doubles.
_STEP = 0.125
# So many failures halve the limit; each reply makes up for a part of one, so that a few in a hundred do not.
_SICK = 3.0
_MADE_UP = 0.25


class AdaptiveLimit:
    """A limit that follows what an endpoint bears, judged after each round of replies.

    Args:
        ceiling: the limit that is never exceeded.
        first: the limit to begin with.
    """

    def __init__(self, ceiling: int, first: int = FIRST_LIMIT) -> None:
        self._ceiling = float(ceiling)
        self._first = float(first)
        self.epoch = 0
        """Counts the changes that answer a failure: requests sent before the last one are paid for."""
        self.restart()

    @property
    def limit(self) -> int:
        """How many requests may be in flight now."""
        return int(self._limit)

    def restart(self) -> None:
        """Begin anew from the first limit: what an endpoint bore before an outage is found again quickly."""
        self._limit = min(self._ceiling, self._first)
        self._step = 1.0
        self._first_step = 1.0
        self._safe = 0.0
        self._hold = 0
        self._settling = False
        self._limit_before = self._limit
        self.forget_failures()

    def forget_failures(self) -> None:
        """Hold nothing against the endpoint that it did so far."""
        self.epoch += 1
        self._sick = 0.0
        self._begin_round()
        self._rate_before: float | None = None
        self._doubted = False

    def note_room(self) -> None:
        """Note that nobody waits: a limit that nobody fills says nothing about the endpoint."""
        self._starved = True

    def replied(self, now: float, work: float) -> None:
        """Count a reply, and set the limit anew where it ends a round.

        Args:
            now: seconds, on any clock.
            work: what the reply took, in any unit; throughput is work a second, since one request may be ten
                times another.
        """
        self._sick = max(0.0, self._sick - _MADE_UP)
        if self._round_started is None:
            self._begin_round(now)
            return
        self._round_done += 1
        self._round_work += work
        if self._round_done < self.limit * (1 if self._settling else _MEASURED):
            return
        seconds = now - self._round_started
        rate = self._round_work / seconds if seconds > 0 else 0.0
        starved, settling = self._starved, self._settling
        # The next round begins where this one ends: the wait for the next wave is part of it.
        self._begin_round(now)
        self._settling = False
        # What is answered first after a change was sent before it, or waited while new prompts were read.
        if rate > 0 and not starved and not settling:
            self._adjust(rate)

    def failed(self, epoch: int, *, refused: bool) -> bool:
        """Take a refusal or a failure into account; returns whether it lowered the limit.

        Args:
            epoch: when the request was sent.
            refused: the endpoint said that it is too much; else it failed, which may have other causes.
        """
        if epoch != self.epoch:
            return False
        self._sick += not refused
        if not refused and self._sick < _SICK:
            return False
        self._safe = self._limit * 7 / 8
        self._limit = max(1.0, self._limit / 2)
        self._step = self._first_step = _STEP
        self._hold, self._settling = 0, False
        self.forget_failures()
        return True

    def _begin_round(self, now: float | None = None) -> None:
        self._round_started = now
        self._round_done = 0
        self._round_work = 0.0
        self._starved = False

    def _adjust(self, rate: float) -> None:
        in_doubt = self._rate_before is not None and self._step == 1 and self._doubted
        # A limit doubled in doubt must show more than luck does.
        needed = _CLEAR_GROWTH if in_doubt else _GROWTH
        if self._limit < self._safe:
            self._limit = min(self._safe, self._limit + max(1.0, self._limit // 8))
            self._hold = _HOLD if self._limit >= self._safe else 0
        elif self._limit == self._ceiling and not in_doubt and rate >= (self._rate_before or 0.0) * _LEVEL:
            # The user's own limit: it is kept unless it does harm.
            self._rate_before = None
        elif self._rate_before is not None and rate < self._rate_before * needed:
            if self._step == 1 and not in_doubt:
                self._doubted = True
                self._raise()
            else:
                self._limit, self._rate_before = self._limit_before, None
                self._step, self._hold, self._settling = self._first_step, _HOLD, True
        elif self._hold > 0:
            self._hold -= 1
        else:
            if self._rate_before is not None:
                self._step, self._doubted = min(1.0, 2 * self._step), False
            self._limit_before, self._rate_before = self._limit, rate
            self._raise()

    def _raise(self) -> None:
        step = max(1.0, float(int(self._limit * self._step)))
        self._limit = min(self._ceiling, self._limit + step)
        self._settling = True
