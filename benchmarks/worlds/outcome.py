"""What a method decided about a drawn world."""

from typing import NamedTuple

from training.calibration.arrays import Bools, Numbers, Reals


class Outcome(NamedTuple):
    """What a method decided.

    Args:
        final: the responses to train on (n); -1 where one is invalid and stays.
        noisy: which given ones it calls noisy (n).
        noise: its estimate of the noise rate; None where it makes none.
        warned: whether it warned of its own verdicts.
        left_out: which samples it would rather not train on (n); None where it trains on all.
        interval: between which noise rates it takes the true one to lie; None where it does not say.
        doubts: how likely it takes each given response to be wrong (n), NaN where it does not say of one;
            None where it does not of any.
        asked: about which share of the samples it asks more than the base agent.
    """

    final: Numbers
    noisy: Bools
    noise: float | None = None
    warned: bool = False
    left_out: Bools | None = None
    interval: tuple[float, float] | None = None
    doubts: Reals | None = None
    asked: float = 1.0
