"""A mix of augmentation groups, the baseline mixes, and the user weights of a mix."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Annotated, Any, TypedDict

import numpy as np

from recbole_groupmix.core.names import NO_AUGMENTATION, REFERENCE, STRATIFIED
from recbole_groupmix.core.spelling import did_you_mean

SUM_TOLERANCE = 1e-6
_SNAP = 4 * float(np.finfo(np.float64).eps)


class MixRecord(TypedDict):
    """A mix in a file; the strings beside the types are bounds."""

    alpha: dict[str, Annotated[float, ">= 0"]]
    """Share of each augmentation group, together 1."""
    alpha_aug: Annotated[float, ">= 0"]
    """Budget ratio: number of augmentation users relative to how many there are."""


@dataclass(frozen=True)
class Mix:
    """How much of each augmentation group a target group's training data holds.

    Parameters
    ----------
    alpha : mapping of str to float
        Share per augmentation group, each in [0, 1], together 1. Kept as a copy, in the order
        given; not to be written to.
    alpha_aug : float
        Budget ratio, >= 0: expected number of augmentation users over the number there is.

    Raises
    ------
    ValueError
        If `alpha` is empty or off the simplex, or `alpha_aug` is negative or not finite.
    """

    alpha: Mapping[str, float]
    alpha_aug: float

    def __post_init__(self) -> None:
        """Check both parts and store them as plain Python values."""
        if not isinstance(self.alpha, Mapping) or not self.alpha:
            raise ValueError(
                f"alpha is {self.alpha!r}; give one share per augmentation group, such as "
                "{'18': 0.4, '35': 0.6}."
            )
        for name in self.alpha:
            if not isinstance(name, str):
                raise ValueError(
                    f"alpha names the group {name!r}, which is not a string; group names are "
                    f"strings, so write '{name}' in quotes."
                )
        alpha = {
            name: _non_negative(share, f"alpha of group '{name}'")
            for name, share in self.alpha.items()
        }
        total = math.fsum(alpha.values())
        if abs(total - 1.0) > SUM_TOLERANCE:
            raise ValueError(
                f"alpha sums to {total:.9g} over the groups {_listed(alpha)}; shares must sum "
                f"to 1 (within {SUM_TOLERANCE:g}). The amount of data is set by alpha_aug."
            )
        object.__setattr__(self, "alpha", alpha)
        object.__setattr__(self, "alpha_aug", _non_negative(self.alpha_aug, "alpha_aug"))

    def __hash__(self) -> int:
        """Hash by content; like equality, without regard to the order of the groups."""
        return hash((frozenset(self.alpha.items()), self.alpha_aug))

    def to_dict(self) -> MixRecord:
        """Return ``{"alpha": {group: share}, "alpha_aug": ratio}``, ready for JSON."""
        return {"alpha": dict(self.alpha), "alpha_aug": self.alpha_aug}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Mix:
        """Return the mix that `to_dict` wrote; ValueError for other keys than its two."""
        if not isinstance(data, Mapping) or set(data) != {"alpha", "alpha_aug"}:
            given = _listed(data) if isinstance(data, Mapping) else repr(data)
            raise ValueError(
                f"a mix needs exactly the keys 'alpha' and 'alpha_aug', but has: {given}."
            )
        return cls(alpha=data["alpha"], alpha_aug=data["alpha_aug"])


def augmentation_sizes(n_users: Mapping[str, int], target: str) -> dict[str, int]:
    """Return the number of users of every group but the target, after checking all counts.

    Parameters
    ----------
    n_users : mapping of str to int
        Every group's number of users with at least one training interaction, target included.
    target : str
        Name of the target group.

    Raises
    ------
    ValueError
        If the target is unknown or has no user, there is no second group, no other group has
        a user, or a count is not an integer >= 0.
    """
    for name, count in n_users.items():
        if isinstance(count, bool) or not isinstance(count, Integral) or count < 0:
            raise ValueError(f"group '{name}' has {count!r} users; counts are integers >= 0.")
    if target not in n_users:
        raise ValueError(
            f"target '{target}' is not a group; groups are {_listed(n_users)}"
            f"{did_you_mean(target, n_users)}."
        )
    if len(n_users) < 2:
        raise ValueError(
            f"'{target}' is the only group; a mix needs at least one group besides the target."
        )
    if n_users[target] == 0:
        raise ValueError(
            f"target group '{target}' has 0 users with a training interaction; choose "
            "another group."
        )
    sizes = {name: int(count) for name, count in n_users.items() if name != target}
    if sum(sizes.values()) == 0:
        raise ValueError(
            f"no group besides the target '{target}' has a user with a training interaction; "
            "there is nothing to augment with."
        )
    return sizes


def check_groups(mix: Mix, n_users: Mapping[str, int], target: str) -> None:
    """Check that `mix` names exactly the groups other than the target, and only filled ones.

    Raises
    ------
    ValueError
        If the mix names an unknown group or the target, leaves out an augmentation group, or
        gives a share to a group without users; also for counts that `augmentation_sizes`
        refuses.
    """
    sizes = augmentation_sizes(n_users, target)
    if target in mix.alpha:
        raise ValueError(
            f"alpha names the target group '{target}'; its users always have weight 1. Name "
            f"only the augmentation groups: {_listed(sizes)}."
        )
    for name in mix.alpha:
        if name not in sizes:
            raise ValueError(
                f"alpha names the unknown group '{name}'; augmentation groups of target "
                f"'{target}' are {_listed(sizes)}{did_you_mean(name, sizes)}."
            )
    missing = [name for name in sizes if name not in mix.alpha]
    if missing:
        raise ValueError(
            f"alpha leaves out {_listed(missing)}; name every augmentation group of target "
            f"'{target}', with share 0 for those that are not to be used."
        )
    for name, share in mix.alpha.items():
        if share > 0 and sizes[name] == 0:
            raise ValueError(
                f"alpha of group '{name}' is {share:g}, but that group has 0 users with a "
                "training interaction; only share 0 is possible there."
            )


def proportional(n_users: Mapping[str, int], target: str) -> Mix:
    """Return the Proportional baseline: all data as it is, every user weight exactly 1."""
    sizes = augmentation_sizes(n_users, target)
    total = sum(sizes.values())
    return Mix({name: size / total for name, size in sizes.items()}, 1.0)


def stratified(n_users: Mapping[str, int], target: str) -> Mix:
    """Return the Stratified baseline: an equal share for every group that has users."""
    sizes = augmentation_sizes(n_users, target)
    filled = sum(size > 0 for size in sizes.values())
    return Mix({name: (size > 0) / filled for name, size in sizes.items()}, 1.0)


def no_augmentation(n_users: Mapping[str, int], target: str) -> Mix:
    """Return the No Augmentation baseline: budget 0, alpha written as the proportional one."""
    return Mix(proportional(n_users, target).alpha, 0.0)


def baselines(n_users: Mapping[str, int], target: str) -> dict[str, Mix]:
    """Return the three baselines of the paper by name, Proportional first."""
    return {
        REFERENCE: proportional(n_users, target),
        STRATIFIED: stratified(n_users, target),
        NO_AUGMENTATION: no_augmentation(n_users, target),
    }


def group_weights(mix: Mix, n_users: Mapping[str, int], target: str) -> dict[str, float]:
    """Return the weight of one user of each group under `mix` (the paper's Eq. 8).

    The target has weight 1, group j ``alpha_j * alpha_aug * (n - n_0) / n_j``; a group without
    users has weight 0. Rounding may leave a weight of 1 a few units in the last place off, so
    a weight within 4 of them (9e-16) is set to exactly 1.0: unit weights then change no bit of
    a loss. That holds for Proportional only with counts equal to those it was made from.

    Parameters
    ----------
    mix : Mix
        Shares of the groups other than the target, and the budget ratio.
    n_users : mapping of str to int
        Every group's number of users with at least one training interaction in the data at
        hand (inside a fold: the fold's), target included.
    target : str
        Name of the target group.

    Returns
    -------
    dict of str to float
        Weight >= 0 per group, in the order of `n_users`.

    Raises
    ------
    ValueError
        As `check_groups`.
    """
    check_groups(mix, n_users, target)
    sizes = augmentation_sizes(n_users, target)
    total = sum(sizes.values())
    weights = {}
    for name in n_users:
        if name == target:
            weight = 1.0
        elif sizes[name] == 0:
            weight = 0.0
        else:
            weight = mix.alpha[name] * mix.alpha_aug * total / sizes[name]
        weights[name] = 1.0 if abs(weight - 1.0) <= _SNAP else weight
    return weights


def mix_from_weights(weights: Mapping[str, float], n_users: Mapping[str, int], target: str) -> Mix:
    """Return the mix that is equivalent to user weights that are constant inside every group.

    The weights are divided by the target's, which only rescales the loss; ``alpha_aug =
    sum_j n_j w_j / (n - n_0)`` and ``alpha_j`` is proportional to ``n_j w_j``. Weight 0 for all
    augmentation users gives No Augmentation.

    Parameters
    ----------
    weights : mapping of str to float
        Weight >= 0 of a user of each group; the target's > 0.
    n_users : mapping of str to int
        Every group's number of users with at least one training interaction.
    target : str
        Name of the target group.

    Raises
    ------
    ValueError
        If the groups of `weights` are not those of `n_users`, a weight is negative or not
        finite, or the target's weight is 0; also as `augmentation_sizes`.
    """
    sizes = augmentation_sizes(n_users, target)
    if set(weights) != set(n_users):
        raise ValueError(
            f"weights are given for the groups {_listed(weights)}, but the groups are "
            f"{_listed(n_users)}; give one weight for each."
        )
    checked = {
        name: _non_negative(weight, f"weight of group '{name}'")
        for name, weight in weights.items()
    }
    if checked[target] == 0:
        raise ValueError(
            f"the weight of target group '{target}' is 0; a mix gives its users weight 1, so "
            "give the target a positive weight."
        )
    mass = {name: size * (checked[name] / checked[target]) for name, size in sizes.items()}
    total = math.fsum(mass.values())
    if total == 0:
        return no_augmentation(n_users, target)
    alpha = {name: part / total for name, part in mass.items()}
    return Mix(alpha, total / sum(sizes.values()))


def _non_negative(value: object, what: str) -> float:
    """Return `value` as a float; ``ValueError`` unless it is a finite number >= 0."""
    if isinstance(value, Real) and not isinstance(value, bool):
        number = float(value)
        if math.isfinite(number) and number >= 0:
            return number + 0.0  # turns -0.0 into 0.0
    raise ValueError(f"{what} is {value!r}; it must be a finite number >= 0.")


def _listed(names: Mapping[str, Any] | list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names) or "(none)"
