"""The files of a run folder: the fields of each, their types and bounds, written down once.

The check of a file when it is read (:mod:`~recbole_groupmix.record.field_checks`), its type
for mypy, and the tables of ``docs/run_folder.md`` all come from here. A string beside a type bounds it:
``>= 0``, or ``or NaN``. Fields of a class with ``total=False`` came later or are not of every run,
so that older folders can be read; unknown fields pass.
"""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

from recbole_groupmix.core.mix import MixRecord

#: ``schema_version`` of ``result.json`` and ``index.json`` as they are written.
SCHEMA_VERSION = 2
#: The metrics of tables that people read, at the largest cut-off; the first decides.
SHORT_METRICS = ("precision", "recall", "ndcg")

Count = Annotated[int, ">= 0"]
Positive = Annotated[int, ">= 1"]
NotNegative = Annotated[float, ">= 0"]
#: Means by ``metric@k``, null where it is undefined for every user.
Means = dict[str, float | None]


class Fingerprint(TypedDict, total=False):
    """The value of ``data`` in ``config.yaml``: the data of the run."""

    n_users: Count
    """Users in the data set."""
    n_items: Count
    """Items in the data set."""
    n_interactions: Count
    """Interactions."""
    sha256: str
    """Digest of the interactions and the users' groups."""


class _Config(TypedDict):
    configuration: dict[str, Any]
    """Every setting of this package and of RecBole that decides results."""
    data: Fingerprint
    """The data of the run."""


class Bought(TypedDict):
    """The value of ``hours`` in ``config.yaml``: what a limit in time has bought."""

    hours: NotNegative
    """The limit (`--hours`, or 1, which models that are trained one by one have by default)."""
    trials: Count
    """Mixes that fitted by the forecast of the call that first had this limit."""


class Config(_Config, total=False):
    """``config.yaml``: configuration and data of the run; only an equal run resumes it."""

    trials: int | None
    """Number of searched mixes, which may grow when a run is resumed."""
    hours: Bought
    """What a limit in time has bought; absent without one."""


class NamedMix(MixRecord):
    """The mix of ``model.yaml``."""

    name: str
    """The candidate's name."""


class _ModelSettings(TypedDict):
    dataset: str
    model: str
    target: str
    group_field: str


class ModelFile(TypedDict):
    """``model.yaml``: what :func:`recbole_groupmix.load_run` needs to rebuild the model."""

    file: str
    """Name of the checkpoint, ``model-CANDIDATE-EPOCHS.pth``."""
    mix: NamedMix
    """The candidate that it was trained with."""
    settings: _ModelSettings
    """All settings of the run, among them `dataset`, `model`, `target` and `group_field`."""
    folder: str
    """The absolute path of the folder of the data set, tried before `data_path`."""


class MetricsRow(TypedDict):
    """A row of ``metrics.parquet``: one value of one user of any group on test."""

    user_id: str
    """The user's token in the data."""
    group: str
    """The user's group."""
    mix: str
    """The row of the result, such as `proportional`; in ``repeats`` the candidate."""
    repeat: Count
    """The training seed's number, from 0."""
    metric: str
    """`precision`, `recall`, `ndcg`, `hit`, `mrr` or `map`; of labels `auc`, `logloss`, `rmse` or `mae`."""
    k: Count
    """The cut-off, out of `topk`; 0 for metrics of labels, which have none."""
    value: Annotated[float, "or NaN"]
    """The metric, from 0 to 1; NaN where the metric is undefined for a user. Of labels, what the user
    adds to the figure of the user's group: its mean over users is that figure."""


class RepeatRow(MetricsRow):
    """A row of a file of ``repeats``: as in ``metrics.parquet``, of one model."""

    seconds: NotNegative
    """Wall time of the model's training in seconds, the same in every row."""


class UserRow(TypedDict):
    """A row of ``per_user.parquet``, which ``GroupReport.save`` writes."""

    user_id: str
    """The user's token in the data."""
    group: str
    """The user's group; empty for users of no group."""
    metric: str
    """The metric as the evaluator names it, such as `ndcg@10`."""
    value: Annotated[float, "or NaN"]
    """The user's value; NaN where the metric is undefined for the user."""


class Uncorrected(TypedDict):
    """A comparison without correction for multiple testing."""

    mean: float | None
    """The relative change, 0.05 for 5 % more."""
    ci_low: float | None
    """Lower end of its 95 % interval; null where it is unbounded, or `mean` is null."""
    ci_high: float | None
    """Upper end of the interval, likewise."""
    p: float | None
    """Two-sided p-value, the largest of the tests'; null for the same mix as another row."""


class Change(Uncorrected):
    """A value of ``change``: a row's mean relative to that of `proportional` on the target."""

    p_holm: float | None
    """The p-value after Holm's correction over the rows of the run that differ from proportional."""


class _Group(TypedDict):
    name: str
    """Name of the group."""
    n_users: Count
    """Users with an interaction in train."""
    n_interactions: Count
    """Their interactions in train."""


class Group(_Group, total=False):
    """A value of ``groups``."""

    n_in_data: Count
    """Users with an interaction anywhere."""
    n_measured: Count
    """Users who are measured on test."""
    not_measured: dict[str, Count]
    """Numbers of the other users by the reason why they are not measured."""


class RemovedStep(TypedDict):
    """A value of ``removed``: interactions that a step of loading removed."""

    step: str
    """What was removed, and by which file or key."""
    n_rows: Count
    """Interactions that were removed."""
    n_users: Count
    """Users who lost all their interactions."""
    n_items: Count
    """Items that lost all their interactions."""
    of_rows: Count
    """Interactions before the step."""
    of_users: Count
    """Users before the step."""
    of_items: Count
    """Items before the step."""
    keep: str
    """How to keep them."""


class Data(TypedDict):
    """The value of ``data``."""

    removed: list[RemovedStep]
    """What the steps of loading removed, in their order."""


class _Search(TypedDict):
    trials: Count
    """Number of searched mixes."""
    folds: Count
    """Number of folds of train."""
    selected: str | None
    """The candidate that is `data_mix`; null without one."""
    cv: Means
    """Cross-validation score by candidate: mean over the folds; null where training diverged."""


class Lengths(TypedDict):
    """The value of ``lengths``: how long the rows were trained."""

    rule: str
    """`common`: for the peak of the mean curve of `proportional`; `fixed`: for `epochs`."""
    common: int | None
    """The common length in epochs; null where it is fixed."""
    cap: Positive
    """Most epochs that were allowed."""
    at_cap: list[str]
    """Rows whose curve the cap cut off at its peak."""
    epochs: dict[str, Positive]
    """Epochs of every row."""
    own: dict[str, Positive]
    """Epochs at the peak of every row's own mean curve, up to twice the common length."""


class Believed(TypedDict):
    """A value of ``belief``: what a search in waves believes of a mix that it tried."""

    mean: float | None
    """Posterior mean of its score on the folds; null where training diverged."""
    sd: float | None
    """Posterior standard deviation of its difference to `proportional`."""
    best: float
    """Probability that it is the best of all."""


class WavesRecord(TypedDict):
    """The value of ``waves``: a search whose mixes were proposed from those that were tried."""

    proposer: str
    """Name of the proposer (``--search``)."""
    most: Count
    """Most mixes that it might search; `trials` is how many it did."""
    ended: str
    """Why it ended: `trials` were spent, little `gain` was likely, or `proposer` had no more."""
    least_gain: NotNegative
    """Gain over `proportional` that was worth going on for; 0 if it never ended early."""
    chance_of_more: float
    """Probability at its end that any mix near those tried gains more than that."""
    rank_correlation: float | None
    """Spearman's correlation of scores with what the surface says of mixes that it has not seen."""
    optimism: float | None
    """What it then says of the best fifth minus what was measured, relative to `proportional`."""
    recommended: str
    """The candidate of the largest posterior mean: `selected`, or `proportional`."""
    belief: dict[str, Believed]
    """Every mix that was tried, trainings of `proportional` with other seeds under its name."""
    left: dict[str, Positive]
    """Mixes that left a race, with the number of folds that they were trained on."""
    saved: Count
    """Models that were not trained since mixes had left."""


class SearchRecord(_Search, total=False):
    """The value of ``search``: the search on the folds."""

    best_cv: float | None
    """Cross-validation score of `selected`."""
    epochs: dict[str, Count]
    """Epochs to train by candidate."""
    options: dict[str, dict[str, float | None]]
    """Options that the folds chose, by candidate."""
    lambdas: list[float] | None
    """Lambdas that closed-form models were solved with."""
    waves: WavesRecord
    """How the search went; absent where all mixes were drawn beforehand (`search: random`)."""
