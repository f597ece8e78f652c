"""Common users, groups and repeats of runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from recbole_groupmix.compare.tables import Run

_SHOWN = 5


def common_users(runs: Sequence[Run], how: str) -> tuple[npt.NDArray[np.object_], list[str]]:
    """Return the users that all runs have, in the order of the first, and a note on the others.

    Raises
    ------
    ValueError
        If `how` is neither ``refuse`` nor ``inner``, users differ and `how` is ``refuse``, or
        the runs have no user in common.
    """
    if how not in ("refuse", "inner"):
        raise ValueError(f"how is {how!r}; allowed are 'refuse' and 'inner'")
    common = set(runs[0].users).intersection(*(run.users for run in runs[1:]))
    if not common:
        raise ValueError(
            f"the runs {', '.join(run.name for run in runs)} have no user in common, such as "
            f"{', '.join(repr(str(run.users[0])) for run in runs)}; are these the same ids?"
        )
    left_out: list[str] = []
    for run in runs:
        others = [user for user in run.users if user not in common]
        if others:
            shown = ", ".join(map(str, others[:_SHOWN]))
            more = ", ..." if len(others) > _SHOWN else ""
            left_out.append(
                f"{len(others)} of {len(run.users)} users of {run.name} ({shown}{more})"
            )
    if left_out and how == "refuse":
        raise ValueError(
            f"users differ between the runs: {'; '.join(left_out)} are not in every run; compare "
            f"the {len(common)} common users by how='inner' (--how=inner)"
        )
    notes = [f"Left out, not in every run: {'; '.join(left_out)}."] if left_out else []
    return np.array([user for user in runs[0].users if user in common], dtype=object), notes


def group_of_users(runs: Sequence[Run]) -> dict[str, str] | None:
    """Return the group of every user who has one, None if no run has groups.

    Raises
    ------
    ValueError
        If two runs put a user into different groups.
    """
    known = [(run, run.groups) for run in runs if run.groups is not None]
    group_and_run: dict[str, tuple[str, str]] = {}
    for run, groups in known:
        for user, group in zip(run.users, groups, strict=True):
            if group is None:
                continue
            before, by = group_and_run.setdefault(user, (group, run.name))
            if before != group:
                raise ValueError(
                    f"user {user!r} is in group {before!r} in run {by!r} but in {group!r} in "
                    f"run {run.name!r}; groups must agree"
                )
    return {user: group for user, (group, _) in group_and_run.items()} if known else None


def paired_repeats(run: Run, reference: Run) -> tuple[Run, Run, str | None]:
    """Return both runs with their common repeats in the same order, and a note on the others.

    If they share no repeat, each gets a single one, the average over its own; a user whose value
    is undefined in one of them has no value then.
    """
    common = [repeat for repeat in reference.repeats if repeat in run.repeats]
    if not common:
        return (
            run.averaged(),
            reference.averaged(),
            (
                f"{run.name} and {reference.name} share no repeat: each is averaged over its own "
                f"({len(run.repeats)} and {len(reference.repeats)})."
            ),
        )
    note = None
    n_left_out = len({*run.repeats, *reference.repeats}) - len(common)
    if n_left_out:
        note = (
            f"{run.name} and {reference.name} share {len(common)} repeats; {n_left_out} others "
            "are left out."
        )
    return run.of_repeats(common), reference.of_repeats(common), note
