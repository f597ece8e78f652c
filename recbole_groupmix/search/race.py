"""The race of a wave: after each fold, mixes that are behind leave and are not trained further."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite

import numpy as np

from recbole_groupmix.core.racing import LEVEL, chance_to_lead
from recbole_groupmix.core.statistics.few_users import FEW_USERS
from recbole_groupmix.record.fold_schema import FoldSummary, LeftRecord
from recbole_groupmix.record.user_parts import UserParts
from recbole_groupmix.search.fold_records import FoldRecords


class Race:
    """Decides who leaves, from the records alone.

    Parameters
    ----------
    records : FoldRecords
        What was measured.
    parts : UserParts
        Of the users of every fold.
    seed : int
        Seed of the resamples of users.
    """

    def __init__(self, records: FoldRecords, parts: UserParts, seed: int) -> None:
        self._records, self._parts, self._seed = records, parts, seed

    @property
    def is_run(self) -> bool:
        """Whether the target has users enough on every fold for resamples of them to tell."""
        measured = [len(of_fold["users"]) for of_fold in self._records.users.values()]
        return bool(measured) and min(measured) >= FEW_USERS

    def leavers(
        self, racing: Mapping[str, FoldSummary], others: Mapping[str, FoldSummary], folds: int
    ) -> list[LeftRecord]:
        """Return who leaves after some folds: those behind the best of all, beyond chance.

        Parameters
        ----------
        racing : mapping of str to FoldSummary
            Mixes in the race, with summaries over these folds.
        others : mapping of str to FoldSummary
            Mixes that were trained on all folds, among which the best may be.
        folds : int
            Number of folds, the first ones.
        """
        compared = {
            name: summary
            for name, summary in {**others, **racing}.items()
            if isfinite(summary["score"])
        }
        means = {name: float(np.mean(s["scores"][:folds])) for name, s in compared.items()}
        leader = max(means, key=lambda name: means[name], default="")
        may_leave = [
            name for name in racing if name in compared and not self._is_trained_on(name, folds)
        ]
        if not may_leave:
            return []
        chances = self._chances([leader, *may_leave], compared, folds)
        return [
            {"name": name, "fold": folds - 1, "leader": leader, "chance": chance}
            for name, chance in zip(may_leave, chances[1:], strict=True)
            if chance < LEVEL
        ]

    def _chances(
        self, names: Sequence[str], compared: Mapping[str, FoldSummary], folds: int
    ) -> list[float]:
        parts = np.array([self._parts.of(name, compared[name], folds) for name in names])
        return [float(chance) for chance in chance_to_lead(parts, 0, self._seed)]

    def _is_trained_on(self, name: str, fold: int) -> bool:
        """Return whether a mix was trained on a fold, in an earlier call that let it go on."""
        return any(key[:2] == (name, fold) for key in self._records.curves)
