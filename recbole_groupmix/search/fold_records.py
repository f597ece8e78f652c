"""What the folder of a run holds about its folds, read once for several stages."""

from __future__ import annotations

from dataclasses import dataclass

from recbole_groupmix.record.fold_lines import Key, key_of, longest_of_each
from recbole_groupmix.record.fold_schema import CurveRecord, FoldRecord, FoldUsers
from recbole_groupmix.record.folder import RunFolder


@dataclass
class FoldRecords:
    """Finished work on the folds.

    Attributes
    ----------
    scores : dict
        Lines of ``trials.jsonl`` by candidate, fold and options.
    curves : dict
        The longest lines of ``curves.jsonl``, likewise.
    users : dict of int to FoldUsers
        Lines of ``fold_users.jsonl`` by fold.
    """

    scores: dict[Key, FoldRecord]
    curves: dict[Key, CurveRecord]
    users: dict[int, FoldUsers]

    @classmethod
    def of(cls, folder: RunFolder, n_folds: int) -> FoldRecords:
        """Read the records of a folder, which need not exist."""
        scores = folder.records("trials.jsonl", FoldRecord, n_folds)
        curves = folder.records("curves.jsonl", CurveRecord, n_folds)
        users = folder.records("fold_users.jsonl", FoldUsers, n_folds)
        return cls(
            {key_of(record): record for record in scores},
            longest_of_each(curves),
            {record["fold"]: record for record in users},
        )
