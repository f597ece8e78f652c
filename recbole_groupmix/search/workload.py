"""The number of models that a run has left to train, as its progress bars count them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from recbole_groupmix.core.budget_curve import BUDGETS
from recbole_groupmix.core.names import BUDGET, DATA_MIX, NOT_SEARCHED, THEORY
from recbole_groupmix.mixes.candidates import FIXED
from recbole_groupmix.mixes.first_wave import MOST_LEFT_OUT, n_repeats
from recbole_groupmix.record.fold_schema import FoldSummary
from recbole_groupmix.rivals.candidate import RivalCandidate, named_rivals
from recbole_groupmix.search.choice import choose, chosen_candidates
from recbole_groupmix.search.fold_stage import trains_on_folds
from recbole_groupmix.search.kept_model import ModelKeeper
from recbole_groupmix.search.repeats_left import repeats_left
from recbole_groupmix.search.rivals_left import left_of_rivals
from recbole_groupmix.search.stages import (
    control_stage,
    has_budget,
    has_control,
    left_on_folds,
    options_of,
)
from recbole_groupmix.search.target_run import TargetRun
from recbole_groupmix.search.test_stage import TestStage
from recbole_groupmix.search.waves_left import (
    NOT_IN_WAVES,
    WavesLeft,
    left_in_waves,
    planned_waves,
)
from recbole_groupmix.settings.settings import Settings
from recbole_groupmix.training.job import n_firsts, n_learned, n_trainings

#: Budgets that have models of their own: all but those of Proportional and No Augmentation.
N_NEW_BUDGETS = len(BUDGETS) - 2


@dataclass(frozen=True)
class Workload:
    """Numbers of models that are left to train.

    Attributes
    ----------
    on_folds : int
        Mixes on folds; with several lambdas each is solved once for each lambda.
    final : int
        Models on all of train.
    rivals_on_folds : int
        Models of rivals on folds.
    before : int
        Models that are trained before those of rivals which start from them.
    rivals : tuple of str
        Names of the rivals.
    at_most : bool
        Whether `final` may turn out smaller, since the folds may choose a mix that is trained on
        all of train in any case, or no rival.
    control : int
        Most models of chosen mixes on folds that are trained again for longer, to see their
        own length.
    budgets_on_folds : int
        Models of the budget curve among `on_folds`.
    waves : str
        In which waves the models on folds are trained, in words; then `on_folds` may turn out
        smaller too. Empty where all mixes are drawn beforehand.
    at_least_on_folds : int
        Models on folds of the wave after which the search may end early; 0 where it cannot.
    """

    on_folds: int
    final: int
    rivals_on_folds: int = 0
    before: int = 0
    rivals: tuple[str, ...] = ()
    at_most: bool = False
    control: int = 0
    budgets_on_folds: int = 0
    waves: str = ""
    at_least_on_folds: int = 0

    @property
    def n_models(self) -> int:
        """Number of models in all, without those that are trained before rivals."""
        return self.on_folds + self.rivals_on_folds + self.control + self.final

    def __str__(self) -> str:
        """Return the counts in words."""
        n_more, more = self.rivals_on_folds, ""
        if n_more:
            more = f", {n_more} more for rivals ({', '.join(self.rivals)})"
        longer = f", up to {self.control} again for longer" if self.control else ""
        most = "up to " if self.at_most else ""
        most_on_folds = "up to " if self.waves else ""
        notes = [f"{self.budgets_on_folds} of them for the budget curve"] * (
            self.budgets_on_folds > 0
        )
        notes += [self.waves] * bool(self.waves)
        if notes:
            more = f" ({'; '.join(notes)}){more}"
        return f"{most_on_folds}{self.on_folds} models on folds{more}{longer} and {most}{self.final} on all of train"


def left_to_train(run: TargetRun) -> Workload:
    """Count the models that the stages of a run have left.

    Lengths, and with them the names of the files of models on all of train, are known once the
    folds are done; until then all of their repeats are left. Folds of Proportional may have to be
    trained again for longer, which is not counted.

    Parameters
    ----------
    run : TargetRun
        The run; finished models in its folder are not counted. The folder need not exist.
    """
    experiment, folder = run.experiment, run.folder
    if not trains_on_folds(experiment.settings):
        return _on_all_of_train(run, {}, ())
    waves = NOT_IN_WAVES
    if experiment.settings.in_waves:
        waves, run = left_in_waves(run)
        jobs, known = waves.jobs, waves.known
    else:
        jobs, known = left_on_folds(experiment, folder, run.trained)
    left, trained = len(jobs) + waves.models, run.trained
    rivals = left_of_rivals(run, known, waves.trials)
    chosen = [_left_of_choice(run, known, row, waves) for row in (DATA_MIX, BUDGET)]
    control = sum(choice.control for choice in chosen)
    if not (left or rivals.on_folds or control):
        known = {**known, **{k: v for choice in chosen for k, v in choice.known.items()}}
        return _on_all_of_train(run, {**known, **rivals.known}, rivals.candidates)
    budgets = {c.name for c in trained if c.source == BUDGET}
    fixed = [repeats_left(experiment, folder, c, known) for c in trained if c.source in FIXED]
    return Workload(
        on_folds=left,
        final=sum(fixed) + sum(choice.final for choice in chosen) + rivals.final,
        rivals_on_folds=rivals.on_folds,
        before=rivals.before,
        rivals=tuple(candidate.name for candidate in rivals.candidates),
        at_most=rivals.may_be_none or any(choice.may_be_row for choice in chosen),
        control=control,
        budgets_on_folds=sum(job.name in budgets for job in jobs),
        waves=waves.words,
        at_least_on_folds=len(jobs) if waves.models and experiment.settings.least_gain else 0,
    )


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
    run: TargetRun, known: Mapping[str, FoldSummary], row: str, waves: WavesLeft
) -> _Choice:
    """Return what is left for the row ``data_mix`` or ``budget``."""
    experiment, folder, duplicates = run.experiment, run.folder, run.duplicates
    settings, compared = experiment.settings, run.found.remaining(run.candidates)
    if row == BUDGET:
        rivals = [c for c in compared if c.source == BUDGET]
    else:
        searched = any(c.is_trial for c in compared)
        rivals = [c for c in compared if searched and c.source not in NOT_SEARCHED]
    if not rivals:
        return _Choice()
    open_search = row == DATA_MIX and waves.trials > 0
    if open_search or any(duplicates.get(c.name, c.name) not in known for c in rivals):
        control = settings.folds if has_control(settings) else 0
        may_be_row = row == BUDGET or settings.in_waves or any(c.source == THEORY for c in rivals)
        return _Choice(control, int(settings.repeats), may_be_row)
    candidate = chosen_candidates(compared, known, duplicates, [row], run.found).get(row)
    if candidate is None:
        return _Choice()
    if not has_control(settings):
        return _Choice(final=repeats_left(experiment, folder, candidate, known))
    stage = control_stage(experiment, folder, [candidate], known)
    own = stage.known()
    final = repeats_left(experiment, folder, candidate, {**known, **own})
    return _Choice(stage.n_left, final, known=own)


def _on_all_of_train(
    run: TargetRun, known: Mapping[str, FoldSummary], rivals: Sequence[RivalCandidate]
) -> Workload:
    """Return the models that are left once all folds are done."""
    chosen = choose(run.experiment, run.candidates, known, run.duplicates, rivals, run.found)
    jobs = TestStage(run.experiment, run.folder, chosen, ModelKeeper(run.folder)).jobs()
    return Workload(0, n_trainings(jobs), before=n_firsts(jobs) + n_learned(jobs))


def planned(settings: Settings, mixes: Sequence[str]) -> Workload:
    """Return the workload of a run that has not begun, without its data.

    Rivals that the model turns out not to carry are counted.

    Parameters
    ----------
    settings : Settings
        Final settings of a run.
    mixes : sequence of str
        The baselines without duplicates and, where the run has it, theory's mix.
    """
    folds = settings.folds if trains_on_folds(settings) else 0
    trials, repeats = settings.trials, settings.repeats
    rows, budgets = len(mixes) + len(settings.mix), has_budget(settings)
    n_budgets = N_NEW_BUDGETS if budgets else 0
    options, n_chosen = len(options_of(settings)), (trials > 0) + budgets
    control = n_chosen * folds if has_control(settings) else 0
    n_mixes = rows + n_budgets + trials + n_repeats(settings)
    first = min(MOST_LEFT_OUT, trials)
    early = settings.in_waves and settings.least_gain and trials > first
    points = {r: min(r.most_points(settings), n_mixes) for r in named_rivals(settings)}
    rivals = [rival for rival, most in points.items() if most and folds]
    starting = 0 if settings.is_solved else sum(rival.own_length for rival in rivals)
    return Workload(
        on_folds=n_mixes * folds * options,
        waves=planned_waves(settings),
        at_least_on_folds=(n_mixes - trials + first) * folds * options if early else 0,
        final=(rows + n_chosen + len(rivals)) * repeats,
        rivals_on_folds=sum(points[rival] for rival in rivals) * folds,
        before=starting * (folds + repeats),
        rivals=tuple(rival.name for rival in rivals),
        at_most=budgets or bool(rivals) or settings.in_waves or (trials > 0 and THEORY in mixes),
        control=control,
        budgets_on_folds=n_budgets * folds * options,
    )
