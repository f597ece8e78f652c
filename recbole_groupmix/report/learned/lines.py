"""How lines of a surface are drawn and told: a mean with its band on a logarithmic axis, and 0 apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from recbole_groupmix.report.frame import style
from recbole_groupmix.surface.history import FloatArray
from recbole_groupmix.surface.through_mix import Line
from recbole_groupmix.text import numbers

#: Where 0, which has no logarithm, stands left of the smallest place on an axis, in its length.
_APART = 0.14


def frame_of(of: Line, axis: str) -> pd.DataFrame:
    """Return the drawn numbers of a line, with the name of its axis."""
    return pd.DataFrame({axis: of.at, "mean": of.mean, "band_low": of.low, "band_high": of.high})


def told_at(of: Line, places: Sequence[float]) -> str:
    """Return expected changes at some places, in words."""
    told = (of.mean[np.abs(of.at - place).argmin()] for place in places)
    return ", ".join(
        f"{place:g} {numbers.percent(float(mean))}"
        for place, mean in zip(places, told, strict=True)
    )


def told_at_most(of: Line) -> str:
    """Return in words where the expected change is largest."""
    best = int(of.mean.argmax())
    return f"{of.at[best]:.2g} ({numbers.percent(float(of.mean[best]))})"


def on_axis(at: FloatArray, low: float, high: float) -> FloatArray:
    """Return where places stand on a logarithmic axis from 0 to 1; 0 apart at the left."""
    at = np.asarray(at, dtype=np.float64)
    inside = np.log(np.clip(at, low, high) / low) / np.log(high / low)
    return np.where(at > 0, inside, -_APART)


def draw_line(axes: Any, of: Line, colour: str, dashes: Any, band: bool = True) -> None:
    """Draw a line, perhaps with its band, and at place 0, which stands apart, a dot with its interval."""
    x = on_axis(of.at, of.at[1], of.at[-1])
    if band:
        axes.fill_between(x[1:], of.low[1:], of.high[1:], color=colour, alpha=0.2, linewidth=0)
        axes.vlines(x[0], of.low[0], of.high[0], color=colour, alpha=0.3, linewidth=5)
        axes.plot(x[0], of.mean[0], "o", color=colour, markersize=3.5)
    axes.plot(x[1:], of.mean[1:], color=colour, linewidth=1.6, linestyle=dashes)


def ring_on(axes: Any, of: Line, place: float, size: float = 10) -> None:
    """Mark a place on a line."""
    x, low, high = of.at[1:], of.at[1], of.at[-1]
    inside = float(np.interp(np.log(np.clip(place, low, high)), np.log(x), of.mean[1:]))
    y = inside if place else of.mean[0]
    look: dict[str, Any] = {"markersize": size, "markerfacecolor": "none", "color": style.INK}
    axes.plot(on_axis(np.array(place), low, high), y, "o", clip_on=False, zorder=5, **look)


def set_ticks(axes: Any, ticks: Sequence[float], low: float, high: float, zero: str) -> None:
    """Name the places of an axis."""
    names = {0.0: zero, 1 / 8: "1/8", 1 / 4: "1/4"}
    axes.set_xticks(on_axis(np.array(ticks), low, high), [names.get(t, f"{t:g}") for t in ticks])
    axes.set_xlim(-_APART - 0.08, 1.06)


def limit(axes: Any, lines: Sequence[Line], scores: FloatArray | None = None) -> None:
    """Show all expected changes and scores, and of bands, which may be very wide, the rest."""
    shown = np.concatenate([of.mean for of in lines] + ([] if scores is None else [scores]))
    shown = np.r_[shown[np.isfinite(shown)], 0.0]
    low, high = float(shown.min()), float(shown.max())
    ends = np.concatenate([np.r_[of.low, of.high] for of in lines])
    room = max(0.5 * (high - low), 0.005)
    axes.set_ylim(
        max(low - room, min(ends.min(), low)) - 0.06 * room,
        min(high + room, max(ends.max(), high)) + 0.12 * room,
    )
