"""The names of the rows of a result; a user's own mix cannot have one of them."""

from __future__ import annotations

#: All users have the same weight; the baseline of every change.
REFERENCE = "proportional"
#: Every other group has the same total weight.
STRATIFIED = "stratified"
#: The target's users alone.
NO_AUGMENTATION = "no_augmentation"
#: The baselines in the order of display.
BASELINES = (REFERENCE, STRATIFIED, NO_AUGMENTATION)
#: The searched mix.
DATA_MIX = "data_mix"
#: The mix with the smallest recovery bound, if items have classes.
THEORY = "theory"
#: Source of the candidates that are no mixes but rivals of mixing.
OF_RIVALS = "rival"
#: Baseline with the shares of Proportional and the budget that the folds choose.
BUDGET = "budget"
#: Beginning of the names of its candidates, ``budget-0.3``.
BUDGET_CANDIDATE = f"{BUDGET}-"
#: Beginning of the names of trials, which are candidates for `DATA_MIX`.
TRIAL = "trial-"

#: Source of Proportional trained once more with another seed, which shows the noise of training.
REPEAT = "repeat"
#: Source of mixes of all data but one group's.
LEAVE_ONE_OUT = "leave_one_out"

#: Sources of candidates that cannot become the searched mix.
NOT_SEARCHED = ("baseline", "own", BUDGET, OF_RIVALS, REPEAT)

_RESERVED = frozenset((*BASELINES, DATA_MIX, THEORY, BUDGET))


def is_reserved(name: str) -> bool:
    """Whether a name belongs to a row of ours, so that a user's own mix cannot have it."""
    return name in _RESERVED or name.startswith((TRIAL, BUDGET_CANDIDATE))
