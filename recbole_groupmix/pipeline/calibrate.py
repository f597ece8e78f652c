"""How long a run will take, measured before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from tempfile import TemporaryDirectory

from recbole_groupmix.core.mix import proportional
from recbole_groupmix.pipeline.blame import blame
from recbole_groupmix.pipeline.experiment import ALL_OF_TRAIN, Experiment
from recbole_groupmix.pipeline.run_folder import RunFolder
from recbole_groupmix.pipeline.search import Candidate
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


def forecast(experiment: Experiment, folder: RunFolder, found: list[Candidate]) -> Forecast:
    """Train two epochs of Proportional, which rehearses the whole run and times it.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    folder : RunFolder
        Finished models in it are not counted; it need not exist.
    found : list of Candidate
        Mixes of the run.

    Raises
    ------
    ValueError
        If RecBole cannot train the model with these settings. Nothing is left on disk.
    """
    settings = experiment.settings
    folds = settings["folds"] if settings["early_stopping"] or settings["trials"] else 0
    done = {(record["name"], record["fold"]) for record in folder.records("trials.jsonl")}
    on_folds = sum((c.name, fold) not in done for c in found for fold in range(folds))
    repeats = settings["repeats"]
    tested = {
        c.name: min(len(list(folder.path.glob(f"repeats/{c.name}-*-*.parquet"))), repeats)
        for c in found
    }
    rows = [c.name for c in found if c.source in ("baseline", "own")]
    trials = [n for name, n in tested.items() if name not in rows]
    final = sum(repeats - tested[name] for name in rows)
    if trials:  # until the search has ended the data mix may be any of them
        final += repeats - (0 if on_folds else max(trials))
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
