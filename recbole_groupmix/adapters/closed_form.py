"""RecBole models that one factorisation trains, with a weight for every user (Eq. 8)."""

from __future__ import annotations

import numpy as np
import torch
from recbole.config import Config
from recbole.data.dataset import Dataset
from recbole.data.interaction import Interaction
from recbole.model import general_recommender
from recbole.model.abstract_recommender import GeneralRecommender
from recbole.utils import InputType, ModelType
from scipy.sparse import csr_matrix, diags
from torch import Tensor

from recbole_groupmix.core.linear.ease import FactoredEase, ease, precision_for
from recbole_groupmix.core.linear.gram import Floats, gram
from recbole_groupmix.core.linear.item_subspace import item_subspace
from recbole_groupmix.engine.sparse_product import sparse_product


class ClosedForm(GeneralRecommender):
    """A model whose scores are a linear function of a user's own interactions.

    What it learned is in buffers and so in a checkpoint's state dict. The interactions are those
    of the data set that it is made from.

    Parameters
    ----------
    config : Config
        RecBole configuration.
    dataset : Dataset
        Training part. Nothing is learned from it before :meth:`fit`.

    Attributes
    ----------
    from_gram : bool
        Whether the model is a function of the weighted Gram matrix of items and of lambda.
    has_rank : bool
        Whether ``embedding_size`` is its rank, which the target's own data must have.
    """

    from_gram = False
    has_rank = False

    input_type = InputType.POINTWISE
    type = ModelType.TRADITIONAL

    def __init__(self, config: Config, dataset: Dataset) -> None:
        GeneralRecommender.__init__(self, config, dataset)  # RecBole's EASE would invert here
        self.dummy_param = torch.nn.Parameter(torch.zeros(1))
        rows = dataset.inter_matrix(form="csr").astype(np.float32)
        self.interaction_matrix: csr_matrix = rows
        self.other_parameter_name: list[str] = []

    def fit(self, user_weights: np.ndarray | None = None) -> None:
        """Learn from the data set with a weight >= 0 for every internal user id (default 1)."""
        raise NotImplementedError

    def scores(self, inputs: Tensor) -> Tensor:
        """Return the scores of all items, (n, n_items), from interactions of the same shape."""
        raise NotImplementedError

    def scores_of_rows(self, rows: csr_matrix) -> np.ndarray:
        """Return what :meth:`scores` does, float32 (n, n_items), from sparse rows."""
        raise NotImplementedError

    def calculate_loss(self, interaction: Interaction) -> Tensor:
        """Return 0: there are no parameters to train."""
        return torch.zeros(1, requires_grad=True)

    def full_sort_predict(self, interaction: Interaction) -> Tensor:
        """Return the scores of all items, flat, as RecBole requires."""
        rows = self.interaction_matrix[interaction[self.USER_ID].cpu().numpy()]
        device = self.dummy_param.device
        if device.type == "cpu":  # a user has few of the items
            return torch.from_numpy(self.scores_of_rows(rows)).flatten()
        return self.scores(torch.from_numpy(rows.toarray()).to(device)).flatten()

    def predict(self, interaction: Interaction) -> Tensor:
        """Return the score of each pair of user and item."""
        scores = self.full_sort_predict(interaction).view(len(interaction), -1)
        return scores.gather(1, interaction[self.ITEM_ID].to(scores.device)[:, None])[:, 0]

    def _weights(self, user_weights: np.ndarray | None) -> np.ndarray:
        return np.ones(self.n_users) if user_weights is None else np.asarray(user_weights, float)


class EASE(ClosedForm, general_recommender.EASE):
    """RecBole's ``EASE`` with user weights; at unit weights the same up to rounding.

    It is solved in float32, or in float64 if the condition number requires it; kept in float32.
    """

    from_gram = True
    item_similarity: Tensor | None
    reg_weight: Tensor

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        lam = torch.tensor(float(config["reg_weight"]), dtype=torch.float64)
        self.register_buffer("reg_weight", lam)  # so that a checkpoint has the chosen value
        unsolved = np.zeros((self.n_items, self.n_items), np.float32)  # takes no memory as yet
        self.register_buffer("item_similarity", torch.from_numpy(unsolved))
        self._factored: FactoredEase | None = None

    def fit(self, user_weights: np.ndarray | None = None) -> None:
        """Solve for users of these weights; see :class:`ClosedForm`."""
        weights = self._weights(user_weights)
        rows = diags(np.sqrt(weights)) @ self.interaction_matrix
        self.fit_gram(gram(rows.tocsr(), np.float64))

    def fit_gram(self, weighted: Floats) -> None:
        """Solve for a weighted Gram matrix, float (n_items, n_items), with the padding item."""
        lam = float(self.reg_weight)
        self.hold(ease(weighted.astype(precision_for(weighted, lam), copy=False), lam))

    def hold(self, solution: Floats | FactoredEase) -> None:
        """Set what was solved: ``B``, float (n_items, n_items), kept as float32, or its factors.

        With factors the model scores users and has no ``item_similarity``, so that its state
        cannot be kept.
        """
        if isinstance(solution, FactoredEase):
            self.item_similarity, self._factored = None, solution
            return
        by_rows = np.ascontiguousarray(solution, dtype=np.float32)
        self.item_similarity = torch.from_numpy(by_rows).to(self.dummy_param.device)
        self._factored = None

    def scores(self, inputs: Tensor) -> Tensor:
        """Return ``x B``."""
        if self.item_similarity is None:
            rows = csr_matrix(inputs.cpu().numpy())
            return torch.from_numpy(self.scores_of_rows(rows)).to(inputs.device)
        return inputs @ self.item_similarity

    def scores_of_rows(self, rows: csr_matrix) -> np.ndarray:
        """Return ``x B``."""
        if self._factored is not None:
            return self._factored.scores(rows).astype(np.float32, copy=False)
        assert self.item_similarity is not None
        return sparse_product(rows, self.item_similarity.numpy())


class WeightedSVD(ClosedForm):
    """The estimator of the paper's Eq. 2: scores ``x V V'`` with the item vectors of a weighted SVD.

    ``embedding_size`` is the rank d.
    """

    has_rank = True
    item_vectors: Tensor

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        size = int(config["embedding_size"])
        self.register_buffer("item_vectors", torch.zeros(self.n_items, size))

    def fit(self, user_weights: np.ndarray | None = None) -> None:
        """Solve for users of these weights; see :class:`ClosedForm`."""
        size, weights = self.item_vectors.shape[1], self._weights(user_weights)
        vectors = item_subspace(self.interaction_matrix, weights, size).astype(np.float32)
        self.item_vectors = torch.from_numpy(vectors).to(self.dummy_param.device)

    def scores(self, inputs: Tensor) -> Tensor:
        """Return ``x V V'``."""
        return (inputs @ self.item_vectors) @ self.item_vectors.T

    def scores_of_rows(self, rows: csr_matrix) -> np.ndarray:
        """Return ``x V V'``."""
        vectors = self.item_vectors.numpy()
        scores: np.ndarray = (rows @ vectors) @ vectors.T
        return scores
