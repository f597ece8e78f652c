"""``--target=all``: the runs of all targets at once, with every shared model trained once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping

from recbole_groupmix.all_targets.can_share import check_can_share, targets_of
from recbole_groupmix.all_targets.index import build_index
from recbole_groupmix.all_targets.shared_jobs import SharedJobs
from recbole_groupmix.all_targets.shared_trials import draw_shared_trials
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.item_notes import item_notes
from recbole_groupmix.experiment.notes import say_notes
from recbole_groupmix.mixes.budget import two_groups_note
from recbole_groupmix.mixes.candidates import budget_candidates, fixed_candidates
from recbole_groupmix.mixes.theory import SharesOfParts
from recbole_groupmix.record.result_schema import Index
from recbole_groupmix.search.carry_out import Stage, carry_out
from recbole_groupmix.search.confirm import Ask, confirm_long_run
from recbole_groupmix.search.fold_stage import trains_on_folds
from recbole_groupmix.search.forecast import Forecast, forecast_of
from recbole_groupmix.search.identity import run_folder
from recbole_groupmix.search.rivals_left import left_of_rivals
from recbole_groupmix.search.stages import has_budget, left_on_folds
from recbole_groupmix.search.target_run import TargetRun, target_run
from recbole_groupmix.search.tracking import check_trackers
from recbole_groupmix.search.workload import Workload, left_to_train
from recbole_groupmix.training.back_ends import back_end
from recbole_groupmix.workers.trainer import trainer_of

#: Value of ``target`` that stands for all groups.
ALL = "all"


class AllTargets:
    """The runs of all targets of a data set, which share models where they can.

    Parameters
    ----------
    experiment : Experiment
        That of all users.

    Raises
    ------
    ValueError
        For settings under which targets cannot share models, and where a single run raises one;
        nothing is written.
    """

    def __init__(self, experiment: Experiment) -> None:
        self._experiment, settings = experiment, experiment.settings
        self._back_end = back_end(experiment)
        check_can_share(experiment, self._back_end)
        folds = settings.folds if trains_on_folds(settings) else 0
        self._names, self._left_out = targets_of(experiment, folds, self._back_end)
        self._trials = draw_shared_trials(
            settings.seed,
            settings.trials,
            experiment.n_users,
            self._names,
            settings.budget_law,
        )
        # trial 0 of a target is not trial 0 of a run of this target alone
        self._more = {"targets": self._names}
        self.folder, self._config = run_folder(experiment, {}, self._more)
        self.folder.check(self._config)
        shares = SharesOfParts(experiment)
        self._runs = {name: self._run(name, shares) for name in self._names}
        check_trackers(experiment.config)

    def _run(self, target: str, shares: SharesOfParts) -> TargetRun:
        n_users = self._experiment.n_users
        of_target = [trial.candidate(n_users, target) for trial in self._trials]
        searched = [candidate for candidate in of_target if candidate is not None]
        view = self._experiment.for_target(target, trials=len(searched))
        candidates = fixed_candidates(view, {}, shares)
        if has_budget(view.settings):
            candidates += budget_candidates(n_users, target)
        candidates += searched
        return target_run(view, candidates, more=self._more, inside=self.folder.path)

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
        experiment = self._experiment
        left_out = dict.fromkeys(note for run in runs.values() for note in run.left_out)
        notes = [*two_groups_note(experiment, has_budget(experiment.settings)), *left_out]
        say_notes(experiment, say, notes, by_workers=True)
        for name, reason in self._left_out.items():
            say(f"note: target {name} is left out: {reason}")
        expected = self._forecast(say)
        say(f"run folder {self.folder.path}")
        say(f"{len(runs)} targets at once; {expected}")
        confirm_long_run(expected.seconds, self._experiment.settings.yes, say, ask)
        with trainer_of(experiment, self._back_end, say, all_users=True) as trains:
            self.folder.open(self._config)  # nothing is written before this line
            experiment.config["checkpoint_dir"] = str(self.folder.path)
            for run in runs.values():
                run.open()
            results = carry_out(runs, experiment, trains, self._shared, started)
        index = build_index(
            self._experiment.settings,
            self._experiment.embedding_size,
            {name: run.folder.path.name for name, run in runs.items()},
            results,
            self._left_out,
            self._trials,
            time.perf_counter() - started,
        )
        if items := item_notes(experiment):
            index["items"] = items
        self.folder.write("index.json", json.dumps(index, indent=1) + "\n")
        return index

    def _shared(self, stages: Mapping[str, Stage]) -> SharedJobs:
        views = {name: run.experiment for name, run in self._runs.items()}
        return SharedJobs(views, {name: stage.jobs() for name, stage in stages.items()})

    def _forecast(self, say: Callable[[str], None]) -> Forecast:
        runs, settings = list(self._runs.values()), self._experiment.settings
        on_folds = of_rivals = 0
        if trains_on_folds(settings):
            left_of = {
                name: left_on_folds(run.experiment, run.folder, run.trained)
                for name, run in self._runs.items()
            }
            views = {name: run.experiment for name, run in self._runs.items()}
            on_folds = SharedJobs(
                views, {name: jobs for name, (jobs, _) in left_of.items()}
            ).n_models
            rival_jobs = {
                name: left_of_rivals(self._runs[name], known).jobs
                for name, (_, known) in left_of.items()
            }
            of_rivals = SharedJobs(views, rival_jobs).n_models
        left = [left_to_train(run) for run in runs]
        final = sum(work.final for work in left)
        per_target = settings.early_stopping  # each target has epochs or a lambda of its own
        if settings.lambdas:
            per_target = len(settings.lambdas) > 1
        if not per_target:  # Proportional is one model for all
            shared = settings.repeats * (len(runs) - 1)
            final = max(final - shared, *(work.final for work in left))
        work = Workload(
            on_folds,
            final,
            rivals_on_folds=of_rivals,
            before=sum(work.before for work in left),
            rivals=tuple(dict.fromkeys(name for work in left for name in work.rivals)),
            at_most=final > 0,
            budgets_on_folds=sum(work.budgets_on_folds for work in left),
            control=sum(work.control for work in left),
        )
        first = runs[0]
        return forecast_of(first.experiment, first.trained, self._back_end, work, 1.0, say)


def run_all_targets(
    experiment: Experiment, say: Callable[[str], None], ask: Ask | None = None
) -> Index:
    """Carry out the runs of all targets; return the index and ``run_folder``, its folder."""
    whole = AllTargets(experiment)
    return {**whole.carry_out(say, ask), "run_folder": str(whole.folder.path)}
