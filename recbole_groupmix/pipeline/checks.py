"""Values of settings that cannot be used, each refused in one line with its origin."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recbole_groupmix.core.ranking import METRICS

if TYPE_CHECKING:
    from recbole_groupmix.pipeline.settings import Settings

_CHOICES: dict[str, tuple[Any, ...]] = {
    "protocol": ("converged", "paper"),
    "weighting": ("loss", "sample"),
    "backend": ("auto", "cpu", "torch", "recbole"),
    "user_loss": ("sum", "mean"),
    "regularizer": ("weighted", "unweighted", "rows"),
    "graph": ("positive", "all"),
    "triplets": ("all", "sampled"),
    "loss_norm": ("count", "weight"),
    "empty_group": ("refuse", "keep"),
    "early_stopping": (True, False),
    "show_progress": (None, True, False),
    "log_tensorboard": (True, False),
    "fine_tune": (True, False),
    "yes": (True, False),
    "log_wandb": (None, True, False),
    "learner": (None, "adam", "adamw", "sgd", "adagrad", "rmsprop", "sparse_adam"),
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
_POSITIVE = ("learning_rate", "max_memory")
_ALWAYS_SET = ("trials", "folds", "repeats", "seed")  # the others may be left to RecBole
_MAY_BE_ABSENT = ("target", "group_field", "class_field", "data_path")


def check_values(settings: Settings) -> None:
    """Check every value that is ours or that would fail late, and bring some to one form.

    Raises
    ------
    ValueError
        For the first value that cannot be used, with its origin and what is allowed.
    """
    for key in _CHOICES:
        check_choice(settings, key)
    for key, least in _LEAST.items():
        value = settings[key]
        if value is None and key not in _ALWAYS_SET:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{settings.describe(key)}; it must be a whole number >= {least}")
    for key in ("learning_rate", "reg_weight", "weight_decay", "max_memory"):
        _check_number(settings, key)
    deviation = settings.standard_deviation
    if settings["init"] != "recbole" and not (deviation and 0 < deviation < math.inf):
        raise ValueError(
            f"{settings.describe('init')}; allowed are recbole and normal(SD) with SD > 0, for "
            "example normal(0.1)"
        )
    settings.values["topk"] = _topk(settings)
    settings.values["valid_metric"] = _valid_metric(settings)
    settings.values["mix"] = _mix_files(settings)
    _check_benchmark(settings)


def check_choice(settings: Settings, key: str) -> None:
    """Raise ``ValueError`` if a value is none of those that its key can have."""
    value = settings[key]
    if isinstance(value, str) and key == "learner":
        value = value.lower()
    if not any(type(value) is type(choice) and value == choice for choice in _CHOICES[key]):
        allowed = [str(choice).lower() for choice in _CHOICES[key] if choice is not None]
        raise ValueError(f"{settings.describe(key)}; allowed are {', '.join(allowed)}")


def check_name(key: str, user: dict[str, Any], origin: Mapping[str, str]) -> None:
    """Make a name that was given a string; refuse lists, and empty names where one is needed."""
    if key == "mix" or key not in user:
        return
    value = user[key]
    if value is None and key in _MAY_BE_ABSENT:
        return
    if value is None or isinstance(value, (bool, list, tuple, dict)):
        raise ValueError(f"{key} is {value!r} ({origin[key]}); it must be one name")
    if str(value) == "" and key not in ("target", "dataset"):
        raise ValueError(f"{key} is '' ({origin[key]}); give it a value or leave it out")
    user[key] = str(value)


def _check_number(settings: Settings, key: str) -> None:
    value = settings[key]
    if value is None:
        return
    number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not number or value < 0 or (key in _POSITIVE and value == 0):
        least = "> 0" if key in _POSITIVE else ">= 0"
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
    if value is None:
        return []
    files = value.split() if isinstance(value, str) else value
    files = [files] if isinstance(files, Path) else files
    named = isinstance(files, (list, tuple)) and all(isinstance(f, (str, Path)) for f in files)
    if not named or not files:
        raise ValueError(f"{settings.describe('mix')}; it must name YAML files, one for each mix")
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
