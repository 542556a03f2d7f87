"""A run's weights on disk: what the calibrated checker has learned, and whether it is this run's.

The files tell themselves when they were changed (`training.calibration.fitted_files`). Whole files of another
run do not, so the run's config and the figures in its journal are compared as well.
"""

from collections.abc import Mapping
from typing import Any

from graph.config.run import RunConfig
from stores.errors import RecordError
from stores.run_directory import RunDirectory
from training.calibration.fitted import FittedCalibration

_MEND = "put this run's own files back, or make a new run of its replies with `robustft run --reuse"


def figures_of_weights(fitted: FittedCalibration) -> dict[str, Any]:
    """Return what a run's journal keeps of its weights: the figures that its report shows."""
    rate, interval = fitted.noise_rate, fitted.noise_interval
    return {
        "noise": None if rate is None else round(rate, 4),
        "noise_interval": interval and [round(end, 4) for end in interval],
        "estimated": fitted.estimated,
        "threshold": round(fitted.threshold, 6),
        "reliability": {name: round(share, 4) for name, share in fitted.reliability.items()},
        "judged_alone": fitted.judged_alone,
        "silence": list(fitted.silence),
        "cautions": list(fitted.cautions),
    }


def load_weights(
    files: RunDirectory, config: RunConfig, known: Mapping[str, Any] | None
) -> FittedCalibration:
    """Read what a run has learned.

    Args:
        files: the run's.
        config: the run's, which names the views.
        known: the figures of its calibration that its journal keeps (`Validity.calibration`).

    Raises:
        RecordError: it cannot be read, or was learned by another run.
    """
    fitted = FittedCalibration.load(files.calibration)
    if fitted.views != config.agents.checker.views:
        _refuse(files, f"was learned of {', '.join(fitted.views)}, not of the views that the config names")
    # An earlier version kept fewer figures.
    kept = known or {}
    for name, figure in figures_of_weights(fitted).items():
        if kept.get(name, figure) != figure:
            _refuse(
                files,
                f"was learned by another run: {name} is {figure!r:.80} here, and was {kept[name]!r:.80}",
            )
    return fitted


def _refuse(files: RunDirectory, why: str) -> None:
    raise RecordError(f"{why}; {_MEND} {files.path}`", path=files.calibration)
