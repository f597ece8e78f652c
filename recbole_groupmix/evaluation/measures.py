"""RecBole's metrics on a part of the rows, and their values per row if they are means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from recbole.config import Config
from recbole.evaluator.collector import DataStruct
from recbole.evaluator.register import metrics_dict

from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.evaluation.scoring import USERS


@dataclass(frozen=True)
class RowValues:
    """A metric that is a weighted mean over rows.

    Attributes
    ----------
    values, weights : numpy.ndarray of float64, shape (n_rows,)
        The metric is ``transform(sum(weights * values) / sum(weights))``; NaN values have
        weight 0.
    root : bool
        Whether the transform is the square root (RMSE), else the identity.
    """

    values: np.ndarray
    weights: np.ndarray
    root: bool = False


class Measures:
    """The metrics of a configuration, as RecBole defines them.

    Parameters
    ----------
    config : Config
        Configuration with metrics and cut-offs.
    """

    def __init__(self, config: Config) -> None:
        self._topk = list(config["topk"])
        names = [name.lower() for name in config["metrics"]]
        with recbole_compat():
            self._metrics = {name: metrics_dict[name](config) for name in names}
        for metric in self._metrics.values():
            metric.decimal_place = 17

    def aggregate(
        self,
        struct: DataStruct,
        rows: np.ndarray | None = None,
        values: Mapping[str, RowValues] | None = None,
    ) -> dict[str, float]:
        """Return every metric of the given rows, in RecBole's own definition and unrounded.

        Parameters
        ----------
        struct : DataStruct
            Collected rows.
        rows : numpy.ndarray of int64, shape (n,), optional
            Rows to use; default all. An empty array gives NaN.
        values : mapping of str to RowValues, optional
            Result of :meth:`per_row` for `struct`; saves computing it again.
        """
        part = struct if rows is None else _restricted(struct, rows)
        if len(part.get(USERS)) == 0:
            return dict.fromkeys(self.aggregate(struct), float("nan"))
        means: dict[str, float] = {}
        with recbole_compat():
            for name, metric in self._metrics.items():
                keys = [f"{name}@{k}" for k in self._topk]
                if values is not None and keys and all(key in values for key in keys):
                    chosen = slice(None) if rows is None else rows
                    means.update({key: values[key].values[chosen].mean() for key in keys})
                else:
                    means.update(metric.calculate_metric(part))
        return {key: float(value) for key, value in means.items()}

    def per_row(self, struct: DataStruct) -> dict[str, RowValues]:
        """Return the metrics that are means over rows, by the names of :meth:`aggregate`.

        Set-level metrics (coverage, Gini index, entropy) and AUC over all rows have none.
        """
        by_metric: dict[str, RowValues] = {}
        for name, metric in self._metrics.items():
            if name == "gauc":
                by_metric["gauc"] = _auc_per_user(struct)
            elif name in ("mae", "rmse", "logloss"):
                by_metric[name] = _error_per_row(name, struct)
            elif hasattr(metric, "topk_result"):
                by_metric.update(self._captured(metric, struct))
        return by_metric

    def _captured(self, metric: Any, struct: DataStruct) -> dict[str, RowValues]:
        """Take the (n_rows, K) matrix that a metric hands to its own averaging."""
        caught: dict[str, RowValues] = {}

        def catch(name: str, value: np.ndarray) -> dict[str, float]:
            for k in self._topk:
                column = np.asarray(value[:, k - 1], dtype=np.float64)
                caught[f"{name}@{k}"] = RowValues(column, np.ones(len(column)))
            return {}

        metric.topk_result = catch
        try:
            with recbole_compat():
                metric.calculate_metric(struct)
        finally:
            del metric.topk_result
        return caught


def _restricted(struct: DataStruct, rows: np.ndarray) -> DataStruct:
    n_rows, index = len(struct.get(USERS)), torch.from_numpy(rows)
    part = DataStruct()
    for key, value in struct._data_dict.items():
        by_row = isinstance(value, torch.Tensor) and value.dim() > 0 and len(value) == n_rows
        part.set(key, value[index] if by_row else value)
    return part


def _auc_per_user(struct: DataStruct) -> RowValues:
    """AUC of each user with its weight in GAUC, the user's number of positives."""
    rank_sum, n_items, n_positive = struct.get("rec.meanrank").double().numpy().T
    n_negative = n_items - n_positive
    pairs = n_positive * n_negative
    above = (n_items + 1) * n_positive - n_positive * (n_positive + 1) / 2 - rank_sum
    defined = pairs > 0
    values = np.divide(above, pairs, out=np.full(len(pairs), np.nan), where=defined)
    return RowValues(values, np.where(defined, n_positive, 0.0))


def _error_per_row(name: str, struct: DataStruct) -> RowValues:
    score = struct.get("rec.score").double().numpy().ravel()
    label = struct.get("data.label").double().numpy().ravel()
    if name == "logloss":
        eps = 1e-15  # RecBole's own
        p = np.clip(score, eps, 1 - eps)
        values = -(label * np.log(p) + (1 - label) * np.log(1 - p))
    else:
        values = np.abs(score - label) if name == "mae" else (score - label) ** 2
    return RowValues(values, np.ones(len(values)), root=name == "rmse")
