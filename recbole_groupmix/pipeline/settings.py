"""The settings of a run: merged from properties/, YAML files and the caller, and checked."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import Any

from recbole_groupmix.bundled import bundled
from recbole_groupmix.core.ranking import METRICS
from recbole_groupmix.pipeline.known_keys import WITHOUT_EFFECT, check_key
from recbole_groupmix.pipeline.yaml_files import NAME_KEYS, read_settings_file

_CHOICES = {
    "protocol": ("converged", "paper"),
    "weighting": ("loss", "sample"),
    "backend": ("auto", "cpu", "recbole"),
    "user_loss": ("sum", "mean"),
    "regularizer": ("weighted", "unweighted", "rows"),
    "graph": ("positive", "all"),
    "triplets": ("all", "sampled"),
    "loss_norm": ("count", "weight"),
    "empty_group": ("refuse", "keep"),
    "early_stopping": (True, False),
}
_LEAST = {
    "trials": 0,
    "folds": 2,
    "repeats": 1,
    "seed": 0,
    "epochs": 1,
    "train_batch_size": 1,
    "embedding_size": 1,
    "eval_step": 1,
    "stopping_step": 1,
}
_OURS_TO_SET = ("trials", "folds", "repeats", "seed")  # the others may be left to RecBole
_LEARNERS = ("adam", "adamw", "sgd", "adagrad", "rmsprop", "sparse_adam")


@dataclass(frozen=True)
class Settings:
    """One run's settings.

    Attributes
    ----------
    values : dict
        Every key after merging: ours and any RecBole key.
    notes : tuple of str
        One line for each given key that has no effect.
    origin : dict of str to str
        Where each value came from, such as "on the command line" or "in mine.yaml".
    given : tuple of str
        The keys that the user gave.
    """

    values: dict[str, Any]
    notes: tuple[str, ...] = ()
    origin: Mapping[str, str] = field(default_factory=dict)
    given: tuple[str, ...] = ()

    def __getitem__(self, key: str) -> Any:
        """Return a value, or None for a key that nobody set."""
        return self.values.get(key)

    def describe(self, key: str) -> str:
        """Return "key is value (origin)", the beginning of a message about a value."""
        return f"{key} is {self[key]!r} ({self.origin.get(key, 'the default')})"

    @property
    def standard_deviation(self) -> float | None:
        """Spread of the initial embeddings under ``init: normal(SD)``; None for RecBole's own."""
        match = re.fullmatch(r"normal\(\s*([^\s()]+)\s*\)", str(self["init"]))
        try:
            return float(match.group(1)) if match else None
        except ValueError:
            return None


def merge_settings(
    given: Mapping[str, Any], config_files: Sequence[str | Path] = (), where: str = "given"
) -> Settings:
    """Merge the layers and check every value that is ours.

    Precedence: ``given`` over ``config_files`` (later over earlier) over ``properties/`` (data
    set and model over protocol over defaults).

    Parameters
    ----------
    given : mapping
        Typed values by key, from the command line or from Python.
    config_files : sequence of path
        YAML files of settings.
    where : str
        How messages name the origin of ``given``.

    Raises
    ------
    ValueError
        For an unreadable file, an unknown key (the nearest is named) or a value out of range.
    """
    user: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for file in config_files:
        content = read_settings_file(file)
        user.update(content)
        origin.update(dict.fromkeys(content, f"in {file}"))
    user.update(given)
    origin.update(dict.fromkeys(given, where))
    for key in user:
        check_key(key, origin[key])
    for key in NAME_KEYS:
        _check_name(key, user, origin)
    values = _layers(user, origin)
    values.update(user)
    settings = Settings(values, origin=origin)
    _check_values(settings)
    notes = tuple(
        f"{key} ({origin[key]}) has no effect: {WITHOUT_EFFECT[key]}"
        for key in user
        if key in WITHOUT_EFFECT
    )
    return Settings(values, notes, origin, tuple(user))


def _layers(user: Mapping[str, Any], origin: dict[str, str]) -> dict[str, Any]:
    """Merge the files of properties/ for the protocol, model and data set that are asked for."""
    if not user.get("dataset"):
        raise ValueError("no data set given; name one by --dataset, for example --dataset=ml-100k")
    values: dict[str, Any] = {}
    ours = dict(origin)

    def merge(layer: str) -> None:
        content = read_settings_file(bundled(layer))
        values.update(content)
        origin.update({key: f"in {layer}" for key in content if key not in ours})

    merge("properties/groupmix.yaml")
    choice = Settings({**values, **user}, origin=origin)
    _check_choice(choice, "protocol")
    protocol, model, dataset = choice["protocol"], choice["model"], choice["dataset"]
    merge(f"properties/{protocol}.yaml")
    for layer in (f"properties/{protocol}/{model}.yaml", f"properties/dataset/{dataset}.yaml"):
        try:
            merge(layer)
        except FileNotFoundError:
            continue
    return values


def _check_name(key: str, user: dict[str, Any], origin: Mapping[str, str]) -> None:
    """Make names strings; ``data_path`` and ``group_field`` may be left out by ``~`` in YAML."""
    if key == "mix" or key not in user:
        return
    value = user[key]
    if value is None and key in ("target", "group_field", "data_path"):
        return
    if isinstance(value, (bool, list, tuple, dict)) or value is None:
        raise ValueError(f"{key} is {value!r} ({origin[key]}); it must be a name")
    if str(value) == "" and key not in ("target", "dataset"):
        raise ValueError(f"{key} is empty ({origin[key]}); give it a value or leave it out")
    user[key] = str(value)


def _check_choice(settings: Settings, key: str) -> None:
    # True == 1 and would pass for it
    if not any(settings[key] is c or settings[key] == c != True for c in _CHOICES[key]):  # noqa
        allowed = ", ".join(str(choice).lower() for choice in _CHOICES[key])
        raise ValueError(f"{settings.describe(key)}; allowed are {allowed}")


def _check_values(settings: Settings) -> None:
    values = settings.values
    for key in _CHOICES:
        _check_choice(settings, key)
    for key, least in _LEAST.items():
        value = values.get(key)
        if value is None and key not in _OURS_TO_SET:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(
                f"{settings.describe(key)}; it must be a whole number >= {least}"
            )
    for key in ("learning_rate", "reg_weight", "weight_decay"):
        _check_number(settings, key)
    learner = values.get("learner")
    if learner is not None and str(learner).lower() not in _LEARNERS:
        raise ValueError(f"{settings.describe('learner')}; allowed are {', '.join(_LEARNERS)}")
    deviation = settings.standard_deviation
    if settings["init"] != "recbole" and not (deviation and 0 < deviation < math.inf):
        raise ValueError(
            f"{settings.describe('init')}; allowed are recbole and normal(SD) with SD > 0, for "
            "example normal(0.1)"
        )
    values["topk"] = _topk(settings)
    values["valid_metric"] = _valid_metric(settings)
    values["mix"] = _mix_files(settings)
    _check_benchmark(settings)


def _check_number(settings: Settings, key: str) -> None:
    value = settings[key]
    if value is None:
        return
    number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not number or value < 0 or (key == "learning_rate" and value == 0):
        least = "> 0" if key == "learning_rate" else ">= 0"
        raise ValueError(f"{settings.describe(key)}; it must be a number {least}")


def _topk(settings: Settings) -> list[int]:
    value = settings["topk"]
    cut_offs = [value] if isinstance(value, int) else value
    good = isinstance(cut_offs, (list, tuple)) and len(cut_offs) > 0
    if not good or any(isinstance(k, bool) or not isinstance(k, int) or k < 1 for k in cut_offs):
        raise ValueError(
            f"{settings.describe('topk')}; it must be a positive whole number or a list of them, "
            "for example [10,20]"
        )
    return sorted(set(cut_offs))


def _valid_metric(settings: Settings) -> str:
    topk = settings["topk"]
    value = settings["valid_metric"] or f"recall@{topk[-1]}"
    name, _, cut_off = str(value).lower().partition("@")
    if name not in METRICS or cut_off not in map(str, topk):
        raise ValueError(
            f"{settings.describe('valid_metric')}; it must be one of {', '.join(METRICS)} at a "
            f"cut-off of topk {topk}, for example recall@{topk[-1]}"
        )
    return f"{name}@{cut_off}"


def _mix_files(settings: Settings) -> list[str]:
    value = settings["mix"]
    files = value.split() if isinstance(value, str) else [] if value is None else value
    if isinstance(files, Path):
        files = [files]
    if not isinstance(files, (list, tuple)) or any(isinstance(f, (dict, list)) for f in files):
        raise ValueError(f"{settings.describe('mix')}; it must name YAML files of mixes")
    return [str(file) for file in files]


def _check_benchmark(settings: Settings) -> None:
    value = settings["benchmark_filename"]
    if value is None:
        return
    names = isinstance(value, (list, tuple)) and all(isinstance(part, str) for part in value)
    if not names or len(value) < 2:
        raise ValueError(
            f"{settings.describe('benchmark_filename')}; it must list the parts of a split, the "
            "last of which is the test part, for example ['train','test']"
        )
