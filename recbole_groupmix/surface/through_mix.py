"""What a surface says of the mixes along lines and on planes through one mix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from recbole_groupmix.surface.coordinates import BUDGET_BOX, RELATIVE_BOX, budgets_of
from recbole_groupmix.surface.history import FloatArray
from recbole_groupmix.surface.surface import Surface

#: The axis of the budget; those of the groups have their places as numbers.
BUDGET_AXIS = -1
#: Places on the lines: 0, which is none and off, and the box of the search.
BUDGETS = np.r_[0.0, np.geomspace(BUDGET_BOX.low, BUDGET_BOX.high, 57)]
WEIGHTS = np.r_[0.0, np.geomspace(*RELATIVE_BOX, 49)]
#: Places on both axes of a plane.
ON_PLANE = np.array([0.25, 0.5, 1.0, 2.0, 4.0])
_QUANTILE = 1.959963984540054  # of the normal distribution, at 97.5 %


@dataclass(frozen=True, eq=False)
class Line:
    """Gains of the mixes along a line, relative to Proportional's score.

    Attributes
    ----------
    at : array of float64, shape (n,)
        Budgets, or weights of a user of a group relative to users of the other groups.
    mean, low, high : array of float64, shape (n,)
        Posterior mean and the ends of the 95 % interval of the surface; none is below -1.
    """

    at: FloatArray
    mean: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, eq=False)
class Plane:
    """Gains on a plane of two axes, and how far they are from a sum over both.

    Attributes
    ----------
    axes : tuple of two int
        Places of groups, or `BUDGET_AXIS`.
    gains : array of float64, shape (n, n)
        Posterior means at `ON_PLANE`, the first axis in rows.
    interaction : float
        Range over the plane of ``f(a, b) - f(a) - f(b) + m``: f(a) and f(b) are the means of rows and
        columns and m that of all.
    sd : float
        Posterior standard deviation of that difference, between the two places where it is
        largest and smallest.
    """

    axes: tuple[int, int]
    gains: FloatArray
    interaction: float
    sd: float


def moved(
    centre: FloatArray, sizes: FloatArray, axes: Sequence[int], values: FloatArray
) -> FloatArray:
    """Return the mixes that differ from one along some axes.

    Along a group's axis a user of the group weighs so many times what users of the groups that are not
    moved weigh in the mean. These keep their weights relative to each other, and all are scaled
    to the budget, which stays unless it is moved.

    Parameters
    ----------
    centre : array of float, shape (n_groups,)
        Weights of the mix.
    sizes : array of float, shape (n_groups,)
        Users of each group.
    axes : sequence of int
        Which axes.
    values : array of float, shape (n, n_axes)
        Where on each.

    Returns
    -------
    array of float64, shape (n, n_groups)
    """
    groups = [axis for axis in axes if axis != BUDGET_AXIS]
    rest = np.ones(len(centre), dtype=np.bool_)
    rest[groups] = False
    relative = np.ones((len(values), len(centre)))
    of_rest = centre[rest] @ sizes[rest]
    if of_rest > 0:
        relative[:, rest] = centre[rest] * (sizes[rest].sum() / of_rest)
    budgets = np.full(len(values), budgets_of(centre[None], sizes)[0])
    for axis, on_axis in zip(axes, values.T, strict=True):
        if axis == BUDGET_AXIS:
            budgets = on_axis
        else:
            relative[:, axis] = on_axis
    used = budgets_of(relative, sizes)
    scale = np.divide(budgets, used, out=np.zeros_like(used), where=used > 0)
    return np.asarray(relative * scale[:, None])


def place_on(centre: FloatArray, sizes: FloatArray, axis: int) -> float:
    """Return where a mix lies on an axis; infinite where no other group is used."""
    if axis == BUDGET_AXIS:
        return float(budgets_of(centre[None], sizes)[0])
    rest = np.arange(len(centre)) != axis
    of_rest = centre[rest] @ sizes[rest] / sizes[rest].sum()
    return float(centre[axis] / of_rest) if of_rest > 0 else np.inf


def line(surface: Surface, centre: FloatArray, axis: int) -> Line:
    """Return what a surface says along an axis through a mix."""
    at = BUDGETS if axis == BUDGET_AXIS else WEIGHTS
    weights = moved(centre, surface.history.sizes, [axis], at[:, None])
    mean, covariance = surface.joint_gains(weights)
    sd = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    ends = (mean + z * sd for z in (0.0, -_QUANTILE, _QUANTILE))
    return Line(at, *(np.maximum(surface.straight(weights, end), -1.0) for end in ends))


def most_interacting(surface: Surface, centre: FloatArray, n: int) -> list[Plane]:
    """Return the n planes through a mix with the largest interactions, the largest first.

    Two groups make a plane where there is a third, relative to which they are moved. Of two groups the
    first makes one with the budget, and a single group makes none.
    """
    groups = range(len(centre))
    pairs = [(BUDGET_AXIS, group) for group in groups]
    if len(centre) < 3:  # what one of two groups does against the other one is one thing
        pairs = pairs[: len(centre) - 1]
    else:
        pairs += combinations(groups, 2)
    planes = [_plane(surface, centre, pair) for pair in pairs]
    planes.sort(key=lambda plane: -plane[0])
    return [_with_sd(surface, centre, pair) for _, pair in planes[:n]]


def _plane(
    surface: Surface, centre: FloatArray, axes: tuple[int, int]
) -> tuple[float, tuple[int, int]]:
    weights = _on_plane(surface, centre, axes)
    gains = surface.straight(weights, surface.gains(weights))
    return float(np.ptp(_beyond_a_sum() @ gains)), axes


def _with_sd(surface: Surface, centre: FloatArray, axes: tuple[int, int]) -> Plane:
    weights = _on_plane(surface, centre, axes)
    mean, covariance = surface.joint_gains(weights)
    gains = surface.straight(weights, mean)
    beyond = _beyond_a_sum()
    most, least = np.argmax(beyond @ gains), np.argmin(beyond @ gains)
    contrast = (beyond[most] - beyond[least]) * surface.slopes(weights, mean)
    sd = float(np.sqrt(max(contrast @ covariance @ contrast, 0.0)))
    n = len(ON_PLANE)
    return Plane(axes, gains.reshape(n, n), float(np.ptp(beyond @ gains)), sd)


def _on_plane(surface: Surface, centre: FloatArray, axes: tuple[int, int]) -> FloatArray:
    places = np.stack(np.meshgrid(ON_PLANE, ON_PLANE, indexing="ij"), axis=-1).reshape(-1, 2)
    return moved(centre, surface.history.sizes, axes, places)


def _beyond_a_sum() -> FloatArray:
    """Return what makes of gains on a plane those that no sum over both axes has, (n^2, n^2)."""
    n = len(ON_PLANE)
    centring = np.eye(n) - 1.0 / n
    return np.asarray(np.kron(centring, centring))
