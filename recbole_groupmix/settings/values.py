"""Values of settings that cannot be used, each refused in one line with its origin."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recbole_groupmix.core.spelling import did_you_mean
from recbole_groupmix.core.user_metrics import METRICS
from recbole_groupmix.core.value_metrics import SMALLER
from recbole_groupmix.files.paths import check_can_be_written, user_path
from recbole_groupmix.models import LISTED, SEVERAL_L2
from recbole_groupmix.settings.data_keys import check_data_keys
from recbole_groupmix.settings.faults import Faults
from recbole_groupmix.settings.kinds import check_kind
from recbole_groupmix.settings.model import why_no_reg_weight
from recbole_groupmix.settings.recbole_rows import MOST_FACTOR
from recbole_groupmix.settings.rows import ROWS
from recbole_groupmix.settings.wanted_workers import wanted_workers
from recbole_groupmix.settings.yaml_files import MOST_BUDGET
from recbole_groupmix.text.untrusted import short_repr

if TYPE_CHECKING:
    from recbole_groupmix.settings.settings import Settings

#: Models for which a number may be a list: a weight for parameters and one for the batch.
_LISTS = {"reg_weight": SEVERAL_L2}
#: Numbers, and the names that CUDA gives devices and parts of them.
_DEVICE = re.compile(r"-?\d{1,6}|(GPU|MIG)-[\w/-]{1,100}")


def checked_values(settings: Settings, faults: Faults) -> Mapping[str, Any]:
    """Check every value that is ours or that would fail late; return those brought to one form.

    Parameters
    ----------
    settings : Settings
        Merged settings.
    faults : Faults
        Collects a fault for each value that cannot be used, with its origin and what is allowed.
    """
    for check, kind in (
        (check_choice, "choice"),
        (_check_whole, "whole"),
        (_check_number, "number"),
    ):
        for key, row in ROWS.items():
            if row.kind == kind:
                with faults:
                    check(settings, key)
    formed: dict[str, Any] = {}
    with faults:
        formed["topk"] = _topk(settings)
        formed["valid_metric"] = _valid_metric(settings, formed["topk"])
    for form in (_mix_files, _decays, _rivals, _labels):
        with faults:
            formed |= form(settings)
    for check_one in (_check_init, _check_budgets, _check_benchmark, wanted_workers, _check_gpu):
        with faults:
            check_one(settings)
    for key in settings.given:
        with faults:
            check_kind(settings, key)
    check_data_keys(settings, faults)
    return formed


def _check_init(settings: Settings) -> None:
    deviation = settings.standard_deviation
    if settings.init != "recbole" and not (deviation and 0 < deviation < math.inf):
        raise ValueError(
            f"{settings.describe('init')}; allowed are recbole and normal(SD) with SD > 0, for "
            "example normal(0.1)"
        )


def check_choice(settings: Settings, key: str) -> None:
    """Raise ``ValueError`` if a value is not among the choices of its key."""
    value = settings[key]
    if isinstance(value, str) and key == "learner":
        value = value.lower()
    choices = ROWS[key].choices
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        allowed = [str(choice).lower() for choice in choices if choice is not None]
        hint = did_you_mean(value, allowed) if isinstance(value, str) else ""
        raise ValueError(f"{settings.describe(key)}; allowed are {', '.join(allowed)}{hint}")


def given_name(key: str, value: object, origin: str) -> str | None:
    """Return a name that was given as text; refuse lists, and empty names where one is needed."""
    if value is None and ROWS[key].takes_none:
        return None
    if value is None or isinstance(value, (bool, list, tuple, dict)):
        raise ValueError(f"{key} is {short_repr(value)} ({origin}); it must be one name")
    if str(value) == "" and key not in ("target", "dataset"):
        raise ValueError(f"{key} is '' ({origin}); give it a value or leave it out")
    return str(value)


def given_path(key: str, value: Any, origin: str) -> Any:
    """Return a given value, a path with its ``~`` replaced; refuse an impossible file name."""
    if isinstance(value, str) and (key == "output_dir" or key.endswith("_path")):
        what = f"{key} is {short_repr(value)} ({origin})"
        value = user_path(value, what)
        if key == "output_dir":
            check_can_be_written(value, what)
    return value


def _check_whole(settings: Settings, key: str) -> None:
    value, row = settings[key], ROWS[key]
    if value is None and row.takes_none:
        return
    if isinstance(value, bool) or not isinstance(value, int) or value < row.least:
        raise ValueError(f"{settings.describe(key)}; it must be a whole number >= {row.least}")
    if value > row.most:
        raise ValueError(f"{settings.describe(key)}; it must be at most {row.most:,}: {row.why}")


def _check_number(settings: Settings, key: str) -> None:
    value, row = settings[key], ROWS[key]
    if value is None and row.takes_none:
        return
    if isinstance(value, (list, tuple)) and settings.model in _LISTS.get(key, ()):
        for each in value:
            _check_number(settings.with_values(**{key: each}), key)
        return
    number = isinstance(value, Real) and not isinstance(value, bool)
    good = number and row.least <= value < math.inf
    if not good or (row.above and value == row.least):
        sign = ">" if row.above else ">="
        raise ValueError(f"{settings.describe(key)}; it must be a number {sign} {row.least:g}")
    if value > row.most:
        raise ValueError(f"{settings.describe(key)}; it must be at most {row.most:g}: {row.why}")


def _check_budgets(settings: Settings) -> None:
    try:
        law = settings.budget_law
    except ValueError:
        law = None
    if law is None or law.high > MOST_BUDGET:
        raise ValueError(
            f"{settings.describe('budgets')}; allowed are uniform(LOW, HIGH) and log_uniform(LOW, "
            f"HIGH), 0 <= LOW <= HIGH <= {MOST_BUDGET:g}, for example log_uniform(0.05, 4), whose "
            "LOW is above 0"
        )


def _topk(settings: Settings) -> list[int]:
    value = settings.topk
    cut_offs = [value] if isinstance(value, int) else value
    good = isinstance(cut_offs, (list, tuple)) and len(cut_offs) > 0
    if not good or any(isinstance(k, bool) or not isinstance(k, int) or k < 1 for k in cut_offs):
        raise ValueError(
            f"{settings.describe('topk')}; it must be a positive whole number or a list of them, "
            "for example [10,20]"
        )
    return sorted(set(cut_offs))


def _valid_metric(settings: Settings, topk: Sequence[int]) -> str:
    value = settings.values.get("valid_metric")
    value = f"recall@{topk[-1]}" if value is None else value
    name, _, cut_off = str(value).lower().partition("@")
    if str(value).lower() == "auc":
        return "auc"
    if str(value).lower() in SMALLER:
        raise ValueError(
            f"{settings.describe('valid_metric')}, of which less is better; rows are chosen by a "
            f"metric of which more is: auc, or one of {', '.join(METRICS)}, such as "
            f"recall@{topk[-1]} ({name} is measured under mode labeled of eval_args all the same)"
        )
    if name not in METRICS or cut_off not in map(str, topk):
        raise ValueError(
            f"{settings.describe('valid_metric')}; it must be one of {', '.join(METRICS)} at a "
            f"cut-off of topk {topk}, for example recall@{topk[-1]}, or auc under mode labeled"
        )
    return f"{name}@{cut_off}"


def _decays(settings: Settings) -> dict[str, list[float]]:
    value: Any = settings.decays
    if value is None:
        return {}
    decays = list(value) if isinstance(value, (list, tuple)) else [value]
    good = all(isinstance(v, Real) and not isinstance(v, bool) for v in decays)
    if not decays or not good or not all(0 <= v <= MOST_FACTOR for v in decays):
        raise ValueError(
            f"{settings.describe('decays')}; it must be a list of numbers >= 0, for example "
            "[0.003,0.01,0.03]"
        )
    known = settings.model in LISTED
    if known and not settings.is_solved and (problem := why_no_reg_weight(settings.model)):
        raise ValueError(f"{settings.describe('decays')}, but {problem}; leave it out")
    if len(decays) > 1 and not settings.early_stopping and not settings.trials:
        raise ValueError(
            f"{settings.describe('decays')}, but without trials under early_stopping false there "
            "are no folds to choose it on; give one reg_weight, or early_stopping=true"
        )
    return {"decays": sorted({float(v) for v in decays})}


def _rivals(settings: Settings) -> dict[str, list[str]]:
    value: Any = settings.rivals
    if value is None:
        return {}
    names = re.findall(r"[^\[\],\s\"']+", value) if isinstance(value, str) else value
    if (
        not isinstance(names, (list, tuple))
        or not names
        or not all(isinstance(name, str) for name in names)
    ):
        raise ValueError(
            f"{settings.describe('rivals')}; it must be a list of names, as [NAME,NAME], "
            "or all, or none"
        )
    alone = [name for name in names if name in ("all", "none")]
    if alone and len(names) > 1:
        raise ValueError(f"{settings.describe('rivals')}; {alone[0]} stands alone")
    return {"rivals": list(names)}


def _labels(settings: Settings) -> dict[str, dict[str, dict[str, str]]]:
    value: Any = settings.group_labels
    if value is None:
        return {}
    columns = list(value.values()) if isinstance(value, Mapping) else [None]
    if not all(isinstance(labels, Mapping) for labels in columns):
        raise ValueError(
            f"{settings.describe('group_labels')}; it must be a mapping by column and group, for example "
            "{'age': {'25': '25 to 34'}}"
        )
    return {
        "group_labels": {
            str(column): {str(group): str(label) for group, label in labels.items()}
            for column, labels in value.items()
        }
    }


def _mix_files(settings: Settings) -> dict[str, list[str]]:
    value: Any = settings.mix
    if value is None or (not value and "mix" not in settings.given):
        return {"mix": []}
    files = value.split() if isinstance(value, str) else value
    files = [files] if isinstance(files, Path) else files
    named = isinstance(files, (list, tuple)) and all(isinstance(f, (str, Path)) for f in files)
    if not named or not files:
        raise ValueError(f"{settings.describe('mix')}; it must name YAML files, one for each mix")
    return {"mix": [user_path(str(file), settings.describe("mix")) for file in files]}


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
