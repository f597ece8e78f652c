"""RecBole's sequential recommenders: which can be trained with which weighting."""

from __future__ import annotations

_EITHER = "cross entropy over all items, or BPR loss"
_PENALTY = f"{_EITHER}; terms on parameters carry no weight"
_NORMS = f"{_EITHER}; L2 term of each row"

EXACT: dict[str, str] = {
    "BERT4Rec": f"{_EITHER}, of masked items",
    "Caser": _PENALTY,
    "CORE": "cross entropy over all items",
    "DIN": "binary cross entropy; batch norm sees all rows of a batch",
    "FDSA": _EITHER,
    "FOSSIL": _NORMS,
    "FPMC": "BPR loss",
    "GCSAN": _PENALTY,
    "GRU4Rec": _EITHER,
    "GRU4RecCPR": "cross entropy over all items",
    "GRU4RecF": _EITHER,
    "HGN": f"{_NORMS}, and terms on parameters, which carry no weight",
    "HRM": _EITHER,
    "LightSANs": _EITHER,
    "NARM": _EITHER,
    "NextItNet": _PENALTY,
    "NPE": _EITHER,
    "RepeatNet": "cross entropy over all items; not with `joint_train`, which mixes rows",
    "SASRec": _EITHER,
    "SASRecCPR": "cross entropy over all items",
    "SASRecF": _EITHER,
    "SHAN": f"{_NORMS}, and terms on parameters, which carry no weight",
    "SINE": f"{_EITHER}; under NLL also a term on parameters, which carries no weight",
    "SRGNN": _EITHER,
    "STAMP": _EITHER,
    "TransRec": "BPR loss; a term on parameters carries no weight",
}

SAMPLED: dict[str, str] = {
    "DIEN": "adds a loss of its own over the steps of the histories",
    "FEARec": "its attention picks time delays by their mean over a batch, which mixes users",
}

REFUSED: dict[str, str] = {
    "GRU4RecKG": "starts from embeddings of entities, which are trained elsewhere",
    "KSR": "starts from embeddings of entities and relations, which are trained elsewhere",
    "S3Rec": "two training phases, the second started by hand from the first one's checkpoint",
}

#: Packages that a model imports and RecBole does not install: module and what to install.
NEEDS: dict[str, tuple[str, str]] = {}

#: Models whose ``reg_weight`` weighs parameters alone, and those that have a list of several.
L2_OF_PARAMETERS = frozenset({"Caser", "GCSAN", "NextItNet"})
SEVERAL_L2 = frozenset({"HGN", "SHAN"})

#: Values of ``loss_type`` of models that have not just "CE" and "BPR".
LOSS_TYPES = {
    "CORE": ("CE",),
    "FPMC": ("BPR",),
    "GRU4RecCPR": ("CE",),
    "RepeatNet": ("CE",),
    "SASRecCPR": ("CE",),
    "SINE": ("CE", "BPR", "NLL"),
}

#: Keys with the values under which a loss of :data:`EXACT` is a sum over rows, and what any other
#: value adds.
NOT_EXACT_WITH = {
    "RepeatNet": (
        "joint_train",
        (None, False, "None"),
        "a term in which the rows of a batch are mixed",
    ),
}
