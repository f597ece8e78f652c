"""The mixes that a run has tried on its folds, from ``trials.jsonl`` alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from recbole_groupmix.core.names import REFERENCE
from recbole_groupmix.record.fold_schema import FoldRecord
from recbole_groupmix.record.fold_summary import best_lines, by_candidate
from recbole_groupmix.record.read import read_lines
from recbole_groupmix.text.numbers import or_null

#: The file that is read.
FILE = "trials.jsonl"


@dataclass(frozen=True)
class TriedMix:
    """A mix with its scores on the folds.

    Attributes
    ----------
    name, source : str
        As in ``trials.jsonl``.
    alpha : dict of str to float
        Shares of the groups besides the target.
    alpha_aug : float
        The budget ratio.
    weights : dict of str to float
        Weight of a user of each group with users, the target's weighing 1; 0 is off.
    scores : dict of int to (float or None)
        Score by fold; None where training diverged.
    complete : bool
        Whether it was trained on all folds that the file knows.
    options : dict of str to float
        The best of the options that it tried; empty where it tried none.
    seconds : float
        Wall time of its models in seconds.
    """

    name: str
    source: str
    alpha: Mapping[str, float]
    alpha_aug: float
    weights: Mapping[str, float]
    scores: Mapping[int, float | None]
    complete: bool
    options: Mapping[str, float]
    seconds: float

    @property
    def score(self) -> float | None:
        """Mean over all folds; None where one is missing or diverged."""
        known = [score for score in self.scores.values() if score is not None]
        return fmean(known) if self.complete and len(known) == len(self.scores) else None


def tried_mixes(folder: str | Path) -> list[TriedMix]:
    """Return the mixes of a run folder in the order in which they were tried; rivals are none.

    The weight of a user follows from the shares of Proportional, which are those of the groups'
    numbers of users: ``w_j = alpha_aug alpha_j / alpha_j(Proportional)``.

    Parameters
    ----------
    folder : path
        A run folder; nothing but its ``trials.jsonl`` is read.

    Raises
    ------
    ValueError
        If the file is missing or damaged, or lacks Proportional.
    """
    file = Path(folder) / FILE
    if not file.is_file():
        raise ValueError(
            f"{folder} is not the folder of a run with folds: {FILE} is missing; name the folder that "
            "a groupmix run printed"
        )
    lines = [record for record in read_lines(file, FoldRecord) if "alpha" in record]
    shares = next((record["alpha"] for record in lines if record["name"] == REFERENCE), None)
    if shares is None:
        raise ValueError(
            f"{file} lacks {REFERENCE}, whose shares tell how many users the groups have; resume the "
            "run by the command that started it"
        )
    n_folds = 1 + max(record["fold"] for record in lines)
    return [_mix(records, shares, n_folds) for records in by_candidate(lines).values()]


def _mix(records: Sequence[FoldRecord], shares: Mapping[str, float], n_folds: int) -> TriedMix:
    """Return a mix from its lines; of several options those of the best mean."""
    best, lines = best_lines(records)
    first = lines[0]
    return TriedMix(
        name=first["name"],
        source=first["source"],
        alpha=dict(first["alpha"]),
        alpha_aug=first["alpha_aug"],
        weights={
            group: first["alpha_aug"] * first["alpha"].get(group, 0.0) / share
            for group, share in shares.items()
            if share > 0
        },
        scores={
            record["fold"]: or_null(score)
            for record, score in zip(lines, best["scores"], strict=True)
        },
        complete=len(lines) == n_folds,
        options=dict(best["options"]),
        seconds=sum(record["seconds"] for record in records),
    )
