"""What a page is made of: sections with paragraphs, figures and tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Cell:
    """A cell of a table: its text, and what it is sorted by (its text, if None)."""

    text: str
    value: float | None = None


@dataclass(frozen=True)
class Table:
    """A table whose first column names the rows.

    Parameters
    ----------
    name : str
        Short name, unique on the page of a run.
    title : str
        Caption.
    header : sequence of str
        Names of the columns.
    rows : sequence of sequence of Cell
        As many cells each as there are columns.
    note : str
        What marks and columns mean.
    folded : bool
        Whether the page shows it only when it is opened.
    """

    name: str
    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    folded: bool = False


@dataclass(frozen=True)
class Figure:
    """A figure.

    Parameters
    ----------
    name : str
        Short name, unique on the page of a run.
    title, caption : str
        What it shows, and how to read it.
    alt : str
        What a reader who cannot see it should know.
    data : pandas.DataFrame
        The numbers that are drawn.
    draw : callable
        Makes the matplotlib figure.
    wide : bool
        Whether it takes the whole width of the page.
    """

    name: str
    title: str
    caption: str
    alt: str
    data: pd.DataFrame
    draw: Callable[[], Any]
    wide: bool = False


@dataclass(frozen=True)
class Section:
    """Paragraphs, figures and tables under one heading."""

    name: str
    title: str
    text: Sequence[str] = ()
    figures: Sequence[Figure] = field(default=())
    tables: Sequence[Table] = field(default=())


def text(value: object) -> Cell:
    """Return a cell of text."""
    return Cell(str(value))


def number(value: float | None, form: str = "", shown: str | None = None) -> Cell:
    """Return a cell that is sorted by a number and shows it, or other text."""
    if shown is None:
        shown = "undefined" if value is None else format(value, form)
    return Cell(shown, None if value is None else float(value))
