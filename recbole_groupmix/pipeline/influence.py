"""Who helps whom: what leaving a group out, or more of it, does to the users of every group."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from recbole.model.abstract_recommender import AbstractRecommender

from recbole_groupmix.adapters.evaluate import HeldOut, evaluate
from recbole_groupmix.core.bootstrap import holm, relative_changes
from recbole_groupmix.core.ease import regularized_inverse
from recbole_groupmix.core.gram import Floats, weighted_gram
from recbole_groupmix.core.mix_gradient import diagonal_slopes, user_loss_slopes
from recbole_groupmix.core.ranking import METRICS
from recbole_groupmix.pipeline.closed_form import GramLaboratory, check_is_ease, weighted_ease
from recbole_groupmix.pipeline.experiment import ALL_OF_TRAIN, Experiment

_USERS_AT_ONCE = 1024


def group_influence(
    experiment: Experiment,
    lam: float,
    *,
    metric: str = "precision@20",
    more: float = 0.01,
    n_boot: int = 10_000,
) -> pd.DataFrame:
    """Return the exact effect of every group's data on the test metric of every group.

    EASE is solved with every user's weight 1 (Proportional, for any target), then with weight 0
    for one group (``without``), then with weight ``1 + more`` for it. As a metric of short lists
    hardly feels so small a change, ``loss`` gives the exact derivative of a smooth loss of the same
    held-out items instead (:func:`~recbole_groupmix.core.mix_gradient.user_loss_slopes`), times
    `more`. Lambda stays the same, so data are changed and not tuned for. The target's own group is in the table too: its row says
    what its own data are worth.

    Parameters
    ----------
    experiment : Experiment
        Shared data, of a run with ``model: EASE``; its target does not matter.
    lam : float
        Weight of EASE's L2 term, > 0.
    metric : str
        Metric and cut-off.
    more : float
        Relative increase of a group's weight in the second comparison, > 0.
    n_boot : int
        Resamples of users.

    Returns
    -------
    pandas.DataFrame
        One row per change, group and target: change ("without", "more" or "loss"), group, target,
        users (of the target on test), proportional and value (means of the metric or the loss: a
        lower loss is better), and mean, ci_low,
        ci_high, p, p_holm of the relative change, a fraction, by a paired bootstrap over the
        target's users; p_holm is corrected over the groups of one target and change.

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
            f"{experiment.settings['dataset']!r}"
        )
    if not more > 0:
        raise ValueError(f"more is {more!r}; it must be a relative increase > 0, such as 0.01")
    part, names = experiment.part(ALL_OF_TRAIN), experiment.groups.names
    held_out, laboratory = part.held_out, GramLaboratory(experiment)

    def measured(weights: Mapping[str, float]) -> np.ndarray:
        model: AbstractRecommender = weighted_ease(
            experiment, part, laboratory, [weights.get(group, 1.0) for group in names], lam
        )
        return evaluate(model, held_out, [int(cut_off)], [name])[metric]

    values: dict[str, tuple[np.ndarray, dict[str, np.ndarray]]] = {}
    reference = measured({})
    for change, weight in (("without", 0.0), ("more", 1.0 + more)):
        values[change] = reference, {group: measured({group: weight}) for group in names}
    losses, slopes = _loss_slopes(experiment, laboratory.of_part(part), held_out, lam)
    by_group = dict(zip(names, (losses[:, None] + more * slopes).T, strict=True))
    values["loss"] = losses, by_group
    rows = []
    for change, (before, after) in values.items():
        for index, target in enumerate(names):
            mine = np.flatnonzero(experiment.groups.of_user[held_out.users] == index)
            if len(mine) < 2:
                continue
            found = relative_changes(
                [(after[group][mine][None], before[mine][None]) for group in names],
                seed=experiment.settings["seed"],
                n_boot=n_boot,
            )
            corrected = holm([one.p for one in found])
            for group, one, p_holm in zip(names, found, corrected, strict=True):
                rows.append(
                    {
                        "change": change,
                        "group": group,
                        "target": target,
                        "users": len(mine),
                        "proportional": float(before[mine].mean()),
                        "value": float(after[group][mine].mean()),
                        "mean": one.mean,
                        "ci_low": one.ci_low,
                        "ci_high": one.ci_high,
                        "p": one.p,
                        "p_holm": p_holm,
                    }
                )
    return pd.DataFrame(rows)


def _loss_slopes(
    experiment: Experiment, grams: Floats, held_out: HeldOut, lam: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return each user's loss at unit weights, and its derivative in each group's weight."""
    inverse = regularized_inverse(weighted_gram(grams, np.ones(len(grams))), lam)
    diagonals = diagonal_slopes(grams, inverse)
    losses, slopes = [], []
    for start in range(0, len(held_out.users), _USERS_AT_ONCE):
        rows = slice(start, start + _USERS_AT_ONCE)
        seen = held_out.masked[rows].toarray()
        seen[:, 0] = True  # RecBole's padding item is no candidate
        relevant = held_out.relevant[rows].toarray()
        found = user_loss_slopes(grams, inverse, diagonals, seen, relevant)
        losses.append(found[0])
        slopes.append(found[1])
    return np.concatenate(losses), np.concatenate(slopes)


def influence_table(influence: pd.DataFrame, change: str = "without") -> str:
    """Return one comparison as text: targets in rows, groups in columns, * where p_holm < 0.05."""
    chosen = influence[influence["change"] == change]
    groups = list(dict.fromkeys(chosen["group"]))
    digits = 1 if change == "without" else 3
    lines = [["target", "users", *groups]]
    for target, rows in chosen.groupby("target", sort=False):
        by_group = rows.set_index("group")
        cells = []
        for group in groups:
            row = by_group.loc[group]
            mark = "*" if row["p_holm"] < 0.05 else " "
            cells.append(
                f"{row['mean']:+.{digits}%} [{row['ci_low']:+.{digits}%}, {row['ci_high']:+.{digits}%}]{mark}"
            )
        lines.append([str(target), str(rows["users"].iloc[0]), *cells])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def influence_text(influence: pd.DataFrame, metric: str) -> str:
    """Return both tables that people read, with what they are."""
    return "\n".join(
        [
            f"Without the users of a group (columns): change of {metric} of a target (rows), 95 %",
            "intervals over its users; * p < 0.05 after Holm's correction over the row.",
            influence_table(influence, "without"),
            "",
            "One percent more of a group: change of the target's held-out log loss; below 0 is better.",
            influence_table(influence, "loss"),
        ]
    )
