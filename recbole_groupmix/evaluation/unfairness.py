"""Tables of the unfairness of a model between groups, for ratings and for rankings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import combinations

import numpy as np
import pandas as pd
from recbole.evaluator.collector import DataStruct

from recbole_groupmix.adapters.groups import Groups
from recbole_groupmix.core.groups.ranking_unfairness import ranking_unfairness
from recbole_groupmix.core.groups.unfairness import pairwise_unfairness, unfairness
from recbole_groupmix.evaluation.scoring import ITEMS, RELEVANT, TOP_ITEMS, USERS

#: Name of the second group if it is the users of all other groups together.
REST = "rest"


def rating_table(
    struct: DataStruct,
    groups: Groups,
    first: str | None,
    second: str | None,
    variant: str,
    missing: str,
) -> pd.DataFrame:
    """Return the unfairness of predicted ratings, one row per pair of groups.

    Parameters
    ----------
    struct : DataStruct
        Collected rows of a value evaluation.
    groups : Groups
        Groups of the users.
    first, second : str, optional
        The pair; without ``second`` the first against the rest, without both all pairs.
    variant, missing : str
        As for :func:`recbole_groupmix.core.groups.unfairness.unfairness`.
    """
    pairs = _pairs(groups, first, second)
    scores, labels = (struct.get(key).double().numpy() for key in ("rec.score", "data.label"))
    rows = scores.ravel(), labels.ravel(), struct.get(ITEMS).numpy(), _groups_of(struct, groups)
    if first is None:  # the sums over rows are made once for all pairs
        by_pair = pairwise_unfairness(*rows, len(groups.names), variant=variant, missing=missing)
        results = [by_pair[pair] for pair in pairs]  # type: ignore[index]
    else:
        results = [unfairness(*rows, *pair, variant=variant, missing=missing) for pair in pairs]
    return pd.DataFrame(
        [
            {**_named(groups, pair), **asdict(result)}
            for pair, result in zip(pairs, results, strict=True)
        ]
    )


def ranking_table(
    struct: DataStruct,
    groups: Groups,
    topk: Sequence[int],
    first: str | None,
    second: str | None,
    missing: str,
) -> pd.DataFrame:
    """Return the unfairness of top-k lists, one row per cut-off and pair of groups.

    Parameters
    ----------
    struct : DataStruct
        Rows of a :class:`~.scoring.ListCollector`. Each row is one list; a user with several
        (sequential models) counts once for each.
    groups, first, second : Groups and str
        As for :func:`rating_table`.
    topk : sequence of int
        Cut-offs, none above the longest list collected.
    missing : str
        As for :func:`recbole_groupmix.core.groups.ranking_unfairness.ranking_unfairness`.
    """
    pairs = _pairs(groups, first, second)
    of_row = _groups_of(struct, groups)
    lists, (rows, items) = struct.get(TOP_ITEMS).numpy(), struct.get(RELEVANT).numpy().T
    table = []
    for k in topk:
        for pair in pairs:
            result = ranking_unfairness(lists[:, :k], rows, items, of_row, *pair, missing=missing)
            table.append({"k": k, **_named(groups, pair), **asdict(result)})
    return pd.DataFrame(table)


def _pairs(groups: Groups, first: str | None, second: str | None) -> list[tuple[int, int | None]]:
    if len(groups.names) < 2:
        raise ValueError(
            f"{groups.field} has the single group {', '.join(groups.names)}; unfairness is "
            "between two groups"
        )
    if first is None:
        if second is not None:
            raise ValueError(f"second is {second!r} without a first group; name both, or none")
        return list(combinations(range(len(groups.names)), 2))
    if first == second:
        raise ValueError(f"first and second are both {first!r}; name two different groups")
    return [(groups.index(first), None if second is None else groups.index(second))]


def _groups_of(struct: DataStruct, groups: Groups) -> np.ndarray:
    codes: np.ndarray = groups.of_user[struct.get(USERS).numpy()]
    return codes


def _named(groups: Groups, pair: tuple[int, int | None]) -> dict[str, str]:
    first, second = pair
    return {
        "first": groups.names[first],
        "second": REST if second is None else groups.names[second],
    }
