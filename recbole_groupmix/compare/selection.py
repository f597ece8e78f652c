"""The reference, the metrics and the groups of a comparison."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from recbole_groupmix.compare.pairing import group_of_users
from recbole_groupmix.compare.tables import Run

#: Name, in the column ``group``, of all users.
OVERALL = "overall"


def chosen_reference(runs: Sequence[Run], name: str | None) -> Run:
    """Return the run of this name, or of this mix where that is unique; by default the first.

    Raises
    ------
    ValueError
        If no run has the name, or several have the mix.
    """
    if name is None:
        return runs[0]
    fits = [run for run in runs if run.name == name]
    fits = fits or [run for run in runs if run.name.endswith(f":{name}")]
    if len(fits) != 1:
        raise ValueError(
            f"reference {name!r} is {'not a run' if not fits else 'not unique'}; runs are "
            f"{', '.join(run.name for run in runs)}"
        )
    return fits[0]


def chosen_metrics(
    base: Run, others: Sequence[Run], names: Sequence[str] | None
) -> tuple[list[str], list[str]]:
    """Return the metrics that all runs have, in the order of `names`, and a note on the others.

    Raises
    ------
    ValueError
        If there are none.
    """
    shared = [m for m in names or base.values if all(m in run.values for run in others)]
    if not shared:
        each = "; ".join(f"{run.name}: {', '.join(run.values)}" for run in (base, *others))
        raise ValueError(f"the runs have no metric in common ({each})")
    every = dict.fromkeys(m for run in (base, *others) for m in run.values)
    lacking = [m for m in every if m not in shared]
    return list(dict.fromkeys(shared)), (
        [f"Left out, not in every run: {', '.join(lacking)}."] if lacking else []
    )


def chosen_groups(
    runs: Sequence[Run], users: npt.NDArray[np.object_], chosen: Sequence[str] | None
) -> list[tuple[str, npt.NDArray[np.bool_]]]:
    """Return every group to compare and which of `users` are in it, bool (n_users,).

    Raises
    ------
    ValueError
        If a chosen group does not exist, or a group has the name of all users.
    """
    group_of = group_of_users(runs)
    names = sorted(set((group_of or {}).values()))
    if OVERALL in names:
        raise ValueError(f"a group is named {OVERALL!r}, the name of all users; rename it")
    allowed = [OVERALL, *names]
    wanted = [str(group) for group in (allowed if chosen is None else chosen)]
    unknown = [group for group in wanted if group not in allowed]
    if unknown:
        raise ValueError(
            f"group {unknown[0]!r} does not exist; allowed are {', '.join(allowed)}"
            + ("" if group_of is not None else " (no run has a column named group)")
        )
    own = np.array([(group_of or {}).get(user) for user in users], dtype=object)
    every = np.ones(len(users), dtype=bool)
    return [(g, every if g == OVERALL else own == g) for g in dict.fromkeys(wanted)]
