"""How long a run will take, measured before it starts."""

from __future__ import annotations

from recbole_groupmix.core.mix import proportional
from recbole_groupmix.pipeline.experiment import ALL_OF_TRAIN, Experiment
from recbole_groupmix.pipeline.run_folder import RunFolder
from recbole_groupmix.pipeline.populations import back_end
from recbole_groupmix.pipeline.training import Job, train_sequentially

_EPOCHS = 2


def forecast(experiment: Experiment, folder: RunFolder, n_candidates: int) -> str:
    """Time a few epochs of Proportional and say what the rest will cost at most.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    folder : RunFolder
        Finished models in it are not counted.
    n_candidates : int
        Mixes on the folds.
    """
    settings = experiment.settings
    folds = settings["folds"] if settings["early_stopping"] or settings["trials"] else 0
    rows = 3 + len(settings["mix"] or ()) + (1 if settings["trials"] else 0)
    on_folds = max(n_candidates * folds - len(folder.records("trials.jsonl")), 0)
    final = max(rows * settings["repeats"] - len(list(folder.path.glob("repeats/*.parquet"))), 0)
    if not on_folds + final:
        return "nothing left to train"
    each = _seconds_per_epoch(experiment, min(n_candidates, 8))
    epochs = int(experiment.config["epochs"])
    most = (on_folds + final) * epochs * each
    stops = "; models stop earlier" if settings["early_stopping"] else ""
    return (
        f"{on_folds} models on folds and {final} on all of train, at most {epochs} epochs of "
        f"about {each:.2g} s: at most {_duration(most)}{stops}"
    )


def _seconds_per_epoch(experiment: Experiment, n_models: int) -> float:
    """Seconds of one epoch of one model; loading and compiling are left out."""
    mix = proportional(experiment.n_users, experiment.target)
    train = back_end(experiment)
    n_models = 1 if train is train_sequentially else n_models
    totals = []
    for epochs in (1, 1 + _EPOCHS):
        jobs = [Job(f"timing-{i}", mix, ALL_OF_TRAIN, 0, epochs) for i in range(n_models)]
        totals.append(sum(fit.seconds for fit in train(experiment, jobs)))
    return max(totals[1] - totals[0], totals[1] / 10) / (_EPOCHS * n_models)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
