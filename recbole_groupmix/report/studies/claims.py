"""What the authors of a study say, judged by the rule of the statements on mixing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.statistics.bootstrap import Change, mean_interval, relative_changes
from recbole_groupmix.record.established import FEW_SEEDS
from recbole_groupmix.report.frame.blocks import Cell, Table, number, text
from recbole_groupmix.report.paper.statements import MARGIN, NO_INTERVAL, NOT_ESTABLISHED, OPEN
from recbole_groupmix.text.numbers import percent, percent_interval

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Claim:
    """A statement on a relative change.

    Parameters
    ----------
    says : str
        The statement.
    judge : callable
        Verdict from the ends of the interval: ``gain``, ``no_gain`` or ``loss`` of
        :mod:`~recbole_groupmix.report.paper.statements`.
    values, baseline : float64 array, shape (n_seeds, n_users)
        What is compared; one column where users are not the unit.
    published : float or None
        The published change, a fraction.
    """

    says: str
    judge: Callable[[float, float], str]
    values: Floats
    baseline: Floats
    published: float | None = None


def claims_table(claims: Sequence[Claim], few: bool = False) -> Table:
    """Return each statement with its change, over users and over seeds, and the verdicts.

    Parameters
    ----------
    claims : sequence of Claim
        All with users, or all without.
    few : bool
        Whether there are too few seeds for the size of the model to establish a verdict.
    """
    over_users = claims[0].values.shape[1] > 1
    pairs = [[(claim.values, claim.baseline) for claim in claims]] if over_users else []
    # seeds are the units that are resampled, in the columns
    pairs.append([(_means(claim.values), _means(claim.baseline)) for claim in claims])
    columns = [relative_changes(found, seed=0) for found in pairs]
    rows = []
    for place, claim in enumerate(claims):
        cells = [text(claim.says), number(claim.published, shown=_published(claim))]
        for changes in columns:
            change = changes[place]
            shown = percent_interval(change.mean, change.ci_low, change.ci_high)
            cells += [Cell(shown, _sorted(change.mean)), text(_verdict(claim, change, few))]
        rows.append(cells)
    units = ["over users", "over seeds"] if over_users else ["over seeds"]
    head = [cell for unit in units for cell in (f"change, {unit}", "verdict")]
    return Table(
        "statements",
        "Which statements survive",
        ["statement", "published", *head],
        rows,
        f"Relative changes with 95 % intervals, paired. As for mixing, less than {MARGIN:.0%} counts as "
        "none: 'survives' needs an interval on its side of 0, 'does not survive' one that rules out "
        f"{MARGIN:.0%} or more." + (f" Not established: {FEW_SEEDS}." if few else ""),
    )


def shown_mean(values: Floats, digits: int = 3) -> Cell:
    """Return the mean over seeds and users with its interval, shape (n_seeds, n_users)."""
    resampled = values if values.shape[1] > 1 else values.T
    if (~np.isnan(resampled).any(axis=0)).sum() < 2:
        return number(float(np.nanmean(values)), f".{digits}f")
    mean, low, high = mean_interval(resampled, seed=0)
    return Cell(f"{mean:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]", mean)


def ratio(value: float | None, base: float | None) -> float | None:
    """Return a relative change; None where one of the two was not published."""
    return None if value is None or base is None else value / base - 1


def _means(values: Floats) -> Floats:
    means: Floats = np.nanmean(values, axis=1)[None, :]
    return means


def _published(claim: Claim) -> str:
    return "" if claim.published is None else percent(claim.published)


def _sorted(mean: float) -> float | None:
    return mean if math.isfinite(mean) else None


def _verdict(claim: Claim, change: Change, few: bool) -> str:
    if not math.isfinite(change.mean):
        return NO_INTERVAL
    verdict = claim.judge(change.ci_low, change.ci_high)
    return NOT_ESTABLISHED if few and verdict != OPEN else verdict
