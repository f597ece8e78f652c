"""The paper's Table 2: the users and interactions of each group, compared with a data set."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recbole_groupmix.text.tables import aligned


@dataclass(frozen=True)
class Reference:
    """The expected counts of a prepared data set.

    Attributes
    ----------
    groups : dict from str to (int, int)
        Group token -> (users, interactions).
    n_items : int
        Items with at least one interaction.
    digits : int or None
        Significant digits to which the numbers of interactions are known; None: exactly.
    """

    groups: dict[str, tuple[int, int]]
    n_items: int
    digits: int | None = None


TABLE2 = {
    # The paper prints three significant digits; these are the exact counts, which agree with it.
    "ml-1m": Reference(
        {
            "1": (222, 27_211),
            "18": (1103, 183_536),
            "25": (2096, 395_556),
            "35": (1193, 199_003),
            "45": (550, 83_633),
            "50": (496, 72_490),
            "56": (380, 38_780),
        },
        n_items=3706,
    ),
    "lastfm-asia": Reference(
        {
            "0": (1060, 525_000),
            "3": (502, 175_000),
            "10": (1265, 511_000),
            "17": (1493, 536_000),
        },
        n_items=7832,
        digits=3,
    ),
}
"""Data set -> the counts of Table 2 of the paper, and its numbers of items (Section 4).

A total is the sum of its groups.
"""


@dataclass(frozen=True)
class Row:
    """One group of a data set beside Table 2.

    Attributes
    ----------
    group : str
        Group token, or ``"all"`` for the total.
    users, interactions : int
        Counted users with at least one interaction, and interactions.
    expected_users, expected_interactions : int or None
        Values of Table 2; None if the data set or the group is not in it.
    ok : bool or None
        Whether both agree; None where the data set is not in Table 2.
    """

    group: str
    users: int
    expected_users: int | None
    interactions: int
    expected_interactions: int | None
    ok: bool | None


@dataclass(frozen=True)
class Comparison:
    """A data set beside Table 2.

    Attributes
    ----------
    name : str
        Name of the data set.
    rows : tuple of Row
        The groups, then the total.
    n_items : int
        Items with at least one interaction.
    expected_items : int or None
        What the data set should hold, None where Table 2 does not know it.
    digits : int or None
        Significant digits to which numbers of interactions were compared; None: exactly.
    """

    name: str
    rows: tuple[Row, ...]
    n_items: int
    expected_items: int | None
    digits: int | None

    @property
    def ok(self) -> bool | None:
        """Whether every figure agrees; None where the data set is not in Table 2."""
        if self.expected_items is None:
            return None
        return self.n_items == self.expected_items and all(row.ok for row in self.rows)


def compare(
    name: str,
    group_of_user: Mapping[str, str],
    interaction_users: Sequence[str],
    interaction_items: Sequence[str],
) -> Comparison:
    """Count a data set by group and compare it with Table 2 of the paper.

    Parameters
    ----------
    name : str
        Name of the data set; one that is not in Table 2 is only counted.
    group_of_user : mapping from str to str
        User token -> group token, for every user with an interaction.
    interaction_users, interaction_items : sequence of str, shape (n_interactions,)
        User and item token of every interaction.

    Returns
    -------
    Comparison
        One row for each group that occurs or is expected, then the total ``"all"``.
    """
    per_user = Counter(interaction_users)
    users = Counter(group_of_user[user] for user in per_user)
    interactions: Counter[str] = Counter()
    for user, count in per_user.items():
        interactions[group_of_user[user]] += count
    reference = TABLE2.get(name)
    expected = reference.groups if reference else {}
    rows = [
        _row(group, users[group], interactions[group], expected.get(group), reference)
        for group in sorted({*users, *expected}, key=_numbers_first)
    ]
    total = (sum(n for n, _ in expected.values()), sum(n for _, n in expected.values()))
    rows.append(
        _row("all", len(per_user), len(interaction_users), total if reference else None, reference)
    )
    return Comparison(
        name=name,
        rows=tuple(rows),
        n_items=len(set(interaction_items)),
        expected_items=reference.n_items if reference else None,
        digits=reference.digits if reference else None,
    )


def format_comparison(comparison: Comparison) -> str:
    """Return the comparison as a text table with its verdict in the last line."""
    known = comparison.expected_items is not None
    titles = ["group", "users", "interactions"]
    if known:
        titles = ["group", "users", "Table 2", "interactions", "Table 2", ""]
    table = [titles]
    for row in comparison.rows:
        cells = [row.group, _number(row.users), _number(row.interactions)]
        if known:
            cells.insert(2, _number(row.expected_users))
            cells += [_number(row.expected_interactions), "ok" if row.ok else "differs"]
        table.append(cells)
    return "\n".join([*aligned(table, left=(0, 5)), _items_and_verdict(comparison)])


def _row(
    group: str,
    users: int,
    interactions: int,
    expected: tuple[int, int] | None,
    reference: Reference | None,
) -> Row:
    expected_users, expected_interactions = expected or (None, None)
    ok = None
    if reference is not None:
        ok = (
            expected is not None
            and users == expected[0]
            and _rounded(interactions, reference) == _rounded(expected[1], reference)
        )
    return Row(group, users, expected_users, interactions, expected_interactions, ok)


def _rounded(count: int, reference: Reference) -> str:
    return str(count) if reference.digits is None else f"{count:.{reference.digits - 1}e}"


def _number(count: int | None) -> str:
    return "-" if count is None else f"{count:,}"


def _numbers_first(group: str) -> tuple[bool, int, str]:
    is_number = group.isascii() and group.isdigit()
    return (not is_number, int(group) if is_number else 0, group)


def _items_and_verdict(comparison: Comparison) -> str:
    items = f"items: {comparison.n_items:,}"
    if comparison.expected_items is None:
        return items
    items += f", expected {comparison.expected_items:,}"
    digits = comparison.digits
    exactness = "" if digits is None else f" (interactions to {digits} significant digits)"
    if comparison.ok:
        return f"{items}; agrees with Table 2 of the paper{exactness}"
    return f"{items}; DIFFERS from Table 2 of the paper{exactness}"
