"""RecBole's general recommenders, and ours: which can be trained with which weighting."""

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
    "FISM": "binary cross entropy; terms on parameters carry no weight",
    "NAIS": "binary cross entropy; terms on parameters carry no weight",
    "ConvNCF": "its own BPR loss; terms on parameters carry no weight",
    "RecVAE": "loss of whole user rows, trained in two alternating parts",
}

CLOSED_FORM = {
    "EASE": "closed form: Gram matrix of weighted users",
    "WeightedSVD": "closed form: truncated SVD of weighted users (the paper's Eq. 2)",
}

#: Closed forms that have an L2 weight, lambda.
RIDGE = ("EASE",)

SAMPLED = {
    "DGCF": "adds a correlation term over users and items drawn at random",
    "LINE": "its own loss class, in which users are negatives too",
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

#: Those that learn labels (0 and 1) as they learn negatives, and read nothing but ids and labels.
LABELLED = ("NeuMF",)

#: Those whose loss of a user is over all items, as many for every user: a mean is a sum but for
#: the scale.
OVER_ALL_ITEMS = {"CDAE", "DiffRec", "ENMF"}
