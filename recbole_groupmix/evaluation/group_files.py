"""Groups of users from a file that is not part of the data set."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from recbole_groupmix.adapters.groups import Groups, refuse_several_lines
from recbole_groupmix.evaluation.groupings import first_users, of_pairs, refuse_duplicates
from recbole_groupmix.evaluation.user_columns import dataset_of
from recbole_groupmix.files.quoted_cells import check_quotes
from recbole_groupmix.text.untrusted import error_text


def groups_from_csv(
    data: Any, path: str | Path, column: str | None = None, *, unknown: str = "refuse"
) -> Groups:
    """Read the group of every user from a CSV or TSV file.

    Parameters
    ----------
    data : Dataset or AbstractDataLoader
        RecBole's data set or any of its loaders, such as ``test_data``.
    path : str or pathlib.Path
        A file with a header, separated by tabs if its suffix is ``.tsv`` and by commas
        otherwise. The column named like RecBole's ``USER_ID_FIELD`` (``user_id``) holds the users'
        external tokens. An empty cell means no group. The header may have RecBole's types
        (``user_id:token``).
    column : str, optional
        The column of the groups; optional if there is only one besides the user's.
    unknown : {"refuse", "ignore"}
        What to do with users who are not in the data set.

    Raises
    ------
    ValueError
        If a column is absent or ambiguous, a row has too few cells, a user is named twice, or users
        are unknown and refused.
    """
    if unknown not in ("refuse", "ignore"):
        raise ValueError(f"unknown is {unknown!r}; it must be 'refuse' or 'ignore'")
    dataset, path = dataset_of(data), Path(path)
    header, rows = _read(path)
    if dataset.uid_field not in header:
        raise ValueError(
            f"{path} has no column {dataset.uid_field!r}; its header is {', '.join(header)}"
        )
    others = [name for name in header if name != dataset.uid_field]
    if (column is None and len(others) != 1) or (column is not None and column not in others):
        wanted = "column" if column is None else f"column {column!r}"
        raise ValueError(
            f"which {wanted} of {path} holds the groups? Columns there: "
            f"{', '.join(others) or 'none'}; name one by groups_from_csv(..., column=...)"
        )
    field = others[0] if column is None else column
    user_at, group_at = header.index(dataset.uid_field), header.index(field)
    pairs = [(row[user_at], row[group_at]) for row in rows]
    refuse_duplicates([user for user, _ in pairs], str(path))
    refuse_several_lines([group for _, group in pairs if group], f"column {field!r} of {path}")
    known = {str(token) for token in dataset.field2id_token[dataset.uid_field][1:]}
    strangers = [user for user, _ in pairs if user not in known]
    if strangers and unknown == "refuse":
        raise ValueError(
            f"{len(strangers)} users of {path} are not in data set {dataset.dataset_name}: "
            f"{first_users(strangers)}; correct them, or pass unknown='ignore' to leave them out"
        )
    return of_pairs(dataset, pairs, field)


def _read(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
        check_quotes(path, delimiter, "utf-8-sig")
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            rows = [(reader.line_num, row) for row in reader if row]
    except (OSError, ValueError, csv.Error) as error:  # a UnicodeDecodeError is a ValueError
        raise ValueError(
            f"{path} cannot be read as a table of groups: {error_text(error)}"
        ) from error
    if not rows:
        raise ValueError(f"{path} is empty; its first line must name the columns")
    (_, header), *body = rows
    for number, row in body:
        if len(row) != len(header):
            raise ValueError(
                f"line {number} of {path} has {len(row)} cells, its header {len(header)}"
            )
    return [name.strip().partition(":")[0] for name in header], [row for _, row in body]
