"""Tables and paragraphs as HTML that a notebook shows below a cell."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from html import escape

from recbole_groupmix.text.untrusted import escaped

_CELL = "padding: 0.2em 0.6em"
_NOTE = "font-size: smaller; max-width: 60em; margin: 0.3em 0"


def html_table(rows: Sequence[Sequence[str]], left: Container[int] = (0,)) -> str:
    """Return a table in HTML, which scrolls by itself where it is wide.

    Parameters
    ----------
    rows : sequence of sequence of str
        The header first, all of one length; tags and control characters in them are text.
    left : container of int
        Left-aligned columns; the others are right-aligned.
    """
    head, *body = [
        "".join(
            f'<{tag} style="{_CELL}; text-align: {"left" if i in left else "right"}">{_text(cell)}</{tag}>'
            for i, cell in enumerate(row)
        )
        for tag, row in zip(["th", *["td"] * len(rows)], rows, strict=False)
    ]
    lines = "\n".join(f"<tr>{row}</tr>" for row in body)
    return (
        f'<div style="overflow-x: auto"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{lines}\n</tbody>\n</table></div>"
    )


def html_notes(texts: Iterable[str]) -> str:
    """Return paragraphs in HTML, such as those below a table."""
    return "\n".join(f'<p style="{_NOTE}">{_text(text)}</p>' for text in texts)


def _text(text: str) -> str:
    return escape(escaped(text))
