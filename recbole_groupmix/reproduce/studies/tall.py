"""The study of TALL: models of users' rows, measured by quintile of mainstream score.

Pan, Zhu, Wang, Lin and Caverlee, "Countering Mainstream Bias via End-to-End Adaptive Local
Learning", ECIR 2024.
"""

from __future__ import annotations

import copy
import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import torch
from recbole.data import create_dataset, data_preparation
from recbole.data.dataloader import FullSortEvalDataLoader
from recbole.sampler import Sampler

from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.config import GroupMixConfig
from recbole_groupmix.adapters.seeding import global_seed
from recbole_groupmix.adapters.trainer import GroupMixTrainer
from recbole_groupmix.evaluation.evaluator import GroupEvaluator
from recbole_groupmix.evaluation.numeric_groups import mainstream_groups
from recbole_groupmix.recommenders.local_models import LocalModels
from recbole_groupmix.recommenders.mixture_of_experts import MixtureOfExperts
from recbole_groupmix.recommenders.mult_vae import user_loader
from recbole_groupmix.record.study_cell import TallMeasured
from recbole_groupmix.reproduce.studies.study import StudyCell, chosen, settings_of
from recbole_groupmix.reproduce.studies.tall_models import FINE_TUNED, MODELS, base_of, keys_of

DEFAULTS: dict[str, Any] = {
    "repeats": 3,
    "n_experts": 8,
    "epochs": 200,
    "learning_rate": 0.001,
    "train_batch_size": 512,
    "weight_decay": 0.001,
    "weight_alpha": 0.08,
    "weight_gap": 40,
    "seed": 2020,
    "data_path": "",
}
_QUICK = {
    **DEFAULTS,
    "repeats": 2,
    "n_experts": 2,
    "epochs": 10,
    "learning_rate": 0.003,
    "train_batch_size": 256,
    "weight_alpha": 1.0,
    "weight_gap": 5,
}
_QUICK_MODELS = ("MultVAE", "WL", "uniform", "uniform-", "LMoE", "TALL")
#: Epochs from one validation to the next, and validations without a rise until a training ends.
EVAL_STEP, PATIENCE = 5, 4


class TallStudy:
    """Models on one random split of each data set, each trained with several seeds.

    Parameters
    ----------
    keys : mapping
        Keys that the user gave, of `DEFAULTS`.
    quick : bool
        Whether the defaults are small ones.
    datasets, models : sequence of str, optional
        Data sets (default ml-100k), and names of `MODELS` (default all; few of them if `quick`).

    Raises
    ------
    ValueError
        For an unknown key or model, and a value that is out of range.
    """

    def __init__(
        self,
        keys: Mapping[str, Any],
        quick: bool = False,
        datasets: Sequence[str] = ("ml-100k",),
        models: Sequence[str] | None = None,
    ) -> None:
        self.keys = settings_of("tall", keys, _QUICK if quick else DEFAULTS)
        self.models = chosen("models", models or (_QUICK_MODELS if quick else MODELS), MODELS)
        self.datasets = chosen("datasets", datasets, datasets)
        self._parts = {name: _Split(name, self.keys) for name in self.datasets}

    def cells(self) -> list[StudyCell]:
        """Return a cell for each data set, seed and model."""
        return [
            StudyCell(
                {
                    "dataset": dataset,
                    "model": model,
                    "seed": seed,
                    "split": self.keys["seed"],
                    "masked_on_test": "train",  # not validation, as in the authors' code
                    **keys_of(model, self.keys),
                },
                (dataset, model, f"seed {seed}"),
            )
            for dataset in self.datasets
            for seed in range(self.keys["repeats"])
            for model in self.models
        ]

    def seconds(self, cells: Sequence[StudyCell]) -> dict[str, float]:
        """Return the most seconds of each cell, from an epoch and a validation of its model."""
        places = dict.fromkeys((cell.given["dataset"], cell.given["model"]) for cell in cells)
        cost = {place: self._parts[place[0]].cost(place[1]) for place in places}
        return {cell.name: cost[cell.given["dataset"], cell.given["model"]] for cell in cells}

    def measured(self, cell: StudyCell, say: Callable[[str], None]) -> TallMeasured:
        """Train a model, and measure every user that has test items."""
        given = cell.given
        return self._parts[given["dataset"]].measured(given["model"], given["seed"])


class _Split:
    """A data set, split once, and trainings on it."""

    def __init__(self, dataset: str, keys: Mapping[str, Any]) -> None:
        self._dataset, self._keys = dataset, keys

    @cached_property
    def _loaders(self) -> tuple[Any, Any, Any]:
        seed = self._keys["seed"]
        config = self._config("MultVAE", seed)
        with _quiet(), recbole_compat(), global_seed(seed):
            train, valid, test = data_preparation(config, create_dataset(config))
        return train, valid, _with_validation_items(config, train.dataset, test.dataset)

    def _config(self, model: str, seed: int, **more: Any) -> GroupMixConfig:
        settings = {
            **keys_of(model, self._keys),
            "seed": seed,
            "use_gpu": False,
            "load_col": {"inter": ["user_id", "item_id"]},
            "eval_args": {
                "split": {"RS": [0.7, 0.1, 0.2]},
                "group_by": None,
                "order": "RO",
                "mode": "full",
            },
            "metrics": ["NDCG"],
            "topk": [20],
            "valid_metric": "NDCG@20",
            "eval_step": EVAL_STEP,
            "stopping_step": PATIENCE - 1,
            "eval_batch_size": 600_000,
            "metric_decimal_place": 8,
            "show_progress": False,
            **more,
        }
        if self._keys["data_path"]:
            settings["data_path"] = self._keys["data_path"]
        return GroupMixConfig(MODELS[model][0], self._dataset, settings)

    def _trainer(self, model: str, seed: int, **more: Any) -> tuple[GroupMixTrainer, Any]:
        """Return the trainer of a new model, and its loader."""
        train = self._loaders[0]
        config = self._config(model, seed, **more)
        with recbole_compat():
            net = MODELS[model][0](config, train.dataset)
        if isinstance(net, LocalModels):
            net.start_from(self._trained(base_of(model), seed, **more)[0])
        return GroupMixTrainer(config, net), user_loader(config, train)

    def _trained(self, model: str, seed: int, **more: Any) -> tuple[Any, int, float]:
        """Train a model; return it as it was best on validation, with that epoch and its score."""
        valid = self._loaders[1]
        trainer, loader = self._trainer(model, seed, **more)
        start: Any = None
        if isinstance(trainer.model, FINE_TUNED):  # which may keep what it starts from
            start = copy.deepcopy(trainer.model.state_dict())
            with recbole_compat():
                at_start = trainer.evaluate(valid, load_best_model=False)["ndcg@20"]
        score, _ = trainer.fit(loader, valid, saved=True, verbose=False)
        best = torch.load(trainer.saved_model_file)
        if start is not None and score <= at_start:
            best, score = {"state_dict": start, "epoch": -1}, at_start
        trainer.model.load_state_dict(best["state_dict"])
        return trainer.model, best["epoch"] + 1, score

    def cost(self, model: str) -> float:
        """Return the most seconds of a core that a training takes."""
        valid = self._loaders[1]
        with tempfile.TemporaryDirectory() as folder, _quiet(), global_seed(0):
            trainer, loader = self._trainer(model, 0, epochs=1, checkpoint_dir=folder)
            begin = time.process_time()
            trainer.fit(loader, saved=False, verbose=False)
            middle = time.process_time()
            with recbole_compat():
                trainer.evaluate(valid, load_best_model=False)
            end = time.process_time()
        epochs = float(keys_of(model, self._keys)["epochs"])
        most = epochs * (middle - begin + (end - middle) / EVAL_STEP)
        local = issubclass(MODELS[model][0], LocalModels)
        return most + (self.cost(base_of(model)) if local else 0.0)

    def measured(self, model: str, seed: int) -> TallMeasured:
        """Train a model and return its measurements, with the metric of each user."""
        train, _, test = self._loaders
        with tempfile.TemporaryDirectory() as folder, _quiet(), global_seed(seed):
            net, epochs, score = self._trained(model, seed, checkpoint_dir=folder)
        config = self._config(model, seed)
        evaluator = GroupEvaluator(config, test, mainstream_groups(train), n_boot=1)
        users = evaluator.evaluate(net).per_user
        return {
            "epochs": epochs,
            "validation": score,
            "experts": net.effective_experts() if isinstance(net, MixtureOfExperts) else 1.0,
            "group": list(users["group"]),
            "ndcg@20": users["ndcg@20"].round(6).tolist(),
        }


def _with_validation_items(config: Any, train: Any, test: Any) -> FullSortEvalDataLoader:
    """Return the loader of the test part for lists that leave out the items of train alone.

    So does the authors' code; RecBole's own loader leaves out those of validation, too.
    """
    sampler = Sampler(["train", "test"], [train, test])
    return FullSortEvalDataLoader(config, test, sampler.set_phase("test"))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep RecBole from warning of long histories for every model."""
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
