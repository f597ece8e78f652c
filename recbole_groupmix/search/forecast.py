"""How long a run will take, measured before it starts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory

import numpy as np

from recbole_groupmix.adapters.held_out import user_metrics
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.experiment.recbole_errors import as_value_error
from recbole_groupmix.mixes.candidates import Candidate
from recbole_groupmix.search.fold_stage import trains_on_folds
from recbole_groupmix.search.jobs import job_of
from recbole_groupmix.search.target_run import TargetRun
from recbole_groupmix.search.workload import Workload, left_to_train
from recbole_groupmix.settings.wanted_workers import n_workers
from recbole_groupmix.text.numbers import duration, gib
from recbole_groupmix.training.back_end import BackEnd
from recbole_groupmix.training.closed_form.gram_cache import bytes_of_matrices
from recbole_groupmix.training.job import Fit

_ENOUGH = 10.0  # seconds after which the second epoch suffices as a measurement
_FEW = 8  # users whose evaluation warms up
_MANY = 20.0  # and after which one mix on a fold does, of a closed form
_MOST_SHARED = 20  # mixes whose solution takes as long as what all of a fold share, at the most


@dataclass(frozen=True)
class Costs:
    """Seconds that one model takes.

    Attributes
    ----------
    model : float
        Making it.
    epoch : float
        One epoch on all of train; of a closed form one solution on a fold, measured with it.
    evaluation : float
        Measuring the users of all groups once.
    fold : float
        What the models of a fold share, of a closed form: matrices, and the data of the fold.
    """

    model: float
    epoch: float
    evaluation: float
    fold: float = 0.0


@dataclass(frozen=True)
class Forecast:
    """The models that are left to train, and how long that takes at most.

    Attributes
    ----------
    work : Workload
        Models on folds and on all of train.
    lambdas : int
        Number of solutions of a closed-form model on a fold; 1 for other models.
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
    memory : int
        Bytes of matrices of items by items; 0 where none are made.
    folds : int
        Number of folds that models are left on, at most.
    workers : int
        Processes among which the models are shared.
    """

    work: Workload
    lambdas: int
    epochs: int
    evaluations: float
    stops_early: bool
    closed_form: bool
    costs: Costs
    memory: int = 0
    folds: int = 0
    workers: int = 1

    @property
    def seconds(self) -> float:
        """Seconds that the models take if none of them stops early and no worker waits."""
        work = self.work
        training = self.costs.model + self.epochs * self.costs.epoch
        on_folds = work.on_folds * self.lambdas + work.rivals_on_folds + work.control
        measuring = (work.final + on_folds * self.evaluations) * self.costs.evaluation
        shared = min(self.folds, work.on_folds + work.rivals_on_folds) * self.costs.fold
        models = (on_folds + work.final + work.before) * training
        return (models + measuring + shared) / self.workers

    def __str__(self) -> str:
        """Return one line for people."""
        if not self.work.n_models:
            return "nothing left to train"
        if self.closed_form:
            each = f" with {self.lambdas} lambdas on each fold" if self.lambdas > 1 else ""
            return (
                f"{self.work}, solved in about {self.costs.epoch:.2g} s each{each}: about "
                f"{duration(self.seconds)}{self._matrices}{self._earliest}"
            )
        stops = "; models stop earlier" if self.stops_early else ""
        return (
            f"{self.work}, at most {self.epochs} epochs of about {self.costs.epoch:.2g} s each: "
            f"at most about {duration(self.seconds)}{stops}{self._earliest}"
        )

    @property
    def _earliest(self) -> str:
        """Return that a search may end after its present wave, and how long that takes."""
        n = self.work.at_least_on_folds
        if not n:
            return ""
        wave = duration(replace(self, work=Workload(n, 0)).seconds)
        most = "" if self.closed_form else "at most "
        return f"; the search may end early, first after {n} models on folds ({most}about {wave})"

    @property
    def _matrices(self) -> str:
        return f", and {gib(self.memory)} for matrices of items by items" if self.memory else ""


def forecast(run: TargetRun, back_end: BackEnd, say: Callable[[str], None]) -> Forecast:
    """Train a few epochs as a rehearsal, and forecast from them how long the run takes.

    Parameters
    ----------
    run : TargetRun
        The run; finished models in its folder are not counted.
    back_end : BackEnd
        Back end of the run.
    say : callable
        Prints a line for people before a step that takes time.

    Raises
    ------
    ValueError
        If RecBole cannot train the model with these settings. Nothing is left on disk.
    """
    experiment = run.experiment
    target = experiment.n_users[experiment.target]
    share = target / sum(experiment.n_users.values())
    return forecast_of(experiment, run.candidates, back_end, left_to_train(run), share, say)


def forecast_of(
    experiment: Experiment,
    candidates: list[Candidate],
    back_end: BackEnd,
    work: Workload,
    share: float,
    say: Callable[[str], None],
) -> Forecast:
    """Measure how long a model takes, and forecast the time of a workload.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    candidates : list of Candidate
        Candidates of the run.
    back_end, say
        As for :func:`forecast`.
    work : Workload
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
    times = epochs / int(experiment.config["eval_step"]) if settings.early_stopping else 1
    closed_form = settings.is_solved
    if work.n_models:
        what = "the solution of a model" if closed_form else "an epoch"
        say(f"measuring how long {what} takes")
    if closed_form and trains_on_folds(settings):
        times = 0  # measuring is in the time of a solution
    return Forecast(
        work=work,
        lambdas=len(settings.lambdas or (1,)),
        epochs=epochs,
        evaluations=times * share,
        stops_early=settings.early_stopping,
        closed_form=closed_form,
        costs=_measure(experiment, candidates, back_end, share)
        if work.n_models
        else Costs(0.0, 0.0, 0.0),
        memory=bytes_of_matrices(experiment),
        folds=int(settings.folds),
        workers=n_workers(settings),
    )


def _measure(
    experiment: Experiment, candidates: list[Candidate], back_end: BackEnd, share: float
) -> Costs:
    timed = candidates[: back_end.n_timed]
    what = f"RecBole cannot train {experiment.settings.model} with these settings"

    def train(epochs: int) -> tuple[float, float, Fit]:
        """Return seconds of a model and, in them, of its second epoch; and the first model."""
        second, last = 0.0, time.perf_counter()

        def on_epoch(name: str, epoch: int, most: int) -> None:
            nonlocal second, last
            now = time.perf_counter()
            second += (now - last) * (epoch == 2)
            last = now

        jobs = [job_of(experiment, c, ALL_OF_TRAIN, epochs=epochs) for c in timed]
        fits = list(back_end.train(experiment, jobs, on_epoch))
        if fits[0].diverged:
            raise ValueError(
                f"{what}: training of {fits[0].job.name} diverges within {epochs} epochs; "
                f"{_learning_rate(experiment)}, use a smaller one"
            )
        return sum(fit.seconds for fit in fits) / len(fits), second / len(fits), fits[0]

    with TemporaryDirectory() as scratch, as_value_error(experiment.settings, what):
        experiment.config["checkpoint_dir"] = scratch  # RecBole's trainer makes it at once
        solved = experiment.settings.is_solved
        of_all, epoch, fit = train(1 if solved else 2)  # the first epoch of all warms up
        held_out, topk = experiment.part(ALL_OF_TRAIN).held_out, experiment.settings.topk
        few = np.isin(np.arange(experiment.shape[0]), held_out.users[:_FEW])
        user_metrics(fit.model, held_out.of_users(few), topk)  # the first call compiles
        model, fold = 0.0, 0.0
        if solved:
            epoch = of_all
            if trains_on_folds(experiment.settings):
                epoch, fold = _seconds_on_a_fold(experiment, timed, back_end, share)
        elif epoch * len(timed) < _ENOUGH:
            of_1, (of_3, _, fit) = train(1)[0], train(3)
            epoch = max(of_3 - of_1, of_3 / 10) / 2
            model = max(of_1 - epoch, 0.0)
        elif of_all > 3 * epoch:  # a model takes long to be made, or much was paid once
            model = max(train(1)[0] - epoch, 0.0)
        started = time.perf_counter()
        user_metrics(fit.model, held_out, topk)
    return Costs(model, epoch, time.perf_counter() - started, fold)


def _seconds_on_a_fold(
    experiment: Experiment, candidates: list[Candidate], back_end: BackEnd, share: float
) -> tuple[float, float]:
    """Return the seconds of a solution of a closed form on a fold, and of what all of them share.

    Solutions are those of different mixes, as in a run, while others are solved beside them. Where
    solving is so slow that what they share does not matter, the first mix tells all.
    """
    jobs = [job_of(experiment, c, ALL_OF_TRAIN + 1, eval_step=1) for c in candidates]
    jobs = [replace(job, every_group=share == 1.0) for job in jobs]
    solutions = len(experiment.settings.lambdas or (1,))

    def seconds(n_jobs: int) -> float:
        started = time.perf_counter()
        list(back_end.train(experiment, jobs[:n_jobs]))
        return time.perf_counter() - started

    of_1 = seconds(1)
    if of_1 > _MANY or len(jobs) < 2:
        return of_1 / solutions, 0.0
    if of_1 < _ENOUGH:
        of_1 = seconds(1)  # the first one had the part to make
    more = (seconds(len(jobs)) - of_1) / (len(jobs) - 1)
    more = min(max(more, of_1 / _MOST_SHARED), of_1)
    return more / solutions, of_1 - more


def _learning_rate(experiment: Experiment) -> str:
    """Describe the learning rate of a model; RecBole has a default for each model."""
    if experiment.settings["learning_rate"] is not None:
        return experiment.settings.describe("learning_rate")
    return f"learning_rate is {experiment.config['learning_rate']!r} (RecBole's default)"
