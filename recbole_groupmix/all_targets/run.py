"""``--target=all``: the runs of all targets at once, with every model that they share made once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from recbole_groupmix.all_targets.can_share import check_can_share, targets_of
from recbole_groupmix.all_targets.index import build_index
from recbole_groupmix.all_targets.shared_jobs import SharedJobs
from recbole_groupmix.all_targets.shared_trials import draw_pool
from recbole_groupmix.core.names import FINE_TUNED
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.notes import say_notes
from recbole_groupmix.mixes.candidates import Candidate, fixed_candidates, select
from recbole_groupmix.mixes.fine_tuned import fine_tuned
from recbole_groupmix.mixes.same_mix import distinct, same_mixes
from recbole_groupmix.models import CLOSED_FORM
from recbole_groupmix.record.folder import RunFolder
from recbole_groupmix.record.result_schema import Index, Result
from recbole_groupmix.record.schema import Fingerprint, FoldSummary
from recbole_groupmix.search.consent import Ask, agree
from recbole_groupmix.search.finish import ModelKeeper, choose, embedding_size, finish
from recbole_groupmix.search.forecast import Forecast, forecast_of
from recbole_groupmix.search.identity import run_folder
from recbole_groupmix.search.progress import Progress
from recbole_groupmix.search.stages import FoldStage, TestStage, test_metrics, trains_on_folds
from recbole_groupmix.search.tracking import Tracking, check_trackers
from recbole_groupmix.search.workload import Workload, left_to_train
from recbole_groupmix.training.back_ends import back_end
from recbole_groupmix.training.fine_tuning import with_fine_tuning
from recbole_groupmix.training.job import Fit

#: Value of ``target`` that stands for all groups.
ALL = "all"


@dataclass(frozen=True)
class _Run:
    """The run of one target: what it compares, and what of it is trained, each mix once."""

    experiment: Experiment
    folder: RunFolder
    identity: tuple[dict[str, Any], Fingerprint]
    asked: list[Candidate]
    found: list[Candidate]
    same: dict[str, str]


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
        self._back_end = back_end(everyone)
        self._train = with_fine_tuning(self._back_end)
        folds = settings["folds"] if trains_on_folds(settings) else 0
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
        asked = fixed_candidates(view, {}) + searched
        view.check_parts(folds, [c.mix for c in asked if c.source != "baseline"])
        same = same_mixes(view, asked, folds)
        more = {"targets": self._names}  # trial 0 is not that of a run of this target alone
        folder, identity = run_folder(view, {}, more, self.folder.path)
        folder.check(*identity)
        return _Run(view, folder, identity, asked, distinct(asked, same), same)

    def carry_out(self, say: Callable[[str], None], ask: Ask | None = None) -> Index:
        """Train, write a run folder for each target and an index; return the index.

        Parameters
        ----------
        say : callable
            Prints a line for people.
        ask : callable, optional
            Asks them before more than a day of work.
        """
        started = time.perf_counter()
        runs = self._runs
        stages = {n: FoldStage(r.experiment, r.folder, r.found) for n, r in runs.items()}
        say_notes(self._everyone, say)
        for name, reason in self._left_out.items():
            say(f"note: target {name} is left out: {reason}")
        expected = self._forecast(len(self._shared(stages).jobs) if self._on_folds else 0, say)
        say(f"run folder {self.folder.path}")
        say(f"{len(runs)} targets at once; {expected}")
        agree(expected.seconds, self._everyone.settings["yes"], say, ask)
        self.folder.open(*self._identity)  # nothing is written before this line
        self._everyone.config["checkpoint_dir"] = str(self.folder.path)
        for run in runs.values():
            run.folder.open(*run.identity)
            run.experiment.config["checkpoint_dir"] = str(run.folder.path)
        # read again: until now another process may have been at work in them
        stages = {n: FoldStage(r.experiment, r.folder, r.found) for n, r in runs.items()}
        self._tracking = {n: Tracking(r.experiment.config, r.folder.path) for n, r in runs.items()}
        results = self._test(*self._cross_validate(stages), started)
        for name, result in results.items():
            self._tracking[name].of_test(result["test"])
        index = build_index(
            self._everyone.settings.values,
            embedding_size(self._everyone),
            {name: run.folder.path.name for name, run in runs.items()},
            results,
            self._left_out,
            self._pool,
            time.perf_counter() - started,
        )
        self.folder.write("index.json", json.dumps(index, indent=1) + "\n")
        return index

    def _cross_validate(
        self, stages: dict[str, FoldStage]
    ) -> tuple[dict[str, dict[str, FoldSummary]], dict[str, float]]:
        """Return the summaries and the seconds of every target; the rival comes last."""
        cv: dict[str, dict[str, FoldSummary]] = {name: {} for name in stages}
        seconds = dict.fromkeys(stages, 0.0)
        if self._on_folds:
            self._on_the_folds(stages, cv, seconds)
        rivals = {}
        for name, run in self._runs.items():
            rival = fine_tuned(run.experiment, cv[name])
            if rival is not None:
                run.asked.append(rival)
                run.found.append(rival)
                rivals[name] = FoldStage(run.experiment, run.folder, [rival])
        if self._on_folds and rivals:
            self._on_the_folds(rivals, cv, seconds, f"folds, {FINE_TUNED}")
        metric = self._everyone.settings["valid_metric"]
        for name, run in self._runs.items():
            self._tracking[name].of_mixes(run.found, cv[name], metric)
        return cv, seconds

    def _on_the_folds(
        self,
        stages: dict[str, FoldStage],
        cv: dict[str, dict[str, FoldSummary]],
        seconds: dict[str, float],
        title: str = "folds",
    ) -> None:
        shared, metric = self._shared(stages), self._everyone.settings["valid_metric"]
        for fit in self._trained(shared, title):
            for name, of_target in shared.read(fit):
                record = stages[name].take(of_target)
                number = [c.name for c in self._runs[name].found].index(record["name"])
                self._tracking[name].of_fold(number, record, metric)
        for name, stage in stages.items():
            cv[name].update(stage.summaries())
            seconds[name] += stage.seconds

    def _test(
        self, cv: dict[str, dict[str, FoldSummary]], searched: dict[str, float], started: float
    ) -> dict[str, Result]:
        chosen, stages, keepers = {}, {}, {}
        for name, run in self._runs.items():
            asked = run.asked
            if run.experiment.settings["model"] in CLOSED_FORM:
                # lambda was chosen for the target's own scale, in which its users weigh 1
                asked = [replace(candidate, weights=None) for candidate in asked]
            selected = select(distinct(asked, run.same), cv[name])
            chosen[name] = choose(run.experiment, asked, cv[name], selected, run.same)
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

    def _forecast(self, on_folds: int, say: Callable[[str], None]) -> Forecast:
        runs, settings = list(self._runs.values()), self._everyone.settings
        left = [left_to_train(run.experiment, run.folder, run.found) for run in runs]
        final = sum(work.final for work in left)
        chosen = settings["early_stopping"]  # how long each target trains
        if settings["lambdas"]:
            chosen = len(settings["lambdas"]) > 1
        if not chosen:  # Proportional is one model for all
            shared = settings["repeats"] * (len(runs) - 1)
            final = max(final - shared, *(work.final for work in left))
        work = Workload(
            on_folds,
            sum(work.rivals for work in left),
            final,
            sum(work.final_rivals for work in left),
            at_most=final > 0,
        )
        first = runs[0]
        return forecast_of(first.experiment, first.found, self._back_end, work, 1.0, say)


def run_all_targets(
    everyone: Experiment, say: Callable[[str], None], ask: Ask | None = None
) -> Index:
    """Carry out the runs of all targets; return the index and ``run_folder``, its folder."""
    whole = AllTargets(everyone)
    return {**whole.carry_out(say, ask), "run_folder": str(whole.folder.path)}
