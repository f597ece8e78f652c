"""The study of unfairness as a penalty: a block model, and movies of five genres.

Chapter 3 of S. Yao's dissertation "Evaluating, Understanding, and Mitigating Unfairness in
Recommender Systems".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recbole_groupmix.prepare import ml_1m, ml_100k
from recbole_groupmix.prepare.block_model import generate
from recbole_groupmix.prepare.genres import GenreRatings, genre_ratings, genre_statistics
from recbole_groupmix.record.study_cell import CountsMeasured, PenaltyMeasured, PenaltyMeasures
from recbole_groupmix.reproduce.studies.rated_model import fitted, measures
from recbole_groupmix.reproduce.studies.study import StudyCell, chosen, settings_of

BLOCK_MODEL = "block-model"
DATASETS = (BLOCK_MODEL, "ml-100k", "ml-1m")
#: Penalties with their variants, of which value and parity have one.
FITS = (
    ("none", "code"),
    ("value", "code"),
    *((kind, variant) for kind in ("absolute", "underestimation", "overestimation")
      for variant in ("paper", "code")),
    ("parity", "code"),
)  # fmt: skip
DEFAULTS: dict[str, Any] = {"repeats": 10, "epochs": 250, "data_path": ""}
_QUICK = {**DEFAULTS, "repeats": 2, "epochs": 60}
#: L2 weight of the block model, as stated, and those of which the study of genres chooses.
BLOCK_DECAY, DECAYS = 1e-3, (1e-5, 3e-5, 1e-4, 3e-4, 1e-3)
_TEST_SHARE = 0.2


class UnfairnessStudy:
    """Penalties on data sets of the block model and on random splits of rated movies.

    Parameters
    ----------
    keys : mapping
        Keys that the user gave, of `DEFAULTS`: ``repeats`` are generated data sets, or splits.
    quick : bool
        Whether the defaults are small ones.
    datasets : sequence of str, optional
        Of `DATASETS`; default the block model and ml-100k.

    Raises
    ------
    ValueError
        For an unknown key or data set, a value that is out of range, and ml-1m without a folder.
    """

    def __init__(
        self,
        keys: Mapping[str, Any],
        quick: bool = False,
        datasets: Sequence[str] = DATASETS[:2],
    ) -> None:
        self._keys = settings_of("unfairness", keys, _QUICK if quick else DEFAULTS)
        self._datasets = chosen("datasets", datasets, DATASETS)
        if "ml-1m" in self._datasets and not self._keys["data_path"]:
            raise ValueError("ml-1m needs --data_path, the folder that holds ml-1m/ml-1m.inter")
        self._decay: dict[str, float] = {}
        self._genres = cache(self._read)

    def cells(self) -> list[StudyCell]:
        """Return a cell for each model, and one for the counts of each real data set."""
        epochs, found = self._keys["epochs"], []
        for dataset in self._datasets:
            if dataset != BLOCK_MODEL:
                found.append(
                    StudyCell({"dataset": dataset, "table": "counts"}, (dataset, "counts"))
                )
                if self._genres(dataset).ratings is None:
                    continue
            for seed in range(self._keys["repeats"]):
                for setting, penalty, variant in _fits(dataset):
                    given: dict[str, Any] = {
                        "dataset": dataset,
                        "setting": setting,
                        "penalty": penalty,
                    }
                    given |= {"variant": variant, "seed": seed, "epochs": epochs}
                    words = (dataset, *([setting] if setting else []), penalty, variant)
                    found.append(StudyCell(given, (*words, f"seed {seed}")))
        return found

    def seconds(self, cells: Sequence[StudyCell]) -> dict[str, float]:
        """Return the seconds of each cell, from 10 and from 20 steps with a penalty."""
        cost: dict[str, float] = {}
        for dataset in dict.fromkeys(str(cell.given["dataset"]) for cell in cells):
            own = [cell for cell in cells if cell.given["dataset"] == dataset]
            if all("table" in cell.given for cell in own):
                cost[dataset] = 0.0
                continue
            times = [time.process_time()]
            for epochs in (10, 20):  # the first reads, too
                self._fit(dataset, "O+P", "value", "code", 0, epochs, BLOCK_DECAY)
                times.append(time.process_time())
            first, second = times[1] - times[0], times[2] - times[1]
            step = max(second - first, first / 40) / 10
            cost[dataset] = first + step * self._keys["epochs"]
        return {
            cell.name: 0.0 if "table" in cell.given else cost[cell.given["dataset"]]
            for cell in cells
        }

    def measured(
        self, cell: StudyCell, say: Callable[[str], None]
    ) -> CountsMeasured | PenaltyMeasured:
        """Return counts of a data set; or train a model, and measure both variants of unfairness."""
        given = cell.given
        dataset = given["dataset"]
        if "table" in given:
            return _counts(self._genres(dataset))
        decay = BLOCK_DECAY if dataset == BLOCK_MODEL else self._chosen_decay(dataset, say)
        setting, penalty, variant = given["setting"], given["penalty"], given["variant"]
        found = self._fit(
            dataset, setting, penalty, variant, given["seed"], given["epochs"], decay
        )
        return {"weight_decay": decay, "paper": found["paper"], "code": found["code"]}

    def _read(self, dataset: str) -> GenreRatings:
        path = Path(self._keys["data_path"]) / dataset if self._keys["data_path"] else None
        return genre_ratings(ml_1m.tables(path) if dataset == "ml-1m" else ml_100k.tables())

    def _chosen_decay(self, dataset: str, say: Callable[[str], None]) -> float:
        """Return the L2 weight of least error without a penalty, on a tenth of the first split's train."""
        if dataset not in self._decay:
            n_rows = len(self._genres(dataset).users)
            train = _train_part(n_rows, 0)
            tenth = train & (np.random.default_rng([0, 1]).random(n_rows) < 0.1)
            epochs = self._keys["epochs"]
            errors = {
                decay: self._on_rows(
                    dataset, train & ~tenth, tenth, "none", "code", 0, epochs, decay
                )["code"]["error"]
                for decay in DECAYS
            }
            self._decay[dataset] = min(errors, key=lambda decay: errors[decay])
            tried = ", ".join(f"{decay:g}: {error:.4f}" for decay, error in errors.items())
            say(f"L2 weight {self._decay[dataset]:g} of {tried}")
        return self._decay[dataset]

    def _fit(
        self, dataset: str, setting: str, penalty: str, variant: str, seed: int, epochs: int,
        decay: float,
    ) -> dict[str, PenaltyMeasures]:  # fmt: skip
        if dataset != BLOCK_MODEL:
            train = _train_part(len(self._genres(dataset).users), seed)
            return self._on_rows(dataset, train, ~train, penalty, variant, seed, epochs, decay)
        data = generate(seed, setting)
        users, items = np.nonzero(data.observed)
        predicted = fitted(users, items, data.ratings[data.observed], data.is_woman, penalty,
                           variant, seed, decay, epochs)  # fmt: skip
        left = ~data.observed
        users, items = np.nonzero(left)
        return measures(predicted[left], data.expected[left], items, data.is_woman[users])

    def _on_rows(
        self, dataset: str, train: npt.NDArray[np.bool_], test: npt.NDArray[np.bool_],
        penalty: str, variant: str, seed: int, epochs: int, decay: float,
    ) -> dict[str, PenaltyMeasures]:  # fmt: skip
        data = self._genres(dataset)
        ratings = data.ratings
        if ratings is None:
            raise ValueError(f"{dataset} has no ratings")
        predicted = fitted(data.users[train], data.items[train], ratings[train], data.is_woman,
                           penalty, variant, seed, decay, epochs)  # fmt: skip
        users, items = data.users[test], data.items[test]
        known = items < predicted.shape[1]
        users, items, truth = users[known], items[known], ratings[test][known]
        return measures(predicted[users, items], truth, items, data.is_woman[users], root=True)


def _fits(dataset: str) -> list[tuple[str, str, str]]:
    if dataset != BLOCK_MODEL:
        return [("", *fit) for fit in FITS]
    return [*((s, "none", "code") for s in ("U", "O", "P")), *(("O+P", *fit) for fit in FITS)]


def _train_part(n_rows: int, split: int) -> npt.NDArray[np.bool_]:
    part: npt.NDArray[np.bool_] = np.random.default_rng([split, 0]).random(n_rows) >= _TEST_SHARE
    return part


def _counts(data: GenreRatings) -> CountsMeasured:
    rows: dict[str, list[float | None]] = {
        genre: [value if np.isfinite(value) else None for value in found]
        for genre, found in genre_statistics(data).items()
    }
    return {
        "users": len(data.is_woman),
        "women": int(data.is_woman.sum()),
        "movies": len(data.genres),
        "rows": len(data.users),
        "genres": rows,
    }
