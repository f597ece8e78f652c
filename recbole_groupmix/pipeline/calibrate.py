"""How long a run will take, measured before it starts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from tempfile import TemporaryDirectory

from recbole_groupmix.adapters.evaluate import evaluate
from recbole_groupmix.adapters.support import CLOSED_FORM
from recbole_groupmix.pipeline.blame import blame
from recbole_groupmix.pipeline.candidates import FIXED, Candidate
from recbole_groupmix.pipeline.closed_form import train_closed_form
from recbole_groupmix.pipeline.experiment import ALL_OF_TRAIN, Experiment
from recbole_groupmix.pipeline.fine_tune import FINE_TUNED, MODELS, has_rival
from recbole_groupmix.pipeline.job import Fit, Job
from recbole_groupmix.pipeline.left_to_test import left_to_test
from recbole_groupmix.pipeline.run_folder import RunFolder
from recbole_groupmix.pipeline.training import train_sequentially

_MODELS_AT_ONCE = 8  # for back ends that train many
_ENOUGH = 10.0  # seconds after which one epoch is measurement enough


@dataclass(frozen=True)
class Costs:
    """Seconds that one model takes.

    Attributes
    ----------
    model : float
        Making it.
    epoch : float
        One epoch on all of train.
    evaluation : float
        Measuring the users of all groups once.
    """

    model: float
    epoch: float
    evaluation: float


@dataclass(frozen=True)
class Forecast:
    """What is left to train, and how long it takes at most.

    Attributes
    ----------
    on_folds, final : int
        Models on folds and on all of train.
    epochs : int
        Most epochs of one model.
    evaluations : float
        Evaluations of one model on a fold, in units of one of all users.
    stops_early : bool
        Whether models may stop before their last epoch.
    closed_form : bool
        Whether models are solved and not trained.
    costs : Costs
        Measured; zero where nothing is left.
    """

    on_folds: int
    final: int
    epochs: int
    evaluations: float
    stops_early: bool
    closed_form: bool
    costs: Costs

    @property
    def seconds(self) -> float:
        """Seconds that the rest takes if no model stops early."""
        training = self.costs.model + self.epochs * self.costs.epoch
        measuring = (self.final + self.on_folds * self.evaluations) * self.costs.evaluation
        return (self.on_folds + self.final) * training + measuring

    def __str__(self) -> str:
        """Return one line for people."""
        if not self.on_folds + self.final:
            return "nothing left to train"
        if self.closed_form:
            return (
                f"{self.on_folds} models on folds and {self.final} on all of train, solved in "
                f"about {self.costs.epoch:.2g} s each: about {duration(self.seconds)}"
            )
        stops = "; models stop earlier" if self.stops_early else ""
        return (
            f"{self.on_folds} models on folds and {self.final} on all of train, at most "
            f"{self.epochs} epochs of about {self.costs.epoch:.2g} s each: at most about "
            f"{duration(self.seconds)}{stops}"
        )


def forecast(
    experiment: Experiment,
    folder: RunFolder,
    found: list[Candidate],
    train: Callable[..., Iterator[Fit]],
) -> Forecast:
    """Train a few epochs, which rehearses the run and times it.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    folder : RunFolder
        Finished models in it are not counted; it need not exist.
    found : list of Candidate
        Mixes of the run.
    train : callable
        The back end.

    Raises
    ------
    ValueError
        If RecBole cannot train the model with these settings. Nothing is left on disk.
    """
    target = experiment.n_users[experiment.target]
    share = target / sum(experiment.n_users.values())
    return forecast_of(experiment, found, train, *remaining(experiment, folder, found), share)


def remaining(
    experiment: Experiment, folder: RunFolder, found: list[Candidate]
) -> tuple[int, int]:
    """Return how many models are left to train, on folds and, at most, on all of train.

    Parameters
    ----------
    experiment, folder, found
        As for :func:`forecast`.
    """
    settings, repeats = experiment.settings, experiment.settings["repeats"]
    folds = settings["folds"] if settings["early_stopping"] or settings["trials"] else 0
    records = folder.records("trials.jsonl", folds=settings["folds"])
    done = {(record["name"], record["fold"]) for record in records}

    def to_train(name: str) -> int:
        return sum((name, fold) not in done for fold in range(folds))

    def to_test(name: str) -> int:
        return max(repeats - len(list(folder.path.glob(f"repeats/{name}-*-*.parquet"))), 0)

    on_folds = sum(to_train(c.name) for c in found)
    final = sum(to_test(c.name) for c in found if c.source in FIXED)
    trials = [c.name for c in found if c.source not in FIXED]
    if trials:  # until the search has ended the data mix may be any of them
        final += repeats if on_folds else min(map(to_test, trials))
    if has_rival(settings):
        on_folds += MODELS * to_train(FINE_TUNED)
        final += MODELS * to_test(FINE_TUNED)
    if not on_folds:  # it is known which mix was chosen
        final = left_to_test(experiment, folder, found)
    return on_folds, final


def forecast_of(
    experiment: Experiment,
    found: list[Candidate],
    train: Callable[..., Iterator[Fit]],
    on_folds: int,
    final: int,
    share: float,
) -> Forecast:
    """Measure what a model takes and forecast so many of them.

    Parameters
    ----------
    experiment, found, train
        As for :func:`forecast`.
    on_folds, final : int
        Models on folds and on all of train.
    share : float
        Share of all users that is measured on a fold.

    Raises
    ------
    ValueError
        As :func:`forecast`.
    """
    settings = experiment.settings
    epochs = int(experiment.config["epochs"])
    times = epochs / int(experiment.config["eval_step"]) if settings["early_stopping"] else 1
    return Forecast(
        on_folds=on_folds * len(settings["lambdas"] or (1,)),  # so many models for one on a fold
        final=final,
        epochs=epochs,
        evaluations=times * share,
        stops_early=settings["early_stopping"],
        closed_form=settings["model"] in CLOSED_FORM,
        costs=_measure(experiment, found, train) if on_folds + final else Costs(0.0, 0.0, 0.0),
    )


def _measure(
    experiment: Experiment, found: list[Candidate], train: Callable[..., Iterator[Fit]]
) -> Costs:
    some = found[: 1 if train is train_sequentially else _MODELS_AT_ONCE]
    if train is train_closed_form:
        some = found[:3]  # the baselines: the last has the least data, and the least rank
    what = f"RecBole cannot train {experiment.settings['model']} with these settings"

    def seconds(epochs: int) -> tuple[float, Fit]:
        jobs = [Job(c.name, c.mix, ALL_OF_TRAIN, 0, epochs) for c in some]
        fits = list(train(experiment, jobs))
        if fits[0].diverged:
            raise ValueError(
                f"{what}: training of {fits[0].job.name} diverges within {epochs} epochs; "
                f"{experiment.settings.describe('learning_rate')}, use a smaller one"
            )
        if train is train_closed_form:
            return fits[-1].seconds, fits[0]  # the first made what all share
        return sum(fit.seconds for fit in fits) / len(fits), fits[0]

    with TemporaryDirectory() as scratch, blame(experiment.settings, what):
        experiment.config["checkpoint_dir"] = scratch  # RecBole's trainer makes it at once
        one, fit = seconds(1)  # warms up too
        model, epoch = 0.0, one
        if one * len(some) < _ENOUGH and train is not train_closed_form:
            one, three = seconds(1)[0], seconds(3)[0]
            epoch = max(three - one, three / 10) / 2
            model = max(one - epoch, 0.0)
        started = time.perf_counter()
        held_out = experiment.part(ALL_OF_TRAIN).held_out
        evaluate(fit.model, held_out, experiment.settings["topk"])
    return Costs(model, epoch, time.perf_counter() - started)


def duration(seconds: float) -> str:
    """Return a duration as people say it: 0.4 s, 75 s, 12 min, 3.5 h."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
