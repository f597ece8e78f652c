"""RecBole's sequential recommenders: which can be trained with which weighting."""

from __future__ import annotations

EXACT = {
    "BERT4Rec": "cross entropy over all items, or BPR loss (`loss_type`)",
    "Caser": "cross entropy over all items, or BPR loss (`loss_type`)",
    "CORE": "cross entropy over all items, or BPR loss (`loss_type`)",
    "DIEN": "cross entropy over all items, or BPR loss (`loss_type`)",
    "DIN": "cross entropy over all items, or BPR loss (`loss_type`)",
    "FDSA": "cross entropy over all items, or BPR loss (`loss_type`)",
    "FOSSIL": "cross entropy over all items, or BPR loss (`loss_type`)",
    "FPMC": "cross entropy over all items, or BPR loss (`loss_type`)",
    "GCSAN": "cross entropy over all items, or BPR loss (`loss_type`)",
    "GRU4Rec": "cross entropy over all items, or BPR loss (`loss_type`)",
    "GRU4RecCPR": "cross entropy over all items, or BPR loss (`loss_type`)",
    "GRU4RecF": "cross entropy over all items, or BPR loss (`loss_type`)",
    "HGN": "cross entropy over all items, or BPR loss (`loss_type`)",
    "HRM": "cross entropy over all items, or BPR loss (`loss_type`)",
    "LightSANs": "cross entropy over all items, or BPR loss (`loss_type`)",
    "NARM": "cross entropy over all items, or BPR loss (`loss_type`)",
    "NextItNet": "cross entropy over all items, or BPR loss (`loss_type`)",
    "NPE": "cross entropy over all items, or BPR loss (`loss_type`)",
    "RepeatNet": "cross entropy over all items, or BPR loss (`loss_type`)",
    "SASRec": "cross entropy over all items, or BPR loss (`loss_type`)",
    "SASRecCPR": "cross entropy over all items, or BPR loss (`loss_type`)",
    "SASRecF": "cross entropy over all items, or BPR loss (`loss_type`)",
    "SHAN": "cross entropy over all items, or BPR loss (`loss_type`)",
    "SINE": "cross entropy over all items, or BPR loss (`loss_type`)",
    "SRGNN": "cross entropy over all items, or BPR loss (`loss_type`)",
    "STAMP": "cross entropy over all items, or BPR loss (`loss_type`)",
    "TransRec": "cross entropy over all items, or BPR loss (`loss_type`)",
}

SAMPLED = {
    "FEARec": "adds contrastive terms, in which users are negatives of each other",
}

REFUSED = {
    "S3Rec": "pre-trains, then is fine-tuned, each stage started by hand",
    "KSR": "needs pretrained embeddings of a knowledge graph",
    "GRU4RecKG": "needs pretrained embeddings of entities",
}

#: Packages that a model imports and RecBole does not install: module and what to install.
NEEDS: dict[str, tuple[str, str]] = {}
