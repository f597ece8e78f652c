"""RecBole's own evaluation loop, which also collects the user of every row."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from recbole.config import Config
from recbole.data.dataloader import FullSortEvalDataLoader
from recbole.evaluator import Collector
from recbole.evaluator.collector import DataStruct
from recbole.model.abstract_recommender import AbstractRecommender
from recbole.trainer import Trainer
from recbole.utils import EvaluatorType

from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.memory import free_memory

#: Key of the users of the rows in RecBole's ``DataStruct``.
USERS = "groupmix.users"
#: Key of the items of the rows, for predicted values.
ITEMS = "groupmix.items"
#: Best items of every row, int64 (n_rows, at most max(topk)), best first; -1 for none left.
TOP_ITEMS = "groupmix.top"
#: Row and item of every relevant pair, int64 (n_pairs, 2).
RELEVANT = "groupmix.relevant"
_OF_RECBOLE = ("rec.topk", "rec.meanrank", "rec.score", "rec.items", "data.label")
_PER_BATCH = (*_OF_RECBOLE, USERS, ITEMS, TOP_ITEMS, RELEVANT)
_PAIR_BYTES = 64  # per user and item: scores, indicators, and what sorting and ranks (GAUC) take
_MEMORY_SHARE = 0.1
_MOST_BYTES = {"cpu": 2**24, "cuda": 2**30}  # larger blocks leave a processor's caches: slower


def with_metrics(config: Config, metrics: list[str], topk: list[int]) -> Config:
    """Return a copy of a configuration with other metrics and cut-offs, unrounded."""
    other = copy.copy(config)
    other.final_config_dict = dict(config.final_config_dict)
    other["metrics"], other["topk"] = list(metrics), list(topk)
    other["metric_decimal_place"] = 17
    return other


class UserCollector(Collector):
    """RecBole's ``Collector``, which also collects the user of each row."""

    def eval_batch_collect(
        self, scores_tensor: Any, interaction: Any, positive_u: Any, positive_i: Any
    ) -> None:
        """Collect what the metrics need from a batch, and its users.

        Raises
        ------
        ValueError
            If a score is NaN: RecBole would rank such an item first.
        """
        if torch.isnan(scores_tensor.max()):  # the maximum is NaN where any score is
            rows = torch.isnan(scores_tensor.reshape(len(scores_tensor), -1)).any(dim=1)
            raise ValueError(
                f"model {self.config['model']} gave NaN scores in {int(rows.sum())} of "
                f"{len(rows)} rows of a batch, so nothing can be measured; its training has "
                "probably diverged: lower learning_rate, or evaluate an earlier checkpoint"
            )
        self._collect(scores_tensor, interaction, positive_u, positive_i)
        users = interaction[self.config["USER_ID_FIELD"]]
        if len(users) != len(scores_tensor):  # sampled negatives: many rows, one line a user
            users = torch.unique_consecutive(users)
        self.data_struct.update_tensor(USERS, users.cpu())

    def _collect(
        self, scores_tensor: Any, interaction: Any, positive_u: Any, positive_i: Any
    ) -> None:
        super().eval_batch_collect(scores_tensor, interaction, positive_u, positive_i)
        if is_value_evaluation(self.config):
            items = interaction[self.config["ITEM_ID_FIELD"]]
            self.data_struct.update_tensor(ITEMS, items.cpu())

    def get_data_struct(self) -> DataStruct:
        """Return the data collected since the last call and clear them.

        RecBole's version moves every entry by ``.cpu()``, also plain numbers, and clears only the
        keys that it knows.
        """
        struct = DataStruct()
        for key, value in self.data_struct._data_dict.items():
            struct.set(key, value.cpu() if isinstance(value, torch.Tensor) else value)
        for key in _PER_BATCH:
            if key in self.data_struct:
                del self.data_struct[key]
        return struct


class ListCollector(UserCollector):
    """Collects the best items of every row and the relevant ones, and nothing for metrics."""

    def _collect(
        self, scores_tensor: Any, interaction: Any, positive_u: Any, positive_i: Any
    ) -> None:
        seen = self.data_struct
        n_rows = len(seen[USERS]) if USERS in seen else 0
        most = min(max(self.topk), scores_tensor.shape[-1])
        best, items = torch.topk(scores_tensor, most, dim=-1)
        seen.update_tensor(TOP_ITEMS, items.masked_fill(best == -torch.inf, -1).cpu())
        pairs = torch.stack([positive_u.cpu() + n_rows, positive_i.cpu()], dim=1)
        seen.update_tensor(RELEVANT, torch.unique(pairs, dim=0))


class _ReturnStruct:
    """Replaces RecBole's ``Evaluator`` and returns the collected data."""

    def evaluate(self, struct: DataStruct) -> DataStruct:
        """Return the struct."""
        return struct


class _Silent:
    """Replaces RecBole's ``WandbLogger`` for evaluations outside a trainer."""

    def log_eval_metrics(self, *args: Any, **kwargs: Any) -> None:
        """Ignore results."""


class Scorer(Trainer):
    """RecBole's ``Trainer`` reduced to its ``evaluate``: no optimiser, no files.

    Parameters
    ----------
    config : Config
        Configuration with the metrics and cut-offs to use (:func:`with_metrics`).
    model : AbstractRecommender
        A trained model.
    collector : UserCollector
        Holds the collected data.
    """

    def __init__(
        self, config: Config, model: AbstractRecommender, collector: UserCollector
    ) -> None:
        # Trainer.__init__ is not called on purpose: it opens files and builds an optimiser
        self.config, self.model = config, model
        self.device, self.test_batch_size = config["device"], config["eval_batch_size"]
        self.gpu_available = torch.cuda.is_available() and config["use_gpu"]
        self.item_tensor = self.tot_item_num = None
        self.eval_collector, self.evaluator = collector, _ReturnStruct()
        self.wandblogger = _Silent()

    def collect(self, eval_data: Any) -> DataStruct:
        """Score an evaluation loader and return the collected rows, users under ``USERS``.

        Raises
        ------
        ValueError
            If the model can neither rank all items nor predict for pairs, or a score is NaN.
        """
        name = type(self.model).__name__
        if not hasattr(self.model, "full_sort_predict"):
            raise ValueError(f"{name} is not a RecBole model: it has no full_sort_predict")
        self.eval_collector.get_data_struct()  # clear what a failed evaluation left
        training = self.model.training
        try:
            with recbole_compat():
                if ranks_at_once(self.model):
                    eval_data = rebatched(eval_data, self.device)
                struct: DataStruct = self.evaluate(eval_data, load_best_model=False)
        except NotImplementedError as error:
            raise ValueError(
                f"model {name} cannot be evaluated: it has neither full_sort_predict nor predict, "
                "of which RecBole needs one to rank items"
            ) from error
        finally:
            self.model.train(training)
        return struct


def ranks_at_once(model: AbstractRecommender) -> bool:
    """Whether a model scores all items of a user at once (``full_sort_predict``).

    For the others RecBole builds every pair with all its features, ``eval_batch_size`` pairs per
    prediction: larger batches of users would need far more memory and save no time.
    """
    return type(model).full_sort_predict is not AbstractRecommender.full_sort_predict


def rebatched(eval_data: Any, device: torch.device) -> Any:
    """Return a full-sort loader with batches of users as large as is fast and fits in memory.

    RecBole's default of ``eval_batch_size: 4096`` is a single user for 4,096 items and more.
    Other loaders, and those whose batches are larger, are returned unchanged.
    """
    if not isinstance(eval_data, FullSortEvalDataLoader) or eval_data.is_sequential:
        return eval_data
    rows = users_per_batch(int(eval_data._dataset.item_num), device)
    if rows <= eval_data.step:
        return eval_data
    other = copy.copy(eval_data)
    object.__setattr__(other, "__class__", _Rebatched)
    object.__setattr__(other, "groupmix_rows", rows)
    return other


def users_per_batch(n_items: int, device: torch.device) -> int:
    """Return how many users to rank at a time, from the free memory of the device."""
    most = min(free_memory(device) * _MEMORY_SHARE, _MOST_BYTES.get(device.type, 2**24))
    return max(int(most // (_PAIR_BYTES * n_items)), 1)


class _Rebatched(FullSortEvalDataLoader):
    """A full-sort loader in larger batches; made by :func:`rebatched` only."""

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, self.sample_size, self.groupmix_rows):
            yield self.collate_fn(
                np.arange(start, min(start + self.groupmix_rows, self.sample_size))
            )

    def __len__(self) -> int:
        return -(-self.sample_size // self.groupmix_rows)


def is_value_evaluation(config: Config) -> bool:
    """Whether the configuration measures predicted values (RMSE, AUC ...) and not rankings."""
    return bool(config["eval_type"] == EvaluatorType.VALUE)
