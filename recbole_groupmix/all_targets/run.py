"""``--target=all``: the runs of all targets at once, with every model that they share made once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping

from recbole_groupmix.all_targets.can_share import check_can_share, targets_of
from recbole_groupmix.all_targets.index import build_index
from recbole_groupmix.all_targets.shared_jobs import SharedJobs
from recbole_groupmix.all_targets.shared_trials import draw_pool
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.notes import say_notes
from recbole_groupmix.mixes.candidates import fixed_candidates
from recbole_groupmix.record.result_schema import Index
from recbole_groupmix.search.carry_out import Stage, carry_out
from recbole_groupmix.search.consent import Ask, agree
from recbole_groupmix.search.fold_stage import FoldStage, trains_on_folds
from recbole_groupmix.search.forecast import Forecast, forecast_of
from recbole_groupmix.search.identity import run_folder
from recbole_groupmix.search.target_run import TargetRun, target_run
from recbole_groupmix.search.tracking import check_trackers
from recbole_groupmix.search.workload import Workload, left_to_train
from recbole_groupmix.training.back_ends import back_end

#: Value of ``target`` that stands for all groups.
ALL = "all"


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
        self._back_end = back_end(everyone)
        check_can_share(everyone, self._back_end)
        folds = settings.folds if trains_on_folds(settings) else 0
        self._names, self._left_out = targets_of(everyone, folds, self._back_end)
        self._pool = draw_pool(settings.seed, settings.trials, everyone.n_users, self._names)
        # trial 0 of a target is not that of a run of this target alone
        self._more = {"targets": self._names}
        self.folder, self._identity = run_folder(everyone, {}, self._more)
        self.folder.check(*self._identity)
        self._runs = {name: self._run(name) for name in self._names}
        check_trackers(everyone.config)

    def _run(self, target: str) -> TargetRun:
        n_users = self._everyone.n_users
        pooled = [weights.candidate(n_users, target) for weights in self._pool]
        searched = [candidate for candidate in pooled if candidate is not None]
        view = self._everyone.for_target(target, trials=len(searched))
        asked = fixed_candidates(view, {}) + searched
        return target_run(view, asked, more=self._more, inside=self.folder.path)

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
        say_notes(self._everyone, say)
        for name, reason in self._left_out.items():
            say(f"note: target {name} is left out: {reason}")
        expected = self._forecast(say)
        say(f"run folder {self.folder.path}")
        say(f"{len(runs)} targets at once; {expected}")
        agree(expected.seconds, self._everyone.settings.yes, say, ask)
        self.folder.open(*self._identity)  # nothing is written before this line
        self._everyone.config["checkpoint_dir"] = str(self.folder.path)
        for run in runs.values():
            run.open()
        results = carry_out(runs, self._everyone, self._back_end, self._shared, started)
        index = build_index(
            self._everyone.settings.values,
            self._everyone.embedding_size,
            {name: run.folder.path.name for name, run in runs.items()},
            results,
            self._left_out,
            self._pool,
            time.perf_counter() - started,
        )
        self.folder.write("index.json", json.dumps(index, indent=1) + "\n")
        return index

    def _shared(self, stages: Mapping[str, Stage]) -> SharedJobs:
        views = {name: run.experiment for name, run in self._runs.items()}
        return SharedJobs(views, {name: stage.jobs() for name, stage in stages.items()})

    def _forecast(self, say: Callable[[str], None]) -> Forecast:
        runs, settings = list(self._runs.values()), self._everyone.settings
        on_folds = 0
        if trains_on_folds(settings):
            stages = {
                name: FoldStage(run.experiment, run.folder, run.trained)
                for name, run in self._runs.items()
            }
            on_folds = self._shared(stages).n_models
        left = [left_to_train(run.experiment, run.folder, run.trained) for run in runs]
        final = sum(work.final for work in left)
        chosen = settings.early_stopping  # how long each target trains
        if settings.lambdas:
            chosen = len(settings.lambdas) > 1
        if not chosen:  # Proportional is one model for all
            shared = settings.repeats * (len(runs) - 1)
            final = max(final - shared, *(work.final for work in left))
        work = Workload(
            on_folds,
            sum(work.rivals for work in left),
            final,
            sum(work.final_rivals for work in left),
            at_most=final > 0,
        )
        first = runs[0]
        return forecast_of(first.experiment, first.trained, self._back_end, work, 1.0, say)


def run_all_targets(
    everyone: Experiment, say: Callable[[str], None], ask: Ask | None = None
) -> Index:
    """Carry out the runs of all targets; return the index and ``run_folder``, its folder."""
    whole = AllTargets(everyone)
    return {**whole.carry_out(say, ask), "run_folder": str(whole.folder.path)}
