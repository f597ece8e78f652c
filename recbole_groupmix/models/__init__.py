"""Which models can be trained with which weighting; a file for each family of RecBole's, one for ours.

``EXACT``: the loss is a sum over rows that belong to a user, and at most terms on parameters
alone, so Eq. 8 holds exactly.
``CLOSED_FORM``: it holds exactly too, and one factorisation solves it. ``SAMPLED``: only by the
group-weighted sampler of Eq. 7. ``REFUSED``: trained by neither. ``docs/models.md`` lists the same;
a test compares.
"""

from __future__ import annotations

from collections.abc import Iterable

from recbole_groupmix.models import context, exlib, general, knowledge, own, sequential

#: The families of RecBole, and our own recommenders.
FAMILIES = {
    "general": general,
    "sequential": sequential,
    "context-aware": context,
    "knowledge-based": knowledge,
    "exlib": exlib,
    "of this package": own,
}

EXACT = {name: why for family in FAMILIES.values() for name, why in family.EXACT.items()}
SAMPLED = {name: why for family in FAMILIES.values() for name, why in family.SAMPLED.items()}
REFUSED = {name: why for family in FAMILIES.values() for name, why in family.REFUSED.items()}
NEEDS = {name: what for family in FAMILIES.values() for name, what in family.NEEDS.items()}
CLOSED_FORM, RIDGE, OVER_ALL_ITEMS = general.CLOSED_FORM, general.RIDGE, general.OVER_ALL_ITEMS
USER_WISE = general.USER_WISE | own.USER_WISE
NOT_EXACT_WITH = sequential.NOT_EXACT_WITH | own.NOT_EXACT_WITH
L2_OF_PARAMETERS = context.L2_OF_PARAMETERS | sequential.L2_OF_PARAMETERS
SEVERAL_L2 = sequential.SEVERAL_L2
#: Models that can be trained on labelled interactions instead of sampled negatives.
LABELLED = frozenset({*context.EXACT, *general.LABELLED})

#: All models that are listed, and those of them that can be trained on a mix.
LISTED = frozenset({*EXACT, *CLOSED_FORM, *SAMPLED, *REFUSED})
USABLE = LISTED - {*REFUSED}


def models_of(family: str) -> set[str]:
    """Return the models that a family, a key of :data:`FAMILIES`, lists."""
    of = FAMILIES[family]
    solved = CLOSED_FORM if of is general else {}
    return {*of.EXACT, *of.SAMPLED, *of.REFUSED, *solved}


def by_family(names: Iterable[str]) -> str:
    """Return names of models in words, family by family: "general: BPR; sequential: SASRec"."""
    asked = set(names)
    listed = {family: sorted(models_of(family) & asked) for family in FAMILIES}
    return "; ".join(f"{family}: {', '.join(of)}" for family, of in listed.items() if of)


def family_of(model: str) -> str:
    """Return the family of a listed model, a key of :data:`FAMILIES`.

    Raises
    ------
    ValueError
        If no family lists it.
    """
    for name in FAMILIES:
        if model in models_of(name):
            return name
    raise ValueError(f"no family of models lists {model!r}")
