"""Labels of interactions: what a model that learns them trains on, and which rows are positive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recbole_groupmix.adapters.config import learns_labels
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


def scored_rows(experiment: Experiment) -> np.ndarray | None:
    """Return the rows of test whose labels are predicted, int64 (n,); None if none is.

    All rows of users with a group: also those of pairs that train knows, as RecBole scores them.
    """
    if EvalArgs.of(experiment.settings).test != LABELED:
        return None
    has_group = experiment.groups.of_user[experiment.users] >= 0
    return np.flatnonzero(experiment.is_test & has_group)


def check_scored(experiment: Experiment) -> None:
    """Raise ``ValueError`` if labels of test are predicted, and the target has those of one kind."""
    rows, labels = scored_rows(experiment), labels_of(experiment)
    if rows is None or labels is None:
        return
    group = experiment.groups.of_user[experiment.users[rows]]
    mine = labels[rows[group == experiment.groups.index(experiment.target)]]
    if len(np.unique(mine)) == 1:
        raise ValueError(
            f"all {len(mine)} test interactions of target {experiment.target!r} are labelled "
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
