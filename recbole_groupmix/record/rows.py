"""The rows of a result: mixes, and rivals of mixing."""

from __future__ import annotations

from recbole_groupmix.core.better_rows import advice as advice_of_mix
from recbole_groupmix.core.mix import MixRecord
from recbole_groupmix.record.result_schema import Result, TargetResult

#: In runs that know no rivals this baseline stands among the mixes, as the target's data alone.
ONCE_A_MIX = "fine_tuned"


def row_names(result: Result) -> list[str]:
    """Return the rows in the order of display: mixes, then rivals."""
    return [*result["mixes"], *result.get("rivals", {})]


def mixes_of(result: Result) -> dict[str, MixRecord]:
    """Return the rows that are mixes, with what they are."""
    return {name: mix for name, mix in result["mixes"].items() if name != ONCE_A_MIX}


def rivals_of(result: Result) -> list[str]:
    """Return the rows that are rivals."""
    return [name for name in row_names(result) if name not in mixes_of(result)]


def best_rival(result: Result) -> str | None:
    """Return the rival with the best score on the folds; None if none was better than Proportional."""
    scores = {
        name: result["search"]["cv"][name] or 0.0
        for name, record in result.get("rivals", {}).items()
        if not record["changes_nothing"] and name in result["test"]
    }
    return max(scores, key=lambda row: scores[row], default=None)


def labelled(result: Result, group: str) -> str:
    """Return a group as people call it: ``25 (25 to 34)``, or its name alone."""
    label = result.get("group_labels", {}).get(group)
    return f"{group} ({label})" if label else group


def advice(result: Result, row: str) -> str:
    """Return in words how to train as a row was trained."""
    record = result.get("rivals", {}).get(row)
    if record is not None:
        return record["advice"]
    if row == ONCE_A_MIX:
        return f"train on all users, then on the target's users only ({row})"
    return advice_of_mix(row)


def goes_on(result: Result, row: str) -> bool:
    """Return whether the epochs of a row come after those of Proportional."""
    record = result.get("rivals", {}).get(row)
    if record is None:
        return row == ONCE_A_MIX
    return record["goes_on"] and not record["changes_nothing"]


def is_rival(result: Result | TargetResult, row: str) -> bool:
    """Return whether a row is a rival with a record of its own."""
    record = result.get("rows", {}).get(row)
    return record is not None and record["kind"] == "rival"


def same_text(result: Result | TargetResult, row: str) -> str:
    """Return of which row a row is another name, for a cell; empty if of none.

    A rival of which no point was better than Proportional is Proportional.
    """
    of = (result.get("same_mix") or {}).get(row)
    if of is None:
        return ""
    return f"is {of}" if is_rival(result, row) else f"same mix as {of}"


def same_sentence(result: Result, row: str) -> str:
    """Return :func:`same_text` with the row as its subject, without a full stop; empty if of none."""
    text = same_text(result, row)
    if not text or is_rival(result, row):
        return text and f"{row} {text}, since {chosen_words(result, row)}"
    return f"{row} is the {text}"


def kinds_of_row(result: Result) -> str:
    """Return what the rows of a table are, for its header."""
    return "mix or rival" if result.get("rivals") else "mix"


def chosen_words(result: Result, row: str) -> str:
    """Return in words what the folds chose for a rival; empty for mixes."""
    record = result.get("rivals", {}).get(row)
    if record is None:
        return ""
    if record["changes_nothing"]:
        return "no point of it was better than proportional on the folds"
    return ", ".join(f"{knob} {value:g}" for knob, value in record["chosen"].items())
