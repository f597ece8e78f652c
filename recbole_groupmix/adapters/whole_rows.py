"""RecBole's auto-encoders and ENMF with a weight for every user (Eq. 8)."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from recbole.model import general_recommender
from recbole.model.general_recommender.recvae import log_norm_pdf
from torch import Tensor

from recbole_groupmix.adapters.whole_row_loss import WholeRowLoss


def multinomial(logits: Tensor, rows: Tensor) -> Tensor:
    """Return minus the multinomial log-likelihood of each row, float (n_rows,).

    Parameters
    ----------
    logits, rows : torch.Tensor of float, shape (n_rows, n_items)
        Scores of all items, and the users' interactions.
    """
    return -(F.log_softmax(logits, dim=1) * rows).sum(dim=1)


def divergence_from_normal(logvar: Tensor, mu: Tensor | float = 0.0) -> Tensor:
    """Return ``KL(N(mu, exp(logvar)) || N(0, 1))`` of each row, float (n_rows,).

    Parameters
    ----------
    logvar, mu : torch.Tensor of float, shape (n_rows, d)
        Logarithms of the variances, and means; default means of 0.
    """
    return (mu * mu + logvar.exp() - 1 - logvar).sum(dim=1) / 2


def annealed(model: Any) -> float:
    """Count a batch and return the weight of its KL term."""
    model.update += 1
    cap, steps = float(model.anneal_cap), model.total_anneal_steps
    return min(cap, model.update / steps) if steps > 0 else cap


class MultiVAE(WholeRowLoss, general_recommender.MultiVAE):
    """RecBole's ``MultiVAE``: a user's term is the negative ELBO, with the KL term annealed."""

    def user_terms(self, interaction: Any) -> Tensor:
        """Return ``-log p(x_u | z_u) + beta KL(q(z_u) || N(0, 1))``."""
        rows = self.get_rating_matrix(interaction[self.USER_ID])
        beta = annealed(self)
        logits, mu, logvar = self.forward(rows)
        return multinomial(logits, rows) + beta * divergence_from_normal(logvar, mu)


class MultiDAE(WholeRowLoss, general_recommender.MultiDAE):
    """RecBole's ``MultiDAE``: a user's term is minus the log-likelihood of the user's items."""

    def user_terms(self, interaction: Any) -> Tensor:
        """Return ``-log p(x_u)``."""
        rows = self.get_rating_matrix(interaction[self.USER_ID])
        return multinomial(self.forward(rows), rows)


class RecVAE(WholeRowLoss, general_recommender.RecVAE):
    """RecBole's ``RecVAE``: a user's term is the negative ELBO under the composite prior.

    Its trainer trains encoder and decoder in turn; both phases are weighted.
    """

    def user_terms(self, interaction: Any, encoder_flag: bool) -> Tensor:
        """Return ``-log p(x_u | z_u) + beta_u (log q(z_u) - log p(z_u))``.

        ``beta_u`` is ``gamma`` times the user's number of items, or ``beta`` where gamma is 0.
        """
        rows = self.get_rating_matrix(interaction[self.USER_ID])
        logits, mu, logvar, z = self.forward(rows, self.dropout_prob if encoder_flag else 0)
        beta = self.gamma * rows.sum(dim=1) if self.gamma else self.beta
        divergence = (log_norm_pdf(z, mu, logvar) - self.prior(rows, z)).sum(dim=1)
        return multinomial(logits, rows) + beta * divergence


class MacridVAE(WholeRowLoss, general_recommender.MacridVAE):
    """RecBole's ``MacridVAE``: a negative ELBO whose KL term has a part for each facet."""

    def user_terms(self, interaction: Any) -> Tensor:
        """Return ``-log p(x_u | z_u)`` and the annealed KL terms of the facets' variances."""
        rows = self.get_rating_matrix(interaction[self.USER_ID])
        beta = annealed(self)
        logits, _, logvars = self.forward(rows)
        divergence = sum(map(divergence_from_normal, logvars))
        return multinomial(logits, rows) + beta * divergence

    def parameter_terms(self) -> Tensor | float:
        """Return the norms of tables and encoder, where RecBole adds them."""
        return self.reg_loss() if self.regs[0] != 0 or self.regs[1] != 0 else 0.0


class CDAE(WholeRowLoss, general_recommender.CDAE):
    """RecBole's ``CDAE``: a user's term is the sum over all items of an error or cross entropy."""

    is_sum = True

    def user_terms(self, interaction: Any) -> Tensor:
        """Return the loss of each user's reconstructed row, summed over all items."""
        users = interaction[self.USER_ID]
        rows = self.get_rating_matrix(users)
        logits = self.forward(rows, users)
        if self.loss_type == "MSE":
            return (self.o_act(logits) - rows).square().sum(dim=1)
        if self.loss_type == "BCE":
            return F.binary_cross_entropy_with_logits(logits, rows, reduction="none").sum(dim=1)
        raise ValueError(f"loss_type is {self.loss_type!r}; CDAE has MSE and BCE")

    def parameter_terms(self) -> Tensor:
        """Return the weighted L1 and L2 norms of the tables of users and items."""
        tables = (self.h_user.weight, self.h_item.weight)
        l1 = sum(table.norm(p=1) for table in tables)
        l2 = sum(table.norm() for table in tables)
        penalty: Tensor = self.reg_weight_1 * l1 + self.reg_weight_2 * l2
        return penalty


class ENMF(WholeRowLoss, general_recommender.ENMF):
    """RecBole's ``ENMF``: a user's term is the weighted squared error over all items.

    With ``w`` the weight of what was not seen, ``s_ui = h' (u * i)`` and a constant left out, it is
    ``w sum_i s_ui^2 + sum over the user's items of (1 - w) s_ui^2 - 2 s_ui``. The sum over all items
    is the quadratic form ``u' (hh' * sum_i ii') u``, so no score of an unseen item is made.
    """

    is_sum = True

    def user_terms(self, interaction: Any) -> Tensor:
        """Return the squared error of each user's row, summed over all items."""
        users = interaction[self.USER_ID]
        seen = self.forward(users)
        items, head = self.item_embedding.weight, self.H_i.weight
        form = (items.T @ items) * (head.T @ head)
        user = self.user_embedding(users)
        over_all = ((user @ form) * user).sum(dim=1)
        unseen = self.negative_weight
        return unseen * over_all + ((1 - unseen) * seen.square() - 2 * seen).sum(dim=1)

    def parameter_terms(self) -> Tensor:
        """Return the weighted norms of the tables of users and items."""
        penalty: Tensor = self.reg_loss()
        return penalty
