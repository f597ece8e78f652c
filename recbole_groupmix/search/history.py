"""What a search has tried, as the table that proposers and the belief learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np

from recbole_groupmix.core.budget_curve import parts_of_score
from recbole_groupmix.core.names import REFERENCE, REPEAT
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.mixes.candidates import Candidate
from recbole_groupmix.record.fold_lines import options_text
from recbole_groupmix.record.fold_schema import CurveRecord, FoldSummary
from recbole_groupmix.record.fold_values import unpack
from recbole_groupmix.search.fold_records import FoldRecords
from recbole_groupmix.surface.history import FloatArray, History, weights_of


class UserParts:
    """The parts of the target's users in scores on the folds.

    Parameters
    ----------
    experiment : Experiment
        The run's.
    records : FoldRecords
        What was measured.
    """

    def __init__(self, experiment: Experiment, records: FoldRecords) -> None:
        self._settings, self._records = experiment.settings, records
        self._known: dict[tuple[object, ...], FloatArray] = {}

    def users(self, folds: int) -> list[str]:
        """Return the users who are measured on the first of the folds."""
        of_folds = (self._records.users[fold]["users"] for fold in range(folds))
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
        """
        key = name, options_text(summary["options"]), summary["epochs"], folds
        if key in self._known:
            return self._known[key]
        of_folds = [self._values(name, summary, fold) for fold in range(folds)]
        users = [self._records.users[fold]["users"] for fold in range(folds)]
        parts = np.array(list(parts_of_score(users, of_folds).values()))
        if folds == self._settings.folds:  # those over fewer are asked for once
            self._known[key] = parts
        return parts

    def _values(self, name: str, summary: FoldSummary, fold: int) -> FloatArray:
        metric, _, cut_off = str(self._settings.valid_metric).partition("@")
        options = {} if self._settings.is_solved else summary["options"]  # all lambdas: one curve
        record = self._records.curves[name, fold, options_text(options)]
        values = unpack(record, self._records.users, metric, int(cut_off)).values
        chosen: FloatArray = values[_point(record, summary, self._settings.is_solved)]
        return chosen


def _point(record: CurveRecord, summary: FoldSummary, is_solved: bool) -> int:
    """Return the point of a curve that counts: that of the lambda, or of the length."""
    if is_solved:
        chosen = summary["options"].get("reg_weight")
        return [point.get("reg_weight") for point in record["curve"]].index(chosen)
    return [point["epoch"] for point in record["curve"]].index(summary["epochs"])


def history_of(
    experiment: Experiment,
    tried: Sequence[Candidate],
    cv: Mapping[str, FoldSummary],
    parts: UserParts,
) -> History:
    """Return the table of the mixes that were tried.

    The score of a mix that left a race after some folds is Proportional's on all folds, plus the
    difference on its own; users who are not measured on these count as the mean.

    Parameters
    ----------
    experiment : Experiment
        The run's.
    tried : sequence of Candidate
        The rows of the table; Proportional is among them.
    cv : mapping of str to FoldSummary
        Summaries of all of them, over as many folds as each was trained on.
    parts : UserParts
        Of the users of every fold.
    """
    n_users, target = experiment.n_users, experiment.target
    groups = tuple(g for g in n_users if g != target and n_users[g])
    reference = cv[REFERENCE]
    place = {user: i for i, user in enumerate(parts.users(len(reference["scores"])))}
    scores, differences = np.full(len(tried), np.nan), np.full((len(tried), len(place)), np.nan)
    for row, candidate in enumerate(tried):
        summary = cv[candidate.name]
        if not np.isfinite(summary["score"]):
            continue
        folds = len(summary["scores"])
        change = parts.of(candidate.name, summary, folds) - parts.of(REFERENCE, reference, folds)
        mean = float(change.mean())
        differences[row] = mean
        differences[row, [place[user] for user in parts.users(folds)]] = change
        complete = folds == len(reference["scores"])
        scores[row] = summary["score"] if complete else reference["score"] + mean
    return History(
        groups,
        n_users,
        target,
        np.array([weights_of(candidate.mix, groups, n_users, target) for candidate in tried]),
        scores,
        differences,
        np.array([c.name == REFERENCE or c.source == REPEAT for c in tried]),
    )
