"""Labels of interactions: what a model that learns them trains on, and which rows are positive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recbole_groupmix.adapters.config import learns_labels
from recbole_groupmix.core.value_metrics import VALUE_METRICS
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.models import LABELLED, by_family
from recbole_groupmix.settings.eval_args import LABELED, EvalArgs
from recbole_groupmix.settings.settings import Settings

if TYPE_CHECKING:
    from recbole_groupmix.experiment.experiment import Experiment
    from recbole_groupmix.experiment.part import Part


def labels_of(experiment: Experiment) -> np.ndarray | None:
    """Return the label of every row, float32 (n_interactions,) of 0 and 1; None if none is learned.

    Without labels all rows are positive, since the others were left out when they were loaded.
    """
    if not learns_labels(experiment.config):
        return None
    dataset = experiment.dataset
    labels: np.ndarray = dataset.inter_feat[dataset.label_field].numpy()
    return labels


def positive_rows(experiment: Experiment) -> np.ndarray:
    """Return which rows are positive, bool (n_interactions,)."""
    labels = labels_of(experiment)
    return np.ones(len(experiment.users), dtype=bool) if labels is None else labels > 0


def liked_pairs(experiment: Experiment, part: Part) -> np.ndarray:
    """Return the different positive pairs that a part trains on.

    Returns
    -------
    numpy.ndarray of int64, shape (n, 2)
        Internal ids of users and items, ordered by both.
    """
    liked = positive_rows(experiment)[part.rows]
    return np.unique(np.stack([part.users[liked], part.items[liked]], axis=1), axis=0)


def why_no_labels(settings: Settings) -> str:
    """Return in words why a run's model learns no labels, with the way out."""
    if settings.model in LABELLED:
        return (
            "is trained on sampled negatives; to train on labels write --train_neg_sample_args=None "
            "and, without a column of labels, the least value of a positive interaction, such as "
            "--threshold=\"{'rating':4}\""
        )
    return f"cannot be trained on labels; models that can: {by_family(LABELLED)}"


@dataclass(frozen=True)
class ScoredRows:
    """Held-out rows whose labels are predicted.

    All of users with a group: also those of pairs that train knows, as RecBole scores them.

    Attributes
    ----------
    rows : numpy.ndarray of int64, shape (n,)
        Rows of the data set.
    labels : numpy.ndarray of float64, shape (n,)
        Their labels, 0 or 1.
    users : numpy.ndarray of int64, shape (n_users,)
        Internal ids of their users, ascending.
    of_row : numpy.ndarray of int64, shape (n,)
        Place of each row's user among them.
    """

    rows: np.ndarray
    labels: np.ndarray
    users: np.ndarray
    of_row: np.ndarray

    def of_users(self, wanted: np.ndarray) -> ScoredRows:
        """Keep the rows of users who are wanted, bool (n_users,) by internal id."""
        kept = wanted[self.users][self.of_row]
        users, of_row = np.unique(self.users[self.of_row[kept]], return_inverse=True)
        return ScoredRows(self.rows[kept], self.labels[kept], users, of_row)


def scored_rows(experiment: Experiment, part: int = ALL_OF_TRAIN) -> ScoredRows | None:
    """Return the held-out rows of a part whose labels are predicted; None if none is."""
    args, labels = EvalArgs.of(experiment.settings), labels_of(experiment)
    mode = args.test if part == ALL_OF_TRAIN else args.valid
    if mode != LABELED or labels is None:
        return None
    _, held = experiment.split.rows_of(part)
    has_group = experiment.groups.of_user[experiment.users] >= 0
    rows = np.flatnonzero(held & has_group)
    users, of_row = np.unique(experiment.users[rows], return_inverse=True)
    return ScoredRows(rows, labels[rows].astype(np.float64), users, of_row)


def check_scored(experiment: Experiment, part: int = ALL_OF_TRAIN) -> None:
    """Raise ``ValueError`` if AUC is measured on a part where the target's labels are all the same."""
    scored = scored_rows(experiment, part)
    if scored is None or (part and experiment.settings.valid_metric not in VALUE_METRICS):
        return
    is_mine = experiment.groups.of_user == experiment.groups.index(experiment.target)
    mine = scored.of_users(is_mine).labels
    if len(np.unique(mine)) == 1:
        what = f"fold {part}" if part else "test"
        raise ValueError(
            f"all {len(mine)} {what} interactions of target {experiment.target!r} are labelled "
            f"{mine[0]:g}, so no AUC can be measured; choose another threshold or target, or leave "
            "mode labeled of eval_args out"
        )


def labels_note(experiment: Experiment) -> tuple[str, ...]:
    """Return a note on the labels that a model learns; none for other models."""
    labels = labels_of(experiment)
    if labels is None:
        return ()
    threshold = experiment.config["threshold"]
    by = f"threshold {threshold}" if threshold else f"column {experiment.dataset.label_field}"
    return (
        f"{experiment.settings.model} learns labels, by {by}: {int(labels.sum()):,} of "
        f"{len(labels):,} interactions are positive; no negatives are drawn, and rankings look for "
        "held-out positives",
    )
