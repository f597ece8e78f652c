"""What a search has tried, as the table that proposers and the belief learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from recbole_groupmix.core.names import REFERENCE, REPEAT
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.mixes.candidates import Candidate
from recbole_groupmix.record.fold_schema import FoldSummary
from recbole_groupmix.record.user_parts import UserParts
from recbole_groupmix.surface.history import History
from recbole_groupmix.surface.tried import Tried, history_of_tried


def history_of(
    experiment: Experiment,
    tried: Sequence[Candidate],
    cv: Mapping[str, FoldSummary],
    parts: UserParts,
) -> History:
    """Return the table of the mixes that were tried.

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
    folds = len(cv[REFERENCE]["scores"])
    rows = [
        Tried(
            candidate.mix,
            candidate.name == REFERENCE or candidate.source == REPEAT,
            cv[candidate.name]["score"],
            parts.changes(candidate.name, cv),
            len(cv[candidate.name]["scores"]) == folds,
        )
        for candidate in tried
    ]
    return history_of_tried(rows, experiment.n_users, experiment.target)
