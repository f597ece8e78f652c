"""Shapley values as figures: bars for each target, and lines over the share of its users."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from recbole_groupmix.exact.shapley.effects import Effect, Effects
from recbole_groupmix.files.whole import write_whole
from recbole_groupmix.text.figures import figure_of_names

#: Most targets that get a panel, and panels of a row.
MOST_PANELS, IN_A_ROW = 12, 4
_BAR, _TOGETHER, _ZERO = "#8fb3dc", "#a8a8a8", "#7a7a7a"
_ENDS = "up: what a group adds to the target alone, down: to all others"
#: Factor by which the intervals of neighbouring groups stand apart on the logarithmic axis.
_APART = 1.012


def draw_bars(found: Sequence[Effects], title: str, file: Path) -> None:
    """Write a panel of bars for each of the first `MOST_PANELS` targets."""
    title = f"{title} ({_ENDS})"
    _write(partial(_panels, found[:MOST_PANELS], title, _bars, (2.6, 2.6)), file)


def draw_lines(found: Sequence[Sequence[Effects]], title: str, file: Path) -> None:
    """Write a panel for each target: what groups add by the share of the target's users."""
    _write(partial(_panels, found[:MOST_PANELS], title, _lines, (3.4, 2.8)), file)


def _write(draw: Callable[[], Any], file: Path) -> None:
    with figure_of_names(draw) as picture:
        write_whole(file, partial(picture.savefig, format="png", dpi=110))


def _panels(
    found: Sequence[Any], title: str, panel: Callable[[Any, Any], None], size: tuple[float, float]
) -> Any:
    from matplotlib.figure import Figure  # without pyplot: no window system, no global state

    columns = min(len(found), IN_A_ROW)
    lines = math.ceil(len(found) / columns)
    width, height = max(size[0] * columns + 0.4, 4.2), size[1] * lines + 0.5
    figure = Figure(figsize=(width, height), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for place, of_target in zip(panels, found, strict=False):
        panel(place, of_target)
        place.axhline(0, color=_ZERO, linewidth=0.8)
        place.tick_params(labelsize=7)
        place.spines[["top", "right"]].set_visible(False)
    for place in panels[len(found) :]:
        place.set_visible(False)
    figure.suptitle(title, fontsize=10)
    return figure


def _bars(panel: Any, found: Effects) -> None:
    """Draw the values of a target, with what each group adds first (up) and last (down)."""
    effects = [*found.shapley, found.together]
    names = [*(effect.groups[0] for effect in found.shapley), "together"]
    for place, effect in enumerate(effects):
        mean, (low, high) = 100 * effect.change.mean, _ends(effect)
        colour = _TOGETHER if effect is found.together else _BAR
        panel.bar(place, mean, color=colour, width=0.7)
        panel.vlines(place, low, high, color="black", linewidth=1)
    for marker, ends in (("^", found.first), ("v", found.last)):
        heights = [100 * effect.change.mean for effect in ends]
        panel.scatter(range(len(ends)), heights, marker=marker, s=16, color="black", zorder=3)
    panel.set_xticks(range(len(names)), names, rotation=45 if len(names) > 4 else 0)
    panel.set_title(f"{found.target} ({found.n_users} users)", fontsize=9)
    panel.set_ylabel(f"% of {found.metric}", fontsize=8)


def _lines(panel: Any, by_fraction: Sequence[Effects]) -> None:
    """Draw what all others add together, with a band, and the value of each group."""
    shares = [found.fraction for found in by_fraction]
    together = [found.together for found in by_fraction]
    low, high = zip(*map(_ends, together), strict=True)
    panel.fill_between(shares, low, high, color="#dddddd", linewidth=0)
    panel.plot(shares, _means(together), color="#5f5f5f", linewidth=2.2, label="together")
    for place, first in enumerate(by_fraction[0].shapley):
        effects = [found.shapley[place] for found in by_fraction]
        means, ends = _means(effects), [_ends(effect) for effect in effects]
        colour = f"C{place % 10}"
        panel.plot(shares, means, color=colour, linewidth=1.2, label=first.groups[0])
        aside = [share * _APART ** (place + 1) for share in shares]
        panel.vlines(aside, *zip(*ends, strict=True), color=colour, linewidth=0.8, alpha=0.6)
    if len(shares) > 1:
        panel.set_xscale("log")
    panel.set_xticks(shares, [f"{share:g}" for share in shares])
    panel.minorticks_off()
    panel.set_xlabel("share of the target's users who train", fontsize=8)
    panel.set_title(f"{by_fraction[0].target} ({by_fraction[0].n_users} users)", fontsize=9)
    panel.set_ylabel(f"% of {by_fraction[0].metric}", fontsize=8)
    panel.legend(fontsize=6, frameon=False, ncols=2)


def _means(effects: Sequence[Effect]) -> list[float]:
    return [100 * effect.change.mean for effect in effects]


def _ends(effect: Effect) -> tuple[float, float]:
    """Return the ends of an interval in percent; those that are not bounded are left out."""
    change = effect.change
    ends = (end if math.isfinite(end) else change.mean for end in (change.ci_low, change.ci_high))
    low, high = ends
    return 100 * low, 100 * high
