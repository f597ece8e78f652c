"""How many models a run has left to train on all of train, once the folds are done."""

from __future__ import annotations

from collections.abc import Sequence

from recbole_groupmix.pipeline.candidates import Candidate, select
from recbole_groupmix.pipeline.experiment import Experiment
from recbole_groupmix.pipeline.fine_tune import MODELS, fine_tuned
from recbole_groupmix.pipeline.finish import ModelKeeper, choose
from recbole_groupmix.pipeline.run_folder import RunFolder
from recbole_groupmix.pipeline.stages import FoldStage, TestStage


def left_to_test(experiment: Experiment, folder: RunFolder, found: Sequence[Candidate]) -> int:
    """Return the number of models, of which some may be missing as checkpoints only.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    folder : RunFolder
        Of the run; every candidate has been trained on every fold that it is trained on.
    found : sequence of Candidate
        Mixes of the run, without the rival.
    """
    settings, found = experiment.settings, list(found)
    on_folds = settings["early_stopping"] or settings["trials"] > 0
    cv = FoldStage(experiment, folder, found).summaries() if on_folds else {}
    rival = fine_tuned(experiment, cv)
    if rival is not None:
        found.append(rival)
        cv.update(FoldStage(experiment, folder, [rival]).summaries() if on_folds else {})
    chosen = choose(experiment, found, cv, select(found, cv))
    keeper = ModelKeeper(folder)
    stage = TestStage(experiment, folder, chosen.rows, chosen.epochs, keeper, chosen.options)
    return sum(MODELS if job.pooled_epochs else 1 for job in stage.jobs())
