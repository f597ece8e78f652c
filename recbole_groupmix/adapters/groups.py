"""Groups of users, read from a loaded data set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from recbole.data.dataset import Dataset
from recbole.utils import FeatureType

from recbole_groupmix.adapters.atomic_header import read_header
from recbole_groupmix.adapters.filters import BY_FILE
from recbole_groupmix.core.spelling import did_you_mean

#: Name that users without a group token get under ``empty_group: keep``.
EMPTY_GROUP = "(empty)"
_LISTED = 30


@dataclass(frozen=True)
class Groups:
    """The group of every user of a data set.

    Attributes
    ----------
    field : str
        Column of the ``.user`` file, or what the groups were made by, such as ``mainstream``.
    names : tuple of str
        External tokens, in numeric order where all are integers, else sorted; of groups made by a
        number from the lowest to the highest.
    of_user : numpy.ndarray of int64, shape (n_users,)
        Index into ``names`` by RecBole's internal user id; -1 for the padding id 0 and for
        users without any interaction, or without one that says their group.
    from_column : bool
        Whether ``field`` is a column.
    """

    field: str
    names: tuple[str, ...]
    of_user: np.ndarray
    from_column: bool = True

    @property
    def source(self) -> str:
        """What the groups come from, for messages: ``column 'age'``, ``group_by mainstream``."""
        return f"column {self.field!r}" if self.from_column else f"group_by {self.field}"

    def index(self, name: str) -> int:
        """Return the index of a group; raise ``ValueError`` with the nearest names otherwise."""
        if name in self.names:
            return self.names.index(name)
        raise ValueError(
            f"{name!r} is not a group in {self.source}; groups are {', '.join(self.names)}"
            f"{did_you_mean(name, self.names)}"
        )

    def users(self, name: str) -> np.ndarray:
        """Return the internal ids, int64 (n,), of a group's users, ascending."""
        return np.flatnonzero(self.of_user == self.index(name))

    def n_users(self, users: np.ndarray) -> dict[str, int]:
        """Count the distinct users of each group among the rows of a training part.

        Parameters
        ----------
        users : numpy.ndarray of int, shape (n_interactions,)
            Internal user id of every interaction; this is the ``n_j`` of Eq. 8.
        """
        return self._counts(np.unique(users))

    def n_interactions(self, users: np.ndarray) -> dict[str, int]:
        """Count the interactions of each group; ``users`` as in :meth:`n_users`."""
        return self._counts(users)

    def weights_of_users(self, group_weights: Mapping[str, float]) -> np.ndarray:
        """Return the weight of every user's group, float64 (n_users,); 0 for users without one."""
        by_group = np.array([group_weights[name] for name in self.names] + [0.0])
        return by_group[self.of_user]

    def table(self, users: np.ndarray) -> str:
        """Return the groups with users and interactions, for messages; the largest if many."""
        n_users, n_inter = self.n_users(users), self.n_interactions(users)
        names = list(self.names)
        if len(names) > _LISTED:
            names = sorted(names, key=lambda name: -n_users[name])[:_LISTED]
        listed = ", ".join(
            f"{name} ({n_users[name]} user{'' if n_users[name] == 1 else 's'}, "
            f"{n_inter[name]} interactions)"
            for name in names
        )
        more = len(self.names) - len(names)
        return f"{listed} and {more} smaller ones" if more else listed

    def _counts(self, ids: np.ndarray) -> dict[str, int]:
        codes = self.of_user[ids]
        counts = np.bincount(codes[codes >= 0], minlength=len(self.names))
        return {name: int(count) for name, count in zip(self.names, counts, strict=True)}


def read_groups(dataset: Dataset, field: str, empty_group: str = "refuse") -> Groups:
    """Read the group of every user from a user column.

    Parameters
    ----------
    dataset : Dataset
        A loaded data set (:func:`~.dataset.load_dataset`).
    field : str
        Name of a token column of the ``.user`` file.
    empty_group : {"refuse", "keep"}
        What to do with users whose token is empty or who are absent from the ``.user`` file.

    Raises
    ------
    ValueError
        If the column is absent or not a token column, if users without a token are refused or
        their name is taken, if a token holds a tab or a line break, or if there is only one group.
    """
    users = dataset.inter_feat[dataset.uid_field].numpy()
    column = _token_column(dataset, field)
    tokens = dataset.field2id_token[field]
    active = np.zeros(dataset.user_num, dtype=bool)
    active[users] = True
    empty = active & (column == 0)
    n_empty = int(empty.sum())
    if n_empty and empty_group == "refuse":
        raise ValueError(_without_group(dataset, field, active, empty))
    present = [str(tokens[code]) for code in np.unique(column[active]) if code != 0]
    refuse_several_lines(present, f"group column {field!r} of {dataset.dataset_name}.user")
    if n_empty and EMPTY_GROUP in present:
        raise ValueError(
            f"group column {field!r} of {dataset.dataset_name}.user has the token {EMPTY_GROUP}, "
            "which is the name that users without a token get; use another name for it"
        )
    names = tuple(sorted(present, key=_token_order(present)) + ([EMPTY_GROUP] if n_empty else []))
    if len(names) < 2:
        raise ValueError(
            f"group column {field!r} of {dataset.dataset_name}.user has the single group "
            f"{', '.join(names) or '(none)'}; a mix needs the target and at least one other "
            "group: name another column by --group_field"
        )
    position = {name: index for index, name in enumerate(names)}
    of_code = np.array([position.get(str(token), -1) for token in tokens])
    of_code[0] = position.get(EMPTY_GROUP, -1) if n_empty else -1
    of_user = np.where(active, of_code[column], -1).astype(np.int64)
    return Groups(field=field, names=names, of_user=of_user)


def refuse_several_lines(names: Iterable[str], where: str) -> None:
    """Raise ``ValueError`` for a group name with a tab or a line break.

    Such names come from quoted cells and would break rows of tables and files.
    """
    for name in names:
        if "\t" in name or name.splitlines() != [name]:
            raise ValueError(
                f"{where} holds {name!r}, a name with a tab or a line break; look for an extra "
                "quote in the file, or give the group a name of one line"
            )


def _without_group(dataset: Dataset, field: str, active: np.ndarray, empty: np.ndarray) -> str:
    """Return how many users have no group, why, and what to do about it."""
    file, users = f"{dataset.dataset_name}.user", dataset.inter_feat[dataset.uid_field].numpy()
    listed = getattr(dataset, "listed_users", None)
    absent = empty & ~listed if listed is not None else np.zeros_like(empty)
    n_empty, n_absent = int(empty.sum()), int(absent.sum())
    no_value = f"no value in group column {field!r} of {file}"
    reason = f"have {no_value}"
    if n_absent == n_empty:
        reason = f"are not in {file}"
    elif n_absent:
        reason = (
            f"have no group: {n_absent} are not in {file}, {n_empty - n_absent} have {no_value}"
        )
    if listed is not None and not (active & listed).any() and listed.any():
        names = dataset.field2id_token[dataset.uid_field]
        reason += (
            f": ids are such as {str(names[users[0]])!r} in {dataset.dataset_name}.inter and such as "
            f"{str(names[listed.argmax()])!r} in {file}, and must be written in one form"
        )
    ways = ["give them a group"]
    if n_absent and dataset.config["benchmark_filename"] is None:
        ways.append(f"leave those who are not in {file} out by --{BY_FILE}=True")
    if n_absent < n_empty and field not in (dataset.config["val_interval"] or {}):
        whom = "those without a value" if n_absent else "them"
        ways.append(f"leave {whom} out by --val_interval, a list of the groups that stay")
    return (
        f"{n_empty} of {int(active.sum())} users ({int(empty[users].sum())} of {len(users)} "
        f"interactions) {reason}; {', '.join(ways)}, or keep them as the group {EMPTY_GROUP} by --empty_group=keep"
    )


def _token_column(dataset: Dataset, field: str) -> np.ndarray:
    feature, name = dataset.user_feat, dataset.dataset_name
    if feature is None or field not in feature or field == dataset.uid_field:
        columns = columns_of_user_file(dataset)
        hint = did_you_mean(field, columns, " ({})")
        raise ValueError(
            f"{name}.user has no column {field!r} that can hold groups; columns there: "
            f"{', '.join(columns) or 'none'}{hint}. Name one by --group_field"
        )
    kind = dataset.field2type[field]
    if kind != FeatureType.TOKEN:
        raise ValueError(
            f"group column {field!r} of {name}.user has type {kind.value!r}; a group column "
            f"must be of type 'token': write {field}:token into the header of the file"
        )
    codes: np.ndarray = feature[field].numpy()
    return np.maximum(codes, 0)  # RecBole's own data sets leave int64's minimum under pandas 3


def columns_of_user_file(dataset: Dataset) -> list[str]:
    """Names in the header of the ``.user`` file, loaded or not, without the user id."""
    path = Path(dataset.dataset_path) / f"{dataset.dataset_name}.user"
    if not path.is_file():
        return []
    header = read_header(path, dataset.config["field_separator"], dataset.config["encoding"])
    return [name for name, _ in header.columns if name != dataset.uid_field]


def _token_order(tokens: list[str]) -> Any:
    if all(token.isdecimal() for token in tokens):
        return lambda token: (int(token), token)
    return lambda token: token
