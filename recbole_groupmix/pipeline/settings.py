"""The settings of a run: merged from properties/, YAML files and the caller, and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recbole_groupmix.bundled import bundled
from recbole_groupmix.core.ranking import METRICS
from recbole_groupmix.pipeline.known_keys import WITHOUT_EFFECT, check_key
from recbole_groupmix.pipeline.yaml_files import read_settings_file

_CHOICES = {
    "protocol": ("converged", "paper"),
    "weighting": ("loss", "sample"),
    "user_loss": ("sum", "mean"),
    "regularizer": ("weighted", "unweighted", "rows"),
    "graph": ("positive", "all"),
    "triplets": ("all", "sampled"),
    "loss_norm": ("count", "weight"),
    "empty_group": ("refuse", "keep"),
    "early_stopping": (True, False),
}
_LEAST = {"trials": 0, "folds": 2, "repeats": 1, "seed": 0, "epochs": 1, "train_batch_size": 1}


@dataclass(frozen=True)
class Settings:
    """One run's settings.

    Attributes
    ----------
    values : dict
        Every key after merging: ours and any RecBole key.
    notes : tuple of str
        One line for each given key that has no effect.
    """

    values: dict[str, Any]
    notes: tuple[str, ...] = ()

    def __getitem__(self, key: str) -> Any:
        """Return a value, or None for a key that nobody set."""
        return self.values.get(key)

    @property
    def standard_deviation(self) -> float | None:
        """Spread of the initial embeddings under ``init: normal(SD)``; None for RecBole's own."""
        match = re.fullmatch(r"normal\(\s*([0-9.eE+-]+)\s*\)", str(self["init"]))
        return float(match.group(1)) if match else None


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
    values = read_settings_file(bundled("properties/groupmix.yaml"))
    protocol = str(user.get("protocol", values["protocol"]))
    model, dataset = str(user.get("model", values["model"])), user.get("dataset")
    _check_choice("protocol", protocol, origin)
    if not dataset:
        raise ValueError("no data set given; name one by --dataset, for example --dataset=ml-100k")
    layers = [
        f"properties/{protocol}.yaml",
        f"properties/{protocol}/{model}.yaml",
        f"properties/dataset/{dataset}.yaml",
    ]
    for layer in layers:
        try:
            values.update(read_settings_file(bundled(layer)))
        except FileNotFoundError:
            continue
    values.update(user)
    values.update(protocol=protocol, model=model, dataset=str(dataset))
    values["target"] = None if values.get("target") is None else str(values["target"])
    _check_values(values, origin)
    notes = tuple(
        f"{key} ({origin[key]}) has no effect: {WITHOUT_EFFECT[key]}"
        for key in user
        if key in WITHOUT_EFFECT
    )
    return Settings(values, notes)


def _check_choice(key: str, value: Any, origin: Mapping[str, str]) -> None:
    if value not in _CHOICES[key]:
        allowed = ", ".join(str(choice).lower() for choice in _CHOICES[key])
        raise ValueError(
            f"{key} is {value!r} ({origin.get(key, 'properties/')}); allowed are {allowed}"
        )


def _check_values(values: dict[str, Any], origin: Mapping[str, str]) -> None:
    for key in _CHOICES:
        _check_choice(key, values.get(key), origin)
    for key, least in _LEAST.items():
        value = values.get(key)
        if value is None and key in ("epochs", "train_batch_size"):
            continue  # RecBole's own default
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(
                f"{key} is {value!r} ({origin.get(key, 'properties/')}); it must be a whole "
                f"number >= {least}"
            )
    values["topk"] = _topk(values["topk"], origin)
    init = str(values["init"])
    if init != "recbole" and Settings(values).standard_deviation is None:
        raise ValueError(
            f"init is {init!r} ({origin.get('init', 'properties/')}); allowed are recbole and "
            "normal(SD), for example normal(0.1)"
        )
    values["valid_metric"] = _valid_metric(values, origin)


def _topk(value: Any, origin: Mapping[str, str]) -> list[int]:
    cut_offs = [value] if isinstance(value, int) else value
    good = isinstance(cut_offs, (list, tuple)) and len(cut_offs) > 0
    if not good or any(isinstance(k, bool) or not isinstance(k, int) or k < 1 for k in cut_offs):
        raise ValueError(
            f"topk is {value!r} ({origin.get('topk', 'properties/')}); it must be a positive whole "
            "number or a list of them, for example [10,20]"
        )
    return sorted(set(cut_offs))


def _valid_metric(values: Mapping[str, Any], origin: Mapping[str, str]) -> str:
    value = values.get("valid_metric") or f"recall@{values['topk'][-1]}"
    name, _, cut_off = str(value).lower().partition("@")
    if name not in METRICS or cut_off not in map(str, values["topk"]):
        raise ValueError(
            f"valid_metric is {value!r} ({origin.get('valid_metric', 'properties/')}); it must be "
            f"one of {', '.join(METRICS)} at a cut-off of topk {values['topk']}, for example "
            f"recall@{values['topk'][-1]}"
        )
    return f"{name}@{cut_off}"
