"""The models of TALL's study, and the keys of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recbole_groupmix.recommenders.data_augmentation import DC
from recbole_groupmix.recommenders.local_models import (
    LOCA,
    EnLFT,
    FineTunedSubgroups,
    LocalModels,
)
from recbole_groupmix.recommenders.mixture_of_experts import (
    LMoE,
    MixtureOfExperts,
    MoE,
    UniformEnsemble,
)
from recbole_groupmix.recommenders.mult_vae import MultVAE
from recbole_groupmix.recommenders.synchronised import TALL
from recbole_groupmix.recommenders.weighted_loss import WL

#: Class and keys of each model; what it is stands in the report.
MODELS: Mapping[str, tuple[Any, dict[str, Any]]] = {
    "MultVAE": (MultVAE, {}),
    "WL": (WL, {}),
    "DC": (DC, {}),
    "fine-tuned": (FineTunedSubgroups, {"n_experts": 5}),
    "LOCA": (LOCA, {}),
    "EnLFT": (EnLFT, {}),
    "MoE": (MoE, {}),
    "uniform": (UniformEnsemble, {}),
    "uniform-": (UniformEnsemble, {"guide_ratio": 0.1}),
    "LMoE": (LMoE, {}),
    "LMoE+": (LMoE, {"guide_loss": "mean", "gate_temperature": 0.005}),
    "TALL": (TALL, {}),
    "TALL*": (TALL, {"weight_rule": "paper", "weight_norm": "batch"}),
}
#: Models that are fine-tuned from a trained one, and for how many epochs at the most, as in EnLFT's code.
FINE_TUNED, FINE_TUNING = (EnLFT, FineTunedSubgroups), 30


def keys_of(model: str, keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a model, other than its seed, from those of the study."""
    cls, own = MODELS[model]
    mixture, fine_tuned = issubclass(cls, MixtureOfExperts), cls in FINE_TUNED
    n_experts = keys["n_experts"] if mixture else 1
    return {
        "latent_dimension": 200,
        "mlp_hidden_size": [],
        "dropout_prob": 0.0,
        "anneal_cap": 0.2,
        "total_anneal_steps": 200_000,
        # at the full rate the first steps of fine-tuning leave the model that was trained
        "learning_rate": keys["learning_rate"] / (10 if fine_tuned else 1),
        # gradients of a mixture's experts are smaller by their number, and Adam's L2 term must be too
        "weight_decay": keys["weight_decay"] / (1 if issubclass(cls, LocalModels) else n_experts),
        "train_batch_size": keys["train_batch_size"],
        "epochs": min(keys["epochs"], FINE_TUNING) if fine_tuned else keys["epochs"],
        **({"n_experts": n_experts} if mixture else {}),
        **({key: keys[key] for key in ("weight_alpha", "weight_gap")} if cls is TALL else {}),
        **own,
    }


def base_of(model: str) -> str:
    """Return the model that local models start from."""
    return next(name for name, (cls, _) in MODELS.items() if cls is MODELS[model][0].starts_from)
