"""What the surface says of each group: small multiples of the weight of its users."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from recbole_groupmix.core.names import REFERENCE
from recbole_groupmix.report.frame import style
from recbole_groupmix.report.frame.blocks import Figure
from recbole_groupmix.report.learned.lines import (
    draw_line,
    frame_of,
    limit,
    on_axis,
    ring_on,
    set_ticks,
    told_at,
)
from recbole_groupmix.report.learned.tried import Search
from recbole_groupmix.surface.coordinates import RELATIVE_BOX
from recbole_groupmix.surface.history import FloatArray
from recbole_groupmix.surface.through_mix import Line, place_on
from recbole_groupmix.text import numbers

#: Ticks of panels in two columns, and in three.
_TICKS = {2: (0.0, 0.25, 1.0, 4.0, 16.0), 3: (0.0, 0.125, 1.0, 8.0)}


def groups_figure(
    search: Search, centre: FloatArray, lines: dict[str, Line], key: str, through: str
) -> Figure:
    """Return the lines of the groups through a mix as small multiples.

    Parameters
    ----------
    search : Search
        What was tried.
    centre : array of float, shape (n_groups,)
        Weights of the mix.
    lines : dict of str to Line
        The groups' lines.
    key : str
        The metric.
    through : str
        Name of the mix, in a sentence.
    """
    sizes = search.history.sizes
    data = pd.concat(
        (
            frame_of(of, "weight_relative_to_others").assign(group=group)
            for group, of in lines.items()
        ),
        ignore_index=True,
    )
    alt = "; ".join(
        f"{group}: {told_at(of, (0.0, 0.25, 1.0, 4.0))}" for group, of in lines.items()
    )
    places = {group: place_on(centre, sizes, i) for i, group in enumerate(lines)}
    tried = {
        group: [place_on(weights, sizes, i) for weights in search.history.weights if weights.any()]
        for i, group in enumerate(lines)
    }
    return Figure(
        "surface-groups",
        "The effect of each group's weight",
        f"From {through}, marked by the ring, the weight of one group's users is turned, relative to the "
        "mean weight of the other groups' users, which keep their weights among each other; the budget stays. 1 is "
        f"like the others, off is without the group. Lines are expected changes of {key} against {REFERENCE}, "
        "bands have 95 % probability, ticks below are the mixes that were tried.",
        f"Expected change of {key} by the weight of a user of a group (off, a quarter, once, four "
        f"times the others). {alt}.",
        data,
        lambda: _plot(lines, places, tried, key),
        wide=True,
    )


def _plot(
    lines: dict[str, Line], places: dict[str, float], tried: dict[str, list[float]], key: str
) -> Any:
    columns = 2 if len(lines) <= 4 else 3
    rows = -(-len(lines) // columns)
    figure, grid = style.canvas(0.55 + 1.35 * rows, rows, columns, sharey=True, sharex=True)
    low, high = RELATIVE_BOX
    for number, (axes, (group, of)) in enumerate(zip(grid.flat, lines.items(), strict=False)):
        style.reference_line(axes, vertical=False)
        draw_line(axes, of, style.COLOURS[0], "-")
        ring_on(axes, of, places[group], size=8)
        at = on_axis(np.clip(tried[group], 0, high), low, high)
        axes.plot(
            at,
            np.full(len(at), 0.03),
            "|",
            color=style.MUTED,
            markersize=5,
            markeredgewidth=0.6,
            transform=axes.get_xaxis_transform(),
        )
        set_ticks(axes, _TICKS[columns], low, high, "off")
        axes.tick_params(labelbottom=number + columns >= len(lines))  # nothing is below it
        axes.set_title(style.clipped(group, 24 if columns == 2 else 18), pad=3)
        axes.grid(axis="y")
    limit(grid.flat[0], list(lines.values()))
    style.percent_axis(grid.flat[0].yaxis)
    for axes in grid.flat[len(lines) :]:
        axes.set_visible(False)
    figure.supxlabel("weight of a user of the group, relative to the others", fontsize=9)
    figure.supylabel(f"change of {key}", fontsize=9)
    return figure


def who_matters(lines: dict[str, Line], through: str) -> str:
    """Return in a sentence which group's weight changes the surface most, and which least."""
    spans = {group: float(np.ptp(of.mean)) for group, of in lines.items()}
    most, least = max(spans, key=lambda g: spans[g]), min(spans, key=lambda g: spans[g])
    said = (
        f"From {through}, the weight of group {most} matters most: between off and {RELATIVE_BOX[1]:g} times the "
        f"others the expected change goes from {_range(lines[most])}"
    )
    if len(lines) == 2:
        return f"{said}; with two groups the other one's line is the same from right to left."
    return f"{said}; that of {least} matters least ({_range(lines[least])})."


def _range(of: Line) -> str:
    return f"{numbers.percent(float(of.mean.min()))} to {numbers.percent(float(of.mean.max()))}"
