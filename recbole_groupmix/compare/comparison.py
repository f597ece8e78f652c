"""Comparison of two or more runs by their per-user values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recbole_groupmix.compare.files import check_output
from recbole_groupmix.compare.pairing import common_users, paired_repeats
from recbole_groupmix.compare.render import markdown
from recbole_groupmix.compare.rows import compared, corrected
from recbole_groupmix.compare.selection import chosen_groups, chosen_metrics, chosen_reference
from recbole_groupmix.compare.tables import runs_of_tables
from recbole_groupmix.files.whole import Content, write_whole
from recbole_groupmix.text.numbers import LEVEL
from recbole_groupmix.text.untrusted import csv_safe, error_text, short_repr

#: Most resamples, and permutations; more would not change the result.
MOST_DRAWS = 1_000_000


@dataclass(frozen=True)
class Comparison:
    """Runs against a reference, one row per group, metric and run; see :func:`compare`.

    Parameters
    ----------
    rows : pandas.DataFrame
        What :meth:`to_frame` returns.
    reference : str
        Name of the run that the others are compared with.
    confidence : float
        Level of the intervals.
    notes : tuple of str
        Notes on what was left out or averaged.
    """

    rows: pd.DataFrame
    reference: str
    confidence: float
    notes: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return one row per group, metric and run.

        Columns: ``group``, ``metric``, ``run``, ``reference``; ``n_users`` that were compared
        and ``n_undefined`` that were not, having no value in one of the two; ``n_repeats``;
        ``mean`` and ``reference_mean`` over the compared users, and their ``difference``;
        ``change`` (the ratio of the means minus 1, a fraction) with ``ci_low`` and ``ci_high``,
        infinite where unbounded; ``interval``, what it is over: ``users``, or ``users, repeats``
        from 5 repeats on; ``p_interval``, ``p_permutation`` and ``p_repeats`` (2 to 4
        repeats) of the tests, ``p``, the largest of them, and ``p_holm``, corrected over all rows but those of a run that has the values of
        another; ``d``, ``rank_biserial``, ``gain``, ``lose``, ``tie`` (see
        :class:`recbole_groupmix.core.statistics.effect.Effect`); ``mark``, ``*`` where `p_holm` <
        0.05.
        """
        return self.rows.copy()

    def to_markdown(self) -> str:
        """Return a table in Markdown, with its explanation below."""
        return markdown(self.rows, self.reference, self.confidence, LEVEL, self.notes)

    def save(self, path: str | Path) -> None:
        """Write to a ``.csv``, ``.md`` or ``.parquet`` file.

        Raises
        ------
        ValueError
            If the file has another suffix or cannot be written.
        """
        path = check_output(path, "path")
        try:
            write_whole(path, self._content(path.suffix.lower()))
        except OSError as error:
            raise ValueError(f"cannot write {path}: {error_text(error)}") from error

    def _content(self, suffix: str) -> Content:
        if suffix == ".csv":
            return str(
                csv_safe(self.rows).to_csv(
                    index=False,
                    lineterminator="\n",
                )
            )
        if suffix == ".parquet":
            return lambda file: self.rows.to_parquet(file, index=False)
        return self.to_markdown() + "\n"


def compare(
    runs: Mapping[str, Any],
    reference: str | None = None,
    metrics: Sequence[str] | None = None,
    how: str = "refuse",
    groups: Sequence[str] | None = None,
    seed: int = 0,
    *,
    n_boot: int = 10_000,
    n_permutations: int = 10_000,
    confidence: float = 0.95,
) -> Comparison:
    """Compare per-user values of runs with those of a reference, overall and per group.

    The mean's relative change has a paired interval; the p-value is the largest of those of
    the interval, of a paired permutation test over users and, with 2 to 4 repeats, of a test over
    users and repeats (:mod:`~recbole_groupmix.core.statistics.two_tests`), corrected by Holm over all rows of the
    table that compare different values. With fewer than 6 users no row can be marked.
    Repeats of equal label are paired; runs that share none are averaged over their own.

    Parameters
    ----------
    runs : mapping of str to table
        A table is a pandas or pyarrow table, or a mapping of columns to arrays, in long form
        (``user_id, metric, value``, and possibly ``k, repeat, group, mix``) or wide form
        (``user_id`` and one column per metric; possibly ``repeat, group, mix``). User ids are
        compared as text. A table of several mixes is one run per mix, ``"name:mix"``.
    reference : str, optional
        Name of a run, or of its mix where that is unique; by default the first.
    metrics : sequence of str, optional
        Metrics, such as ``recall@20``; by default those that all runs have.
    how : {"refuse", "inner"}
        What to do with users that are not in every run: refuse them, or leave them out.
    groups : sequence of str, optional
        Groups to compare, ``"overall"`` for all users; by default overall and every group.
    seed : int
        Seed of the resamples and of the permutations, >= 0.
    n_boot, n_permutations : int
        Number of resamples and of permutations per row, 1 to `MOST_DRAWS`.
    confidence : float
        Level of the intervals, in (0, 1).

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        If a table cannot be used, there are fewer than two runs, a given run, metric or group does
        not exist, or users differ and `how` is ``refuse``.
    """
    for name, given in (("metrics", metrics), ("groups", groups)):
        if isinstance(given, str) or (given is not None and not given):
            raise ValueError(f"{name} is {given!r}; allowed are a list of names, and None for all")
    for name, draws in (("n_boot", n_boot), ("n_permutations", n_permutations)):
        if draws > MOST_DRAWS:
            raise ValueError(f"{name} is {short_repr(draws)}; it must be at most {MOST_DRAWS:,}")
    all_runs = runs_of_tables(runs, metrics)
    if len(all_runs) < 2:
        raise ValueError(
            f"a comparison needs at least 2 runs; there is {len(all_runs)}"
            f"{f' ({all_runs[0].name})' if all_runs else ''}"
        )
    base = chosen_reference(all_runs, reference)
    others = [run for run in all_runs if run is not base]
    shared, notes = chosen_metrics(base, others, metrics)
    users, left_out = common_users(all_runs, how)
    pairs = [paired_repeats(run.of_users(users), base.of_users(users)) for run in others]
    notes += [*left_out, *(note for *_, note in pairs if note)]
    labels, cells = [], []
    for group, members in chosen_groups(all_runs, users, groups):
        for metric in shared:
            for run, paired, _ in pairs:
                labels.append((group, metric, run.name, base.name))
                both = run.values[metric], paired.values[metric]
                cells.append((both[0][:, members], both[1][:, members]))
    rows = compared(
        cells, seed=seed, n_boot=n_boot, n_permutations=n_permutations, confidence=confidence
    )
    table = pd.concat(
        [
            pd.DataFrame(labels, columns=["group", "metric", "run", "reference"]),
            pd.DataFrame(rows),
        ],
        axis=1,
    )
    if len(table) >= LEVEL * (n_permutations + 1):
        notes.append(
            f"{len(table)} rows are too many for {n_permutations} permutations: corrected, the "
            f"least p is no longer below {LEVEL}. Compare fewer metrics or groups, or take more "
            "permutations."
        )
    table["p_holm"] = corrected(table["p"].tolist(), cells)
    table["mark"] = np.where(table["p_holm"] < LEVEL, "*", "")
    return Comparison(table, base.name, confidence, tuple(notes))
