"""What the games of a target say, in sentences that hold by their intervals."""

from __future__ import annotations

from collections.abc import Sequence

from recbole_groupmix.core.statistics.bootstrap import Change
from recbole_groupmix.core.statistics.two_tests import Compared
from recbole_groupmix.exact.shapley.effects import Effect, Effects
from recbole_groupmix.text.numbers import LEVEL, count, defined, percent_interval, value


def marked(effect: Effect) -> bool:
    """Whether a difference is told from none."""
    return effect.p_holm < LEVEL


def shown(change: Change | Compared) -> str:
    """Return a change with its interval."""
    return percent_interval(change.mean, change.ci_low, change.ci_high)


def shown_effect(effect: Effect) -> str:
    """Return a difference with its interval and mark."""
    return f"{shown(effect.change)}{'*' if marked(effect) else ''}"


def sentences(found: Effects, others: Sequence[Effects] = ()) -> list[str]:
    """Return sentences about a target.

    Parameters
    ----------
    found : Effects
        Of the validation metric.
    others : sequence of Effects
        Of other metrics, which are named where they contradict it.
    """
    n = len(found.shapley)
    if not defined(found.together.change.mean):
        return [f"{found.metric} is 0 with all groups, so no share of it can be given."]
    every = f"all {n} others" if n > 1 else found.shapley[0].groups[0]
    who = f"{every[0].upper()}{every[1:]} add" if n > 1 else f"{every} adds"
    said = [
        f"{who} {shown_effect(found.together)} of {found.metric}: {value(found.none)} without, "
        f"{value(found.proportional)} with."
    ]
    if found.sets and n > 1:
        said.append(_sets(found, every))
    if found.pairs:
        said.append(_pair(found))
    said += [
        f"{other.metric} goes the other way: {shown_effect(other.together)}."
        for other in others
        if marked(other.together)
        and marked(found.together)
        and other.together.change.mean * found.together.change.mean < 0
    ]
    return said


def _sets(found: Effects, every: str) -> str:
    """Return which smallest set does what all others do, and of single groups the nearest."""
    reaching = [(names, c) for names, c in found.sets if defined(c.mean) and c.ci_high >= 0]
    users = f"as far as {count(found.n_users, 'user')} can tell"
    if not reaching:
        return f"No set without a group does what {every} do, {users}."
    least = len(reaching[0][0])
    names, change = max((s for s in reaching if len(s[0]) == least), key=lambda s: s[1].mean)
    if not names:
        well = "better" if change.ci_low > 0 else "as well"
        return f"Its own data alone do {well}, {users}: {shown(change)}."
    what = "more than" if change.ci_low > 0 else "what"
    if least == 1:
        return f"{names[0]} alone does {what} {every} do, {users}: {shown(change)} beside them."
    single, alone = min((s for s in found.sets if len(s[0]) == 1), key=lambda s: abs(s[1].mean))
    return (
        f"{listed(names)} do {what} {every} do, {users}: {shown(change)} beside them; no smaller set "
        f"does, and the nearest single group, {single[0]}, leaves {shown(alone)}."
    )


def _pair(found: Effects) -> str:
    """Return the largest interaction in words."""
    of_marked = [pair for pair in found.pairs if marked(pair)]
    largest = max(of_marked or found.pairs, key=lambda pair: abs(pair.change.mean))
    first, second = largest.groups
    said = f"{first} and {second}, {shown_effect(largest)}"
    if not of_marked:
        return f"No interaction of two groups can be told from 0; the largest is that of {said}."
    of_group = {effect.groups[0]: effect.change.mean for effect in found.shapley}
    less = largest.change.mean < 0
    if of_group[first] > 0 and of_group[second] > 0:
        how = "they stand in for each other" if less else "each makes the other useful"
    elif of_group[first] < 0 and of_group[second] < 0:
        how = f"beside one of them the other harms {'more' if less else 'less'}"
    else:
        how = f"each is worth {'less' if less else 'more'} beside the other"
    return f"The largest interaction is that of {said}: {how}."


def listed(names: Sequence[str]) -> str:
    """Return names as ``a, b and c``."""
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
