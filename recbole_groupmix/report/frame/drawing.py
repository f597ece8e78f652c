"""A figure as SVG and PNG files, and as SVG inside a page."""

from __future__ import annotations

import html
import io
import re
from dataclasses import dataclass

from recbole_groupmix.report.frame import style
from recbole_groupmix.report.frame.blocks import Figure
from recbole_groupmix.text.figures import figure_of_names
from recbole_groupmix.text.untrusted import csv_safe

#: Colours that a page replaces by its own in the dark.
_THEMED = {
    style.INK: "var(--ink)",
    style.MUTED: "var(--muted)",
    style.GRID: "var(--grid)",
    style.PAPER: "var(--card)",
}
_PNG_DPI = 200


@dataclass(frozen=True)
class Drawing:
    """A drawn figure.

    Parameters
    ----------
    figure : Figure
        What is drawn.
    svg, png : bytes
        Contents of the files.
    """

    figure: Figure
    svg: bytes
    png: bytes

    @property
    def files(self) -> dict[str, bytes]:
        """Contents of its files by ending: both pictures, and its data as CSV."""
        csv = csv_safe(self.figure.data).to_csv(index=False).encode()
        return {"svg": self.svg, "png": self.png, "csv": csv}

    def inline(self, prefix: str) -> str:
        """Return the SVG for a page that may hold others; `prefix` makes its ids unique."""
        drawn = self.svg.decode()
        drawn = drawn[drawn.index("<svg") :]
        drawn = re.sub(r"<metadata>.*?</metadata>", "", drawn, flags=re.S)
        drawn = re.sub(r"<!--.*?-->", "", drawn, flags=re.S)
        drawn = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}\1"', drawn)
        drawn = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}\1"', drawn)
        drawn = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}\1)", drawn)
        for colour, variable in _THEMED.items():
            drawn = drawn.replace(colour, variable)
        head, _, rest = drawn.partition(">")
        (box,) = re.findall(r'viewBox="[^"]+"', head)
        alt = html.escape(self.figure.alt, quote=True)
        body = rest.replace("xlink:href", "href")
        body = re.sub(r"\n\s*", "\n", body)
        return f'<svg role="img" aria-label="{alt}" {box}>{body}'.strip()


def drawn(figure: Figure) -> Drawing:
    """Draw a figure."""
    svg, png = io.BytesIO(), io.BytesIO()
    with figure_of_names(figure.draw, style.RC) as picture:
        picture.savefig(svg, format="svg", metadata={"Date": None})
        picture.savefig(png, format="png", dpi=_PNG_DPI, metadata={"Description": figure.alt})
    return Drawing(figure, svg.getvalue(), png.getvalue())
