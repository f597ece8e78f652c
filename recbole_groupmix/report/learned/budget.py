"""The surface along the budget, with the scores of the budgets that were tried."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from recbole_groupmix.core.names import BUDGET_CANDIDATE, NO_AUGMENTATION, REFERENCE
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
    told_at_most,
)
from recbole_groupmix.report.learned.tried import Search
from recbole_groupmix.surface.history import FloatArray
from recbole_groupmix.surface.surface import relative_gains
from recbole_groupmix.surface.through_mix import BUDGET_AXIS, Line, line

_TICKS = (0.0, 0.03, 0.1, 0.3, 1.0, 4.0)


def budget_figure(search: Search, centre: FloatArray, key: str) -> Figure:
    """Return the surface along the budget, for the shares of Proportional and of the recommended mix.

    Parameters
    ----------
    search : Search
        What was tried.
    centre : array of float, shape (n_groups,)
        Weights of the recommended mix; those of Proportional if it leaves out all other groups.
    key : str
        The metric.
    """
    surface, history = search.surface, search.history
    ones = np.ones_like(centre)
    shapes = {REFERENCE: line(surface, ones, BUDGET_AXIS)}
    chosen = search.names[search.recommended]
    if not np.allclose(centre / centre.max(), 1.0):
        shapes[chosen] = line(surface, centre, BUDGET_AXIS)
    data = pd.concat(
        frame_of(of, "alpha_aug").assign(shares_of=name) for name, of in shapes.items()
    )
    gains = relative_gains(history)
    at = [
        i
        for i, name in enumerate(search.names)
        if name in (REFERENCE, NO_AUGMENTATION) or name.startswith(BUDGET_CANDIDATE)
    ]
    budgets = history.weights @ history.sizes / history.sizes.sum()
    scored = pd.DataFrame(
        {
            "alpha_aug": budgets[at],
            "score": gains[at],
            "mix": [search.names[i] for i in at],
            "shares_of": REFERENCE,
        }
    )
    at_most = told_at_most(shapes[REFERENCE])
    second = (
        f" The dashed line keeps the shares of the mix believed best, {chosen} (ring)."
        if chosen in shapes and chosen != REFERENCE
        else ""
    )
    return Figure(
        "surface-budget",
        "The surface along the budget",
        f"Expected change of {key} on the folds against {REFERENCE}, whose shares the line keeps; at "
        "each budget the band has the true change with 95 % probability. Dots are measured scores, with the luck of "
        f"the users in them.{second}",
        f"Expected change of {key} by budget: {told_at(shapes[REFERENCE], (0.0, 0.1, 0.3, 1.0, 2.0, 4.0))}; "
        f"largest at {at_most}.",
        pd.concat([data, scored], ignore_index=True),
        lambda: _plot(shapes, scored, key, float(budgets[search.recommended]), chosen),
    )


def _plot(
    shapes: dict[str, Line], scored: pd.DataFrame, key: str, budget: float, chosen: str
) -> Any:
    figure, ((axes,),) = style.canvas(2.9)
    style.reference_line(axes, vertical=False)
    low = next(iter(shapes.values())).at[1]
    high = next(iter(shapes.values())).at[-1]
    for place, of in enumerate(shapes.values()):
        draw_line(axes, of, style.COLOURS[place], style.LINES[place], band=place == 0)
    at = on_axis(scored["alpha_aug"].to_numpy(), low, high)
    axes.plot(at, scored["score"], "o", color=style.INK, markersize=3.5, zorder=4)
    if budget == 0 or chosen in shapes:
        ring_on(axes, shapes.get(chosen, shapes[REFERENCE]), budget)
    limit(axes, list(shapes.values()), scored["score"].to_numpy())
    set_ticks(axes, _TICKS, low, high, "0")
    style.percent_axis(axes.yaxis)
    axes.grid(axis="y")
    axes.set_xlabel("budget alpha_aug")
    axes.set_ylabel(f"change of {key}")
    if len(shapes) > 1:
        handles = [
            Line2D([], [], color=style.COLOURS[i], linestyle=style.LINES[i])
            for i in range(len(shapes))
        ]
        names = [f"shares of {style.clipped(name)}" for name in shapes]
        figure.legend(handles, names, loc="outside upper center", ncols=2)
    return figure
