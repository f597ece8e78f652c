"""Which of RecBole's general recommenders can be trained with which weighting.

``EXACT``: the loss is a sum over interactions of modules that have a weighted twin, so Eq. 8
holds exactly. ``SAMPLED``: only by the group-weighted sampler of Eq. 7. ``REFUSED``: trained by
neither. ``docs/models.md`` is written from these tables.
"""

from __future__ import annotations

from typing import Any

from recbole.utils import get_model

from recbole_groupmix.adapters.bpr import BPR
from recbole_groupmix.adapters.lightgcn import LightGCN

EXACT = {
    "BPR": "BPR loss; L2 term added (RecBole's has none)",
    "LightGCN": "BPR loss and L2 term; graph of the users that take part",
    "NGCF": "BPR loss and L2 term; graph of the users that take part",
    "SpectralCF": "BPR loss and L2 term; graph of the users that take part",
    "NeuMF": "binary cross entropy",
    "NNCF": "binary cross entropy; neighbours among the users that take part",
    "DMF": "binary cross entropy; rating matrix of the users that take part",
    "GCMC": "cross entropy; graph of the users that take part",
}

SAMPLED = {
    "CDAE": "loss of whole user rows with a term on parameters",
    "ConvNCF": "a loss class of its own, and a term on parameters",
    "DGCF": "adds a correlation term that is no sum over users",
    "DiffRec": "loss of whole user rows",
    "ENMF": "whole-data loss over user rows",
    "FISM": "adds a term on parameters that carries no user weight",
    "LINE": "a loss class of its own that also draws users as negatives",
    "MacridVAE": "loss of whole user rows",
    "MultiDAE": "loss of whole user rows",
    "MultiVAE": "loss of whole user rows with a KL term",
    "NAIS": "adds a term on parameters that carries no user weight",
    "NCL": "adds contrastive terms over batches",
    "RecVAE": "loss of whole user rows with a KL term",
    "SGL": "adds contrastive terms over batches",
    "SimpleX": "a contrastive loss inside the model",
}

REFUSED = {
    "ADMMSLIM": "closed form, no training on interactions",
    "AsymKNN": "no training",
    "EASE": "closed form, no training on interactions",
    "ItemKNN": "no training",
    "LDiffRec": "needs item clusters from a package that RecBole does not install",
    "NCEPLRec": "closed form, no training on interactions",
    "Pop": "no training",
    "RaCT": "three training phases with loaders of their own",
    "Random": "no training",
    "SLIMElastic": "closed form, no training on interactions",
}

#: Models that RecBole feeds with users instead of interactions.
USER_WISE = {
    "MultiDAE",
    "MultiVAE",
    "MacridVAE",
    "CDAE",
    "ENMF",
    "RaCT",
    "RecVAE",
    "DiffRec",
    "LDiffRec",
}

_OWN = {"BPR": BPR, "LightGCN": LightGCN}


def model_class(name: str) -> Any:
    """Return the class to train for a model name: ours for BPR and LightGCN, else RecBole's.

    Raises
    ------
    ValueError
        If RecBole has no such model.
    """
    if name in _OWN:
        return _OWN[name]
    known = sorted({*EXACT, *SAMPLED, *REFUSED})
    try:
        return get_model(name)
    except (ValueError, AttributeError, ImportError) as error:
        near = [k for k in known if k.lower() == name.lower()]
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ValueError(
            f"model {name!r} is not one that RecBole can load ({error}). {hint}General "
            f"recommenders are {', '.join(known)}"
        ) from error


def check_weighting(name: str, weighting: str) -> None:
    """Raise ``ValueError``, with the way out, if a model cannot be trained with a weighting.

    Parameters
    ----------
    name : str
        Model name.
    weighting : {"loss", "sample"}
        Eq. 8 (weighted loss) or Eq. 7 (group-weighted sampler).
    """
    if name in EXACT:
        return
    if name in SAMPLED:
        if weighting == "sample":
            return
        raise ValueError(
            f"the loss of {name} cannot be weighted exactly ({SAMPLED[name]}); use "
            "--weighting=sample, the group-weighted sampler of Eq. 7"
        )
    if name in REFUSED:
        raise ValueError(
            f"{name} cannot be trained on a mix ({REFUSED[name]}); models that can: "
            f"{', '.join(sorted({*EXACT, *SAMPLED}))}"
        )
    raise ValueError(
        f"{name} is no general recommender of RecBole; supported are "
        f"{', '.join(sorted({*EXACT, *SAMPLED}))}"
    )
