"""What a model predicts for rows that took place, as RecBole's evaluation of labels scores them."""

from __future__ import annotations

import numpy as np
import torch
from recbole.data.dataset import Dataset
from recbole.model.abstract_recommender import AbstractRecommender

from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.inputs import PAIRS_PER_CALL
from recbole_groupmix.adapters.reranked import Reranked


@torch.no_grad()
def scores_of_rows(
    model: AbstractRecommender | Reranked, dataset: Dataset, rows: np.ndarray
) -> np.ndarray:
    """Return the model's predictions for rows of a data set, float64 (n,).

    The model is put into evaluation mode. Rows have all their columns and the features of their
    user and item. A model whose lists are ranked anew predicts what it was trained to.

    Parameters
    ----------
    model : AbstractRecommender or Reranked
        A trained RecBole model.
    dataset : Dataset
        RecBole's data set.
    rows : numpy.ndarray of int64, shape (n,)
        Rows of its interactions.
    """
    model = model.trained if isinstance(model, Reranked) else model
    model.eval()
    device = next(model.parameters()).device
    scores = np.empty(len(rows))
    for start in range(0, len(rows), PAIRS_PER_CALL):
        block = slice(start, start + PAIRS_PER_CALL)
        with recbole_compat():
            predicted = model.predict(dataset[rows[block]].to(device))
        scores[block] = predicted.view(-1).double().cpu().numpy()
    return scores
