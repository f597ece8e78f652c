"""Linear layers of many experts as one tensor."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ExpertLinear(nn.Module):
    """A linear layer for each expert; expert k's output is ``x_k W_k + b_k``.

    Initial values are RecBole's for its auto-encoders: Xavier's normal ones, and biases of 0.

    Parameters
    ----------
    n_experts, n_in, n_out : int
        Experts, and sizes of their inputs and outputs.

    Attributes
    ----------
    weight : torch.nn.Parameter of float, shape (n_experts, n_in, n_out)
    bias : torch.nn.Parameter of float, shape (n_experts, 1, n_out)
    """

    def __init__(self, n_experts: int, n_in: int, n_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_experts, n_in, n_out))
        self.bias = nn.Parameter(torch.zeros(n_experts, 1, n_out))
        for of_expert in self.weight:
            nn.init.xavier_normal_(of_expert.data)

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs, float (n_experts, n_rows, n_out).

        Parameters
        ----------
        x : torch.Tensor of float, shape (n_rows, n_in) or (n_experts, n_rows, n_in)
            One input for all experts, or one for each.
        """
        if x.dim() == 2:
            return torch.einsum("bi,kio->kbo", x, self.weight) + self.bias
        return torch.baddbmm(self.bias, x, self.weight)
