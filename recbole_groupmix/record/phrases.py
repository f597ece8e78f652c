"""Phrases about results: changes, intervals, and how many users were measured."""

from __future__ import annotations

import math

from recbole_groupmix.core.names import BUDGET, DATA_MIX
from recbole_groupmix.core.statistics.few_users import FEW_USERS
from recbole_groupmix.core.statistics.resampling import MIN_REPEATS
from recbole_groupmix.record.result_schema import Result
from recbole_groupmix.record.schema import Change, Group, Uncorrected
from recbole_groupmix.text.numbers import LEVEL, UNDEFINED, count, defined, percent_interval

#: Marks intervals from too few repeats to resample them.
FEW = "~"
#: What that mark means.
SAMPLING_ONLY = f"{FEW} covers sampling of users only, not variation between training seeds"
#: A change that could not be computed.
NO_CHANGE: Change = {"mean": None, "ci_low": None, "ci_high": None, "p": None, "p_holm": None}
_HAVE = {True: "has", False: "have"}


def change_text(change: Change | None, few: bool = False) -> str:
    """Return a change against the reference with its interval and marks.

    Parameters
    ----------
    change : Change or None
        None for the reference itself.
    few : bool
        Whether the interval leaves out the variation between training seeds.
    """
    if change is None:
        return "reference"
    text = percent_interval(change["mean"], change["ci_low"], change["ci_high"])
    if text == UNDEFINED:
        return text
    return f"{text}{FEW if few else ''}{' *' if marked(change) else ''}"


def ends(change: Uncorrected | None) -> tuple[float, float] | None:
    """Return the ends of the interval of a change, infinite where unbounded; None if undefined."""
    if change is None or not defined(change["mean"]):
        return None
    low, high = change["ci_low"], change["ci_high"]
    return -math.inf if low is None else low, math.inf if high is None else high


def marked(change: Change) -> bool:
    """Whether the corrected p-value of a change is below the level."""
    return change["p_holm"] is not None and change["p_holm"] < LEVEL


def few_repeats(result: Result) -> bool:
    """Whether the intervals of a run leave out the variation between training seeds."""
    return result["repeats"] < MIN_REPEATS and not result.get("closed_form")


def interval_note(repeats: int, closed_form: bool = False) -> str:
    """Return what was resampled for the intervals, in words."""
    if closed_form:
        return "intervals over users (solved in closed form: there are no seeds to repeat)"
    if repeats < MIN_REPEATS:
        return (
            f"intervals over users only ({count(repeats, 'repeat')}; from {MIN_REPEATS} on, over "
            "users and repeats)"
        )
    return f"intervals over users and {repeats} repeats"


def candidate_of(result: Result, row: str) -> str:
    """Return the name on the folds of a row: a trial's for the data mix, a budget's for `budget`."""
    selected = {DATA_MIX: result["search"]["selected"]}
    if "budget" in result:
        selected[BUDGET] = result["budget"]["selected"]
    return selected.get(row) or row


def target_group(result: Result) -> Group:
    """Return the target's entry among the groups."""
    return next(group for group in result["groups"] if group["name"] == result["target"])


def measured_text(group: Group) -> str:
    """Return "16 of the target's 20 users", or without numbers for results of older versions."""
    if "n_measured" not in group:
        return "the target's users"
    return f"{group['n_measured']:,} of the target's {group['n_in_data']:,} users"


def few_users_note(group: Group, what: str) -> str | None:
    """Return a sentence on what intervals over a target's few users hold; None for enough.

    Parameters
    ----------
    group : Group
        The target's entry; in results of older versions without a count.
    what : str
        `CHANGES_OF_FEW_USERS`, `MEANS_OF_FEW_USERS`, or both.
    """
    measured = group.get("n_measured")
    if measured is None or measured >= FEW_USERS:
        return None
    return f"Only {count(measured, 'user')} of {group['name']} are measured. {what}"


def unmeasured_note(group: Group) -> str | None:
    """Return the sentence on users who are not measured, or None if all are."""
    why = group.get("not_measured")
    if not why:
        return None
    left = sum(why.values())
    listed = ", ".join(f"{n} {_HAVE[n == 1]} {reason}" for reason, n in why.items())
    return f"{left} of {group['n_in_data']} users of {group['name']} are not measured: {listed}."
