"""What each of the target's users adds to a score on the folds, at the point that was scored."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.budget_curve import parts_of_score
from recbole_groupmix.core.names import REFERENCE
from recbole_groupmix.core.user_metrics import split_key
from recbole_groupmix.record.fold_lines import Key, options_text
from recbole_groupmix.record.fold_schema import CurveRecord, FoldSummary, FoldUsers
from recbole_groupmix.record.fold_values import unpack

FloatArray = npt.NDArray[np.float64]


class UserParts:
    """The parts of the target's users in scores on the folds.

    Parameters
    ----------
    curves : mapping
        Lines of ``curves.jsonl`` by candidate, fold and options; it may grow.
    users : mapping of int to FoldUsers
        The users of every fold; it may grow.
    valid_metric : str
        What was scored, such as ``recall@10``.
    """

    def __init__(
        self, curves: Mapping[Key, CurveRecord], users: Mapping[int, FoldUsers], valid_metric: str
    ) -> None:
        self._curves, self._users = curves, users
        self._metric, self._cut_off = split_key(valid_metric)
        self._known: dict[tuple[object, ...], FloatArray] = {}

    def users(self, folds: int) -> list[str]:
        """Return the users who are measured on the first of the folds."""
        of_folds = (self._users[fold]["users"] for fold in range(folds))
        return list(dict.fromkeys(chain.from_iterable(of_folds)))

    def of(self, name: str, summary: FoldSummary, folds: int) -> FloatArray:
        """Return the parts in a candidate's score over the first of the folds.

        Parameters
        ----------
        name : str
            Candidate whose training did not diverge.
        summary : FoldSummary
            Its summary, which tells the length and the options.
        folds : int
            Number of folds.

        Returns
        -------
        array of float64, shape (n_users,)
            In the order of :meth:`users`; their mean is the score.

        Raises
        ------
        ValueError
            If a fold's values are missing or do not fit its users.
        """
        key = name, options_text(summary["options"]), summary["epochs"], folds
        if key not in self._known:
            of_folds = [self._values(name, summary, fold) for fold in range(folds)]
            users = [self._users[fold]["users"] for fold in range(folds)]
            self._known[key] = np.array(list(parts_of_score(users, of_folds).values()))
        return self._known[key]

    def changes(self, name: str, summaries: Mapping[str, FoldSummary]) -> dict[str, float]:
        """Return by user the part in a candidate's score minus that in Proportional's.

        On the folds that the candidate was trained on; empty where its training diverged.

        Raises
        ------
        ValueError
            As :meth:`of`.
        """
        of_name = summaries[name]
        if not np.isfinite(of_name["score"]):
            return {}
        folds = len(of_name["scores"])
        mine = self.of(name, of_name, folds)
        change = mine - self.of(REFERENCE, summaries[REFERENCE], folds)
        return dict(zip(self.users(folds), change.tolist(), strict=True))

    def _values(self, name: str, summary: FoldSummary, fold: int) -> FloatArray:
        options = options_text(summary["options"])
        record = self._curves.get((name, fold, options))
        if record is None:  # all lambdas of a closed form stand in one curve
            record = self._curves.get((name, fold, ""))
        if record is None:
            raise ValueError(f"the curve of {name!r} on fold {fold} is missing")
        values = unpack(record, self._users, self._metric, self._cut_off).values
        chosen: FloatArray = values[scored_point(record, summary)]
        return chosen


def scored_point(record: CurveRecord, summary: FoldSummary) -> int:
    """Return the point of a curve that was scored: that of the lambda, or of the length.

    Raises
    ------
    ValueError
        If the curve has no such point.
    """
    lambdas = [point.get("reg_weight") for point in record["curve"]]
    known, chosen = lambdas, summary["options"].get("reg_weight")
    if not lambdas or None in lambdas:
        known, chosen = [point["epoch"] for point in record["curve"]], summary["epochs"]
    if chosen not in known:
        raise ValueError(
            f"the curve of {record['name']!r} on fold {record['fold']} has no point at {chosen}"
        )
    return known.index(chosen)
