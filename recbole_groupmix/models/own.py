"""Recommenders of this package, whose classes stand in ``recommenders/``: which train how."""

from __future__ import annotations

_ROWS = "loss of whole user rows"
_MIXED = f"{_ROWS}, by the mixed scores of its experts"

EXACT: dict[str, str] = {
    "AMPCF": "BPR loss and L2 term, of several personas of each user",
    "LMoE": f"{_MIXED}; the gate looks at the user's own items",
    "MoE": _MIXED,
    "MultVAE": _ROWS,
    "TALL": f"{_MIXED}, times weights of its own; not with `weight_norm: batch`, which mixes rows",
    "UniformEnsemble": _MIXED,
    "WL": f"{_ROWS}, times weights of its own",
}

SAMPLED: dict[str, str] = {}

_BASE = "starts from a trained model, as `groupmix reproduce tall` gives it one"

REFUSED: dict[str, str] = {
    "DC": "its made-up users belong to no group",
    "EnLFT": _BASE,
    "FairMF": "learns ratings, as in `groupmix reproduce unfairness`",
    "FineTunedSubgroups": _BASE,
    "LOCA": _BASE,
}

#: Packages that a model imports and RecBole does not install: module and what to install.
NEEDS: dict[str, tuple[str, str]] = {}

#: Keys with the values under which a loss of :data:`EXACT` is a sum over users, and what any other
#: value adds.
NOT_EXACT_WITH = {
    "TALL": ("weight_norm", (None, "global"), "weights that depend on who else is in a batch"),
}

#: Those that are fed with users instead of interactions.
USER_WISE = frozenset(EXACT) - {"AMPCF"}
