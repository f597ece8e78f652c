"""What a result says of the rivals of mixing: which is best, and whether mixing is ahead of it."""

from __future__ import annotations

from recbole_groupmix.core.names import REFERENCE
from recbole_groupmix.record.established import few_seeds
from recbole_groupmix.record.phrases import change_text, ends, few_repeats
from recbole_groupmix.record.result_schema import AgainstRival, Result
from recbole_groupmix.record.rows import chosen_words, rivals_of
from recbole_groupmix.record.schema import Change
from recbole_groupmix.text.numbers import LEVEL, count


def against_rival_sentence(result: Result, key: str) -> str:
    """Return the best mix against the best rival in a sentence; empty for runs without rivals.

    Parameters
    ----------
    result : Result
        Content of ``result.json``.
    key : str
        Metric of the changes, such as ``precision@20``.
    """
    if not result.get("rivals"):
        return ""
    found = result.get("against_rival")
    if found is None:
        return (
            f"Mixing against rivals: no rival was better than {REFERENCE} on the folds."
            if all(record["changes_nothing"] for record in result["rivals"].values())
            else ""
        )
    few = few_repeats(result)
    of_mix = change_text(result["change"].get(found["mix"], {}).get(key), few)
    of_rival = change_text(result["change"].get(found["rival"], {}).get(key), few)
    change = found["change"].get(key)
    if change is None or change["mean"] is None:
        return ""
    ahead = change_text({**change, "p_holm": None}, few)
    verdict = "cannot be told apart from it"
    if _side(change):
        verdict = "is ahead of it" if _side(change) > 0 else "is behind it"
        if doubt := few_seeds(result) or _at_own_length(found, key):
            verdict += f", which is not established ({doubt})"
    elif (interval := ends(change)) is not None and not interval[0] <= 0 <= interval[1]:
        verdict = "is not told apart from it by both tests"
    return (
        f"Mixing against rivals, each chosen on the folds: the best mix ({found['mix']}) changes "
        f"{key} by {of_mix}, the best rival ({found['rival']}) by {of_rival}; mixing {verdict}: "
        f"{ahead} of the rival's level."
    )


def _side(change: Change) -> int:
    """Return 1 for a change above 0 by both tests, -1 for one below, and else 0."""
    if change["p"] is None or change["p"] >= LEVEL or change["mean"] is None:
        return 0
    return 1 if change["mean"] > 0 else -1


def _at_own_length(found: AgainstRival, key: str) -> str:
    """Return why the control leaves open who is ahead; empty if it does not."""
    own = (found.get("own_length") or {}).get(key)
    if own is None or _side(own) == _side(found["change"][key]):
        return ""
    return f"at the length of the mix's own curve it is {change_text({**own, 'p_holm': None})}"


def rival_sentences(result: Result) -> list[str]:
    """Return what a table says below itself of each rival, and what they cost."""
    records = result.get("rivals", {})
    if not records:
        return [
            f"{row}: a baseline without a mix, trained on all users and then on the target's users "
            "only."
            for row in rivals_of(result)
        ]
    words = [f"{row}: {r['says']} ({chosen_words(result, row)})." for row, r in records.items()]
    return [*words, *trainings_sentences(result)]


def trainings_sentences(result: Result) -> list[str]:
    """Return in a sentence how many models the folds trained for mixes and for rivals."""
    spent = result.get("trainings")
    if spent is None or not result.get("rivals"):
        return []
    each = ", ".join(f"{row} {n}" for row, n in spent["rivals"].items())
    return [
        f"Models trained on the folds to choose from: {spent['mixes']} for mixes and "
        f"{count(sum(spent['rivals'].values()), 'model')} for rivals ({each})."
    ]
