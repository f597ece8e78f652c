"""Gates of a mixture of experts: how much each expert counts for a user."""

from __future__ import annotations

import torch
from torch import Tensor, nn

GATES = ("loss", "uniform", "mlp")
GUIDE_LOSSES = ("sum", "mean")
#: Smallest loss; the printed gate divides by it.
LEAST_LOSS = 1e-6


def guide_losses(logits: Tensor, rows: Tensor, guide: Tensor, reduction: str = "sum") -> Tensor:
    """Return minus the log-likelihood of users' guide items, among all items that are not input.

    Parameters
    ----------
    logits : torch.Tensor of float, shape (..., n_rows, n_items)
        Scores of all items.
    rows, guide : torch.Tensor of float, shape (n_rows, n_items)
        1 for items of the input, and for guide items; no item is both.
    reduction : {"sum", "mean"}
        Over the guide items of a user.

    Returns
    -------
    torch.Tensor of float, shape (..., n_rows)
        Losses in nats; NaN for a user without a guide item.
    """
    n_guide = guide.sum(dim=-1)
    total = logits.masked_fill(rows > 0, -torch.inf).logsumexp(dim=-1)
    losses = n_guide * total - (guide * logits).sum(dim=-1)
    if reduction == "mean":
        losses = losses / n_guide
    return losses.masked_fill(n_guide == 0, torch.nan)


def gate_of_losses(losses: Tensor, temperature: float = 1.0) -> Tensor:
    """Return ``G_k = exp(1 / (tau l_k)) / sum_t exp(1 / (tau l_t))`` (TALL, section 3.1).

    Parameters
    ----------
    losses : torch.Tensor of float, shape (n_experts, n_rows)
        Loss of each expert, >= 0. An expert without a loss makes the gate of the user uniform.
    temperature : float
        tau > 0; 1 as printed. Small ones put the weight on the best experts.

    Returns
    -------
    torch.Tensor of float, shape (n_rows, n_experts)
        Rows with a sum of 1.
    """
    inverse = 1.0 / (losses.clamp(min=LEAST_LOSS) * temperature)
    known = ~losses.isnan().any(dim=0)
    return torch.where(known, inverse, torch.zeros_like(inverse)).softmax(dim=0).T


def effective_number(gate: Tensor) -> Tensor:
    """Return ``exp(H(G))``, between 1 and the number of experts, of each user: float (n_rows,)."""
    return torch.special.entr(gate).sum(dim=-1).exp()


def gate_network(n_items: int, n_hidden: int, n_experts: int) -> nn.Sequential:
    """Return a perceptron of one hidden layer that maps users' rows to scores of experts.

    It is the gate of TALL's baseline MoE; initial values are those of RecBole's auto-encoders.
    """
    network = nn.Sequential(
        nn.Linear(n_items, n_hidden), nn.ReLU(), nn.Linear(n_hidden, n_experts)
    )
    for layer in (network[0], network[2]):
        nn.init.xavier_normal_(layer.weight)
        nn.init.zeros_(layer.bias)
    return network
