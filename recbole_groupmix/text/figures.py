"""Figures whose text holds untrusted names: no formulas, and in fonts that have their letters."""

from __future__ import annotations

import logging
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

from recbole_groupmix.text.untrusted import escaped

_MISSING = re.compile(r"Glyph (\d+) ")
_NO_ROOM = "constrained_layout not applied"
#: Letters of a word, and of a line, that a figure has room for.
_WORD, _LINE = 40, 120
_MOST_NAMED = 5


@contextmanager
def figure_of_names(
    draw: Callable[[], Any], settings: Mapping[str, Any] | None = None
) -> Iterator[Any]:
    """Yield a matplotlib figure whose text is shown as it is, and keep its settings for saving.

    It is laid out once: what is saved has the places of that layout, whatever its resolution.

    A ``$`` begins no formula, except where a text asks for it (``parse_math=True``). Letters that
    the font lacks are taken from an installed one that has them; a warning names the others.

    Parameters
    ----------
    draw : callable
        Makes the figure; called again if another font is needed.
    settings : mapping, optional
        ``rcParams`` that differ from matplotlib's defaults; the user's are not used.
    """
    import matplotlib  # here, since a run does not need it

    parameters = {**matplotlib.rcParamsDefault, **(settings or {}), "text.parse_math": False}
    with matplotlib.rc_context(parameters):
        picture, missing = _laid_out(draw)
        if missing:
            fonts, in_no_font = fonts_with(missing)
            if in_no_font:
                logging.getLogger(__name__).warning(_warning(in_no_font))
            if fonts:
                family = matplotlib.rcParams["font.family"]
                with matplotlib.rc_context({"font.family": [*family, *fonts]}):
                    picture, _ = _laid_out(draw)
        picture.set_layout_engine(None)  # any engine, "none" too, makes each savefig draw twice
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=_MISSING.pattern)
            yield picture


def _laid_out(draw: Callable[[], Any]) -> tuple[Any, frozenset[int]]:
    """Return a figure and the code points that its fonts lack."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        picture = draw()
        _shorten(picture)
        picture.draw_without_rendering()
    missing = set()
    for warning in caught:
        glyph = _MISSING.match(str(warning.message))
        if glyph:
            missing.add(int(glyph[1]))
        elif not str(warning.message).startswith(_NO_ROOM):
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    return picture, frozenset(missing)


def _shorten(picture: Any) -> None:
    """Escape control characters in all texts of a figure, and shorten long names."""
    from matplotlib.text import Text
    from matplotlib.ticker import FuncFormatter

    for axes in picture.axes:
        for axis in (axes.xaxis, axes.yaxis):
            formatter = axis.get_major_formatter()
            if isinstance(formatter, FuncFormatter):  # those of set_xticks(places, names) are
                axis.set_major_formatter(FuncFormatter(partial(_shortened, formatter)))
    for text in picture.findobj(Text):
        if not text.get_parse_math():
            text.set_text(figure_text(text.get_text()))


def _shortened(formatter: Callable[..., str], value: float, place: int | None = None) -> str:
    return figure_text(formatter(value, place))


def figure_text(text: str) -> str:
    """Return text for a figure: control characters escaped, long words and lines shortened."""
    lines = [
        " ".join(_beginning(word, _WORD) for word in line.split(" "))
        for line in escaped(text).split("\n")
    ]
    return "\n".join(_beginning(line, _LINE) for line in lines)


def _beginning(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


@cache
def fonts_with(points: frozenset[int]) -> tuple[list[str], frozenset[int]]:
    """Return few installed fonts that together have some code points, and the points of none.

    Parameters
    ----------
    points : frozenset of int
        Code points of letters.
    """
    from matplotlib.font_manager import fontManager
    from matplotlib.ft2font import FT2Font

    has: dict[str, frozenset[int]] = {}
    for font in sorted(fontManager.ttflist, key=lambda font: (font.name, font.fname)):
        # "Last Resort" has a box for every code point
        if font.style != "normal" or font.name in has or font.name.startswith("Last Resort"):
            continue
        try:
            has[font.name] = points & FT2Font(font.fname).get_charmap().keys()
        except (OSError, RuntimeError):  # uninstalled since, or damaged
            continue
    chosen: list[str] = []
    left = points
    while left and has:
        best = max(has, key=lambda name: len(has[name] & left))
        if not has[best] & left:
            break
        chosen.append(best)
        left -= has.pop(best)
    return chosen, left


def _warning(points: frozenset[int]) -> str:
    names = []
    for point in sorted(points)[:_MOST_NAMED]:
        letter = chr(point) if chr(point).isprintable() else ""
        name = unicodedata.name(chr(point), "")
        names.append(" ".join(part for part in (letter, f"U+{point:04X}", name) if part))
    more = f" and {len(points) - _MOST_NAMED} more" if len(points) > _MOST_NAMED else ""
    return (
        f"no installed font has {', '.join(names)}{more}: figures show a box there; install one, "
        "such as Noto Sans CJK"
    )
