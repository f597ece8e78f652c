"""The loss of models that are fed with users: one term a user, and terms on parameters alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from recbole_groupmix.adapters.batch_weights import RowWeighted


class WholeRowLoss(RowWeighted):
    """A base that goes before a model of RecBole and gives its loss weights of users.

    RecBole's loss of a batch is the mean, or the sum, of one term a user, plus terms on parameters
    alone. So Eq. 8 weighs the terms of the users and leaves the others as they are. Without
    weights the loss is RecBole's own.

    Attributes
    ----------
    is_sum : bool
        Whether RecBole adds up the terms of a batch. A weighted sum is the weighted mean, under
        either ``loss_norm``, times the number of rows.
    user_terms : callable
        A method of each class: maps a batch, and further arguments of RecBole's loss, to the terms of
        its users, float (n_rows,).
    """

    is_sum = False
    user_terms: Callable[..., Tensor]

    def parameter_terms(self) -> Tensor | float:
        """Return the terms of the loss that no user has a part in; 0 where there are none."""
        return 0.0

    def calculate_loss(self, interaction: Any, **options: Any) -> Tensor:
        """Return the loss of a batch of users; ``options`` are those of RecBole's model."""
        if self.row_weights is None:
            loss: Tensor = super().calculate_loss(interaction, **options)  # type: ignore[misc]
            return loss
        terms = self.user_terms(interaction, **options)
        loss = self.row_weights.mean(terms)
        return (loss * len(terms) if self.is_sum else loss) + self.parameter_terms()
