"""Group influence: how less or more of a group changes the metric of the users of every group."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from recbole.model.abstract_recommender import AbstractRecommender

from recbole_groupmix.adapters.held_out import user_metrics
from recbole_groupmix.core.user_metrics import METRICS
from recbole_groupmix.exact.loss_influence import (
    Changes,
    LossProblem,
    change_rows,
    check_more,
    targets_by_lambda,
)
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.measured_users import measured_users
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.text.numbers import LEVEL, UNBOUNDED, count
from recbole_groupmix.text.tables import aligned
from recbole_groupmix.training.closed_form.back_end import weighted_ease
from recbole_groupmix.training.closed_form.checks import check_is_ease
from recbole_groupmix.training.closed_form.gram_cache import GramCache


def influence_frame(
    experiment: Experiment, changes: Sequence[Changes], n_boot: int = 10_000
) -> pd.DataFrame:
    """Return the changes of `measured_changes` as a table with intervals.

    Parameters
    ----------
    experiment : Experiment
        Shared data.
    changes : sequence of Changes
        Result of `measured_changes`.
    n_boot : int
        Resamples of users.

    Returns
    -------
    pandas.DataFrame
        One row per change, group and target: change ("without", "more" or "loss"), group, target,
        users (of the target on test), lambda (of the target), proportional and value (means of the metric or the loss: a
        lower loss is better), and mean, ci_low, ci_high, p, p_holm of the relative change, a
        fraction, over the target's users; p is the largest of the paired tests'
        (:mod:`~recbole_groupmix.core.statistics.two_tests`), and p_holm is corrected over the groups
        of one target and change.
    """
    rows = [row for change in changes for row in change_rows(experiment, change, n_boot)]
    return pd.DataFrame(rows)


def without_users(experiment: Experiment, influence: pd.DataFrame) -> dict[str, str]:
    """Return the groups that are no target of a table, since too few are measured, with the reason."""
    said = {}
    for name, of_group in measured_users(experiment).items():
        if name not in set(influence.get("target", ())):
            why = ", ".join(f"{n}: {reason}" for reason, n in of_group.not_measured.items())
            said[name] = (
                f"of whose {count(of_group.n_in_data, 'user')} {of_group.n_measured} can be measured "
                f"on test, and 2 are the least{f' ({why})' if why else ''}"
            )
    return said


def measured_changes(
    experiment: Experiment,
    lam: float | None = None,
    *,
    metric: str = "precision@20",
    more: float = 0.01,
) -> list[Changes]:
    """Return the exact effect of every group's data on the test metric of every user.

    EASE is solved with every user's weight 1 (Proportional, for any target), then with weight 0
    for one group (``without``), then with weight ``1 + more`` for it. As a metric of short lists
    hardly changes with so little, ``loss`` gives the exact derivative of a smooth loss of the same
    held-out items instead (:func:`~recbole_groupmix.exact.loss_influence.loss_influence`), times
    `more`. The users of each target are measured at its lambda, which stays the same: it is not
    chosen again for the changed data. The groups include the target's own, which shows what its own
    data are worth.

    Parameters
    ----------
    experiment : Experiment
        Shared data, of a run with ``model: EASE``; its target does not matter.
    lam : float, optional
        Weight of EASE's L2 term for all targets, > 0; by default each target has its own, that of
        its least loss. Targets with the same lambda share their models.
    metric : str
        Metric and cut-off.
    more : float
        Relative increase of a group's weight in the second comparison, > 0.

    Raises
    ------
    ValueError
        If lambda or `more` is not above 0, or the metric is unknown.
    """
    name, _, cut_off = metric.partition("@")
    if name not in METRICS or not cut_off.isdecimal() or int(cut_off) < 1:
        raise ValueError(
            f"metric is {metric!r}; it must be one of {', '.join(METRICS)} at a cut-off, for "
            "example precision@20"
        )
    check_is_ease(experiment)
    if int(cut_off) >= experiment.shape[1]:
        raise ValueError(
            f"metric is {metric!r}, beyond the {experiment.shape[1] - 1} items of "
            f"{experiment.settings.dataset!r}"
        )
    check_more(more)
    part, names = experiment.part(ALL_OF_TRAIN), experiment.groups.names
    problem, grams = LossProblem(experiment), GramCache(experiment)
    lambdas, held_out = problem.lambdas(lam), problem.held_out
    shared = targets_by_lambda(lambdas)

    def measured(weights: Mapping[str, float]) -> np.ndarray:
        values = np.zeros(len(held_out.users))
        for at, targets in shared.items():
            of_group = [experiment.groups.index(target) for target in targets]
            wanted = np.isin(experiment.groups.of_user, of_group)
            model: AbstractRecommender = weighted_ease(
                experiment, part, grams, [weights.get(group, 1.0) for group in names], at
            )
            found = user_metrics(model, held_out.of_users(wanted), [int(cut_off)], [name])
            values[wanted[held_out.users]] = found[metric]
        return values

    before = measured({})
    changes = [
        Changes(
            change,
            held_out.users,
            before,
            {group: measured({group: weight}) for group in names},
            lambdas,
        )
        for change, weight in (("without", 0.0), ("more", 1.0 + more))
    ]
    return [*changes, problem.changes(lambdas, more)]


def influence_table(influence: pd.DataFrame, change: str = "without") -> str:
    """Return one change as text: targets in rows, groups in columns, * where p_holm < LEVEL.

    That of the loss ends in the sum of a row, which is the effect of lambda alone.
    """
    chosen = influence[influence["change"] == change]
    groups = list(dict.fromkeys(chosen["group"]))
    digits = 1 if change == "without" else 3
    summed = ["sum"] if change == "loss" else []
    lines = [["target", "users", "lambda", *groups, *summed]]
    for target, rows in chosen.groupby("target", sort=False):
        by_group = rows.set_index("group")
        cells = [str(rows["users"].iloc[0]), f"{rows['lambda'].iloc[0]:.3g}"]
        for group in groups:
            row = by_group.loc[group]
            mark = "*" if row["p_holm"] < LEVEL else " "
            mean, low, high = (_percent(row[key], digits) for key in ("mean", "ci_low", "ci_high"))
            cells.append(f"{mean} [{low}, {high}]{mark}")
        cells += [_percent(rows["mean"].sum(), digits)] * len(summed)
        lines.append([str(target), *cells])
    return "\n".join(aligned(lines, left=()))


def _percent(value: float, digits: int) -> str:
    """Return a change with its sign, and 0 without one; an infinite end of an interval in words."""
    if math.isinf(value):
        return UNBOUNDED
    text = f"{value:+.{digits}%}"
    return text if float(text[:-1]) else f"{0:.{digits}%}"


def influence_text(influence: pd.DataFrame, metric: str) -> str:
    """Return the tables of leaving a group out and of more of it, each with its title."""
    return "\n".join(
        [
            f"Without the users of a group (columns): change of {metric} of a target (rows), 95 %",
            f"intervals over its users; * p < {LEVEL} after Holm's correction over the row. In its own",
            "column a target's users are measured as users who are new to the model.",
            influence_table(influence, "without"),
            "",
            "One percent more of a group: change of the target's held-out log loss; below 0 is better.",
            "The sum is that of one percent less of lambda, near 0 at a target's own lambda.",
            influence_table(influence, "loss"),
        ]
    )
