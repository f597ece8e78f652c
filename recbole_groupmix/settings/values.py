"""Values of settings that cannot be used, each refused in one line with its origin."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recbole_groupmix.core.user_metrics import METRICS
from recbole_groupmix.files.paths import check_can_be_written, user_path
from recbole_groupmix.settings.data_keys import check_data_keys
from recbole_groupmix.settings.kinds import check_kinds
from recbole_groupmix.text.untrusted import short

if TYPE_CHECKING:
    from recbole_groupmix.settings.merge import Settings

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
_MODELS = "every one trains each mix anew"
_BITS = "64 bits count no further"
#: The least and the most of whole numbers, and why no more.
_WHOLE = {
    "trials": (0, 100_000, "every one is a mix that is drawn, kept and trained on each fold"),
    "folds": (2, 1_000, _MODELS),
    "repeats": (1, 10_000, _MODELS),
    "seed": (0, 2**128 - 1, "generators are seeded by 128 bits"),
    "epochs": (1, 10**9, "no model trains so long"),
    "train_batch_size": (1, 2**63 - 1, _BITS),
    "embedding_size": (1, 10**9, "no machine holds such a model"),
    "eval_step": (1, 2**63 - 1, _BITS),
    "stopping_step": (1, 2**63 - 1, _BITS),
}
#: Largest factor of a step or of an L2 term.
MOST_FACTOR = 1e30
_OVERFLOW = "32-bit numbers overflow beyond"
#: The most of other numbers, and why no more.
_MOST = {
    "learning_rate": (MOST_FACTOR, _OVERFLOW),
    "reg_weight": (MOST_FACTOR, _OVERFLOW),
    "weight_decay": (MOST_FACTOR, _OVERFLOW),
    "max_memory": (1e6, "it is in GiB"),
}
_POSITIVE = ("learning_rate", "max_memory")
#: Numbers, and the names that CUDA gives devices and parts of them.
_DEVICE = re.compile(r"-?\d{1,6}|(GPU|MIG)-[\w/-]{1,100}")
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
    for key, (least, most, why) in _WHOLE.items():
        value = settings[key]
        if value is None and key not in _ALWAYS_SET:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{settings.describe(key)}; it must be a whole number >= {least}")
        if value > most:
            raise ValueError(f"{settings.describe(key)}; it must be at most {most:,}: {why}")
    for key in _MOST:
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
    check_kinds(settings)
    _check_gpu(settings)
    check_data_keys(settings)


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
        raise ValueError(f"{key} is {short(value)} ({origin[key]}); it must be one name")
    if str(value) == "" and key not in ("target", "dataset"):
        raise ValueError(f"{key} is '' ({origin[key]}); give it a value or leave it out")
    user[key] = str(value)


def check_path(key: str, user: dict[str, Any], origin: Mapping[str, str]) -> None:
    """Replace a ``~`` in a path that was given; refuse what no file can be called."""
    if isinstance(user[key], str) and (key == "output_dir" or key.endswith("_path")):
        what = f"{key} is {short(user[key])} ({origin[key]})"
        user[key] = user_path(user[key], what)
        if key == "output_dir":
            check_can_be_written(user[key], what)


def _check_number(settings: Settings, key: str) -> None:
    value = settings[key]
    if value is None:
        return
    number = isinstance(value, Real) and not isinstance(value, bool)
    good = number and 0 <= value < math.inf
    if not good or (key in _POSITIVE and value == 0):
        least = "> 0" if key in _POSITIVE else ">= 0"
        raise ValueError(f"{settings.describe(key)}; it must be a number {least}")
    most, why = _MOST[key]
    if value > most:
        raise ValueError(f"{settings.describe(key)}; it must be at most {most:g}: {why}")


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
    value = settings["valid_metric"]
    value = f"recall@{topk[-1]}" if value is None else value
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
    return [user_path(str(file), settings.describe("mix")) for file in files]


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


def _check_gpu(settings: Settings) -> None:
    value = settings["gpu_id"]
    names = value if isinstance(value, (list, tuple)) else str(value).split(",")
    if value not in (None, "") and not all(_DEVICE.fullmatch(str(name).strip()) for name in names):
        raise ValueError(
            f"{settings.describe('gpu_id')}; it must be the number of a GPU, such as 0, or empty "
            "for the CPU"
        )
