"""The pairs of groups, or of a group and the budget, that interact most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap, Normalize

from recbole_groupmix.core.names import REFERENCE
from recbole_groupmix.report.frame import style
from recbole_groupmix.report.frame.blocks import Figure
from recbole_groupmix.surface.through_mix import BUDGET_AXIS, ON_PLANE, Plane
from recbole_groupmix.text import numbers

_DIVERGING = LinearSegmentedColormap.from_list(
    "loss_and_gain", [style.COLOURS[1], "#f4f4f4", style.COLOURS[0]]
)


def pairs_figure(planes: Sequence[Plane], groups: Sequence[str], key: str) -> Figure:
    """Return the planes of the surface as maps with their numbers."""
    rows = [
        {
            "pair": _pair(plane, groups),
            "first": ON_PLANE[i],
            "second": ON_PLANE[j],
            "change": plane.gains[i, j],
        }
        for plane in planes
        for i in range(len(ON_PLANE))
        for j in range(len(ON_PLANE))
    ]
    alt = "; ".join(
        f"{_pair(plane, groups)}: from {numbers.percent(plane.gains.min())} to "
        f"{numbers.percent(plane.gains.max())}"
        for plane in planes
    )
    return Figure(
        "surface-pairs",
        "The pairs that interact most",
        f"Expected change of {key} against {REFERENCE} in %, where two things are turned at once: the budget, or "
        "the weight of a group's users relative to the groups that are not of the pair. Without "
        "interaction a step along one axis changes every row or column alike.",
        f"Expected changes on {numbers.count(len(planes), 'plane')}. {alt}.",
        pd.DataFrame(rows),
        lambda: _plot(planes, groups),
    )


def _plot(planes: Sequence[Plane], groups: Sequence[str]) -> Any:
    figure, grid = style.canvas(2.35, 1, max(len(planes), 2))
    most = max(float(np.abs(plane.gains).max()) for plane in planes)
    look = Normalize(-most, most)
    labels = [f"{at:g}" for at in ON_PLANE]
    edges = np.arange(len(ON_PLANE) + 1) - 0.5
    for axes in grid.flat[len(planes) :]:
        axes.set_visible(False)
    for axes, plane in zip(grid.flat, planes, strict=False):
        axes.pcolormesh(
            edges,
            edges,
            plane.gains,
            cmap=_DIVERGING,
            norm=look,
            edgecolors="white",
            linewidth=0.8,
        )
        for (i, j), gain in np.ndenumerate(plane.gains):
            axes.annotate(
                _short(float(gain)),
                (j, i),
                ha="center",
                va="center",
                fontsize=7.5,
                color=style.ON_COLOUR,
            )
        first, second = (_axis(axis, groups) for axis in plane.axes)
        axes.set_xticks(range(len(labels)), labels)
        axes.set_yticks(range(len(labels)), labels)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_xlabel(second)
        axes.set_ylabel(first)
        axes.set_aspect("equal")
    return figure


def _short(gain: float) -> str:
    shown = f"{100 * gain:+.1f}" if abs(gain) < 0.0995 else f"{100 * gain:+.0f}"
    return "0" if float(shown) == 0 else shown.replace("-", "\N{MINUS SIGN}")


def _axis(axis: int, groups: Sequence[str]) -> str:
    return "budget" if axis == BUDGET_AXIS else f"weight of {style.clipped(groups[axis], 14)}"


def _pair(plane: Plane, groups: Sequence[str]) -> str:
    names = ("the budget" if axis == BUDGET_AXIS else groups[axis] for axis in plane.axes)
    return " and ".join(names)


def pairs_sentence(planes: Sequence[Plane], groups: Sequence[str]) -> str:
    """Return in a sentence which pairs interact most, how far, and how sure that is."""
    told = [
        f"{_pair(plane, groups)} (by {100 * plane.interaction:.1f} % of {REFERENCE}'s score, standard "
        f"deviation {100 * plane.sd:.1f})"
        for plane in planes
    ]
    unsure = all(plane.interaction < 2 * plane.sd for plane in planes)
    which = "The pairs that interact most are" if len(told) > 1 else "Budget and weight interact:"
    return (
        f"{which} {', and '.join(told)}: so far the surface is from a sum of what each of the two does, where "
        "both go from a quarter to four times."
        + (" Chance makes as much of no interaction." if unsure else "")
    )
