"""Model classes by name: RecBole's, the weighted ones that stand for some of them, and our own."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from recbole.model.abstract_recommender import ContextRecommender
from recbole.utils import get_model

from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.context import with_features
from recbole_groupmix.core.spelling import did_you_mean
from recbole_groupmix.models import LISTED, by_family

#: Modules of our classes in ``adapters``, most of which stand for RecBole's of that name, and in
#: ``recommenders``. They are imported when they are asked for: some import a whole folder of
#: RecBole's models, which takes a while.
_ADAPTED = {
    **{"BPR": "bpr", "LightGCN": "lightgcn", "EASE": "closed_form", "WeightedSVD": "closed_form"},
    **dict.fromkeys(("DiffRec", "LDiffRec"), "diffusion"),
    **dict.fromkeys(("CDAE", "ENMF", "MacridVAE", "MultiDAE", "MultiVAE", "RecVAE"), "whole_rows"),
    **dict.fromkeys(("BERT4Rec", "FOSSIL", "HGN", "RepeatNet", "SHAN"), "sequential"),
    **dict.fromkeys(("CFKG", "CKE", "KGAT", "KGCN"), "knowledge"),
    **dict.fromkeys(("KGNNLS", "KTUP", "MKR", "RippleNet"), "knowledge"),
}
_OWN = {
    **{"AMPCF": "amp_cf", "FairMF": "fair_mf", "MultVAE": "mult_vae", "WL": "weighted_loss"},
    **dict.fromkeys(("LMoE", "MoE", "UniformEnsemble"), "mixture_of_experts"),
    **dict.fromkeys(("EnLFT", "FineTunedSubgroups", "LOCA"), "local_models"),
    **{"DC": "data_augmentation", "TALL": "synchronised"},
}
_MODULES = {
    **{name: f"recbole_groupmix.adapters.{module}" for name, module in _ADAPTED.items()},
    **{name: f"recbole_groupmix.recommenders.{module}" for name, module in _OWN.items()},
}


def model_class(name: str) -> Any:
    """Return the class to train for a model name: ours where there is one, else RecBole's.

    Raises
    ------
    ValueError
        If neither this package nor RecBole has such a model.
    """
    if name in _MODULES:
        with recbole_compat():
            return getattr(import_module(_MODULES[name]), name)
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
