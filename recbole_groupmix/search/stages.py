"""The stages on the folds: first Proportional, which sets the training length, then the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite

from recbole_groupmix.core.names import REFERENCE
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.mixes.candidates import FIXED, Candidate
from recbole_groupmix.record.fold_schema import FoldSummary
from recbole_groupmix.record.folder import RunFolder
from recbole_groupmix.rivals.candidate import RivalCandidate
from recbole_groupmix.search.fold_records import FoldRecords
from recbole_groupmix.search.fold_stage import NO_OPTIONS, FoldStage, trains_on_folds
from recbole_groupmix.search.grid import Grid
from recbole_groupmix.settings.settings import Settings
from recbole_groupmix.training.job import Job


def has_length_stage(settings: Settings) -> bool:
    """Return whether the folds choose the training length, by Proportional's curve."""
    return settings.early_stopping and not settings.is_solved


def has_control(settings: Settings) -> bool:
    """Return whether every row is also trained for its own length."""
    return settings.own_length and has_length_stage(settings)


def has_budget(settings: Settings) -> bool:
    """Return whether a run has the row ``budget``, which the folds choose."""
    return settings.budget_curve and trains_on_folds(settings)


def options_of(settings: Settings) -> list[Mapping[str, float]]:
    """Return the options of RecBole among which every candidate chooses on the folds."""
    if settings.is_solved or settings.decays is None:
        return [NO_OPTIONS]
    return [{"reg_weight": decay} for decay in settings.decays]


def length_stage(
    experiment: Experiment, folder: RunFolder, candidates: Sequence[Candidate]
) -> FoldStage:
    """Return the stage that finds the training length: Proportional's own."""
    reference = [c for c in candidates if c.name == REFERENCE]
    return FoldStage(experiment, folder, reference, options=options_of(experiment.settings))


def mix_stage(
    experiment: Experiment,
    folder: RunFolder,
    candidates: Sequence[Candidate],
    known: Mapping[str, FoldSummary],
    records: FoldRecords | None = None,
    folds: int | None = None,
) -> FoldStage:
    """Return the stage of the candidates that are trained for the common length.

    Parameters
    ----------
    experiment, folder
        The run.
    candidates : sequence of Candidate
        All that are trained.
    known : mapping
        Summaries of those that are done; with Proportional's, from the :func:`length_stage` where
        the folds choose the length.
    records, folds
        As for :class:`~recbole_groupmix.search.fold_stage.FoldStage`.
    """
    settings, grid = experiment.settings, Grid.of(experiment)
    rest = [c for c in candidates if c.name not in known]
    length = known[REFERENCE]["epochs"] if known else grid.cap
    rows = [c for c in rest if c.source in FIXED]
    up_to = {c.name: control_length(length, grid) for c in rows} if has_control(settings) else {}
    options = options_of(settings)
    return FoldStage(experiment, folder, rest, length, up_to, options, records, folds)


def left_on_folds(
    experiment: Experiment, folder: RunFolder, candidates: Sequence[Candidate]
) -> tuple[list[Job], dict[str, FoldSummary]]:
    """Return the jobs that are left on the folds, and the summaries of what is done.

    As long as the common length is not known, the others' jobs have the longest that is allowed.

    Parameters
    ----------
    experiment, folder
        The run.
    candidates : sequence of Candidate
        All that are trained.
    """
    known: dict[str, FoldSummary] = {}
    if has_length_stage(experiment.settings):
        first = length_stage(experiment, folder, candidates)
        if first.n_left:
            rest = [c for c in candidates if c.name != REFERENCE]
            cap, options = Grid.of(experiment).cap, options_of(experiment.settings)
            others = FoldStage(experiment, folder, rest, cap, options=options)
            return [*first.jobs(), *others.jobs()], {}
        known = first.known()
        if not isfinite(known[REFERENCE]["score"]):
            return [], known  # the run stops
    stage = mix_stage(experiment, folder, candidates, known)
    return stage.jobs(), {**known, **stage.known()}


def rival_stage(
    experiment: Experiment,
    folder: RunFolder,
    rivals: Sequence[RivalCandidate],
    *,
    own_length: bool,
) -> FoldStage:
    """Return the stage of those rivals that have a length of their own, or of all others.

    Parameters
    ----------
    experiment, folder
        The run.
    rivals : sequence of RivalCandidate
        Rivals of the run.
    own_length : bool
        Which of them.
    """
    mine = [c for c in rivals if c.rival.own_length == own_length]
    length: int | None = None
    if mine and not (own_length and has_length_stage(experiment.settings)):
        length = mine[0].reference.epochs
    return FoldStage(experiment, folder, mine, length, options={c.name: c.points for c in mine})


def control_stage(
    experiment: Experiment,
    folder: RunFolder,
    candidates: Sequence[Candidate],
    known: Mapping[str, FoldSummary],
) -> FoldStage:
    """Return the stage that trains chosen candidates further, to see where their own peak is.

    Parameters
    ----------
    experiment, folder
        The run.
    candidates : sequence of Candidate
        The chosen ones.
    known : mapping
        Summaries of all candidates.
    """
    length, grid = known[REFERENCE]["epochs"], Grid.of(experiment)
    up_to = {c.name: control_length(length, grid) for c in candidates}
    options = {c.name: [known[c.name]["options"]] for c in candidates}
    return FoldStage(experiment, folder, candidates, length, up_to, options)


def control_length(length: int, grid: Grid) -> int:
    """Return the epochs up to which a row's own length is looked for: twice the common one."""
    return min(2 * length, grid.cap)
