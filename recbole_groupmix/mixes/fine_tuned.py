"""The baseline without a mix: train on all users, then continue on the target's users only."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from recbole_groupmix.core.mix import baselines
from recbole_groupmix.core.names import FINE_TUNED, NO_AUGMENTATION, REFERENCE
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.mixes.candidates import Candidate
from recbole_groupmix.record.fold_schema import FoldSummary
from recbole_groupmix.settings.settings import Settings


def has_fine_tuned(settings: Settings) -> bool:
    """Return whether a run has the row ``fine_tuned``, which closed forms do not have."""
    return bool(settings.fine_tune) and not settings.is_solved


def fine_tuned(experiment: Experiment, cv: Mapping[str, FoldSummary]) -> Candidate | None:
    """Return the fine-tuned baseline, or None where a run has none (:func:`has_fine_tuned`).

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    cv : mapping
        Summaries of the folds by candidate name; empty without folds. The pooled model is trained
        for as long as Proportional was best there.
    """
    if not has_fine_tuned(experiment.settings):
        return None
    if cv and not isfinite(cv[REFERENCE]["score"]):
        return None
    epochs = cv[REFERENCE]["epochs"] if cv else int(experiment.config["epochs"])
    alone = baselines(experiment.n_users, experiment.target)[NO_AUGMENTATION]
    return Candidate(FINE_TUNED, alone, FINE_TUNED, pooled_epochs=epochs)
