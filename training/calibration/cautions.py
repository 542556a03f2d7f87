"""What a user should know before trusting the verdicts: one sentence each, with what to do."""

from collections.abc import Mapping
from typing import NamedTuple

from stores.counts import counted
from training.calibration import priors
from training.calibration.label_model import PROMPTS

_CHECK = "check some (`robustft list DIR --to-check 40`) and pass them with --trusted"


class Verdicts(NamedTuple):
    """What is believed of some responses.

    Args:
        noise: the estimated share that is wrong.
        interval: the lowest and the highest share that the data allow.
        reliability: by view, and by `prompts` where they tell anything, the estimated share that is right.
        left_out: how many annotators say nothing, since there are more than can be known.
    """

    noise: float
    interval: tuple[float, float]
    reliability: Mapping[str, float]
    left_out: int = 0

    @property
    def most_off(self) -> float:
        """How far noise probabilities may be off in the mean: as far as the estimated share may be."""
        least, most = self.interval
        return max(most - self.noise, self.noise - least)


def caution_of_texts(unlike: float) -> list[str]:
    """Return the sentence that goes with free text of which so large a share seems to be wrong; or none.

    Likeness does not tell who errs: no noise rate from 0 to that share can be excluded.
    """
    if unlike <= priors.WIDEST_INTERVAL:
        return []
    return [
        f"{unlike:.0%} of the free texts are unlike the model's answers. They may be wrong, or the answers "
        f"are, so they are left out of training, and replaced only where they are unlike their prompts as "
        f"well: look at some (`robustft list DIR`), or let another model review (agents.reviewer.model)"
    ]


def cautions(found: Verdicts) -> list[str]:
    """Return the sentences that go with some verdicts; none where they can be taken as they are.

    Example:
        Two agents agree against three responses in ten, and nothing else tells anything. Then between 1 and
        45 % of the responses may be wrong, and that is said.
    """
    least, most = found.interval
    off = f"{100 * found.most_off:.0f} points"
    views = {name: share for name, share in found.reliability.items() if name != PROMPTS}
    best = max(views.values(), default=0.0)
    said = []
    if most - least > priors.WIDEST_INTERVAL:
        said.append(
            f"how many responses are wrong cannot be told: {least:.0%} to {most:.0%} may be, and noise "
            f"probabilities may be off by {off} in the mean. Answers of one model that agree against a "
            f"response may be one error made twice, so few responses are replaced and the doubtful are left "
            f"out: {_CHECK}"
        )
    if found.noise > priors.MOST:
        said.append(
            f"most responses ({found.noise:.0%}) seem to be wrong. It looks the same if they are right and "
            f"neither prompts nor the model's answers predict them: {_CHECK}"
        )
    if views and best < 1 - found.noise - priors.BETTER_BY:
        said.append(
            f"the responses seem to be right more often ({1 - found.noise:.0%}) than the model's answers "
            f"({best:.0%}): they can find few errors. Take a larger model, or trust the data as they are"
        )
    by_prompts = found.reliability.get(PROMPTS, 0.0)
    if views and all(share < by_prompts - priors.SAME for share in views.values()):
        answers = ", ".join(f"{name} {share:.0%}" for name, share in views.items())
        said.append(
            f"the model seems to be right less often ({answers}) than a vote of similar prompts "
            f"({by_prompts:.0%}), so that the verdicts rest on the prompts: take a larger model, or spare "
            f"requests with agents.reasoner.max_reflections=0"
        )
    if found.left_out:
        said.append(
            f"{counted(found.left_out, 'annotator')} with the fewest annotations count for nothing beyond "
            f"the commonest response, since {priors.MOST_ANNOTATORS:,} can be known: give those with few one "
            f"name"
        )
    return said
