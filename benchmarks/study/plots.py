"""Pictures of the records, readable on light and dark pages."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot

_GREY = "#808080"
_OURS = "#e6007e"
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "robustft",  # the same records give the same file
    "text.color": _GREY,
    "axes.labelcolor": _GREY,
    "axes.edgecolor": _GREY,
    "xtick.color": _GREY,
    "ytick.color": _GREY,
    "font.size": 9,
}
Curves = Mapping[str, Mapping[float, Sequence[float]]]
"""Values by name and place on the x axis, one a seed."""


def draw(
    path: Path,
    curves: Curves,
    *,
    x: str,
    y: str,
    flat: Mapping[str, float] | None = None,
    diagonal: bool = False,
) -> None:
    """Draw curves of means with their range, and straight lines.

    Args:
        path: the SVG file to write.
        curves: what to draw.
        x: what the x axis is.
        y: what the y axis is.
        flat: values that do not depend on x.
        diagonal: also draw where both axes are equal.
    """
    with pyplot.rc_context(_STYLE):
        figure, axes = pyplot.subplots(figsize=(6.4, 3.6))
        colours = pyplot.get_cmap("tab20")
        for number, (name, points) in enumerate(sorted(curves.items())):
            places = sorted(points)
            means = [statistics.mean(points[place]) for place in places]
            below = [mean - min(points[place]) for mean, place in zip(means, places, strict=True)]
            above = [max(points[place]) - mean for mean, place in zip(means, places, strict=True)]
            bold = name == "robustft-calibrated"
            axes.errorbar(
                places,
                means,
                yerr=[below, above],
                label=name,
                color=_OURS if bold else colours(number % 20),
                marker="o",
                markersize=5 if bold else 3,
                linewidth=2.5 if bold else 1.2,
            )
        for name, value in (flat or {}).items():
            axes.axhline(
                value, label=name, color=_GREY, linestyle="--" if name == "vanilla" else ":", linewidth=1
            )
        if diagonal:
            axes.axline((0, 0), slope=1, color=_GREY, linestyle="--", linewidth=1)
        axes.set(xlabel=x, ylabel=y)
        if not diagonal:
            axes.set_xticks(sorted({place for points in curves.values() for place in points}))
        axes.grid(alpha=0.25)
        axes.legend(frameon=False, fontsize=7, bbox_to_anchor=(1.01, 1), loc="upper left")
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, transparent=True, bbox_inches="tight", metadata={"Date": None})
        pyplot.close(figure)
