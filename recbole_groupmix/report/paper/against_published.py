"""The table "reproduced against published"."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from recbole_groupmix.core.names import BASELINES, DATA_MIX
from recbole_groupmix.core.statistics.bootstrap import mean_interval
from recbole_groupmix.report.frame.blocks import Cell, Table, number, text
from recbole_groupmix.report.paper.effects import N_BOOT
from recbole_groupmix.report.paper.grid import GridCell
from recbole_groupmix.report.paper.published import NOT_PUBLISHED, published
from recbole_groupmix.text import numbers

#: Protocol whose runs are those that the authors made.
AS_PUBLISHED = "paper"


def published_table(cells: Sequence[GridCell]) -> Table:
    """Return levels of baselines and searched mix with intervals, beside the published ones.

    Parameters
    ----------
    cells : sequence of GridCell
        Runs on one data set, none of them a control.
    """
    rows = []
    for cell in cells:
        for mix in (*BASELINES, DATA_MIX):
            if (mix, cell.run.keys[0]) not in cell.values:
                continue
            for place, key in enumerate(cell.run.keys):
                theirs = published(cell.dataset, cell.model, cell.d, cell.target, mix, key)
                if place == 0 or theirs is not None:  # of other metrics what is published
                    rows.append(_row(cell, mix, key, theirs))
    return Table(
        "published",
        "Reproduced against published",
        (
            *("run", "protocol", "target", "mix", "metric", "ours", "published"),
            *("ours against published", "published is"),
        ),
        rows,
        "Means over the target's users on test, with 95 % intervals over users (and seeds, from 5 "
        "on) of our split; the published figures are of another random split and were made under "
        f"protocol {AS_PUBLISHED}. Where ours is outside, either protocol or data differ by more "
        "than our users and seeds do; another split moves both by 1 to 3 % as well.",
    )


def _row(cell: GridCell, mix: str, key: str, theirs: float | None) -> list[Cell]:
    values = cell.values[mix, key].to_numpy(np.float64)
    mean, low, high = float(values.mean()), None, None
    if np.count_nonzero(~np.isnan(values).any(axis=0)) > 1:
        seed = zlib.crc32(f"{cell.dataset}/{cell.target}".encode())
        mean, low, high = mean_interval(values, seed=seed, n_boot=N_BOOT)
    row = [
        text(cell.model_and_size),
        text(cell.protocol),
        text(cell.target),
        text(mix),
        text(key),
        number(mean, shown=numbers.value_interval(mean, low, high)),
    ]
    if theirs is None or low is None or high is None:
        return [*row, text(NOT_PUBLISHED), text("-"), text("-")]
    where = "inside" if low <= theirs <= high else "below" if theirs < low else "above"
    change = number(mean / theirs - 1, shown=numbers.percent(mean / theirs - 1))
    return [*row, number(theirs, ".3f"), change, text(where)]
