"""``check.json``, what ``groupmix check`` writes: its fields, as in :mod:`.schema`."""

from __future__ import annotations

from typing import Annotated, TypedDict

from recbole_groupmix.core.mix import MixRecord
from recbole_groupmix.record.schema import Count, NotNegative, Positive

#: ``schema_version`` of ``check.json``, written and read.
CHECK_VERSION = 1
#: Values of d, as text, by which curves are listed.
ByDimension = dict[str, dict[str, float]]
Relabelled = dict[str, dict[str, Annotated[list[float], ">= 1"]]]


class _CheckedGroup(TypedDict):
    name: str
    """Name of the group."""


class CheckedGroup(_CheckedGroup, total=False):
    """A value of ``groups``."""

    n_users: Count
    """Users with an interaction in train."""
    n_interactions: Count
    """Their interactions in train."""


class Classes(TypedDict):
    """The value of ``classes``: Theta of the paper."""

    field: str
    """Column of item classes."""
    names: list[str]
    """The classes."""
    shares: dict[str, list[float]]
    """By group the share of each class in what its users like."""


class TheoryMix(MixRecord):
    """A value of ``theory``: the mix of least recovery bound of a target (Theorem 3.1)."""

    sigma: list[float]
    """Share of each class in what the mix trains on."""
    bound_ratio: float | None
    """Its bound relative to that of Proportional; null where both are infinite."""


class AssumptionsRecord(TypedDict):
    """A value of ``assumptions``: what Theorem 3.1 asks of a data set, and what there is."""

    n_users: Count
    """Users with an interaction in train."""
    n_items: Count
    """Items with an interaction in train."""
    rate: NotNegative
    """Rate of observation, as if every user liked one class of items."""
    least_rate: float | None
    """The rate that Assumption B.2 asks for, its constant taken as 1; null where it is infinite."""
    b1: bool
    """Whether there are at least as many items as users (Assumption B.1)."""
    b2: bool
    """Whether the rate is at least what is asked for (Assumption B.2)."""


#: EASE's L2 weight by target; a class cannot have a field of this name.
_Lambda = TypedDict("_Lambda", {"lambda": dict[str, NotNegative]})


class InfluenceRecord(_Lambda):
    """The value of ``influence``: what one percent more of each group does."""

    model: str
    """The model that it is exact for: EASE."""
    more: float
    """How much more of a group: 0.01."""
    held_out: str
    """The fold whose log loss is measured."""
    users: dict[str, Count]
    """Users whose losses were computed, by target."""
    loss: dict[str, float]
    """Their mean held-out log loss with all weights 1, by target."""
    change: dict[str, dict[str, dict[str, float]]]
    """By target and group `mean`, `ci_low`, `ci_high`, `p`, `p_holm` of the relative change."""
    sum: dict[str, float]
    """By target the sum of its means: the effect of one percent less of lambda."""


class _Check(TypedDict):
    schema_version: Positive
    """Version of the format: 1."""
    dataset: str
    """Name of the data set."""
    groups: Annotated[list[CheckedGroup], ">= 1"]
    """The groups, in the order of the matrices."""
    delta: dict[str, list[list[NotNegative]]]
    """By d the matrix of Delta_d of all pairs (Eq. 9), from 0 to 1."""
    het: ByDimension
    """Het_d by d and group."""
    null: Relabelled
    """Het_d of each relabelling within strata of activity, by d and group."""


class CheckRecord(_Check, total=False):
    """``check.json``."""

    group_field: str
    """Column of the ``.user`` file that makes the groups."""
    interactions: str
    """What delta, het and dist are made of: `train`, the training part, or `all`, test included."""
    classes: Classes | None
    """Shares of item classes; null without a column of classes."""
    uneven: ByDimension
    """Uneven_d by d and group: the spread of the overlaps relative to random groups."""
    null_uneven: Relabelled
    """Uneven_d of each relabelling within strata of activity, by d and group."""
    dist: ByDimension
    """Dist_d by d and group."""
    null_dist: Relabelled
    """Dist_d of each relabelling within strata of activity, by d and group."""
    theory: dict[str, TheoryMix]
    """Theory's mix by target; empty without a column of classes."""
    assumptions: dict[str, AssumptionsRecord]
    """Assumptions of Theorem 3.1 by target; empty without a column of classes."""
    influence: InfluenceRecord | None
    """Group influence; null where it was left out."""
    d: Positive
    """Dimension of the verdicts."""
    p: dict[str, dict[str, float]]
    """By target the p-values of `uneven` and `dist` at that dimension, corrected over all of them."""
    overlap: dict[str, NotNegative]
    """By target the mean overlap of the other groups with it at that dimension, relative to random groups."""
    verdict: dict[str, str]
    """The verdict of the rule on each target, in words."""
    label: dict[str, str]
    """`alike`, `even`, `slight` or `different`, by target."""
    rule: str
    """The rule."""
    notes: list[str]
    """Further notes for the reader."""
