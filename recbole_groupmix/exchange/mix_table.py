"""Tables of mixes and scores as CSV: a mix in a row, a group in a column."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.spelling import did_you_mean
from recbole_groupmix.exchange.tried import TriedMix
from recbole_groupmix.files.bounded import read_text_bounded
from recbole_groupmix.text.untrusted import csv_text, error_text, short_repr

#: Columns that are no groups, and the score of a mix.
LABELS, SCORE = ("name", "source"), "score"
#: Column of budget ratios; where it stands, the groups' columns are their shares.
BUDGETS = "alpha_aug"
_SUM_TOLERANCE = 1e-3  # shares may be rounded


@dataclass(frozen=True, eq=False)
class MixTable:
    """Mixes with their scores.

    Attributes
    ----------
    names : tuple of str
        Name of each mix; its line in the file where there is no column ``name``.
    groups : tuple of str
        The groups besides the target.
    weights : numpy.ndarray of float64, shape (n, n_groups)
        Weight >= 0 of a user of each group, the target's users weighing 1; the shares of the groups
        where there are `budgets`.
    scores : numpy.ndarray of float64, shape (n,)
        NaN where a cell is empty.
    budgets : numpy.ndarray of float64, shape (n,), or None
        The column ``alpha_aug``; None without it.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]
    weights: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float64]
    budgets: npt.NDArray[np.float64] | None = None

    def user_weights(self, sizes: Mapping[str, float]) -> npt.NDArray[np.float64]:
        """Return the weight of a user of each group, float64 (n, n_groups).

        Parameters
        ----------
        sizes : mapping of str to float
            Users of each group, > 0; they turn shares into weights (Eq. 8).
        """
        if self.budgets is None:
            return self.weights
        of_all = np.array([sizes[group] for group in self.groups], dtype=np.float64)
        weights: npt.NDArray[np.float64] = (
            self.budgets[:, None] * self.weights / (of_all / of_all.sum())
        )
        return weights


def csv_of(mixes: Sequence[TriedMix]) -> str:
    """Return the mixes of a run as a table that :func:`read_mix_table` reads."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    groups = list(mixes[0].weights)
    writer.writerow([*LABELS, *map(csv_text, groups), SCORE])
    for mix in mixes:
        score = "" if mix.score is None else repr(mix.score)
        weights = [repr(mix.weights[group]) for group in groups]
        writer.writerow([csv_text(mix.name), csv_text(mix.source), *weights, score])
    return out.getvalue()


def read_mix_table(path: str | Path, score: str = SCORE) -> MixTable:
    """Read a table of mixes.

    Parameters
    ----------
    path : path
        A CSV file with a header: a column of scores, perhaps ``name`` and ``source``, and every
        other column a group, which holds the weight of each of its users relative to a user of the
        target: 1 as the data are, 0 left out. With a column ``alpha_aug``, the budget ratio, the
        groups' columns hold their shares, together 1.
    score : str
        Name of the column of scores.

    Raises
    ------
    ValueError
        If it cannot be read, lacks the column or groups, or a cell is no number, with its place.
    """
    try:
        text = read_text_bounded(path)
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except (OSError, ValueError, csv.Error) as error:
        raise ValueError(f"{path} cannot be read as a table: {error_text(error)}") from error
    if len(rows) < 2:
        raise ValueError(f"{path} holds no mix; give a header and a row for each mix")
    header, *body = rows
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise ValueError(f"{path} has two columns {short_repr(twice)}; name each once")
    if score not in header:
        raise ValueError(
            f"{path} has no column {short_repr(score)} of scores{did_you_mean(score, header)}; its "
            f"columns are {', '.join(map(short_repr, header))}: name one by --score"
        )
    groups = [name for name in header if name not in (*LABELS, BUDGETS, score)]
    if not groups:
        raise ValueError(f"{path} has no column of a group besides {', '.join(header)}")
    names, weights, scores, budgets = [], [], [], []
    for number, row in enumerate(body, start=2):
        where = f"{path}, row {number}"
        if len(row) != len(header):
            raise ValueError(f"{where} has {len(row)} cells and the header {len(header)}")
        cells = dict(zip(header, row, strict=True))
        names.append(cells.get("name") or f"row {number}")
        weights.append(
            [_number(cells[group], f"{where}, column {group}", 0.0) for group in groups]
        )
        if BUDGETS in cells:
            budgets.append(_number(cells[BUDGETS], f"{where}, column {BUDGETS}", 0.0))
            if abs(sum(weights[-1]) - 1.0) > _SUM_TOLERANCE:
                raise ValueError(
                    f"{where}: the shares of the groups sum to {sum(weights[-1]):.6g}; beside a column "
                    f"{BUDGETS} they must sum to 1"
                )
        empty = not cells[score].strip()
        scores.append(math.nan if empty else _number(cells[score], f"{where}, column {score}"))
    of = np.array(budgets) if budgets else None
    return MixTable(tuple(names), tuple(groups), np.array(weights), np.array(scores), of)


def _number(text: str, where: str, least: float = -math.inf) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < least:
        kind = "a number" if math.isinf(least) else f"a weight >= {least:g}"
        raise ValueError(f"{where} is {short_repr(text)}; it must be {kind}")
    return value
