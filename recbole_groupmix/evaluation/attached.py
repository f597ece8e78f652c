"""An evaluator by group in place of a RecBole trainer's ``Evaluator``."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
from recbole.evaluator.collector import DataStruct

from recbole_groupmix.adapters.groups import Groups
from recbole_groupmix.evaluation.measures import Measures
from recbole_groupmix.evaluation.report import OVERALL
from recbole_groupmix.evaluation.scoring import USERS


class AttachedEvaluator:
    """Evaluates overall and by group, and keeps the results.

    Parameters
    ----------
    measures : Measures
        The metrics.
    groups : Groups
        Groups of the users.
    history : list of dict
        Receives an entry per evaluation: the metrics by group, ``"overall"`` included.
    """

    def __init__(self, measures: Measures, groups: Groups, history: list[dict[str, Any]]) -> None:
        self._measures, self._groups, self._history = measures, groups, history

    def evaluate(self, struct: DataStruct) -> OrderedDict[str, float]:
        """Return the metrics overall, and by group under names such as ``"recall@10[25]"``."""
        of_row = self._groups.of_user[struct.get(USERS).numpy()]
        overall = self._measures.aggregate(struct)
        result, entry = OrderedDict(overall), {OVERALL: overall}
        for index, name in enumerate(self._groups.names):
            means = self._measures.aggregate(struct, np.flatnonzero(of_row == index))
            entry[name] = means
            result.update({f"{metric}[{name}]": value for metric, value in means.items()})
        self._history.append(entry)
        return result
