"""Whether what a run says of a change is established: that neither seeds nor lengths decide it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from recbole_groupmix.core.statistics.resampling import MIN_REPEATS
from recbole_groupmix.record.phrases import ends, marked
from recbole_groupmix.record.result_schema import Result
from recbole_groupmix.record.schema import Change
from recbole_groupmix.text.numbers import percent_interval

#: Embedding sizes up to this are low, as the paper's d = 4 is; models without a size are not low.
LOW = 8
#: Why a run with few seeds establishes nothing.
FEW_SEEDS = f"fewer than {MIN_REPEATS} repeats at d <= {LOW}"
_WORDS = {1: "better", -1: "worse", 0: "not told apart"}


def direction(change: Change | None) -> int:
    """Return 1 for a change that is marked and above 0, -1 for one below 0, and else 0."""
    interval = ends(change)
    if change is None or interval is None or not marked(change):
        return 0
    return int(interval[0] > 0) - int(interval[1] < 0)


def few_seeds(result: Result) -> str:
    """Return why nothing that a run says is established, :data:`FEW_SEEDS`, or an empty string.

    At low embedding sizes the training seed moves a change by several standard errors over users,
    which fewer than 5 repeats cannot show.
    """
    size = result["embedding_size"]
    low = size is not None and size <= LOW and not result.get("closed_form")
    return FEW_SEEDS if low and result["repeats"] < MIN_REPEATS else ""


def at_own_length(result: Result, row: str, key: str) -> Change | None:
    """Return the change of a row with each row trained for its own length, the control.

    None without such a control: for closed forms, and in runs by the first rules.
    """
    control: Any = cast(Mapping[str, Any], result).get("own_length") or {}
    change: Change | None = control.get("change", {}).get(row, {}).get(key)
    return change


def why_not_established(result: Result, row: str, key: str) -> str:
    """Return in words why the verdict on a change is not established; empty if it is.

    A verdict is that of :func:`direction`. It is not established where few seeds give it, and where
    it is another one with each row trained for its own length.

    Parameters
    ----------
    result : Result
        Content of ``result.json``.
    row : str
        Row of the result, such as ``stratified``.
    key : str
        Metric, such as ``precision@20``.
    """
    found = direction(result["change"].get(row, {}).get(key))
    if found and (few := few_seeds(result)):
        return few
    own, lengths = at_own_length(result, row, key), result.get("lengths")
    if own is None or direction(own) == found:
        return ""
    if lengths and lengths["own"].get(row) == lengths["epochs"].get(row):
        return ""  # the same models, whose mark moves with the correction over the other rows
    interval = percent_interval(own["mean"], own["ci_low"], own["ci_high"])
    return f"with each row trained for its own length it is {_WORDS[direction(own)]}, {interval}"
