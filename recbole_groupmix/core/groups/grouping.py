"""Groups of users from one or more columns of tokens, and what to do with small ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Grouping:
    """The group of every user, or of every row of the table that it was made from.

    Parameters
    ----------
    codes : array of int, shape (n,)
        Index into `names`; -1 for a user without a group. Kept as a read-only int64 copy.
    names : tuple of str
        Name of each group, all different. A group may be empty.

    Raises
    ------
    ValueError
        If a code is not an integer or out of range, or a name is given twice.
    """

    codes: npt.NDArray[np.int64]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check both parts and store them so that neither can change."""
        codes, names = np.asarray(self.codes), tuple(self.names)
        if codes.ndim != 1 or (codes.size and not np.issubdtype(codes.dtype, np.integer)):
            raise ValueError(
                f"codes has shape {codes.shape} and dtype {codes.dtype}; it must be a "
                "one-dimensional array of integers."
            )
        _check_names(names)
        wrong = np.flatnonzero((codes < -1) | (codes >= len(names)))
        if wrong.size:
            raise ValueError(
                f"the code {codes[wrong[0]]} at position {wrong[0]} is not one of the "
                f"{len(names)} groups; codes lie in [0, {len(names)}), or are -1 for no group."
            )
        codes = codes.astype(np.int64)  # a copy
        codes.setflags(write=False)
        object.__setattr__(self, "codes", codes)
        object.__setattr__(self, "names", names)

    def counts(self) -> npt.NDArray[np.int64]:
        """Return the number of users of each group, int64 of shape (n_groups,)."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.names))

    def labels(self) -> list[str | None]:
        """Return the group's name of every user, None for those without a group."""
        by_code = (*self.names, None)
        return [by_code[code] for code in self.codes]


def cross(columns: Sequence[Sequence[str | None]], separator: str = "|") -> Grouping:
    """Return the groups of users who agree in every column, such as ``F|25``.

    Parameters
    ----------
    columns : sequence of sequences of str, each of shape (n,)
        One or more columns of tokens. None, NaN and the empty string are missing, and a user
        with a missing token in any column has no group.
    separator : str
        Text between the tokens in a group's name.

    Returns
    -------
    Grouping
        Only combinations that occur, in order of the first column, then the next; a column's
        tokens are in numeric order where all are whole numbers, else sorted.

    Raises
    ------
    ValueError
        If there are no columns, their lengths differ, a token is not a string, or, with several
        columns, a token contains the separator, so that names would be ambiguous.
    """
    if not columns or isinstance(columns, str) or isinstance(columns[0], str):
        raise ValueError(f"columns is {columns!r}; give a sequence of columns of tokens.")
    lengths = [len(column) for column in columns]
    if len(set(lengths)) > 1:
        raise ValueError(f"columns have {lengths} entries; all need one entry per user.")
    ranks = []
    orders = []
    for number, column in enumerate(columns):
        tokens = _checked_tokens(column, number)
        order = _in_order({token for token in tokens if token is not None})
        clash = [token for token in order if separator in token] if len(columns) > 1 else []
        if clash:
            raise ValueError(
                f"the token {clash[0]!r} of column {number} contains the separator "
                f"{separator!r}; choose a separator that no token contains."
            )
        place: dict[str | None, int] = {token: rank for rank, token in enumerate(order)}
        place[None] = -1
        ranks.append([place[token] for token in tokens])
        orders.append(order)
    rows = list(zip(*ranks, strict=True))
    combinations = sorted({row for row in rows if min(row) >= 0})
    code_of = {row: code for code, row in enumerate(combinations)}
    names = tuple(
        separator.join(order[rank] for order, rank in zip(orders, row, strict=True))
        for row in combinations
    )
    return Grouping(np.array([code_of.get(row, -1) for row in rows], dtype=np.int64), names)


def small_groups(
    grouping: Grouping, min_users: int, action: str = "refuse", name: str = "other"
) -> Grouping:
    """Return the grouping without groups of fewer than `min_users` users.

    Parameters
    ----------
    grouping : Grouping
        Groups of users; users that do not count have code -1.
    min_users : int
        Fewest users that a group may have, >= 0.
    action : {"refuse", "merge"}
        Refuse small groups, or merge them into one, which stands last; with "merge", groups
        without any user are left out.
    name : str
        Name of the merged group. A group that has this name already must be small itself.

    Raises
    ------
    ValueError
        If small groups are refused, or merged but still too small together, if the merged
        group's name is taken, or `action` or `min_users` is not allowed.
    """
    if action not in ("refuse", "merge"):
        raise ValueError(f"action is {action!r}; it must be 'refuse' or 'merge'.")
    if min_users < 0:
        raise ValueError(f"min_users is {min_users}; it must be >= 0.")
    counts = grouping.counts()
    small = counts < min_users
    if not small.any():
        return grouping
    listed = ", ".join(f"{grouping.names[i]} ({counts[i]})" for i in np.flatnonzero(small))
    if action == "refuse":
        raise ValueError(
            f"groups with fewer than min_users = {min_users} users: {listed}; lower min_users, "
            "merge them, or define larger groups."
        )
    together = int(counts[small].sum())
    if 0 < together < min_users:
        raise ValueError(
            f"the groups {listed} have {together} users together, still fewer than min_users = "
            f"{min_users}; lower min_users or define larger groups."
        )
    kept = [group for group, is_small in zip(grouping.names, small, strict=True) if not is_small]
    if name in kept:
        raise ValueError(
            f"there is a group {name!r} of at least {min_users} users already; choose another "
            "name for the merged one."
        )
    recoded = np.where(small, len(kept), np.cumsum(~small) - 1)
    codes = np.append(recoded, -1)[grouping.codes]
    return Grouping(codes, (*kept, name) if together else tuple(kept))


def _check_names(names: tuple[str, ...]) -> None:
    for name in names:
        if not isinstance(name, str):
            raise ValueError(f"the group name {name!r} is not a string.")
    if len(set(names)) < len(names):
        double = max(names, key=names.count)
        raise ValueError(f"the group name {double!r} is given twice; names must differ.")


def _checked_tokens(column: Sequence[str | None], number: int) -> list[str | None]:
    """Return the column with None for missing tokens; refuse values that are not strings."""
    tokens: list[str | None] = []
    for position, token in enumerate(column):
        if isinstance(token, str):
            tokens.append(str(token) or None)
        elif token is None or (isinstance(token, float) and np.isnan(token)):
            tokens.append(None)
        else:
            raise ValueError(
                f"column {number} holds {token!r} at position {position}, which is not a "
                "string; cut a numeric column into bins first, or turn it into strings."
            )
    return tokens


def _in_order(tokens: set[str]) -> list[str]:
    if all(token.isascii() and token.isdigit() for token in tokens):
        return sorted(tokens, key=lambda token: (int(token), token))
    return sorted(tokens)
