"""Which of RecBole's general recommenders can be trained with which weighting.

``EXACT``: the loss is a sum over interactions of modules that have a weighted twin, or over users
of terms that ours of that name weighs, so Eq. 8 holds exactly. ``CLOSED_FORM``: it holds exactly too, and one factorisation solves it. ``SAMPLED``:
only by the group-weighted sampler of Eq. 7. ``REFUSED``: trained by neither. ``docs/models.md``
lists the same; a test compares.
"""

from __future__ import annotations

from importlib.util import find_spec

EXACT = {
    "BPR": "BPR loss; L2 term added (RecBole's has none)",
    "LightGCN": "BPR loss and L2 term; graph of the users that take part",
    "NGCF": "BPR loss and L2 term; graph of the users that take part",
    "SpectralCF": "BPR loss and L2 term; graph of the users that take part",
    "NeuMF": "binary cross entropy",
    "NNCF": "binary cross entropy; neighbours among the users that take part",
    "DMF": "binary cross entropy; rating matrix of the users that take part",
    "GCMC": "cross entropy; graph of the users that take part",
    "CDAE": "loss of whole user rows; terms on parameters carry no weight",
    "DiffRec": "loss of whole user rows, at drawn time steps",
    "ENMF": "loss of whole user rows; a term on parameters carries no weight",
    "LDiffRec": "loss of whole user rows, at drawn time steps",
    "MacridVAE": "loss of whole user rows; terms on parameters carry no weight",
    "MultiDAE": "loss of whole user rows",
    "MultiVAE": "loss of whole user rows",
    "RecVAE": "loss of whole user rows, trained in two alternating parts",
}

CLOSED_FORM = {
    "EASE": "closed form: Gram matrix of weighted users",
    "WeightedSVD": "closed form: truncated SVD of weighted users (the paper's Eq. 2)",
}

#: Closed forms that have an L2 weight, lambda.
RIDGE = ("EASE",)

SAMPLED = {
    "ConvNCF": "its own loss class, and a term on parameters",
    "DGCF": "adds a correlation term over users and items drawn at random",
    "FISM": "adds a term on parameters, which carries no user's weight",
    "LINE": "its own loss class, in which users are negatives too",
    "NAIS": "adds a term on parameters, which carries no user's weight",
    "NCL": "adds contrastive terms, in which users are negatives of each other",
    "SGL": "adds contrastive terms, in which users are negatives of each other",
    "SimpleX": "a contrastive loss inside the model",
}

REFUSED = {
    "ADMMSLIM": "closed form, no training on interactions",
    "AsymKNN": "no training, similarities only",
    "ItemKNN": "no training, similarities only",
    "NCEPLRec": "closed form, no training on interactions",
    "Pop": "no training, it counts",
    "RaCT": "three training phases, each started by hand from the last one's checkpoint",
    "Random": "no training",
    "SLIMElastic": "fits each item by its own solver, no training on interactions",
}

#: Packages that a model imports and RecBole does not install: module and what to install.
NEEDS = {"NCL": ("faiss", "faiss-cpu or faiss-gpu")}

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

#: Those whose loss of a user is over all items, as many for every user: a sum is a mean up to scale.
OVER_ALL_ITEMS = {"CDAE", "DiffRec", "ENMF"}


def check_weighting(name: str, weighting: str) -> None:
    """Raise ``ValueError``, with the way out, if a model cannot be trained with a weighting.

    Parameters
    ----------
    name : str
        Model name.
    weighting : {"loss", "sample"}
        Eq. 8 (weighted loss) or Eq. 7 (group-weighted sampler).

    Raises
    ------
    ValueError
        Also if the model needs a package that is not installed.
    """
    if name in EXACT or (name in CLOSED_FORM and weighting == "loss"):
        return
    if name in CLOSED_FORM:
        raise ValueError(
            f"{name} is solved exactly for any user weights ({CLOSED_FORM[name]}), so there is "
            "nothing to sample; use --weighting=loss"
        )
    if name in SAMPLED:
        if weighting == "sample":
            _check_package(name)
            return
        raise ValueError(
            f"the loss of {name} cannot be weighted exactly ({SAMPLED[name]}); use "
            "--weighting=sample, the group-weighted sampler of Eq. 7"
        )
    if name in REFUSED:
        raise ValueError(
            f"{name} cannot be trained on a mix ({REFUSED[name]}); models that can: "
            f"{', '.join(sorted({*EXACT, *CLOSED_FORM, *SAMPLED}))}"
        )
    raise ValueError(
        f"{name} is not a general recommender of RecBole; supported are "
        f"{', '.join(sorted({*EXACT, *CLOSED_FORM, *SAMPLED}))}"
    )


def _check_package(name: str) -> None:
    if name not in NEEDS:
        return
    module, package = NEEDS[name]
    if find_spec(module) is None:
        raise ValueError(
            f"{name} imports {module}, which RecBole does not install; install {package} or "
            "choose another model"
        )
