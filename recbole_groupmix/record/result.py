"""The result of a run as data: ``result.json``."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from recbole_groupmix import __version__
from recbole_groupmix.core.mix import Mix
from recbole_groupmix.core.names import REFERENCE
from recbole_groupmix.core.statistics.bootstrap import holm, relative_changes
from recbole_groupmix.core.statistics.resampling import MIN_REPEATS
from recbole_groupmix.models import CLOSED_FORM

SCHEMA_VERSION = 1
_PACKAGES = ("recbole", "torch", "numpy", "scipy", "pandas", "numba")


def test_means(metrics: pd.DataFrame, group: str) -> dict[str, dict[str, float]]:
    """Return the means over users and repeats of a group, by mix and ``"metric@k"``."""
    mine = metrics[metrics["group"] == group]
    means: dict[str, dict[str, float]] = {}
    for (mix, metric, k), value in mine.groupby(["mix", "metric", "k"], sort=False)["value"]:
        means.setdefault(mix, {})[f"{metric}@{k}"] = float(value.mean())
    return means


def changes(
    metrics: pd.DataFrame, target: str, seed: int, same: Mapping[str, str] | None = None
) -> dict[str, dict[str, dict[str, Any]]]:
    """Compare every mix with Proportional on the target's users by a paired bootstrap.

    Parameters
    ----------
    metrics : pandas.DataFrame
        Long table of per-user values (see ``metrics.parquet``).
    target : str
        Target group.
    seed : int
        Seed of the bootstrap.
    same : mapping of str to str, optional
        Mixes that are another one. They are no comparison of their own: p is None, and p_holm that
        of the other, None for Proportional.

    Returns
    -------
    dict
        By mix and ``"metric@k"``: mean, ci_low, ci_high (fractions), p, and p_holm, which is
        corrected over the different mixes that this run compares.
    """
    same = same or {}
    mine = metrics[metrics["group"] == target]
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for metric, of_metric in mine.groupby("metric", sort=False):  # its cut-offs share resamples
        arrays = {
            (k, mix): _by_repeat_and_user(values)
            for (k, mix), values in of_metric.groupby(["k", "mix"], sort=False)
        }
        compared = [(k, mix) for k, mix in arrays if mix != REFERENCE]
        pairs = [(arrays[k, mix], arrays[k, REFERENCE]) for k, mix in compared]
        of_pair = dict(zip(compared, relative_changes(pairs, seed=seed), strict=True))
        for k in dict.fromkeys(k for k, _ in compared):
            others = [mix for of_k, mix in compared if of_k == k]
            tested = [mix for mix in others if mix not in same]
            corrected = holm([of_pair[k, mix].p for mix in tested])
            by_mix = dict(zip(tested, corrected, strict=True))
            for mix in others:
                change, p_holm = of_pair[k, mix], by_mix.get(same.get(mix, mix))
                found.setdefault(mix, {})[f"{metric}@{k}"] = {
                    "mean": change.mean,
                    "ci_low": change.ci_low,
                    "ci_high": change.ci_high,
                    "p": None if mix in same else change.p,
                    "p_holm": p_holm,
                }
    return found


def _by_repeat_and_user(values: pd.DataFrame) -> np.ndarray:
    user, users = pd.factorize(values["user_id"], sort=True)
    repeat, repeats = pd.factorize(values["repeat"], sort=True)
    wide = np.full((len(repeats), len(users)), np.nan)
    wide[repeat, user] = values["value"]
    return wide


@cache
def _version(package: str) -> str:
    return version(package)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide results, by name."""
    ours = {"python": platform.python_version(), "recbole-groupmix": __version__}
    return ours | {name: _version(name) for name in _PACKAGES}


def interval_note(repeats: int, closed_form: bool = False) -> str:
    """Say what the intervals are over."""
    if closed_form:
        return "intervals over users (solved in closed form: there are no seeds to repeat)"
    if repeats < MIN_REPEATS:
        return (
            f"intervals over users only ({times(repeats)}; from {MIN_REPEATS} on, over users and "
            "repeats)"
        )
    return f"intervals over users and {repeats} repeats"


def times(repeats: int) -> str:
    """Return "1 repeat" or "3 repeats"."""
    return f"{repeats} repeat{'' if repeats == 1 else 's'}"


def build_result(
    *,
    settings: Mapping[str, Any],
    embedding_size: int | None,
    groups: list[dict[str, Any]],
    mixes: Mapping[str, Mix],
    cv: Mapping[str, Mapping[str, Any]],
    selected: str | None,
    diverged: list[str],
    metrics: pd.DataFrame,
    seconds: Mapping[str, float],
    removed: Sequence[Mapping[str, Any]] = (),
    same: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Assemble the content of ``result.json``.

    Parameters
    ----------
    settings : mapping
        Values of the settings.
    embedding_size : int or None
        None where the model has none.
    groups : list of dict
        name, n_users, n_interactions (all of train) of every group, and what
        :func:`~.measured.measured_users` counts.
    mixes : mapping
        Mixes of the rows, by name.
    cv : mapping
        Cross-validation summaries by candidate name.
    selected : str or None
        Candidate name of the data mix.
    diverged : list of str
        Mixes that are left out since their training diverged.
    metrics : pandas.DataFrame
        Long table of per-user values.
    seconds : mapping
        Wall times by stage.
    removed : sequence of mapping
        What each step of loading removed: :meth:`recbole_groupmix.adapters.removed.Removed.to_dict`.
    same : mapping of str to str, optional
        Rows whose mix is that of another row, with its name.
    """
    target = settings["target"]
    by_group = {entry["name"]: test_means(metrics, entry["name"]) for entry in groups}
    result = {
        "schema_version": SCHEMA_VERSION,
        "dataset": settings["dataset"],
        "group_field": settings["group_field"],
        "target": target,
        "model": settings["model"],
        "embedding_size": embedding_size,
        "protocol": settings["protocol"],
        "weighting": settings["weighting"],
        "topk": settings["topk"],
        "seed": settings["seed"],
        "repeats": settings["repeats"],
        "valid_metric": settings["valid_metric"],
        "data": {"removed": [dict(step) for step in removed]},
        "groups": groups,
        "mixes": {name: mix.to_dict() for name, mix in mixes.items()},
        "search": {
            "trials": settings["trials"],
            "folds": settings["folds"],
            "selected": selected,
            "best_cv": None if selected is None else cv[selected]["score"],
            "cv": {name: summary["score"] for name, summary in cv.items()},
            "epochs": {name: summary["epochs"] for name, summary in cv.items()},
            "options": {name: summary["options"] for name, summary in cv.items()},
            "lambdas": settings.get("lambdas"),
        },
        "diverged": diverged,
        "same_mix": dict(same or {}),
        "test": by_group[target],
        "test_by_group": by_group,
        "change": changes(metrics, target, settings["seed"], same),
        "closed_form": settings["model"] in CLOSED_FORM,
        "intervals": interval_note(settings["repeats"], settings["model"] in CLOSED_FORM),
        "seconds": dict(seconds),
        "versions": versions(),
    }
    finite: dict[str, Any] = _finite(result)
    return finite


def _finite(value: Any) -> Any:
    """Replace NaN and infinities, which JSON has not, by None."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value
