"""In words: how a run split its interactions and which items it ranked, by its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LEFT_OUT = {
    "valid_and_test": "each user's last two interactions left out, the last of them for test",
    "test_only": "each user's last interaction left out for test",
}
_DISTRIBUTIONS = {"uni": "drawn uniformly", "pop": "drawn by popularity"}


def split_words(configuration: Mapping[str, Any]) -> list[str]:
    """Return sentences about ``eval_args`` of a run's configuration; none for the default.

    Parameters
    ----------
    configuration : mapping
        ``configuration`` of ``config.yaml``. In runs of versions that did not obey ``eval_args``
        these have no entry ``rows``, and nothing is said about them.
    """
    args = _obeyed(configuration)
    if args is None:
        return []
    lines = []
    if args["rows"] == "recbole":
        ((kind, value),) = args["split"].items()
        order = "by time" if args["order"] == "TO" else "at random"
        of = "each user's" if args["group_by"] == "user" else "all"
        how = (
            _LEFT_OUT.get(value, str(value))
            if kind == "LS"
            else f"{of} interactions by the ratios {', '.join(map(str, value))}"
        )
        has_valid = value == "valid_and_test" or (kind == "RS" and bool(value[1]))
        joins = "; its validation part is trained on" if has_valid else ""
        lines.append(f"Split by RecBole, ordered {order}: {how}{joins}. Folds follow the order.")
    modes = args["mode"]
    if modes["test"] == modes["valid"] != "full":
        lines.append(f"Ranked on test and folds: {_ranked(modes['test'])}.")
    elif modes["test"] != modes["valid"]:
        lines.append(
            f"Ranked on test: {_ranked(modes['test'])}; on folds: {_ranked(modes['valid'])}."
        )
    return lines


def is_fifth(configuration: Mapping[str, Any]) -> bool:
    """Return whether a fifth of each user's interactions, drawn at random, is test."""
    return configuration.get("benchmark_filename") is None and not _by_recbole(configuration)


def is_fixed(configuration: Mapping[str, Any]) -> bool:
    """Return whether the test part is the same for all seeds: given in files, or by time."""
    args = _obeyed(configuration)
    in_time = _by_recbole(configuration) and args is not None and args["order"] == "TO"
    return in_time or configuration.get("benchmark_filename") is not None


def _obeyed(configuration: Mapping[str, Any]) -> Mapping[str, Any] | None:
    args = configuration.get("eval_args")
    return args if isinstance(args, Mapping) and "rows" in args else None


def _by_recbole(configuration: Mapping[str, Any]) -> bool:
    args = _obeyed(configuration)
    return args is not None and args["rows"] == "recbole"


def _ranked(mode: str) -> str:
    if mode in ("full", "labeled"):
        return "all items" if mode == "full" else "all items; labels are predicted besides"
    return (
        f"a user's held-out items and, for each of them, {mode[3:]} others that are "
        f"{_DISTRIBUTIONS.get(mode[:3], mode)}"
    )
