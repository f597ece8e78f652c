"""RecBole's own evaluation loop, with the user of every row kept."""

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

#: Name under which the users of the rows are kept in RecBole's ``DataStruct``.
USERS = "groupmix.users"
_PER_BATCH = ("rec.topk", "rec.meanrank", "rec.score", "rec.items", "data.label", USERS)
_SCORE_BYTES = 24  # per user and item: float32 scores, int32 indicators, sorting space
_MEMORY_SHARE = 0.1
_MOST_BYTES = 2**28  # larger blocks leave the caches and gain nothing


def with_metrics(config: Config, metrics: list[str], topk: list[int]) -> Config:
    """Return a copy of a configuration with other metrics and cut-offs, unrounded."""
    other = copy.copy(config)
    other.final_config_dict = dict(config.final_config_dict)
    other["metrics"], other["topk"] = list(metrics), list(topk)
    other["metric_decimal_place"] = 17
    return other


class UserCollector(Collector):
    """RecBole's ``Collector``, which also keeps whose row each row is."""

    def eval_batch_collect(
        self, scores_tensor: Any, interaction: Any, positive_u: Any, positive_i: Any
    ) -> None:
        """Collect what the metrics need from a batch, and its users."""
        super().eval_batch_collect(scores_tensor, interaction, positive_u, positive_i)
        users = interaction[self.config["USER_ID_FIELD"]]
        if len(users) != len(scores_tensor):  # sampled negatives: many rows, one line a user
            users = torch.unique_consecutive(users)
        self.data_struct.update_tensor(USERS, users.cpu())

    def get_data_struct(self) -> DataStruct:
        """Return what was collected since the last call and forget it.

        RecBole's version moves every entry by ``.cpu()``, also plain numbers, and forgets only the
        keys that it knows.
        """
        found = DataStruct()
        for key, value in self.data_struct._data_dict.items():
            found.set(key, value.cpu() if isinstance(value, torch.Tensor) else value)
        for key in _PER_BATCH:
            if key in self.data_struct:
                del self.data_struct[key]
        return found


class _ReturnStruct:
    """Takes the place of RecBole's ``Evaluator`` and hands the collected data through."""

    def evaluate(self, struct: DataStruct) -> DataStruct:
        """Return the struct."""
        return struct


class _Silent:
    """Takes the place of RecBole's ``WandbLogger`` for evaluations that are not the trainer's."""

    def log_eval_metrics(self, *args: Any, **kwargs: Any) -> None:
        """Ignore results."""


class Scorer(Trainer):
    """RecBole's ``Trainer`` reduced to its ``evaluate``: no optimiser, no files.

    Parameters
    ----------
    config : Config
        Configuration with the metrics and cut-offs wanted (:func:`with_metrics`).
    model : AbstractRecommender
        A trained model.
    collector : UserCollector
        Keeps what is collected.
    """

    def __init__(
        self, config: Config, model: AbstractRecommender, collector: UserCollector
    ) -> None:
        # Trainer.__init__ is left out on purpose: it opens files and builds an optimiser
        self.config, self.model = config, model
        self.device, self.test_batch_size = config["device"], config["eval_batch_size"]
        self.gpu_available = torch.cuda.is_available() and config["use_gpu"]
        self.item_tensor = self.tot_item_num = None
        self.eval_collector, self.evaluator = collector, _ReturnStruct()
        self.wandblogger = _Silent()

    def collect(self, eval_data: Any) -> DataStruct:
        """Score an evaluation loader and return the collected rows, users under ``USERS``."""
        training = self.model.training
        try:
            with recbole_compat():
                found: DataStruct = self.evaluate(rebatched(eval_data), load_best_model=False)
        finally:
            self.model.train(training)
        return found


def rebatched(eval_data: Any) -> Any:
    """Return a full-sort loader that yields as many users at a time as memory allows.

    RecBole's default of ``eval_batch_size: 4096`` is a single user for 4,096 items and more.
    Other loaders, and those whose batches are large enough, come back as they are.
    """
    if not isinstance(eval_data, FullSortEvalDataLoader) or eval_data.is_sequential:
        return eval_data
    rows = users_per_batch(int(eval_data._dataset.item_num))
    if rows <= eval_data.step:
        return eval_data
    other = copy.copy(eval_data)
    object.__setattr__(other, "__class__", _Rebatched)
    object.__setattr__(other, "groupmix_rows", rows)
    return other


def users_per_batch(n_items: int) -> int:
    """Return how many users to rank at a time, from the free memory of this machine."""
    free = _free_memory()
    return max(int(min(free * _MEMORY_SHARE, _MOST_BYTES) // (_SCORE_BYTES * n_items)), 1)


def _free_memory() -> int:
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 2**31


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
