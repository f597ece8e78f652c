"""What the folder of a finished run tells of its mixes on the folds: scores, and users behind them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from recbole_groupmix.core.user_metrics import split_key
from recbole_groupmix.record.fold_lines import key_of
from recbole_groupmix.record.fold_schema import (
    CurveRecord,
    FoldRecord,
    FoldSummary,
    FoldUsers,
    LeftRecord,
)
from recbole_groupmix.record.fold_summary import summaries
from recbole_groupmix.record.fold_values import FoldValues, unpack
from recbole_groupmix.record.read import AGAIN, read_lines
from recbole_groupmix.record.result_schema import Result
from recbole_groupmix.record.user_parts import UserParts

T = TypeVar("T")


class OnFolds:
    """The folds of a finished run.

    Parameters
    ----------
    path : pathlib.Path
        The folder.
    result : Result
        Its ``result.json``.
    trials, curves
        As those of :class:`~recbole_groupmix.record.finished_run.FinishedRun`.
    """

    def __init__(
        self,
        path: Path,
        result: Result,
        trials: Sequence[FoldRecord],
        curves: Sequence[CurveRecord],
    ) -> None:
        self._path, self._result = path, result
        self._trials, self._curves = trials, curves

    @cached_property
    def summaries(self) -> dict[str, FoldSummary]:
        """The scores of every mix with the options that it chose; also of mixes that left a race."""
        return summaries(record for record in self._trials if "alpha" in record)

    @property
    def has_users(self) -> bool:
        """Whether values of users were kept, as runs of the first versions did not."""
        return any(record.get("packed") for record in self._curves)

    @cached_property
    def left(self) -> list[LeftRecord]:
        """The mixes that left a race, in the order in which they did."""
        known = self._result["search"].get("waves", {}).get("left", {})
        if not known:
            return []
        records = self._lines("races.jsonl", LeftRecord)
        return [r for r in records if known.get(r["name"]) == r["fold"] + 1]

    def parts(self, name: str) -> dict[str, float]:
        """Return by user the part in a mix's score; empty where no values of users were kept.

        Raises
        ------
        ValueError
            If the files do not fit each other.
        """
        of = self.summaries.get(name)
        if of is None or not self.has_users:
            return {}
        with self._of_curves():
            folds = len(of["scores"])
            parts = self._parts.of(name, of, folds).tolist()
            return dict(zip(self._parts.users(folds), parts, strict=True))

    def changes(self, name: str) -> dict[str, float]:
        """Return by user the part in a mix's score minus that in Proportional's on the same folds.

        Empty where training diverged.

        Raises
        ------
        ValueError
            As :meth:`parts`.
        """
        with self._of_curves():
            return self._parts.changes(name, self.summaries)

    def values(self, name: str) -> dict[int, FoldValues]:
        """Return by fold the values of users at every point of the curves of a candidate.

        With the options that the folds chose; `name` is the candidate's on the folds.

        Raises
        ------
        ValueError
            As :meth:`parts`.
        """
        metric, cut_off = split_key(self._result["valid_metric"])
        chosen = self._result["search"].get("options", {}).get(name)
        with self._of_curves():
            return {
                record["fold"]: unpack(record, self._users, metric, cut_off)
                for record in self._curves
                if record["name"] == name
                and record.get("packed")
                and record.get("options") in (None, chosen)
            }

    @cached_property
    def _parts(self) -> UserParts:
        curves = {key_of(record): record for record in self._curves}
        return UserParts(curves, self._users, self._result["valid_metric"])

    @cached_property
    def _users(self) -> dict[int, FoldUsers]:
        return {record["fold"]: record for record in self._lines("fold_users.jsonl", FoldUsers)}

    def _lines(self, name: str, shape: type[T]) -> list[T]:
        return read_lines(self._path / name, shape, self._result["search"]["folds"])

    @contextmanager
    def _of_curves(self) -> Iterator[None]:
        """Name the file in an error about what does not fit."""
        try:
            yield
        except ValueError as error:
            file = self._path / "curves.jsonl"
            raise ValueError(f"{file} cannot be read: {error}; {AGAIN}") from error
