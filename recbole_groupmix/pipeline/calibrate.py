"""How long a run will take, measured before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from tempfile import TemporaryDirectory

from recbole_groupmix.core.mix import proportional
from recbole_groupmix.pipeline.blame import blame
from recbole_groupmix.pipeline.experiment import ALL_OF_TRAIN, Experiment
from recbole_groupmix.pipeline.run_folder import RunFolder
from recbole_groupmix.pipeline.training import Job, train_sequentially

_EPOCHS = 2


@dataclass(frozen=True)
class Forecast:
    """What is left to train, and how long it takes at most.

    Attributes
    ----------
    on_folds, final : int
        Models on folds and on all of train.
    epochs : int
        Most epochs of one model.
    seconds_per_epoch : float
        Measured with the Proportional mix on all of train; 0 where nothing is left.
    stops_early : bool
        Whether models may stop before their last epoch.
    """

    on_folds: int
    final: int
    epochs: int
    seconds_per_epoch: float
    stops_early: bool

    def __str__(self) -> str:
        """Return one line for people."""
        if not self.on_folds + self.final:
            return "nothing left to train"
        most = (self.on_folds + self.final) * self.epochs * self.seconds_per_epoch
        stops = "; models stop earlier" if self.stops_early else ""
        return (
            f"{self.on_folds} models on folds and {self.final} on all of train, at most "
            f"{self.epochs} epochs of about {self.seconds_per_epoch:.2g} s: at most "
            f"{_duration(most)}{stops}"
        )


def forecast(experiment: Experiment, folder: RunFolder, n_candidates: int) -> Forecast:
    """Train two epochs of Proportional, which rehearses the whole run and times it.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    folder : RunFolder
        Finished models in it are not counted; it need not exist.
    n_candidates : int
        Mixes on the folds.

    Raises
    ------
    ValueError
        If RecBole cannot train the model with these settings. Nothing is left on disk.
    """
    settings = experiment.settings
    folds = settings["folds"] if settings["early_stopping"] or settings["trials"] else 0
    rows = 3 + len(settings["mix"] or ()) + (1 if settings["trials"] else 0)
    on_folds = max(n_candidates * folds - len(folder.records("trials.jsonl")), 0)
    final = max(rows * settings["repeats"] - len(list(folder.path.glob("repeats/*.parquet"))), 0)
    seconds = _seconds_per_epoch(experiment) if on_folds + final else 0.0
    return Forecast(
        on_folds, final, int(experiment.config["epochs"]), seconds, settings["early_stopping"]
    )


def _seconds_per_epoch(experiment: Experiment) -> float:
    mix = proportional(experiment.n_users, experiment.target)
    job = Job("proportional", mix, ALL_OF_TRAIN, 0, _EPOCHS)
    what = f"RecBole cannot train {experiment.settings['model']} with these settings"
    with TemporaryDirectory() as scratch, blame(experiment.settings, what):
        experiment.config["checkpoint_dir"] = scratch  # RecBole's trainer makes it at once
        fit = next(train_sequentially(experiment, [job]))
    return fit.seconds / _EPOCHS


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
