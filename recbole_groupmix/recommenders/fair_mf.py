"""Matrix factorisation of ratings with a penalty on unfairness between two groups of users."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from recbole.model.abstract_recommender import GeneralRecommender
from recbole.utils import InputType

from recbole_groupmix.adapters.groups import read_groups
from recbole_groupmix.core.groups.penalties import PENALTIES, Penalty

_DEFAULTS: dict[str, Any] = {
    "embedding_size": 2,
    "unfairness_penalty": "value",
    "unfairness_variant": "paper",
    "unfairness_smooth": "squared",
    "unfairness_weight": 1.0,
    "group_field": "gender",
    "target": None,
}


class _Unfairness(torch.autograd.Function):
    """A `Penalty` of predictions as a step of torch's graph."""

    @staticmethod
    def forward(ctx: Any, predictions: torch.Tensor, penalty: Penalty) -> torch.Tensor:
        """Return the penalty and keep its gradient."""
        value, gradient = penalty(predictions.detach().cpu().numpy())
        ctx.save_for_backward(torch.as_tensor(gradient).to(predictions))
        return predictions.new_tensor(value)

    @staticmethod
    def backward(ctx: Any, slope: torch.Tensor) -> tuple[torch.Tensor, None]:  # type: ignore[override]
        """Return the gradient by the predictions."""
        (gradient,) = ctx.saved_tensors
        return slope * gradient, None


class FairMF(GeneralRecommender):
    """Matrix factorisation of ratings, with unfairness between two groups as a penalty.

    Predicts ``mean + b_u + b_i + p_u q_i`` and minimises the mean squared error of a batch plus
    ``unfairness_weight`` times a measure of unfairness between the target group and all other users
    (Eq. 3.8 of S. Yao's dissertation "Evaluating, Understanding, and Mitigating Unfairness in
    Recommender Systems"; the dissertation prints the sum of squared errors, beside which a weight
    of 1 does nothing). The measure is of all training ratings in every batch, since means of
    groups item by item are not those of a random batch; one batch of all ratings
    (``train_batch_size``) is the full gradient of the dissertation. The L2 weight is RecBole's
    ``weight_decay``; a penalty costs about as much as a pass over the ratings.

    Parameters
    ----------
    config : Config
        RecBole's configuration. Keys of this model, and their defaults: ``embedding_size`` (2);
        ``unfairness_penalty`` (``value``; or ``absolute``, ``underestimation``, ``overestimation``,
        ``parity``, ``none``); ``unfairness_variant`` (``paper``, or ``code``) and
        ``unfairness_smooth`` (``squared``, ``huber`` or ``none``) as of
        :class:`~recbole_groupmix.core.groups.penalties.Penalty`; ``unfairness_weight`` (1.0);
        ``group_field`` (``gender``), a loaded column of the ``.user`` file; ``target``, a group, which
        may be left out if there are two. ``RATING_FIELD`` names the column of ratings.
    dataset : Dataset
        The training part.

    Raises
    ------
    ValueError
        If the ratings or the groups are not loaded, an option is unknown, or no item is rated by
        both groups.
    """

    input_type = InputType.POINTWISE

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        given = {**_DEFAULTS, **{key: config[key] for key in _DEFAULTS if key in config}}
        self.RATING = config["RATING_FIELD"]
        inter = dataset.inter_feat
        if self.RATING not in inter:
            raise ValueError(
                f"RATING_FIELD is {self.RATING!r}, which is no loaded column of "
                f"{dataset.dataset_name}.inter; FairMF needs ratings: name them in load_col"
            )
        weight, kind = given["unfairness_weight"], given["unfairness_penalty"] or "none"
        if not isinstance(weight, int | float) or not 0 <= weight < float("inf"):
            raise ValueError(
                f"unfairness_weight is {weight!r}; give a number >= 0, and 0 for no penalty"
            )
        if kind not in ("none", *PENALTIES):
            allowed = ", ".join(("none", *PENALTIES))
            raise ValueError(f"unfairness_penalty is {kind!r}; it must be one of {allowed}")
        users, items = inter[self.USER_ID], inter[self.ITEM_ID]
        ratings = inter[self.RATING].float()
        self._weight = float(weight) if kind != "none" else 0.0
        self._penalty = None
        if self._weight:
            in_target = _in_target(dataset, given["group_field"], given["target"])
            self._penalty = Penalty(
                ratings.double().numpy(),
                items.numpy(),
                in_target[users.numpy()],
                kind,
                variant=given["unfairness_variant"],
                smooth=given["unfairness_smooth"],
            )
        self.register_buffer("rated", torch.stack([users, items]), persistent=False)
        self.register_buffer("mean", ratings.mean())
        size = given["embedding_size"]
        self.users = torch.nn.Parameter(0.1 * torch.randn(self.n_users, size))
        self.items = torch.nn.Parameter(0.1 * torch.randn(self.n_items, size))
        self.user_bias = torch.nn.Parameter(torch.zeros(self.n_users))
        self.item_bias = torch.nn.Parameter(torch.zeros(self.n_items))

    def forward(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Return the predicted ratings of pairs, shape (n_pairs,), not kept within any scale."""
        # index_select: its backward pass takes half the time of that of an index
        p, q = self.users.index_select(0, users), self.items.index_select(0, items)
        biases = self.user_bias.index_select(0, users) + self.item_bias.index_select(0, items)
        return self.mean + biases + (p * q).sum(dim=1)

    def calculate_loss(self, interaction: Any) -> Any:
        """Return the mean squared error of a batch, and beside it the weighted penalty if there is one."""
        predicted = self.forward(interaction[self.USER_ID], interaction[self.ITEM_ID])
        error = ((predicted - interaction[self.RATING]) ** 2).mean()
        if self._penalty is None:
            return error
        unfairness = _Unfairness.apply(self.forward(*self.rated), self._penalty)
        return error, self._weight * unfairness

    def predict(self, interaction: Any) -> torch.Tensor:
        """Return the predicted ratings of pairs, shape (n_pairs,)."""
        return self.forward(interaction[self.USER_ID], interaction[self.ITEM_ID])

    def full_sort_predict(self, interaction: Any) -> torch.Tensor:
        """Return the predicted ratings of users for all items, shape (n_users * n_items,)."""
        users = interaction[self.USER_ID]
        scores = self.users[users] @ self.items.T + self.item_bias + self.user_bias[users][:, None]
        return (self.mean + scores).view(-1)


def fit_full_batch(
    model: FairMF,
    dataset: Any,
    *,
    iterations: int = 250,
    learning_rate: float = 0.1,
    weight_decay: float = 1e-3,
) -> None:
    """Train a model by Adam on the gradient of all ratings, as RecBole's trainer does in one batch.

    Parameters
    ----------
    model : FairMF
        The model, which is changed.
    dataset : Dataset
        The training part that it was made with.
    iterations : int
        Number of steps, >= 0. The defaults are the dissertation's number and the L2 weight of
        its Section 3.5.1; the learning rate, which it leaves open, is ours.
    learning_rate, weight_decay : float
        As RecBole's keys of these names.
    """
    optimiser = torch.optim.Adam(
        model.parameters(), lr=learning_rate, weight_decay=weight_decay, foreach=True
    )
    for _ in range(iterations):
        optimiser.zero_grad()
        losses = model.calculate_loss(dataset.inter_feat)
        loss = torch.stack(losses).sum() if isinstance(losses, tuple) else losses
        loss.backward()
        optimiser.step()


def _in_target(dataset: Any, field: str, target: str | None) -> np.ndarray:
    """Return whether each user is of the target group, bool (n_users,)."""
    groups = read_groups(dataset, field)
    if target is None and len(groups.names) > 2:
        raise ValueError(
            f"{groups.source} has {len(groups.names)} groups ({', '.join(groups.names)}); name one of "
            "them as target, which is compared with all others"
        )
    of_target = groups.index(str(target)) if target is not None else 0
    in_target: np.ndarray = groups.of_user == of_target
    return in_target
