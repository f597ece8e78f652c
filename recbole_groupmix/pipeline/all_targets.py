"""``--target=all``: the runs of all targets at once, with every model that they share made once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from recbole_groupmix.adapters.support import CLOSED_FORM
from recbole_groupmix.pipeline.calibrate import Forecast, forecast_of, remaining
from recbole_groupmix.pipeline.candidates import Candidate, fixed_candidates, select
from recbole_groupmix.pipeline.closed_form import check_rank
from recbole_groupmix.pipeline.experiment import Experiment
from recbole_groupmix.pipeline.finish import ModelKeeper, choose, embedding_size, finish
from recbole_groupmix.pipeline.identity import run_folder
from recbole_groupmix.pipeline.index import build_index
from recbole_groupmix.pipeline.pool import draw_pool
from recbole_groupmix.pipeline.populations import back_end, why_not
from recbole_groupmix.pipeline.progress import Progress
from recbole_groupmix.pipeline.run_folder import RunFolder
from recbole_groupmix.pipeline.shared_jobs import SharedJobs
from recbole_groupmix.pipeline.stages import FoldStage, TestStage, test_metrics
from recbole_groupmix.pipeline.tracking import Tracking, check_trackers
from recbole_groupmix.pipeline.training import Fit

#: Value of ``target`` that stands for all groups.
ALL = "all"
_ONE_BY_ONE = "run the targets one by one: --target=GROUP"


@dataclass(frozen=True)
class _Run:
    """The run of one target."""

    experiment: Experiment
    folder: RunFolder
    identity: tuple[dict[str, Any], dict[str, Any]]
    found: list[Candidate]


class AllTargets:
    """The runs of all targets of a data set, which share what they can.

    Parameters
    ----------
    everyone : Experiment
        For all users.

    Raises
    ------
    ValueError
        For settings under which targets cannot share models, and as a single run does; nothing
        is written.
    """

    def __init__(self, everyone: Experiment) -> None:
        self._everyone, settings = everyone, everyone.settings
        check_can_share(everyone)
        self._train = back_end(everyone)
        folds = settings["folds"] if settings["early_stopping"] or settings["trials"] else 0
        self._names, self._left_out = targets_of(everyone, folds)
        self._pool = draw_pool(settings["seed"], settings["trials"], everyone.n_users, self._names)
        self._on_folds = folds > 0
        self.folder, self._identity = run_folder(everyone, {}, {"targets": self._names})
        self.folder.check(*self._identity)
        self._runs = {name: self._run(name, folds) for name in self._names}
        check_trackers(everyone.config)

    def _run(self, target: str, folds: int) -> _Run:
        n_users = self._everyone.n_users
        pooled = [weights.candidate(n_users, target) for weights in self._pool]
        searched = [candidate for candidate in pooled if candidate is not None]
        view = self._everyone.for_target(target, trials=len(searched))
        found = fixed_candidates(view, {}) + searched
        view.check_parts(folds, [c.mix for c in found if c.source != "baseline"])
        more = {"targets": self._names}  # trial 0 is not that of a run of this target alone
        folder, identity = run_folder(view, {}, more, self.folder.path)
        folder.check(*identity)
        view.config["checkpoint_dir"] = str(folder.path)
        return _Run(view, folder, identity, found)

    def carry_out(self, say: Callable[[str], None]) -> dict[str, Any]:
        """Train, write a run folder for each target and an index; return the index.

        Parameters
        ----------
        say : callable
            Prints a line for people.
        """
        started = time.perf_counter()
        runs = self._runs
        stages = {n: FoldStage(r.experiment, r.folder, r.found) for n, r in runs.items()}
        shared = self._shared(stages if self._on_folds else {})
        expected = self._forecast(len(shared.jobs))
        self.folder.open(*self._identity)  # nothing is written before this line
        for run in runs.values():
            run.folder.open(*run.identity)
        self._everyone.config["checkpoint_dir"] = str(self.folder.path)
        for name, reason in self._left_out.items():
            say(f"note: target {name} is left out: {reason}")
        say(f"run folder {self.folder.path}")
        say(f"{len(runs)} targets at once; {expected}")
        tracking = {n: Tracking(r.experiment.config, r.folder.path) for n, r in runs.items()}
        metric = self._everyone.settings["valid_metric"]
        for fit in self._trained(shared, "folds"):
            for name, of_target in shared.read(fit):
                record = stages[name].take(of_target)
                number = [c.name for c in runs[name].found].index(record["name"])
                tracking[name].of_fold(number, record, metric)
        cv = {n: stage.summaries() if self._on_folds else {} for n, stage in stages.items()}
        seconds = {n: stage.seconds if self._on_folds else 0.0 for n, stage in stages.items()}
        results = self._test(cv, seconds, started)
        for name, result in results.items():
            scored = [c for c in runs[name].found if c.name in cv[name]]
            scores = [cv[name][c.name]["score"] for c in scored]
            tracking[name].of_mixes([c.mix for c in scored], scores, metric)
            tracking[name].of_test(result["test"])
        index = build_index(
            self._everyone.settings.values,
            embedding_size(self._everyone),
            {name: run.folder.path.name for name, run in runs.items()},
            results,
            self._left_out,
            self._pool,
            time.perf_counter() - started,
        )
        self.folder.write_text("index.json", json.dumps(index, indent=1) + "\n")
        return index

    def _test(
        self, cv: dict[str, dict[str, Any]], searched: dict[str, float], started: float
    ) -> dict[str, dict[str, Any]]:
        chosen, stages, keepers = {}, {}, {}
        for name, run in self._runs.items():
            found = run.found
            if run.experiment.settings["model"] in CLOSED_FORM:
                # lambda was chosen for the target's own scale, in which its users weigh 1
                found = [replace(candidate, weights=None) for candidate in found]
            chosen[name] = choose(run.experiment, found, cv[name], select(found, cv[name]))
            keepers[name] = ModelKeeper(run.folder)
            rows, epochs, options = chosen[name].rows, chosen[name].epochs, chosen[name].options
            stages[name] = TestStage(
                run.experiment, run.folder, rows, epochs, keepers[name], options
            )
        shared = self._shared(stages)
        for fit in self._trained(shared, "test"):
            metrics = None if fit.diverged else test_metrics(self._everyone, fit)
            for name, of_target in shared.read(fit):
                stages[name].take(of_target, metrics)
        results = {}
        for name, run in self._runs.items():
            tested = stages[name].result()
            seconds = {
                "search": searched[name],
                "test": stages[name].seconds,
                "this_call": time.perf_counter() - started,
            }
            results[name] = finish(
                run.experiment,
                run.folder,
                chosen[name],
                cv[name],
                tested,
                keepers[name],
                seconds if self._on_folds else {k: seconds[k] for k in ("test", "this_call")},
            )
        return results

    def _shared(self, stages: dict[str, Any]) -> SharedJobs:
        views = {name: run.experiment for name, run in self._runs.items()}
        return SharedJobs(views, {name: stage.jobs() for name, stage in stages.items()})

    def _trained(self, shared: SharedJobs, title: str) -> Iterator[Fit]:
        jobs = shared.jobs
        if not jobs:
            return
        everyone = self._everyone
        epochs, show = int(everyone.config["epochs"]), everyone.settings["show_progress"]
        bars = Progress(title, len(jobs), 0, epochs, show)
        for fit in self._train(everyone, jobs, bars.epoch):
            yield fit
            bars.model()
        bars.close()

    def _forecast(self, on_folds: int) -> Forecast:
        runs = list(self._runs.values())
        left = [remaining(run.experiment, run.folder, run.found)[1] for run in runs]
        repeats = self._everyone.settings["repeats"]
        final = max(sum(left) - repeats * (len(runs) - 1), max(left))  # Proportional is one model
        first = runs[0]
        return forecast_of(first.experiment, first.found, self._train, on_folds, final, 1.0)


def check_can_share(experiment: Experiment) -> None:
    """Raise ``ValueError`` unless a model is the same, whatever the scale of all user weights.

    Closed forms are, up to lambda. Trained models are where every term of the loss has the weights
    as a factor and the optimiser does not depend on the loss's scale.
    """
    settings = experiment.settings
    if settings["mix"]:
        raise ValueError(
            f"{settings.describe('mix')}; a mix file names the groups besides one target, so it "
            f"cannot stand beside --target=all; {_ONE_BY_ONE}"
        )
    if settings["log_wandb"]:
        raise ValueError(
            f"{settings.describe('log_wandb')}; a run of all targets is many runs, which one of "
            f"W&B cannot hold; use log_tensorboard, or {_ONE_BY_ONE}"
        )
    if settings["model"] in CLOSED_FORM:
        return
    reason = why_not(experiment)
    if reason is None and settings["backend"] == "recbole":
        reason = "backend is recbole, which trains models one by one"
    if reason:
        raise ValueError(
            f"--target=all trains BPR and LightGCN with their weighted loss by the back ends cpu and "
            f"torch, or solves closed forms, but {reason}; {_ONE_BY_ONE}"
        )
    if settings["regularizer"] != "weighted" and experiment.config["reg_weight"]:
        raise ValueError(
            f"{settings.describe('regularizer')}; only a weighted L2 term scales with the weights as "
            "the data term does, so that targets cannot share models under this one; use "
            f"--regularizer=weighted, or {_ONE_BY_ONE}"
        )


def targets_of(everyone: Experiment, folds: int) -> tuple[list[str], dict[str, str]]:
    """Return the groups that can be targets, and why the others cannot.

    Parameters
    ----------
    everyone : Experiment
        Shared data and settings.
    folds : int
        Number of folds; 0 if nothing is trained on folds.

    Raises
    ------
    ValueError
        If no group can be one.
    """
    names, left_out = [], {}
    for name in everyone.groups.names:
        try:
            view = everyone.for_target(name)
            view.check_parts(folds)
            if everyone.settings["model"] in CLOSED_FORM:
                check_rank(view)
        except ValueError as error:
            left_out[name] = str(error)
        else:
            names.append(name)
    if not names:
        raise ValueError(f"no group can be a target; {next(iter(left_out.values()))}")
    return names, left_out


def run_all_targets(everyone: Experiment, say: Callable[[str], None]) -> dict[str, Any]:
    """Carry out the runs of all targets; return the index and ``run_folder``, its folder."""
    for note in everyone.settings.notes:
        say(f"note: {note}")
    whole = AllTargets(everyone)
    return {**whole.carry_out(say), "run_folder": str(whole.folder.path)}
