"""Runs as cells of a grid: data set, model, dimension, target, protocol and control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from recbole_groupmix.record.established import LOW
from recbole_groupmix.record.finished_run import FinishedRun, read_folder


@dataclass(frozen=True, eq=False)
class GridCell:
    """A finished run without the metrics of other groups.

    Parameters
    ----------
    run : FinishedRun
        The run; its table of metrics is empty.
    control : str
        What differs from the protocol, such as ``graph=all``; empty for nothing.
    values : dict of (mix, key) to pandas.DataFrame
        The target's users: values by repeat (rows) and user (columns, sorted).
    """

    run: FinishedRun
    control: str
    values: Mapping[tuple[str, str], pd.DataFrame]

    @property
    def dataset(self) -> str:
        """Data set."""
        return str(self.run.result["dataset"])

    @property
    def protocol(self) -> str:
        """Protocol."""
        return str(self.run.result["protocol"])

    @property
    def model(self) -> str:
        """Model."""
        return str(self.run.result["model"])

    @property
    def d(self) -> int | None:
        """Embedding size; None for models without one."""
        size = self.run.result["embedding_size"]
        return None if size is None else int(size)

    @property
    def target(self) -> str:
        """Target group."""
        return self.run.target

    @property
    def low(self) -> bool:
        """Whether the embedding size is low."""
        return self.d is not None and self.d <= LOW

    @property
    def place(self) -> tuple[str, str, str, str, int | None, str]:
        """The values that identify a cell of the grid."""
        return self.dataset, self.protocol, self.control, self.model, self.d, self.target

    @property
    def model_and_size(self) -> str:
        """Model and embedding size in words."""
        return self.model if self.d is None else f"{self.model}, d = {self.d}"


def read_cell(folder: str | Path, control: str = "") -> GridCell:
    """Read a run as a cell.

    Raises
    ------
    ValueError
        If the folder does not hold a finished run that can be read.
    """
    return cell_of(read_folder(folder, only_target=True), control)


def cell_of(run: FinishedRun, control: str = "") -> GridCell:
    """Return the cell of a run that was read."""
    values = {
        (mix, key): run.per_user(mix, key, run.target).sort_index(axis=1)
        for mix in run.rows
        for key in run.keys
    }
    return GridCell(replace(run, metrics=run.metrics.iloc[:0]), control, values)


def twice(cells: Sequence[GridCell]) -> list[str]:
    """Return the names of run folders that take the same place in the grid as another."""
    places = [cell.place for cell in cells]
    return [
        cell.run.name for cell, place in zip(cells, places, strict=True) if places.count(place) > 1
    ]


def in_order(cells: Sequence[GridCell]) -> list[GridCell]:
    """Return cells by protocol and control as given, then model, size and target.

    Targets keep the order of the data set's groups, models that of their first run.
    """
    first = {name: place for place, name in enumerate(dict.fromkeys(c.protocol for c in cells))}
    models = {name: place for place, name in enumerate(dict.fromkeys(c.model for c in cells))}
    controls = {name: place for place, name in enumerate(dict.fromkeys(c.control for c in cells))}
    return sorted(
        cells,
        key=lambda c: (
            first[c.protocol],
            controls[c.control],
            models[c.model],
            c.d or 0,
            list(c.run.groups).index(c.target),
        ),
    )
