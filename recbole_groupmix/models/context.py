"""RecBole's context-aware recommenders: which can be trained with which weighting."""

from __future__ import annotations

_PENALTY = "binary cross entropy; a term on parameters stays as it is"

EXACT: dict[str, str] = {
    "AFM": _PENALTY,
    "AutoInt": "binary cross entropy",
    "DCN": _PENALTY,
    "DCNV2": _PENALTY,
    "DeepFM": "binary cross entropy",
    "DSSM": "binary cross entropy",
    "EulerNet": _PENALTY,
    "FFM": "binary cross entropy",
    "FiGNN": "binary cross entropy",
    "FM": "binary cross entropy",
    "FNN": "binary cross entropy",
    "FwFM": "binary cross entropy",
    "KD_DAGFM": "binary cross entropy of the teacher, the first of its phases",
    "LR": "binary cross entropy",
    "NFM": "binary cross entropy",
    "PNN": _PENALTY,
    "WideDeep": "binary cross entropy",
    "xDeepFM": _PENALTY,
}

SAMPLED: dict[str, str] = {}

REFUSED: dict[str, str] = {}

#: Packages that a model imports and RecBole does not install: module and what to install.
NEEDS: dict[str, tuple[str, str]] = {}

#: Models whose ``reg_weight`` weighs parameters alone.
L2_OF_PARAMETERS = frozenset(name for name, why in EXACT.items() if why == _PENALTY)
