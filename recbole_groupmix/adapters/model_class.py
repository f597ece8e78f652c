"""Model classes by name."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from recbole.model.abstract_recommender import ContextRecommender
from recbole.utils import get_model

from recbole_groupmix.adapters.bpr import BPR
from recbole_groupmix.adapters.closed_form import EASE, WeightedSVD
from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.context import with_features
from recbole_groupmix.adapters.lightgcn import LightGCN
from recbole_groupmix.adapters.whole_row_models import WHOLE_ROW_MODELS
from recbole_groupmix.core.spelling import did_you_mean
from recbole_groupmix.models import LISTED, by_family

_OWN = {
    "BPR": BPR,
    "LightGCN": LightGCN,
    "EASE": EASE,
    "WeightedSVD": WeightedSVD,
    **WHOLE_ROW_MODELS,
}
#: Ours that import a whole folder of RecBole's models, which takes a while: only if asked for.
_OWN_SEQUENTIAL = ("BERT4Rec", "FOSSIL", "HGN", "RepeatNet", "SHAN")
_OWN_KNOWLEDGE = ("CFKG", "CKE", "KGAT", "KGCN", "KGNNLS", "KTUP", "MKR", "RippleNet")


def model_class(name: str) -> Any:
    """Return the class to train for a model name: ours for those of ``_OWN``, else RecBole's.

    Raises
    ------
    ValueError
        If RecBole has no such model.
    """
    if name in _OWN:
        return _OWN[name]
    if name in _OWN_SEQUENTIAL:
        with recbole_compat():
            return getattr(import_module("recbole_groupmix.adapters.sequential"), name)
    if name in _OWN_KNOWLEDGE:
        return getattr(import_module("recbole_groupmix.adapters.knowledge"), name)
    try:
        with recbole_compat():
            model = get_model(name)
    except (ValueError, AttributeError, ImportError) as error:
        hint = "" if name in LISTED else did_you_mean(name, sorted(LISTED), "{} ")
        # RecBole's message about an unknown name is misleading
        why = f" ({error})" if name in LISTED else ""
        raise ValueError(
            f"model {name!r} is not one that RecBole can load{why}. {hint}Recommenders are "
            f"{by_family(LISTED)}"
        ) from error
    return with_features(model) if issubclass(model, ContextRecommender) else model
