"""Tables as aligned text and as Markdown."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from textwrap import wrap

from recbole_groupmix.text.untrusted import escaped_cell, markdown_cell

#: Columns of the paragraphs below a table.
WIDTH = 99


def aligned(
    rows: Sequence[Sequence[str]], left: Container[int] = (0,), rule: bool = False
) -> list[str]:
    """Return the lines of a table whose columns are as wide as their widest cell.

    Parameters
    ----------
    rows : sequence of sequence of str
        The header first, all of one length; control characters are escaped.
    left : container of int
        Left-aligned columns; the others are right-aligned.
    rule : bool
        Whether to draw a line of hyphens below the header.
    """
    cells = [[escaped_cell(cell) for cell in row] for row in rows]
    lines = ["  ".join(padded).rstrip() for padded in _padded(cells, left)]
    if rule:
        lines.insert(1, "  ".join("-" * width for width in _widths(cells)))
    return lines


def markdown_table(
    rows: Sequence[Sequence[str]], left: Container[int] = (0,), pad: bool = False
) -> str:
    """Return a table in Markdown, the header first; `pad` aligns its text too.

    Parameters
    ----------
    rows, left
        As for :func:`aligned`; tags, links and ends of cells are made harmless.
    pad : bool
        Whether the columns are as wide as their widest cell.
    """
    cells = [[markdown_cell(cell) for cell in row] for row in rows]
    rule = ["---" if i in left else "---:" for i in range(len(cells[0]))]
    if pad:
        widths = _widths(cells)
        cells = _padded(cells, left)
        rule = [dash[-1].rjust(width, "-") for dash, width in zip(rule, widths, strict=True)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [cells[0], rule, *cells[1:]])


def paragraphs(texts: Iterable[str]) -> list[str]:
    """Return the wrapped lines of paragraphs below a table, with a hanging indent."""
    return [line for text in texts for line in wrap(text, WIDTH, subsequent_indent="  ")]


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _padded(rows: Sequence[Sequence[str]], left: Container[int]) -> list[list[str]]:
    widths = _widths(rows)
    return [
        [
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in rows
    ]
