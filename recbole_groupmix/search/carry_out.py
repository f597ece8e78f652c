"""The stages of a run: folds, choice, test; for one target or for many that share models."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from math import isfinite
from typing import Protocol

from recbole_groupmix.core.names import REFERENCE
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.mixes.candidates import Candidate
from recbole_groupmix.record.fold_schema import FoldRecord
from recbole_groupmix.record.result_schema import Result
from recbole_groupmix.rivals.candidate import RivalCandidate, rival_candidates
from recbole_groupmix.rivals.rival import Reference
from recbole_groupmix.search.choice import Chosen, check_reference, choose, chosen_candidates
from recbole_groupmix.search.finish import finish
from recbole_groupmix.search.fold_stage import FoldStage, trains_on_folds
from recbole_groupmix.search.kept_model import ModelKeeper
from recbole_groupmix.search.measured import test_metrics
from recbole_groupmix.search.progress import Progress
from recbole_groupmix.search.recommended import found_by
from recbole_groupmix.search.stages import (
    control_stage,
    has_control,
    has_length_stage,
    length_stage,
    mix_stage,
    rival_stage,
)
from recbole_groupmix.search.target_run import TargetRun
from recbole_groupmix.search.test_stage import TestStage
from recbole_groupmix.search.waves import Waves
from recbole_groupmix.training.back_end import Trains
from recbole_groupmix.training.job import Fit, Job, model_key, n_scored, n_trainings

Stage = FoldStage | TestStage


class Jobs(Protocol):
    """The jobs that are left to train for one or more targets.

    Attributes
    ----------
    jobs : list of Job
        Jobs that are left.
    n_models, n_done : int
        Models in all, and those that an earlier call has trained.
    """

    @property
    def jobs(self) -> list[Job]: ...  # noqa: D102

    @property
    def n_models(self) -> int: ...  # noqa: D102

    @property
    def n_done(self) -> int: ...  # noqa: D102

    def read(self, fit: Fit) -> Iterator[tuple[str, Fit]]:
        """Yield each target that uses a model, and the model as the fit of that target's job."""


class OwnJobs:
    """The jobs of a single target.

    Parameters
    ----------
    stages : mapping of str to stage
        The target's stage.
    """

    def __init__(self, stages: Mapping[str, Stage]) -> None:
        ((self._target, stage),) = stages.items()
        self.jobs = stage.jobs()
        self.n_done = stage.n_models - n_scored(self.jobs)
        self.n_models = self.n_done + n_trainings(self.jobs)  # points of a rival may share one

    def read(self, fit: Fit) -> Iterator[tuple[str, Fit]]:
        """Yield the target and the fit."""
        yield self._target, fit


def carry_out(
    runs: Mapping[str, TargetRun],
    experiment: Experiment,
    trainer: Trains,
    jobs_of: Callable[[Mapping[str, Stage]], Jobs],
    started: float,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Result]:
    """Train what is left of the runs, whose folders are open; return their results by target.

    Parameters
    ----------
    runs : mapping of str to TargetRun
        By target.
    experiment : Experiment
        The experiment that is trained: the target's own, or that of all users.
    trainer : Trains
        Trains the jobs, whatever their recipe
        (:func:`~recbole_groupmix.training.any_recipe.of_any_recipe`).
    jobs_of : callable
        Returns the :class:`Jobs` of the stages of all targets.
    started : float
        Start of the call, in seconds of :func:`time.perf_counter`.
    say : callable
        Prints a line for people.

    Raises
    ------
    ValueError
        If training of Proportional diverged.
    """
    training = _Training(experiment, trainer, jobs_of)
    on_folds = trains_on_folds(experiment.settings)
    if on_folds:
        _cross_validate(runs, training, say)
        for run in runs.values():
            run.rivals = rivals_of(run)
        for own in (False, True):
            stages = {
                target: rival_stage(run.experiment, run.folder, run.rivals, own_length=own)
                for target, run in runs.items()
            }
            training.cross_validate(runs, stages, "folds, rivals")
    if on_folds and has_control(experiment.settings):
        training.cross_validate(runs, _controls(runs), "folds, own length")

    keepers = {target: ModelKeeper(run.folder) for target, run in runs.items()}
    chosen = {target: _choose(run) for target, run in runs.items()}
    tests = {
        target: TestStage(run.experiment, run.folder, chosen[target], keepers[target])
        for target, run in runs.items()
    }
    training.test(tests)

    results = {}
    for target, run in runs.items():
        tested = tests[target].result()
        control = has_control(run.experiment.settings)
        own_length = tests[target].own_length() if control else None
        seconds = {"search": sum(run.seconds.values())} if on_folds else {}
        seconds["test"] = tests[target].seconds
        seconds["this_call"] = time.perf_counter() - started
        results[target] = finish(
            run.experiment,
            run.folder,
            chosen[target],
            run.cv,
            tested,
            own_length,
            keepers[target],
            seconds,
            tests[target].schedules(),
        )
        run.tracking.of_test(results[target]["test"])
    return results


def _cross_validate(
    runs: Mapping[str, TargetRun], training: _Training, say: Callable[[str], None]
) -> None:
    """Train the candidates on the folds, Proportional first where it sets the training length."""
    settings = next(iter(runs.values())).experiment.settings
    if has_length_stage(settings):
        stages = {t: length_stage(r.experiment, r.folder, r.trained) for t, r in runs.items()}
        training.cross_validate(runs, stages, f"folds, {REFERENCE}")
        for run in runs.values():
            lost = not isfinite(run.cv[REFERENCE]["score"])
            check_reference([REFERENCE] if lost else [], "on a fold")
    if settings.in_waves:
        ((target, run),) = runs.items()
        waves = Waves(run, say)
        for title, stage in waves.stages():
            training.cross_validate(runs, {target: stage}, title)
        run.found = found_by(waves, settings)
        return
    stages = {t: mix_stage(r.experiment, r.folder, r.trained, r.cv) for t, r in runs.items()}
    training.cross_validate(runs, stages, "folds")


class _Training:
    """Trains what the stages of all targets have left, with progress bars."""

    def __init__(
        self,
        experiment: Experiment,
        trainer: Trains,
        jobs_of: Callable[[Mapping[str, Stage]], Jobs],
    ) -> None:
        self._experiment, self._trainer, self._jobs_of = experiment, trainer, jobs_of

    def cross_validate(
        self, runs: Mapping[str, TargetRun], stages: Mapping[str, FoldStage], title: str
    ) -> None:
        """Train candidates on the folds and add their summaries to the runs."""
        while any(stage.n_left for stage in stages.values()):  # a length may need a longer look
            for _, of_targets in self._trained(stages, title):
                for target, fit in of_targets:
                    for record in stages[target].take(fit):
                        _track_fold(runs[target], record)
        for target, stage in stages.items():
            runs[target].cv.update(stage.summaries())
            runs[target].seconds.update(stage.seconds)

    def test(self, stages: Mapping[str, TestStage]) -> None:
        """Train the rows of the results; a model of several targets is measured once for all."""
        for model, of_targets in self._trained(stages, "test"):
            shared = len(of_targets) > 1 and not model.diverged
            metrics = test_metrics(self._experiment, model) if shared else None
            for target, fit in of_targets:
                stages[target].take(fit, metrics)

    def _trained(
        self, stages: Mapping[str, Stage], title: str
    ) -> Iterator[tuple[Fit, list[tuple[str, Fit]]]]:
        """Yield each model, and with every target that it is for the fit of the target's job."""
        jobs = self._jobs_of(stages)
        if not jobs.n_models:
            return
        epochs = int(self._experiment.config["epochs"])
        show = self._experiment.settings["show_progress"]
        bars = Progress(title, jobs.n_models, jobs.n_done, epochs, show)
        fits = self._trainer.train(self._experiment, jobs.jobs, bars.epoch) if jobs.jobs else ()
        lengths = Counter(model_key(job) for job in jobs.jobs)
        for fit in fits:
            yield fit, list(jobs.read(fit))
            lengths[model_key(fit.job)] -= 1
            if not lengths[model_key(fit.job)]:  # its last length
                bars.model()
        bars.close()


def rivals_of(run: TargetRun) -> list[RivalCandidate]:
    """Return the rivals of a run whose folds have Proportional's length."""
    found = run.cv[REFERENCE]
    reference = Reference(found["epochs"], found["options"])
    return rival_candidates(run.experiment, run.carried, reference, len(run.trained))


def _controls(runs: Mapping[str, TargetRun]) -> dict[str, FoldStage]:
    """Return the stages that train what the rows chose until their own peaks can be seen."""
    stages = {}
    for target, run in runs.items():
        chosen = chosen_candidates(_compared(run), run.cv, run.duplicates, found=run.found)
        each = list({candidate.name: candidate for candidate in chosen.values()}.values())
        stages[target] = control_stage(run.experiment, run.folder, each, run.cv)
    return stages


def _choose(run: TargetRun) -> Chosen:
    """Return the rows of a run's result, and tell the trackers what the folds said."""
    run.tracking.of_mixes(
        [*run.trained, *run.rivals], run.cv, run.experiment.settings.valid_metric
    )
    return choose(run.experiment, _compared(run), run.cv, run.duplicates, run.rivals, run.found)


def _compared(run: TargetRun) -> list[Candidate]:
    """Return the candidates as they are trained on all of train."""
    if not run.experiment.settings.is_solved:
        return run.candidates
    # lambda was chosen for the target's own scale, in which its users weigh 1
    return [replace(candidate, shared_weights=None) for candidate in run.candidates]


def _track_fold(run: TargetRun, record: FoldRecord) -> None:
    names = [c.name for c in run.trained] + [c.name for c in run.rivals]
    number = names.index(record["name"])
    run.tracking.of_fold(number, record, run.experiment.settings.valid_metric)
