"""How many repeats of a candidate are left to train on all of train."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.record.fold_schema import FoldSummary
from recbole_groupmix.record.folder import RunFolder
from recbole_groupmix.search.choice import Chosen
from recbole_groupmix.search.kept_model import ModelKeeper
from recbole_groupmix.search.test_stage import TestStage
from recbole_groupmix.search.trainable import Trainable


def repeats_left(
    experiment: Experiment,
    folder: RunFolder,
    candidate: Trainable,
    known: Mapping[str, FoldSummary],
) -> int:
    """Return how many repeats of a mix are left; `known` has the summaries of finished folds."""
    name = candidate.name
    if name not in known:
        return int(experiment.settings.repeats)
    summary = known[name]
    if not isfinite(summary["score"]):
        return 0
    lengths = {name: summary["epochs"]}, {name: summary["own"]}
    chosen = Chosen({name: candidate}, *lengths, {name: summary["options"]}, ())
    return TestStage(experiment, folder, chosen, ModelKeeper(folder)).n_left
