"""RecBole's knowledge-based recommenders: which can be trained with which weighting."""

from __future__ import annotations

EXACT: dict[str, str] = {
    "CFKG": "loss of interactions and triples in one sum; triples have weight 1",
    "CKE": "BPR loss and L2 term; the loss of triples stays as it is",
    "KGAT": "BPR loss and L2 term; the loss of triples stays as it is",
    "KGCN": "binary cross entropy and L2 term",
    "KGIN": "BPR loss and L2 term; a term on parameters stays as it is",
    "KGNNLS": "binary cross entropy, of smoothed labels too, and L2 term",
    "KTUP": "BPR loss and alignment of the rows' items; the loss of triples stays as it is",
    "MKR": "binary cross entropy and L2 term; the loss of triples stays as it is",
    "RippleNet": "binary cross entropy, and terms on the triples around a user's items",
}

SAMPLED: dict[str, str] = {
    "MCCLK": "adds contrastive terms, in which users are negatives of each other",
}

REFUSED: dict[str, str] = {}

#: Models that RecBole trains on interactions and on triples in epochs of their own, by the keys
#: ``train_rec_step`` and ``train_kg_step``; and those whose own trainers do not read these keys.
IN_TURNS = frozenset({"KTUP"})
BY_OWN_TRAINER = frozenset({"KGAT", "MKR"})

_SCATTER = ("torch_scatter", "torch-scatter")

#: Packages that a model imports and RecBole does not install: module and what to install.
NEEDS: dict[str, tuple[str, str]] = {"KGIN": _SCATTER, "MCCLK": _SCATTER}
