"""The number of models that a run has left to train, as its progress bars count them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

from recbole_groupmix.core.budget_curve import BUDGETS
from recbole_groupmix.core.names import BUDGET, DATA_MIX, NOT_SEARCHED, REFERENCE, THEORY
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.mixes.candidates import FIXED, Candidate
from recbole_groupmix.mixes.duplicates import find_duplicates, without_duplicates
from recbole_groupmix.mixes.fine_tuned import fine_tuned, has_fine_tuned
from recbole_groupmix.record.fold_schema import FoldSummary
from recbole_groupmix.record.folder import RunFolder
from recbole_groupmix.search.choice import Chosen, choose, chosen_candidates
from recbole_groupmix.search.fold_stage import trains_on_folds
from recbole_groupmix.search.kept_model import ModelKeeper
from recbole_groupmix.search.stages import (
    control_stage,
    fine_tuned_stage,
    has_budget,
    has_control,
    left_on_folds,
    options_of,
)
from recbole_groupmix.search.test_stage import TestStage
from recbole_groupmix.settings.settings import Settings
from recbole_groupmix.training.job import n_trainings

#: Budgets that have models of their own: all but those of Proportional and No Augmentation.
N_NEW_BUDGETS = len(BUDGETS) - 2


@dataclass(frozen=True)
class Workload:
    """Numbers of models that are left to train.

    Attributes
    ----------
    on_folds : int
        Mixes on folds; with several lambdas each is solved once for each lambda.
    fine_tuned_on_folds : int
        ``fine_tuned`` on folds; each takes a second model, which is trained before it.
    final : int
        Models on all of train, with those of ``fine_tuned``.
    final_fine_tuned : int
        Models of ``fine_tuned`` among `final`.
    at_most : bool
        Whether `final` may turn out smaller, since the search may choose a mix that is trained on
        all of train in any case.
    control : int
        Most models of chosen mixes on folds that are trained again for longer, to see their
        own length.
    budgets_on_folds : int
        Models of the budget curve among `on_folds`.
    """

    on_folds: int
    fine_tuned_on_folds: int
    final: int
    final_fine_tuned: int
    at_most: bool = False
    control: int = 0
    budgets_on_folds: int = 0

    @property
    def n_models(self) -> int:
        """Number of models in all."""
        return self.on_folds + self.fine_tuned_on_folds + self.control + self.final

    def __str__(self) -> str:
        """Return the counts in words."""
        n_more = self.fine_tuned_on_folds
        more = f", {n_more} more for fine_tuned (two trainings each)" if n_more else ""
        longer = f", up to {self.control} again for longer" if self.control else ""
        most = "up to " if self.at_most else ""
        if self.budgets_on_folds:
            more = f" ({self.budgets_on_folds} of them for the budget curve){more}"
        return (
            f"{self.on_folds} models on folds{more}{longer} and {most}{self.final} on all of train"
        )


def left_to_train(
    experiment: Experiment, folder: RunFolder, compared: Sequence[Candidate]
) -> Workload:
    """Count the models that the stages of a run have left.

    Lengths, and with them the names of the files of models on all of train, are known once the
    folds are done; until then all of their repeats are left. Folds of Proportional may have to be
    trained again for longer, which is not counted.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    folder : RunFolder
        Finished models in it are not counted; it need not exist.
    compared : sequence of Candidate
        All candidates of the run.
    """
    settings = experiment.settings
    repeats, has_tuned = settings.repeats, has_fine_tuned(settings)
    folds = settings.folds if trains_on_folds(settings) else 0
    duplicates = find_duplicates(experiment, compared, folds)
    trained = without_duplicates(compared, duplicates)
    if not folds:
        tuned = fine_tuned(experiment, {})
        return _on_all_of_train(experiment, folder, [*compared, *_each(tuned)], {}, duplicates)
    jobs, known = left_on_folds(experiment, folder, trained)
    left = len(jobs)
    tuned = fine_tuned(experiment, known) if REFERENCE in known else None
    tuning_left, tuned_left = (folds, repeats) if has_tuned and REFERENCE not in known else (0, 0)
    if tuned is not None:
        options = [known[REFERENCE]["options"]]
        stage = fine_tuned_stage(experiment, folder, tuned, options)
        tuning_left, known = stage.n_left, {**known, **stage.known()}
        tuned_left = _to_test(experiment, folder, tuned, known)
    chosen = [
        _left_of_choice(experiment, folder, compared, known, duplicates, row)
        for row in (DATA_MIX, BUDGET)
    ]
    control = sum(choice.control for choice in chosen)
    if not (left or tuning_left or control):
        known = {**known, **{k: v for choice in chosen for k, v in choice.known.items()}}
        return _on_all_of_train(experiment, folder, [*compared, *_each(tuned)], known, duplicates)
    budgets = {c.name for c in trained if c.source == BUDGET}
    fixed = [_to_test(experiment, folder, c, known) for c in trained if c.source in FIXED]
    return Workload(
        on_folds=left,
        fine_tuned_on_folds=tuning_left,
        final=sum(fixed) + sum(choice.final for choice in chosen) + tuned_left,
        final_fine_tuned=tuned_left,
        at_most=any(choice.may_be_row for choice in chosen),
        control=control,
        budgets_on_folds=sum(job.name in budgets for job in jobs),
    )


def _each(candidate: Candidate | None) -> list[Candidate]:
    return [] if candidate is None else [candidate]


@dataclass(frozen=True)
class _Choice:
    """What is left for a row that the folds choose.

    Attributes
    ----------
    control, final : int
        Models on folds, to see its own length, and on all of train.
    may_be_row : bool
        Whether it is not chosen yet and may be another row, which needs no models of its own.
    known : dict
        Summary with its own length.
    """

    control: int = 0
    final: int = 0
    may_be_row: bool = False
    known: Mapping[str, FoldSummary] = field(default_factory=dict)


def _left_of_choice(
    experiment: Experiment,
    folder: RunFolder,
    compared: Sequence[Candidate],
    known: Mapping[str, FoldSummary],
    duplicates: Mapping[str, str],
    row: str,
) -> _Choice:
    """Return what is left for the row ``data_mix`` or ``budget``."""
    settings = experiment.settings
    if row == BUDGET:
        rivals = [c for c in compared if c.source == BUDGET]
    else:
        searched = any(c.is_trial for c in compared)
        rivals = [c for c in compared if searched and c.source not in NOT_SEARCHED]
    if not rivals:
        return _Choice()
    if any(duplicates.get(c.name, c.name) not in known for c in rivals):
        control = settings.folds if has_control(settings) else 0
        may_be_row = row == BUDGET or any(c.source == THEORY for c in rivals)
        return _Choice(control, int(settings.repeats), may_be_row)
    candidate = chosen_candidates(compared, known, duplicates, [row]).get(row)
    if candidate is None:
        return _Choice()
    if not has_control(settings):
        return _Choice(final=_to_test(experiment, folder, candidate, known))
    stage = control_stage(experiment, folder, [candidate], known)
    own = stage.known()
    final = _to_test(experiment, folder, candidate, {**known, **own})
    return _Choice(stage.n_left, final, known=own)


def _on_all_of_train(
    experiment: Experiment,
    folder: RunFolder,
    compared: Sequence[Candidate],
    known: Mapping[str, FoldSummary],
    duplicates: Mapping[str, str],
) -> Workload:
    """Return the models that are left once all folds are done."""
    chosen = choose(experiment, compared, known, duplicates)
    jobs = TestStage(experiment, folder, chosen, ModelKeeper(folder)).jobs()
    follow = n_trainings(job for job in jobs if job.start is not None)
    return Workload(0, 0, n_trainings(jobs), follow)


def planned(settings: Settings, mixes: Sequence[str]) -> Workload:
    """Return the workload of a run that has not begun, without its data.

    Parameters
    ----------
    settings : Settings
        Final settings of a run.
    mixes : sequence of str
        The baselines without duplicates and, where the run has it, theory's mix.
    """
    folds = settings.folds if trains_on_folds(settings) else 0
    trials, repeats, tuned = settings.trials, settings.repeats, has_fine_tuned(settings)
    rows, budgets = len(mixes) + len(settings.mix), has_budget(settings)
    n_budgets = N_NEW_BUDGETS if budgets else 0
    options, n_chosen = len(options_of(settings)), (trials > 0) + budgets
    control = n_chosen * folds if has_control(settings) else 0
    return Workload(
        on_folds=(rows + n_budgets + trials) * folds * options,
        fine_tuned_on_folds=tuned * folds,
        final=(rows + n_chosen + tuned) * repeats,
        final_fine_tuned=tuned * repeats,
        at_most=budgets or (trials > 0 and THEORY in mixes),
        control=control,
        budgets_on_folds=n_budgets * folds * options,
    )


def _to_test(
    experiment: Experiment,
    folder: RunFolder,
    candidate: Candidate,
    known: Mapping[str, FoldSummary],
) -> int:
    """Return how many repeats of a mix are left; `known` has the summaries of finished folds."""
    name = candidate.name
    if name not in known:
        return int(experiment.settings.repeats)
    summary = known[name]
    if not isfinite(summary["score"]):
        return 0
    lengths = {name: summary["epochs"]}, {name: summary["own"]}
    chosen = Chosen({name: candidate}, *lengths, {name: summary["options"]}, ())
    return TestStage(experiment, folder, chosen, ModelKeeper(folder)).n_left
