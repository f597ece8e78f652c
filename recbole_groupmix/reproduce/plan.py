"""The cells of a grid: the runs that it consists of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from recbole_groupmix.core.spelling import did_you_mean
from recbole_groupmix.recommenders.by_name import model_class
from recbole_groupmix.reproduce.controls import Control, labelled
from recbole_groupmix.settings.merge import merge_settings
from recbole_groupmix.settings.model import reads_key
from recbole_groupmix.settings.settings import Settings
from recbole_groupmix.text.untrusted import safe_file_name

#: Keys of a run that the grid decides, with the option that does.
_OF_GRID = {
    "dataset": "datasets",
    "model": "models",
    "embedding_size": "dims",
    "target": "targets",
    "protocol": "protocols",
    "output_dir": "out",
}

#: Keys of a run that compares mixes alone.
NO_RIVALS = {"rivals": "none"}


@dataclass(frozen=True)
class Grid:
    """What was asked.

    Parameters
    ----------
    datasets, models, protocols : sequence of str
        Values of the axes.
    dims : sequence of int
        Embedding sizes; models without one have one cell for all.
    targets : sequence of str
        Target groups; empty for every group of a data set.
    keys : mapping
        Keys of all runs, such as ``trials``.
    controls : sequence of Control or None
        None for the protocols alone.
    """

    datasets: Sequence[str]
    models: Sequence[str]
    dims: Sequence[int]
    targets: Sequence[str]
    protocols: Sequence[str]
    keys: Mapping[str, Any] = field(default_factory=dict)
    controls: Sequence[Control] | None = None

    def check(self) -> None:
        """Raise ``ValueError`` for a value that occurs twice, and keys that the grid decides."""
        for axis in ("datasets", "models", "dims", "targets", "protocols"):
            values = list(getattr(self, axis))
            if not values and axis != "targets":
                raise ValueError(f"--{axis} is empty; name at least one")
            if len(set(values)) < len(values):
                raise ValueError(f"--{axis} names a value twice: {values}")
        for key in self.keys:
            if key in _OF_GRID:
                raise ValueError(f"--{key} is decided by the grid; use --{_OF_GRID[key]}")


@dataclass(frozen=True)
class Cell:
    """One run to make.

    Parameters
    ----------
    given : dict
        Its settings, as :func:`~recbole_groupmix.settings.merge.merge_settings` takes them.
    control : str
        What differs from the protocol; empty for a cell that belongs to no control.
    changes : dict
        Keys among the settings that the control changes.
    """

    given: Mapping[str, Any]
    control: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def base(self) -> dict[str, Any]:
        """The settings without the control's changes."""
        return {key: value for key, value in self.given.items() if key not in self.changes}

    @property
    def name(self) -> str:
        """Name of its files: the place in the grid."""
        keys = ("dataset", "target", "model", "embedding_size", "protocol")
        words = [str(self.given[key]) for key in keys if key in self.given]
        text = "-".join([*words, *([self.control] if self.control else [])])
        plain = re.sub(r"[^\w.=-]+", "_", text)
        return plain if len(plain.encode()) < 150 else safe_file_name(text)

    @property
    def words(self) -> str:
        """The place in the grid for people."""
        size = self.given.get("embedding_size")
        of = f" d={size}" if size is not None else ""
        control = f", {self.control}" if self.control else ""
        given = self.given
        model = f"{given['model']}{of}, {given['protocol']}{control}"
        return f"{given['dataset']}, target {given['target']}, {model}"

    def settings(self, output_dir: str) -> Settings:
        """Return the merged settings of the run, which goes below a folder.

        Consent to a long run was given when the grid was started.
        """
        given = {**self.given, "output_dir": output_dir, "yes": True}
        return merge_settings(given, where="in groupmix reproduce")


def without_target(grid: Grid) -> list[dict[str, Any]]:
    """Return the settings of data set, model, size and protocol of each cell, without a target.

    Raises
    ------
    ValueError
        For a model or protocol that does not exist.
    """
    settings_of_cells: list[dict[str, Any]] = []
    for dataset in grid.datasets:
        for model in grid.models:
            sized = _reads_size(model)
            for d in grid.dims if sized else [None]:
                for protocol in grid.protocols:
                    given: dict[str, Any] = {"dataset": dataset, "model": model}
                    given |= {"protocol": protocol} | ({} if d is None else {"embedding_size": d})
                    # the paper searches the sampled mixes only, without theory's
                    settings_of_cells.append({**given, "class_field": None, **grid.keys})
    for given in settings_of_cells:
        merge_settings(given, where="in groupmix reproduce")  # unknown keys, bad values
    return settings_of_cells


def _reads_size(model: str) -> bool:
    try:
        return reads_key(model_class(model).__name__, "embedding_size")
    except ValueError as error:
        raise ValueError(f"--models names {model!r}: {error}") from error


def targets_of(grid: Grid, groups: Mapping[str, Mapping[str, int]]) -> dict[str, list[str]]:
    """Return the targets of each data set: those asked for that are groups of it, or all.

    Parameters
    ----------
    grid : Grid
        What was asked.
    groups : mapping of str to mapping of str to int
        Users by group, by data set.

    Raises
    ------
    ValueError
        For a target that is not a group of any data set, and a data set without a target.
    """
    known = {name for of in groups.values() for name in of}
    for target in grid.targets:
        if target not in known:
            raise ValueError(
                f"--targets names {target!r}, which is not a group of "
                f"{' or '.join(groups)}{did_you_mean(target, known)}; groups "
                f"are {', '.join(sorted(known))}"
            )
    targets_by_dataset = {
        dataset: [t for t in grid.targets if t in of] if grid.targets else list(of)
        for dataset, of in groups.items()
    }
    for dataset, targets in targets_by_dataset.items():
        if not targets:
            raise ValueError(
                f"--targets names no group of {dataset}; its groups are "
                f"{', '.join(groups[dataset])}"
            )
    return targets_by_dataset


def cells_of(grid: Grid, targets: Mapping[str, Sequence[str]]) -> list[Cell]:
    """Return the cells of a grid.

    Cells in which a control changes something have no rivals of mixing unless the keys name some:
    these are asked how a statement on mixes bears the change.
    """
    cells = []
    for given in without_target(grid):
        for target in targets[given["dataset"]]:
            with_target = {**given, "target": target}
            if grid.controls is None:
                cells.append(Cell(with_target))
                continue
            settings = merge_settings(with_target, where="in groupmix reproduce")
            for label, changes in labelled(settings, grid.controls):
                more = NO_RIVALS if changes and "rivals" not in grid.keys else {}
                cells.append(Cell({**with_target, **more, **changes}, label, changes))
    return cells
