"""The lines of ``trials.jsonl``, ``curves.jsonl``, ``fold_users.jsonl`` and ``races.jsonl``, as in :mod:`.schema`."""

from __future__ import annotations

from typing import Annotated, TypedDict

from recbole_groupmix.record.schema import Count, NotNegative, Positive


class Tried(TypedDict):
    """A value of ``tried``: options of RecBole that a closed-form model was solved with."""

    options: dict[str, float]
    """The options, such as `reg_weight`."""
    score: float
    """The target's `valid_metric` with them."""


class OfMix(TypedDict, total=False):
    """Of mixes; rivals have none."""

    alpha: dict[str, NotNegative]
    """The shares of the groups besides the target."""
    alpha_aug: NotNegative
    """The budget ratio."""


class _Fold(TypedDict):
    name: str
    """The candidate's name; of ``groupmix tune`` `proportional`."""
    source: str
    """Where it comes from: `baseline`, `own`, `theory`, `budget`, `rival`, a sampler, or of a search in
    waves `repeat` (Proportional with another seed), `leave_one_out` or the proposer."""
    fold: Count
    """The fold that was held out, from 0."""
    score: float | None
    """The target's `valid_metric` on the fold; null where training diverged."""
    epochs: Count
    """The training length: the epochs after which the score was measured."""
    seconds: NotNegative
    """Wall time of the model in seconds, of all its trainings on the fold."""


class Tries(TypedDict, total=False):
    """Of closed-form models with several lambdas."""

    tried: Annotated[list[Tried], ">= 1"]
    """Of closed-form models with several lambdas: each of them with its score."""


class Options(TypedDict, total=False):
    """Of candidates that choose among options on the folds."""

    options: dict[str, float]
    """Options that this model was trained with: one of `decays`, or the values of a rival's knobs."""


class FoldRecord(_Fold, OfMix, Tries, Options):
    """A line of ``trials.jsonl``: one candidate on one fold."""


class _Point(TypedDict):
    epoch: Count
    """The epoch, from 1; 1 for each lambda of a closed-form model."""
    by_group: dict[str, Annotated[float | None, "or NaN"]]
    """The groups' `valid_metric` on the fold; of mixes other than baselines the target's alone."""


class CurvePoint(_Point, total=False):
    """A value of ``curve``: one evaluation during training."""

    reg_weight: float
    """Lambda of a closed-form model."""


class _Curve(TypedDict):
    name: str
    """The candidate's name."""
    fold: Count
    """The fold that was held out, from 0."""
    curve: list[CurvePoint]
    """Measurements in their order."""


class CurveRecord(_Curve, Options, total=False):
    """A line of ``curves.jsonl``: what was measured while a candidate was trained on a fold.

    Of several lines of the same candidate the longest counts.
    """

    scores: list[Annotated[float | None, "or NaN"]]
    """The target's `valid_metric` at every point."""
    seconds: NotNegative
    """Wall time of the training in seconds."""
    diverged: bool
    """Whether training diverged."""
    type: str
    """Type of the numbers in `packed`: `uint8` or `uint16` for hits, `float32` for the metric."""
    packed: str
    """Hits of the target's users, points by users in C order, compressed by zlib, in base64.

    Over what belongs to `valid_metric` (its cut-off for precision, `n_relevant` for recall, 1 for
    hit) they are the metric. NDCG, MRR and MAP depend on ranks, and AUC on the rows of all users, so
    that their values stand here.
    """


class FoldUsers(TypedDict):
    """A line of ``fold_users.jsonl``: the target's users who are measured on a fold."""

    fold: Count
    """The fold that was held out, from 0."""
    users: list[str]
    """Their tokens, in the order of `packed` in ``curves.jsonl``."""
    n_relevant: list[Positive]
    """Their held-out items; under `auc` their held-out rows."""


class LeftRecord(TypedDict):
    """A line of ``races.jsonl``: a mix that left a race of its wave, so that it is never chosen."""

    name: str
    """The candidate's name."""
    fold: Count
    """The last fold that it was trained on, from 0."""
    leader: str
    """The candidate with the best score on the folds so far, behind which it was."""
    chance: NotNegative
    """Share of resamples of the target's users in which it was as good as the leader."""


class FoldSummary(TypedDict):
    """Scores of a candidate on the folds; it is in memory only."""

    options: dict[str, float]
    """The best of the options that were tried on every fold; else empty."""
    score: float
    """Mean over the folds; NaN where training diverged."""
    scores: list[float]
    """One score per fold."""
    epochs: int
    """Epochs after which the scores were measured."""
    own: int
    """Epoch of the peak of the candidate's own mean curve; `epochs` where it is not looked for."""
    at_cap: bool
    """Whether the longest training that is allowed cut the curve off at its peak."""
