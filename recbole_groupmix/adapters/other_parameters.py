"""What RecBole stores of a model besides its state."""

from __future__ import annotations

from typing import Any

from recbole.model.abstract_recommender import AbstractRecommender
from torch import nn


def other_parameters(model: AbstractRecommender) -> dict[str, Any]:
    """Return a model's ``other_parameter`` without modules, whose tensors are in the state.

    RecBole's models that embed features name such modules, which hold the data set.
    """
    others = model.other_parameter() or {}
    return {name: value for name, value in others.items() if not isinstance(value, nn.Module)}
