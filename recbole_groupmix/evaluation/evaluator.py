"""``GroupEvaluator``: per-user and per-group metrics of any RecBole model, in three lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from recbole.config import Config
from recbole.data import data_preparation
from recbole.data.dataset import Dataset
from recbole.evaluator import metric_types
from recbole.evaluator.collector import DataStruct
from recbole.model.abstract_recommender import AbstractRecommender
from recbole.trainer import Trainer
from recbole.utils import init_seed

from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.group_items import ALL
from recbole_groupmix.adapters.groups import Groups
from recbole_groupmix.evaluation.arguments import (
    check_counts,
    check_groups,
    cut_offs,
    metric_names,
)
from recbole_groupmix.evaluation.attached import AttachedEvaluator
from recbole_groupmix.evaluation.groupings import (
    evaluated_users,
    user_groups,
    without_small_groups,
)
from recbole_groupmix.evaluation.measures import Measures
from recbole_groupmix.evaluation.ranked_items import ranked_over
from recbole_groupmix.evaluation.report import GroupReport
from recbole_groupmix.evaluation.scoring import (
    ListCollector,
    Scorer,
    UserCollector,
    is_value_evaluation,
    with_metrics,
)
from recbole_groupmix.evaluation.tabulate import tabulate
from recbole_groupmix.evaluation.unfairness import ranking_table, rating_table
from recbole_groupmix.evaluation.user_columns import dataset_of

_EVALUATES = {True: "predicted values", False: "rankings"}
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
        A user column; several columns (their intersections); groups from :func:`binned_groups`,
        :func:`activity_groups`, :func:`mainstream_groups` or :func:`groups_from_csv`; or a mapping
        or pandas Series of user token to group. A group without evaluated users stays in the
        report, with 0 users and NaN.
    metrics : str or sequence of str, optional
        RecBole's metric names; default ``config["metrics"]``.
    topk : int or sequence of int, optional
        Cut-offs, at most the number of items; default ``config["topk"]``.
    train_data : AbstractDataLoader, optional
        Needed by metrics that look at the training data (coverage, popularity, Gini index, tail).
    n_boot : int
        Resamples of the intervals.
    min_users : int, optional
        Fewest evaluated users that a group may have; by default any number, 0 included.
    small : {"refuse", "merge"}
        What to do with smaller groups: refuse them, or merge them into the group ``other``.
    rank_items : str
        Items that users are ranked over: see :func:`~.ranked_items.ranked_over`. The loader with them
        is the attribute ``data``, which any trainer of RecBole obeys.

    Raises
    ------
    ValueError
        For a group column that is absent or not loaded, groups without evaluated users, groups
        that are too small, an unknown metric, a cut-off that is not a whole number from 1 to the
        number of items, a metric of predicted values for an evaluation of rankings or the other
        way round, or one that needs ``train_data`` without it.

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
        metrics: str | Sequence[str] | None = None,
        topk: int | Sequence[int] | None = None,
        train_data: Any = None,
        n_boot: int = 2000,
        min_users: int | None = None,
        small: str = "refuse",
        rank_items: str = ALL,
    ) -> None:
        check_counts(n_boot, min_users, small)
        check_groups(groups)
        metrics = metric_names(config["metrics"] if metrics is None else metrics)
        self._by_value = is_value_evaluation(config)
        n_items = None if self._by_value else int(dataset_of(data).item_num) - 1
        topk = cut_offs(config["topk"] if topk is None else topk, n_items)
        if isinstance(data, Dataset):
            init_seed(config["seed"], config["reproducibility"])
            with recbole_compat():
                train_data, _, data = data_preparation(config, data)
        self._n_boot = n_boot
        self._config = with_metrics(config, metrics, topk)
        self._measures = Measures(self._config)
        self._collector = UserCollector(self._config)
        wrong = [name for name in metrics if metric_types[name] != config["eval_type"]]
        if wrong:
            raise ValueError(
                f"metrics {', '.join(wrong)} are not for {_EVALUATES[self._by_value]}, which is "
                f"what the configuration evaluates by its metrics {config['metrics']}; name the "
                "metrics in the configuration, and the eval_args mode that they need"
            )
        needing = [name for name in metrics if name in _NEED_TRAIN]
        if needing and train_data is None:
            names = ", ".join(needing)
            raise ValueError(
                f"metrics {names} look at training data: GroupEvaluator(..., train_data=train_data)"
            )
        if train_data is not None:
            self._collector.data_collect(train_data)
        self._dataset = dataset_of(data)
        by_user = user_groups(self._dataset, groups)
        if min_users is not None:
            users = evaluated_users(self._dataset)
            by_user = without_small_groups(by_user, users, min_users, small)
        self.groups: Groups = by_user
        self.data = ranked_over(data, by_user, rank_items, topk, train_data)
        self.history: list[dict[str, Any]] = []

    def evaluate(self, model: AbstractRecommender) -> GroupReport:
        """Score a model on the evaluation data and return its report.

        Parameters
        ----------
        model : AbstractRecommender
            A trained RecBole model that can rank (or predict, for value metrics); its training
            mode is left as it was.

        Raises
        ------
        ValueError
            If the model can do neither, or gives NaN scores.
        """
        return self.report(Scorer(self._config, model, self._collector).collect(self.data))

    def unfairness(
        self,
        model: AbstractRecommender,
        first: str | None = None,
        second: str | None = None,
        *,
        variant: str = "paper",
        missing: str = "skip",
    ) -> pd.DataFrame:
        """Return how differently a model predicts ratings for groups of users.

        The configuration must evaluate predicted values: RMSE or MAE as a metric, mode
        ``labeled`` in ``eval_args``, and the rating as ``LABEL_FIELD``.

        Parameters
        ----------
        model : AbstractRecommender
            A trained RecBole model.
        first, second : str, optional
            Two groups; ``first`` alone is compared with the rest, the users of all other groups
            together; by default every two groups.
        variant, missing : str
            As for :func:`recbole_groupmix.core.groups.unfairness.unfairness`, which has the definitions.

        Returns
        -------
        pandas.DataFrame
            A row per pair: first, second, value, absolute, underestimation, overestimation,
            parity (in units of a rating, 0 is fair), n_items_used, n_items. NaN where undefined.

        Raises
        ------
        ValueError
            If rankings are evaluated, or a group or an option is unknown.
        """
        if not self._by_value:
            raise ValueError(
                "unfairness of predicted ratings needs an evaluation of values: set metrics: "
                "[RMSE], valid_metric: RMSE, LABEL_FIELD to the rating's column and mode: labeled "
                "in eval_args; for rankings there is ranking_unfairness"
            )
        struct = Scorer(self._config, model, self._collector).collect(self.data)
        return rating_table(struct, self.groups, first, second, variant, missing)

    def ranking_unfairness(
        self,
        model: AbstractRecommender,
        first: str | None = None,
        second: str | None = None,
        *,
        k: int | Sequence[int] | None = None,
        missing: str = "skip",
    ) -> pd.DataFrame:
        """Return the unfairness of a model's top-k lists between groups of users.

        Parameters
        ----------
        model, first, second
            As for :meth:`unfairness`.
        k : int or sequence of int, optional
            Cut-offs; default those of the evaluator.
        missing : {"skip", "zero"}
            As for :func:`recbole_groupmix.core.groups.ranking_unfairness.ranking_unfairness`, which has
            the definitions.

        Returns
        -------
        pandas.DataFrame
            A row per cut-off and pair: k, first, second, hit_rate_gap, overall_hit_rate_gap,
            surplus_gap, miscalibration_gap, undersupply_gap, oversupply_gap, exposure_gap,
            n_hit_items, n_items. NaN where undefined.

        Raises
        ------
        ValueError
            If predicted values are evaluated, or a group or an option is unknown.
        """
        if self._by_value:
            raise ValueError(
                "unfairness of rankings needs an evaluation of rankings (metrics such as Recall); "
                "for predicted ratings there is unfairness"
            )
        topk = self._config["topk"] if k is None else cut_offs(k, None, "k")
        config = with_metrics(self._config, self._config["metrics"], topk)
        struct = Scorer(config, model, ListCollector(config)).collect(self.data)
        return ranking_table(struct, self.groups, topk, first, second, missing)

    def report(self, struct: DataStruct) -> GroupReport:
        """Turn collected rows into a report."""
        return tabulate(struct, self._measures, self.groups, self._dataset, self._n_boot)

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
        trainer.evaluator = AttachedEvaluator(self._measures, self.groups, self.history)

    def learning_pace(self, metric: str) -> pd.DataFrame:
        """Return, for each group, the evaluation (1-based) at which a metric peaked, and its value.

        Only after :meth:`attach` and training.
        """
        if not self.history:
            raise ValueError("nothing was evaluated yet: call attach(trainer), then trainer.fit")
        curve = pd.DataFrame(
            [{group: means[metric] for group, means in entry.items()} for entry in self.history]
        )
        known = curve.dropna(axis=1, how="all")  # without groups that have no evaluated users
        pace = pd.DataFrame({"evaluation": known.idxmax() + 1, "value": known.max()})
        return pace.reindex(curve.columns)
