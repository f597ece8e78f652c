"""How long the rows of a result were trained, and what changes with a length of their own."""

from __future__ import annotations

from dataclasses import dataclass

from recbole_groupmix.core.names import REFERENCE
from recbole_groupmix.record.established import at_own_length, direction
from recbole_groupmix.record.result_schema import Result
from recbole_groupmix.record.rows import goes_on, rivals_of
from recbole_groupmix.record.schema import Change, Lengths
from recbole_groupmix.text.numbers import count

#: Relative difference of a row's own length from the common one that is worth a word.
FAR = 0.2


@dataclass(frozen=True)
class LengthRow:
    """The lengths of a row.

    Attributes
    ----------
    name : str
        The row.
    epochs, own : int
        Epochs that it was trained in the table, and epochs at the peak of its own curve.
    change, own_change : Change or None
        Its change against Proportional with each; None for Proportional.
    """

    name: str
    epochs: int
    own: int
    change: Change | None
    own_change: Change | None

    @property
    def differs(self) -> bool:
        """Whether the verdict on the row is another one at its own length."""
        if self.own_change is None:
            return False
        return direction(self.change) != direction(self.own_change)


def lengths_of(result: Result) -> Lengths | None:
    """Return how long the rows were trained; None for closed forms and for runs by the first rules."""
    return result.get("lengths")


def length_rows(result: Result, key: str) -> list[LengthRow]:
    """Return the rows of the control, empty where a run has none.

    Parameters
    ----------
    result : Result
        Content of ``result.json``.
    key : str
        Metric of the changes, such as ``precision@20``.
    """
    lengths = lengths_of(result)
    if lengths is None or not result.get("own_length"):
        return []
    same = result.get("same_mix", {})
    return [
        LengthRow(
            name,
            epochs,
            lengths["own"][name],
            result["change"].get(name, {}).get(key),
            at_own_length(result, name, key),
        )
        for name, epochs in lengths["epochs"].items()
        if name not in same and name not in rivals_of(result)
    ]


def length_sentences(result: Result) -> list[str]:
    """Return in words how long the rows were trained, and which the cap cut off."""
    lengths = lengths_of(result)
    if lengths is None:
        return []
    if lengths["rule"] == "fixed":
        return [f"epochs: {lengths['cap']}, as the settings say."]
    words = (
        f"epochs: every mix is trained for {count(lengths['common'] or 0, 'epoch')}, the peak of "
        f"{REFERENCE}'s smoothed mean curve over the folds"
    )
    for row in filter(lambda name: goes_on(result, name), lengths["epochs"]):
        words += f"; {row} goes on from there for {lengths['epochs'][row]} more"
    capped = [name for name in lengths["at_cap"] if name == REFERENCE]
    if capped:
        words += (
            f". {REFERENCE} was still rising after {lengths['cap']}, the most epochs that are "
            "allowed: raise --epochs"
        )
    return [f"{words}."]


def control_sentence(result: Result, key: str) -> str:
    """Return in a sentence what the control says; empty without it."""
    rows = [row for row in length_rows(result, key) if row.name != REFERENCE]
    if not rows:
        return ""
    differing = [row.name for row in rows if row.differs]
    far = [r for r in rows if abs(r.own - r.epochs) > FAR * r.epochs]
    listed = ", ".join(f"{row.name} {row.own}" for row in far)
    words = (
        f"Control: each row trained for the peak of its own curve, at most twice as long"
        f"{f' (more than {FAR:.0%} off: {listed})' if far else ''}. "
    )
    if not differing:
        return f"{words}No verdict differs."
    return f"{words}The verdict differs for {', '.join(differing)}: it is not established."
