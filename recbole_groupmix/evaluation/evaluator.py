"""``GroupEvaluator``: per-user and per-group metrics of any RecBole model, in three lines."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from recbole.config import Config
from recbole.data import data_preparation
from recbole.data.dataset import Dataset
from recbole.evaluator.collector import DataStruct
from recbole.model.abstract_recommender import AbstractRecommender
from recbole.trainer import Trainer
from recbole.utils import init_seed

from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.groups import Groups
from recbole_groupmix.evaluation.groupings import user_groups
from recbole_groupmix.evaluation.intervals import cluster_intervals
from recbole_groupmix.evaluation.measures import Measures, RowValues
from recbole_groupmix.evaluation.report import OVERALL, GroupReport
from recbole_groupmix.evaluation.scoring import USERS, Scorer, UserCollector, with_metrics

_NEED_TRAIN = ("itemcoverage", "averagepopularity", "giniindex", "tailpercentage")


class GroupEvaluator:
    """Evaluates RecBole models overall, by group and per user.

    Works with RecBole's own configurations, data loaders, models and trainers; nothing of the
    rest of this package is needed.

    Parameters
    ----------
    config : Config
        The RecBole configuration of the project.
    data : AbstractDataLoader or Dataset
        The evaluation loader (``test_data``), or the data set before its split: then the split
        that RecBole makes of it with ``config["seed"]`` is made and its test part is used.
    groups : str, sequence of str, Groups or mapping
        A user column; several columns (their intersections); groups made elsewhere; or a mapping
        or pandas Series of user token to group.
    metrics : sequence of str, optional
        RecBole's metric names; default ``config["metrics"]``.
    topk : sequence of int, optional
        Cut-offs; default ``config["topk"]``.
    train_data : AbstractDataLoader, optional
        Needed by metrics that look at the training data (coverage, popularity, Gini index, tail).
    n_boot : int
        Resamples of the intervals.

    Raises
    ------
    ValueError
        For a group column that is absent or not loaded, groups none of whose users is evaluated,
        an unknown metric, or a metric that needs ``train_data`` without it.

    Examples
    --------
    >>> evaluator = GroupEvaluator(config, test_data, "gender")  # doctest: +SKIP
    >>> report = evaluator.evaluate(model)  # doctest: +SKIP
    >>> print(report.to_markdown())  # doctest: +SKIP
    """

    def __init__(
        self,
        config: Config,
        data: Any,
        groups: str | Sequence[str] | Groups | Mapping[str, str],
        *,
        metrics: Sequence[str] | None = None,
        topk: Sequence[int] | None = None,
        train_data: Any = None,
        n_boot: int = 2000,
    ) -> None:
        if isinstance(data, Dataset):
            init_seed(config["seed"], config["reproducibility"])
            with recbole_compat():
                train_data, _, data = data_preparation(config, data)
        self._data, self._n_boot = data, n_boot
        metrics = [name.lower() for name in (config["metrics"] if metrics is None else metrics)]
        self._config = with_metrics(config, metrics, list(topk or config["topk"]))
        try:
            self._measures = Measures(self._config)
            self._collector = UserCollector(self._config)
        except KeyError as error:
            raise ValueError(f"RecBole has no metric named {error.args[0]!r}") from error
        needing = [name for name in metrics if name in _NEED_TRAIN]
        if needing and train_data is None:
            raise ValueError(
                f"metrics {', '.join(needing)} look at the training data; "
                "pass GroupEvaluator(..., train_data=train_data)"
            )
        if train_data is not None:
            self._collector.data_collect(train_data)
        self._dataset: Dataset = data._dataset
        self.groups: Groups = user_groups(self._dataset, groups)
        self.history: list[dict[str, Any]] = []

    def evaluate(self, model: AbstractRecommender) -> GroupReport:
        """Score a model on the evaluation data and return its report.

        Parameters
        ----------
        model : AbstractRecommender
            A trained RecBole model that can rank (or predict, for value metrics); its training
            mode is left as it was.
        """
        return self.report(Scorer(self._config, model, self._collector).collect(self._data))

    def report(self, struct: DataStruct) -> GroupReport:
        """Turn collected rows into a report."""
        users = struct.get(USERS).numpy()
        of_row = self.groups.of_user[users]
        values = self._measures.per_row(struct)
        parts: dict[str, np.ndarray | None] = {
            name: np.flatnonzero(of_row == index) for index, name in enumerate(self.groups.names)
        }
        parts[OVERALL] = None
        distinct, position = np.unique(users, return_inverse=True)
        group = self.groups.of_user[distinct]
        top, bottom = _sums_per_user(values, position, len(distinct))
        table = []
        for index, (name, rows) in enumerate(parts.items()):
            mine = slice(None) if rows is None else group == index
            ends = cluster_intervals(top[mine], bottom[mine], n_boot=self._n_boot)
            n_defined = dict(zip(values, (bottom[mine] > 0).sum(axis=0), strict=True))
            interval = dict(zip(values, ends.T, strict=True))
            n_users = len(top[mine])
            for metric, value in self._measures.aggregate(struct, rows).items():
                low, high = interval.get(metric, (np.nan, np.nan))
                if metric in values and values[metric].root:
                    low, high = np.sqrt(low), np.sqrt(high)
                defined = int(n_defined.get(metric, n_users))
                table.append((metric, name, defined, n_users - defined, value, low, high))
        columns = ["metric", "group", "n_users", "n_undefined", "value", "ci_low", "ci_high"]
        frame = pd.DataFrame(table, columns=columns)
        return GroupReport(frame, self._per_user(values, users), self.groups.field)

    def _per_user(self, values: Mapping[str, RowValues], users: np.ndarray) -> pd.DataFrame:
        distinct, position = np.unique(users, return_inverse=True)
        tokens = self._dataset.id2token(self._dataset.uid_field, distinct).astype(str)
        names = np.array([*self.groups.names, ""])[self.groups.of_user[distinct]]
        frame = pd.DataFrame({"user_id": tokens, "group": names})
        top, bottom = _sums_per_user(values, position, len(distinct))
        means = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
        for column, (metric, row_values) in enumerate(values.items()):
            mean = means[:, column]
            frame[metric] = np.sqrt(mean) if row_values.root else mean
        return frame

    def attach(
        self, trainer: Trainer, target: str | None = None, metric: str | None = None
    ) -> None:
        """Make a RecBole trainer evaluate by group, and stop on a target group.

        From then on every evaluation of ``trainer`` (each epoch of ``fit``) keeps its group means
        in :attr:`history`, and its result has an entry ``"recall@10[25]"`` for group 25 beside
        RecBole's own. The trainer is RecBole's, unmodified: two of its attributes are replaced.

        Parameters
        ----------
        trainer : Trainer
            A RecBole trainer of the same configuration.
        target : str, optional
            Group whose metric decides early stopping and the best checkpoint.
        metric : str, optional
            Metric of ``target``; default ``config["valid_metric"]``.
        """
        if target is not None:
            self.groups.index(target)
            trainer.valid_metric = (
                f"{(metric or trainer.config['valid_metric']).lower()}[{target}]"
            )
        trainer.eval_collector = UserCollector(self._config)
        trainer.eval_collector.data_struct = self._collector.data_struct
        trainer.evaluator = _AttachedEvaluator(self)

    def learning_pace(self, metric: str) -> pd.DataFrame:
        """Return, for each group, the evaluation (1-based) at which a metric peaked, and its value.

        Only after :meth:`attach` and training.
        """
        if not self.history:
            raise ValueError("nothing was evaluated yet: call attach(trainer), then trainer.fit")
        curve = pd.DataFrame(
            [{group: means[metric] for group, means in entry.items()} for entry in self.history]
        )
        return pd.DataFrame({"evaluation": curve.idxmax() + 1, "value": curve.max()})


def _sums_per_user(
    values: Mapping[str, RowValues], position: np.ndarray, n_users: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sum weight times value, and weight, over each user's rows: (n_users, n_metrics) each."""
    top, bottom = np.zeros((2, n_users, len(values)))
    for column, row_values in enumerate(values.values()):
        weight = np.where(np.isnan(row_values.values), 0.0, row_values.weights)
        product = weight * np.nan_to_num(row_values.values)
        top[:, column] = np.bincount(position, product, minlength=n_users)
        bottom[:, column] = np.bincount(position, weight, minlength=n_users)
    return top, bottom


class _AttachedEvaluator:
    """In the place of a trainer's ``Evaluator``: overall metrics and those of every group."""

    def __init__(self, owner: GroupEvaluator) -> None:
        self._owner = owner

    def evaluate(self, struct: DataStruct) -> OrderedDict[str, float]:
        owner = self._owner
        of_row = owner.groups.of_user[struct.get(USERS).numpy()]
        overall = owner._measures.aggregate(struct)
        result, entry = OrderedDict(overall), {OVERALL: overall}
        for index, name in enumerate(owner.groups.names):
            means = owner._measures.aggregate(struct, np.flatnonzero(of_row == index))
            entry[name] = means
            result.update({f"{metric}[{name}]": value for metric, value in means.items()})
        owner.history.append(entry)
        return result
