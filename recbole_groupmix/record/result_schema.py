"""``result.json`` of one target and ``index.json`` of all: their fields, as in :mod:`.schema`."""

from __future__ import annotations

from typing import Annotated, TypedDict, final

from recbole_groupmix.core.mix import MixRecord
from recbole_groupmix.record.schema import (
    Change,
    Count,
    Data,
    Group,
    Lengths,
    Means,
    NotNegative,
    Positive,
    SearchRecord,
)


class BudgetPoint(TypedDict):
    """A value of ``curve``: a budget that the folds tried."""

    alpha_aug: NotNegative
    """The budget ratio."""
    candidate: str
    """The candidate whose models serve it; `proportional` for 1, `no_augmentation` for 0."""
    score: float | None
    """Cross-validation score; null where training diverged."""


class BudgetRecord(TypedDict):
    """The value of ``budget``: the baseline of that name, with the shares of Proportional."""

    selected: str
    """The candidate that is the row, such as `budget-0.3`."""
    alpha_aug: NotNegative
    """Its budget ratio, the best on the folds; of equal scores the nearest to 1."""
    curve: Annotated[list[BudgetPoint], ">= 1"]
    """Every budget that was tried, in ascending order."""


class Row(TypedDict):
    """A value of ``rows``."""

    kind: str
    """`mix`, or `rival`: another way to serve the target."""
    chosen: dict[str, float | None]
    """What the folds chose for it: lambda, one of `decays`, or a rival's knobs."""


class EpochWeights(TypedDict):
    """A value of ``weights``: weights of groups that change during training."""

    epoch: Positive
    """The first epoch with them."""
    weights: dict[str, NotNegative]
    """Weight of a user of each group, of any scale."""


class RivalRecord(TypedDict):
    """A value of ``rivals``."""

    says: str
    """What it does."""
    advice: str
    """What to do if it is the best row."""
    source: str
    """Where it comes from."""
    changes_nothing: bool
    """Whether no point was better than Proportional on the folds, so that the row is Proportional."""
    chosen: dict[str, float]
    """The best point on the folds: the values of its knobs."""
    score: float | None
    """Cross-validation score of that point; null where training diverged."""
    tried: Count
    """Points that the folds chose from."""
    goes_on: bool
    """Whether its epochs come after those of Proportional."""
    implied_mix: MixRecord | None
    """The mix of the mean weights of the groups' users; null where there is none."""
    weights: list[EpochWeights]
    """Weights of the groups during the first training; empty where they do not change."""


class Trainings(TypedDict):
    """The value of ``trainings``: models trained on folds to choose from, by what they served."""

    mixes: Count
    """Mixes, budgets and baselines."""
    rivals: dict[str, Count]
    """Each rival, with the models that are trained before its own."""


class AgainstRival(TypedDict):
    """The value of ``against_rival``: the best mix against the best rival on the folds."""

    mix: str
    """The row of the mix with the best score on the folds, of all but Proportional."""
    rival: str
    """The row of the rival with the best score on the folds."""
    change: dict[str, Change]
    """Change of the mix against the rival on the target's users on test, by `metric@k`."""
    own_length: dict[str, Change] | None
    """The same with the mix trained for the length of its own curve, the control; null without."""


class _AnyResult(TypedDict):
    schema_version: Positive
    """Version of the format: 2; 1 was written by the first rules of training length and marks."""
    dataset: str
    """Name of the data set."""
    group_field: str
    """Column of the ``.user`` file that makes the groups."""
    model: str
    """RecBole's name of the model."""
    embedding_size: Annotated[int | None, ">= 1"]
    """Embedding size; null for models without one."""
    protocol: str
    """`converged` or `paper`."""
    weighting: str
    """`loss` or `sample`."""
    topk: Annotated[list[Positive], ">= 1"]
    """Cut-offs."""
    seed: int
    """The seed of the split, the folds and the mixes; repeat r trains with seed + r."""
    repeats: Positive
    """Training seeds of each mix."""
    valid_metric: str
    """The metric that the training length and the search follow."""


class _Result(_AnyResult):
    target: str
    """The target group."""
    groups: Annotated[list[Group], ">= 1"]
    """The groups, the target among them."""
    mixes: dict[str, MixRecord]
    """The mixes that were trained on all of train, by row."""
    search: SearchRecord
    """The search on the folds."""
    diverged: list[str]
    """Rows that are left out because their training diverged."""
    test: dict[str, Means]
    """Means over the target's users and repeats on test, by row and `metric@k` or metric of labels."""
    test_by_group: dict[str, dict[str, Means]]
    """The same for every group."""
    change: dict[str, dict[str, Change]]
    """Comparison with `proportional` on the target, by row and `metric@k`."""
    seconds: dict[str, NotNegative]
    """Wall times in seconds: `search` and `test` of all calls, `this_call` of the last."""


class OwnLength(TypedDict):
    """The value of ``own_length``: the control, in which each row is trained for its own length."""

    test: dict[str, Means]
    """As `test` of the result."""
    change: dict[str, dict[str, Change]]
    """As `change` of the result."""


@final
class Result(_Result, total=False):
    """``result.json``: the result of a run."""

    lengths: Lengths | None
    """How long the rows were trained; null for closed forms, which are not trained."""
    own_length: OwnLength | None
    """The control; null without it."""

    data: Data
    """What loading removed from the data."""
    same_mix: dict[str, str]
    """Rows that have the same mix as another row, with its name."""
    budget: BudgetRecord
    """The budget curve on the folds; absent without folds or under `budget_curve: false`."""
    rows: dict[str, Row]
    """Every row of the table, mixes before rivals; absent in runs that know no rivals."""
    rivals: dict[str, RivalRecord]
    """The rows that are rivals of mixing."""
    trainings: Trainings
    """Models that were trained on folds, for mixes and for rivals."""
    against_rival: AgainstRival | None
    """The best mix against the best rival; null where either is missing or changes nothing."""
    closed_form: bool
    """Whether the model is solved in closed form, so that no seed changes it."""
    intervals: str
    """What was resampled for the intervals, in words."""
    versions: dict[str, str]
    """Versions of Python and of the packages that decide results."""
    group_labels: dict[str, str]
    """What people call the groups, by group; absent where nothing was given."""
    items: list[str]
    """Which items were ranked, and which trained, in sentences; absent where all are."""
    run_folder: str
    """Path of the run folder; in what ``run_groupmix`` returns, not in the file."""


class _TargetResult(TypedDict):
    folder: str
    """Name of the target's run folder, beside the index."""
    candidates: Count
    """Number of weight vectors that are mixes for the target."""
    selected: str | None
    """The candidate that is `data_mix`; this and the fields below are as in ``result.json``."""
    best_cv: float | None
    """Cross-validation score of `selected`."""
    mix: MixRecord | None
    """The mix of `data_mix`."""
    options: dict[str, float | None]
    """Options that the folds chose for it."""
    diverged: list[str]
    """Rows that are left out because their training diverged."""
    test: dict[str, Means]
    """Means on test by row and `metric@k`."""
    change: dict[str, dict[str, Change]]
    """Comparison with `proportional`; `p_holm` is corrected over all targets and rows."""
    same_mix: dict[str, str]
    """Rows that have the same mix as another row, with its name."""
    seconds: dict[str, NotNegative]
    """Wall times of the target in seconds."""
    n_users: Count
    """Users of the target with an interaction in train."""


class TargetResult(_TargetResult, total=False):
    """A value of ``targets``."""

    rows: dict[str, Row]
    """Every row, mixes before rivals, as in ``result.json``."""
    trainings: Trainings
    """Models that were trained on folds, for mixes and for rivals."""
    against_rival: AgainstRival | None
    """The best mix against the best rival, as in ``result.json``; not corrected over targets."""
    lengths: Lengths | None
    """How long the rows were trained."""
    budget: BudgetRecord
    """The budget curve on the folds, as in ``result.json``."""

    n_measured: Count
    """Users of the target who are measured on test."""
    n_in_data: Count
    """Users of the target with an interaction anywhere."""


class PoolEntry(TypedDict):
    """A value of ``pool``: weights that every target was searched on."""

    name: str
    """The candidate's name."""
    sampler: str
    """The sampler that drew it."""
    drawn_for: str
    """The target whose mix it was drawn as; its users weigh 1."""
    weights: dict[str, NotNegative]
    """Weight of a user of each group."""


class _Index(_AnyResult):
    trials: Count
    """Number of weight vectors that were asked for."""
    folds: Count
    """Number of folds of train."""
    closed_form: bool
    """Whether the model is solved in closed form."""
    intervals: str
    """What was resampled for the intervals, in words."""
    targets: dict[str, TargetResult]
    """The targets with their results."""
    left_out: dict[str, str]
    """Groups that are not targets, with the reason."""
    pool: list[PoolEntry]
    """The weight vectors."""
    seconds: dict[str, NotNegative]
    """Wall times in seconds: `search` and `test` of all targets, `this_call` of the last call."""


@final
class Index(_Index, total=False):
    """``index.json``: the results of all targets (``--target=all``)."""

    items: list[str]
    """Which items were ranked, in sentences; absent where all are."""
    run_folder: str
    """Path of the folder; in what ``run_groupmix`` returns, not in the file."""
