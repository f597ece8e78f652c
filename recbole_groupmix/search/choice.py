"""The rows of a result, chosen by the cross-validation scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

from recbole_groupmix.core.names import BUDGET, DATA_MIX, REFERENCE
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.mixes.budget import budget_record
from recbole_groupmix.mixes.candidates import FIXED, Candidate, select
from recbole_groupmix.mixes.duplicates import without_duplicates
from recbole_groupmix.record.fold_schema import FoldSummary
from recbole_groupmix.record.result_schema import BudgetRecord, Trainings
from recbole_groupmix.record.schema import WavesRecord
from recbole_groupmix.rivals.candidate import RivalCandidate
from recbole_groupmix.rivals.recipe import n_models
from recbole_groupmix.search.trainable import Trainable


@dataclass(frozen=True)
class Found:
    """What a search found; the default is one that drew its mixes beforehand.

    Attributes
    ----------
    recommended : str or None
        Name of the candidate that a search in waves recommends; by default the best
        cross-validation score is chosen.
    left : mapping of str to int
        Folds of each mix that left a race, and so is never chosen.
    record : WavesRecord or None
        How the search went.
    """

    recommended: str | None = None
    left: Mapping[str, int] = field(default_factory=dict)
    record: WavesRecord | None = None

    def data_mix(
        self, compared: Sequence[Candidate], cv: Mapping[str, FoldSummary]
    ) -> Candidate | None:
        """Return the data mix; None if there is none, as where Proportional is recommended."""
        name = self.recommended
        if name is None:
            return select(compared, cv)
        if name == REFERENCE or not isfinite(cv[name]["score"]):
            return None
        return next(candidate for candidate in compared if candidate.name == name)

    def remaining(self, compared: Sequence[Candidate]) -> list[Candidate]:
        """Return the candidates that did not leave."""
        return [candidate for candidate in compared if candidate.name not in self.left]


#: Mixes were drawn beforehand.
DRAWN = Found()


@dataclass(frozen=True)
class Chosen:
    """The candidates that are trained on all of train.

    Attributes
    ----------
    rows : dict of str to Trainable
        By name in the result: mixes, then rivals.
    epochs : dict of str to int
        Epochs to train, by candidate name.
    own : dict of str to int
        Epochs of the control, by candidate name: the peak of the candidate's own curve.
    options : dict of str to dict
        RecBole keys that the folds chose, by candidate name.
    diverged : tuple of str
        Candidates whose training diverged on a fold.
    duplicates : dict of str to str
        Name of the earlier, equal row by the name of each duplicate: of a mix with the same
        weights, and of a rival that changes nothing.
    budget : BudgetRecord or None
        The budgets that the folds tried; None without the row ``budget``.
    rivals : sequence of RivalCandidate
        The rivals, each a row.
    trainings : Trainings or None
        Models that were trained on folds, for mixes and for rivals; None without folds.
    waves : WavesRecord or None
        How a search in waves went.
    """

    rows: dict[str, Trainable]
    epochs: dict[str, int]
    own: dict[str, int]
    options: dict[str, dict[str, float]]
    diverged: tuple[str, ...]
    duplicates: Mapping[str, str] = field(default_factory=dict)
    budget: BudgetRecord | None = None
    rivals: Sequence[RivalCandidate] = ()
    trainings: Trainings | None = None
    waves: WavesRecord | None = None


def choose(
    experiment: Experiment,
    compared: Sequence[Candidate],
    cv: Mapping[str, FoldSummary],
    duplicates: Mapping[str, str] | None = None,
    rivals: Sequence[RivalCandidate] = (),
    found: Found = DRAWN,
) -> Chosen:
    """Return the rows of a result: baselines, own mixes, theory's, budget, the data mix, rivals.

    A rival of which no point is better than Proportional on the folds is Proportional.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    compared : sequence of Candidate
        All candidates.
    cv : mapping
        Their summaries on the folds; empty without folds.
    duplicates : mapping of str to str, optional
        Candidates that equal an earlier one, whose model serves both rows
        (:func:`~recbole_groupmix.mixes.duplicates.find_duplicates`).
    rivals : sequence of RivalCandidate
        Rivals with their summaries in `cv`.
    found : Found
        What the search found.

    Raises
    ------
    ValueError
        If training of Proportional diverged.
    """
    tried, compared, duplicates = compared, found.remaining(compared), duplicates or {}
    by_name = {c.name: c for c in compared}
    of = {c.name: duplicates.get(c.name, c.name) for c in compared}
    diverged = [n for n, name in of.items() if name in cv and not isfinite(cv[name]["score"])]
    check_reference(diverged, "on a fold")
    rows: dict[str, Trainable] = {
        c.name: by_name[of[c.name]]
        for c in compared
        if c.source in FIXED and c.name not in diverged
    }
    selected = found.data_mix(without_duplicates(compared, duplicates), cv) if cv else None
    budget = budget_record(compared, cv, duplicates)
    if budget is not None:
        name = budget["selected"]
        rows[BUDGET] = by_name[name]
        if name in rows:
            duplicates = {**duplicates, BUDGET: name}
    if selected is not None:
        rows[DATA_MIX] = selected
        if BUDGET in rows and rows[BUDGET].name == selected.name and BUDGET not in duplicates:
            duplicates = {**duplicates, BUDGET: DATA_MIX}
    for rival in rivals:
        if is_better(rival.name, cv):
            rows[rival.name] = rival
        else:
            rows[rival.name] = by_name[REFERENCE]
            duplicates = {**duplicates, rival.name: REFERENCE}
    fixed = int(experiment.config["epochs"])
    return Chosen(
        rows=rows,
        epochs={c.name: cv[c.name]["epochs"] if cv else fixed for c in rows.values()},
        own={c.name: cv[c.name]["own"] if cv else fixed for c in rows.values()},
        options={name: dict(s["options"]) for name, s in cv.items() if s["options"]},
        diverged=tuple(diverged),
        duplicates=duplicates,
        budget=budget,
        rivals=tuple(rivals),
        trainings=_trainings(experiment, tried, duplicates, rivals, found.left) if cv else None,
        waves=found.record,
    )


def _trainings(
    experiment: Experiment,
    compared: Sequence[Candidate],
    duplicates: Mapping[str, str],
    rivals: Sequence[RivalCandidate],
    left: Mapping[str, int],
) -> Trainings:
    """Count the models that the folds need to choose mixes and rivals."""
    settings = experiment.settings
    each = len(settings.lambdas or ()) if settings.is_solved else len(settings.decays or ())
    trained = [c.name for c in without_duplicates(compared, duplicates)]
    n_mixes = sum(left.get(name, settings.folds) for name in trained) * max(each, 1)
    of_rivals = {
        c.name: n_models([c.recipe_on(experiment, ALL_OF_TRAIN, point) for point in c.points])
        for c in rivals
    }
    return {"mixes": n_mixes, "rivals": {n: k * settings.folds for n, k in of_rivals.items()}}


def chosen_candidates(
    compared: Sequence[Candidate],
    cv: Mapping[str, FoldSummary],
    duplicates: Mapping[str, str],
    rows: Sequence[str] = (DATA_MIX, BUDGET),
    found: Found = DRAWN,
) -> dict[str, Candidate]:
    """Return what rows chose on the folds, where that is in no other row.

    Parameters
    ----------
    compared, cv, duplicates
        As for :func:`choose`.
    rows : sequence of str
        ``data_mix``, ``budget`` or both, whose candidates all have a summary.
    found : Found
        What the search found.
    """
    compared = found.remaining(compared)
    chosen: dict[str, Candidate | None] = {}
    if DATA_MIX in rows:
        chosen[DATA_MIX] = found.data_mix(without_duplicates(compared, duplicates), cv)
    if BUDGET in rows:
        budget = budget_record(compared, cv, duplicates)
        name = None if budget is None else budget["selected"]
        chosen[BUDGET] = next((c for c in compared if c.name == name), None)
    return {row: c for row, c in chosen.items() if c is not None and c.source not in FIXED}


def is_better(name: str, cv: Mapping[str, FoldSummary]) -> bool:
    """Return whether a rival's best point has a better score on the folds than Proportional."""
    return isfinite(cv[name]["score"]) and cv[name]["score"] > cv[REFERENCE]["score"]


def check_reference(diverged: Sequence[str], where: str) -> None:
    """Raise ``ValueError`` if training of Proportional diverged."""
    if REFERENCE in diverged:
        raise ValueError(
            f"Training of {REFERENCE!r} diverged {where}. All mixes are compared with it, so the run "
            "stops; lower learning_rate."
        )
