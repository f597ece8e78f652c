"""One factorisation of ratings for the study of unfairness: trained, and measured."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from recbole_groupmix.adapters.config import GroupMixConfig
from recbole_groupmix.adapters.dataset import load_dataset
from recbole_groupmix.adapters.seeding import global_seed
from recbole_groupmix.core.groups.unfairness import unfairness
from recbole_groupmix.prepare.publish import Tables, publish
from recbole_groupmix.recommenders.fair_mf import FairMF, fit_full_batch
from recbole_groupmix.record.study_cell import PenaltyMeasures

Floats = npt.NDArray[np.float64]


def fitted(
    users: npt.NDArray[np.intp],
    items: npt.NDArray[np.intp],
    ratings: Floats,
    is_woman: npt.NDArray[np.bool_],
    penalty: str,
    variant: str,
    seed: int,
    decay: float,
    epochs: int,
) -> Floats:
    """Train on ratings; return the predicted ratings of all pairs.

    Parameters
    ----------
    users, items : int array, shape (n_ratings,)
        Indices from 0.
    ratings : float64 array, shape (n_ratings,)
    is_woman : bool array, shape (n_users,)
    penalty, variant : str
        As :class:`~recbole_groupmix.recommenders.fair_mf.FairMF` has them.
    seed : int
        Of the initial values.
    decay : float
        L2 weight.
    epochs : int
        Steps on the full gradient.

    Returns
    -------
    float64 array, shape (n_users, 1 + largest item)
        NaN for users and items without a rating.
    """
    tables: Tables = {
        "inter": {
            "user_id:token": users.astype(str).tolist(),
            "item_id:token": items.astype(str).tolist(),
            "rating:float": [f"{value:g}" for value in ratings],
        },
        "user": {
            "user_id:token": np.arange(len(is_woman)).astype(str).tolist(),
            "gender:token": np.where(is_woman, "F", "M").tolist(),
        },
    }
    load = {"inter": ["user_id", "item_id", "rating"], "user": ["user_id", "gender"]}
    keys = {"load_col": load, "use_gpu": False, "unfairness_penalty": penalty,
            "unfairness_variant": variant}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        publish(Path(folder) / "rated", "rated", tables, "Ratings of one fit.\n")
        config = GroupMixConfig(FairMF, "rated", keys, folder=Path(folder) / "rated")
        dataset = load_dataset(config)
    with global_seed(seed):
        model = FairMF(config, dataset)
    fit_full_batch(model, dataset, iterations=epochs, weight_decay=decay)
    with torch.no_grad():
        scores = model.full_sort_predict({"user_id": torch.arange(1, dataset.user_num)})
    predicted = np.full((len(is_woman), int(items.max()) + 1), np.nan)
    places = [dataset.field2id_token[field][1:].astype(int) for field in ("user_id", "item_id")]
    predicted[np.ix_(*places)] = scores.view(dataset.user_num - 1, -1)[:, 1:].double().numpy()
    return predicted


def measures(
    predicted: Floats,
    truth: Floats,
    items: npt.NDArray[np.intp],
    of_woman: npt.NDArray[np.bool_],
    root: bool = False,
) -> dict[str, PenaltyMeasures]:
    """Return error and unfairness of rows with a prediction, by variant of the measures.

    Parameters
    ----------
    predicted, truth : float64 array, shape (n_rows,)
    items : int array, shape (n_rows,)
    of_woman : bool array, shape (n_rows,)
    root : bool
        Whether the error is the root of the mean squared error.
    """
    known = np.isfinite(predicted)
    rows = predicted[known], truth[known], items[known], (~of_woman[known]).astype(int)
    error = float(np.mean((rows[0] - rows[1]) ** 2))
    found = {"error": error**0.5 if root else error}
    of_variants: Any = {
        variant: {**asdict(unfairness(*rows, 0, variant=variant)), **found}
        for variant in ("paper", "code")
    }
    return dict(of_variants)
