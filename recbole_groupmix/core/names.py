"""The names of the rows of a result; no mix of a user's own may have one of them."""

from __future__ import annotations

#: All users weigh the same; every change is against it.
REFERENCE = "proportional"
#: Every other group has the same total weight.
STRATIFIED = "stratified"
#: The target's users alone.
NO_AUGMENTATION = "no_augmentation"
#: The baselines, in the order in which they are shown.
BASELINES = (REFERENCE, STRATIFIED, NO_AUGMENTATION)
#: The searched mix.
DATA_MIX = "data_mix"
#: The mix of least recovery bound, where items have classes.
THEORY = "theory"
#: A model of all users that is trained further on the target's users: a row without a mix.
FINE_TUNED = "fine_tuned"
#: Beginning of the names of trials, which are candidates for `DATA_MIX`.
TRIAL = "trial-"

_RESERVED = frozenset((*BASELINES, DATA_MIX, THEORY, FINE_TUNED))


def is_reserved(name: str) -> bool:
    """Whether a row of ours has a name, so that a mix of a user's own cannot have it."""
    return name in _RESERVED or name.startswith(TRIAL)
