"""Which of RecBole's models can be trained with which weighting; a file for each family.

``EXACT``: the loss is a sum over rows that belong to a user, and at most terms on parameters
alone, so Eq. 8 holds exactly.
``CLOSED_FORM``: it holds exactly too, and one factorisation solves it. ``SAMPLED``: only by the
group-weighted sampler of Eq. 7. ``REFUSED``: trained by neither. ``docs/models.md`` lists the same;
a test compares.
"""

from __future__ import annotations

from recbole_groupmix.models import context, general, knowledge, sequential

#: The families of RecBole whose models are listed.
FAMILIES = {
    "general": general,
    "sequential": sequential,
    "context-aware": context,
    "knowledge-based": knowledge,
}

EXACT = {name: why for family in FAMILIES.values() for name, why in family.EXACT.items()}
SAMPLED = {name: why for family in FAMILIES.values() for name, why in family.SAMPLED.items()}
REFUSED = {name: why for family in FAMILIES.values() for name, why in family.REFUSED.items()}
NEEDS = {name: what for family in FAMILIES.values() for name, what in family.NEEDS.items()}
CLOSED_FORM, RIDGE, USER_WISE = general.CLOSED_FORM, general.RIDGE, general.USER_WISE
OVER_ALL_ITEMS = general.OVER_ALL_ITEMS


def family_of(model: str) -> str:
    """Return the family of a listed model, a key of :data:`FAMILIES`.

    Raises
    ------
    ValueError
        If no family lists it.
    """
    for name, family in FAMILIES.items():
        tables = (family.EXACT, family.SAMPLED, family.REFUSED)
        if any(model in table for table in tables) or model in CLOSED_FORM:
            return name
    raise ValueError(f"no family of models lists {model!r}")
