"""How figures look: sizes, colours that colour-blind readers can tell apart, markers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, MaxNLocator

from recbole_groupmix.core.names import DATA_MIX, NO_AUGMENTATION, REFERENCE, STRATIFIED
from recbole_groupmix.text.numbers import defined

#: Inches; text of 9 points can then be read on a telephone.
WIDTH = 4.8
#: Text and axes, second text, grid, background: a page in the dark replaces them.
INK, MUTED, GRID, PAPER = "#1f2328", "#59636e", "#d0d7de", "#ffffff"
#: Between luminance .12 and .30, so at least 3 to 1 against white and against the dark page.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b97a00", "#7d828a", "#2f9bd6")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))
HATCHES = ("", "///", "...", "xxx")
#: On coloured bars.
ON_COLOUR = "#0b0b0b"

RC: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "hatch.linewidth": 0.5,
    "figure.facecolor": PAPER,
    "figure.dpi": 100,
    "svg.fonttype": "none",
    "svg.hashsalt": "groupmix",
}


def canvas(height: float, rows: int = 1, columns: int = 1, **options: Any) -> tuple[Canvas, Any]:
    """Return a figure of the one width and its axes, as an array of shape (rows, columns)."""
    figure = Canvas(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, axes


def mix_style(mix: str, mixes: Sequence[str]) -> tuple[str, str]:
    """Return colour and marker of a row, the same in every figure of a run; 16 of them differ."""
    fixed = {DATA_MIX: 0, NO_AUGMENTATION: 1, STRATIFIED: 2}
    if mix == REFERENCE:
        return INK, "|"
    own = [name for name in mixes if name not in fixed and name != REFERENCE]
    if mix in fixed:
        return COLOURS[fixed[mix]], MARKERS[fixed[mix]]
    place = own.index(mix)
    return COLOURS[3 + place % 4], MARKERS[3 + (place + place // 4) % 4]


def clipped(name: str, length: int = 18) -> str:
    """Return a name that fits beside an axis; of a long one both ends, which tell it apart."""
    tail = (length - 3) // 2
    short = name if len(name) <= length else f"{name[: length - 3 - tail]}...{name[-tail:]}"
    return f" {short}" if short.startswith("_") else short  # matplotlib hides those from legends


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Return places in [0, 1] in the same order and as far apart as `gap`, where there is room."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    found, lowest = list(places), -1.0
    for i in order:
        found[i] = lowest = max(places[i], lowest + gap)
    highest = 1.0 + gap
    for i in reversed(order):
        found[i] = highest = min(found[i], highest - gap)
    return found


def percent_axis(axis: Any, signed: bool = True) -> None:
    """Write an axis of fractions in percent."""
    axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))

    def written(value: float, _: Any) -> str:
        shown = f"{100 * value:+.4g}" if signed else f"{100 * value:.4g}"
        return ("0" if abs(value) < 1e-12 else shown).replace("-", "\N{MINUS SIGN}") + "%"

    axis.set_major_formatter(FuncFormatter(written))


def interval_line(
    axes: Axes, mean: float, ends: Sequence[float | None], y: float, colour: str
) -> float:
    """Draw an interval; an arrow to the edge of the plot where it is unbounded.

    Returns
    -------
    float
        Its upper end, or the mean where that is unbounded: where to write beside it.
    """
    known = [mean if not defined(end) else float(end or 0.0) for end in ends]
    axes.plot(known, [y, y], color=colour, linewidth=2)
    for end, edge in zip(ends, (0.0, 1.0), strict=True):
        if not defined(end):
            axes.annotate(
                "",
                (edge, y),
                (mean, y),
                xycoords=axes.get_yaxis_transform(),
                textcoords="data",
                arrowprops={"arrowstyle": "->", "color": colour, "linewidth": 2, "shrinkA": 0},
            )
    return known[1]


def reference_line(axes: Axes, vertical: bool = True) -> None:
    """Draw the line of no change."""
    draw = axes.axvline if vertical else axes.axhline
    draw(0, color=INK, linewidth=1, zorder=1)


def row_axis(axes: Axes, labels: Sequence[str]) -> None:
    """Name the rows of a plot, the first on top."""
    axes.set_yticks(range(len(labels)), [clipped(label, 24) for label in labels])
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")


def at_edge(axes: Axes, value: float, y: float, colour: str, face: str) -> None:
    """Write a fraction at the edge beyond which it lies, so that others can be seen."""
    coordinates, right = axes.get_yaxis_transform(), value > 0
    axes.plot(
        *(0.985 if right else 0.015, y),
        ">" if right else "<",
        color=colour,
        markersize=5,
        markerfacecolor=face,
        transform=coordinates,
    )
    axes.annotate(
        f"{value:+.0%}",
        (0.98 if right else 0.02, y),
        xycoords=coordinates,
        xytext=(-4 if right else 4, 0),
        textcoords="offset points",
        ha="right" if right else "left",
        va="center",
        color=INK,
        fontsize=8,
    )
