"""The recipe of a data set: how it is made from its source and written to its folder."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from recbole_groupmix.prepare.publish import Tables, check_writable, publish
from recbole_groupmix.prepare.table2 import compare, format_comparison


@dataclass(frozen=True)
class Recipe:
    """How one data set is made.

    Attributes
    ----------
    name : str
        Name of the data set, as RecBole knows it.
    group_field : str
        The token column of ``.user`` that holds the groups.
    tables : callable
        Source, a path or None, -> the tables ``"inter"``, ``"user"`` and, where there are
        features of items, ``"item"``.
    source_text : callable
        -> text of SOURCE.md: origin, licence, citation, how it was made.
    needs : str or None
        The source that a user has to provide; None if the data set is made without one.
    """

    name: str
    group_field: str
    tables: Callable[[Path | None], Tables]
    source_text: Callable[[], str]
    needs: str | None = None

    def make(self, source: Path | None, out: Path, *, force: bool) -> str:
        """Write the data set to ``<out>/<name>`` and return its comparison with Table 2.

        Parameters
        ----------
        source : pathlib.Path or None
            Archive or folder to make it from.
        out : pathlib.Path
            Folder of data sets.
        force : bool
            Whether to replace another version.

        Raises
        ------
        ValueError
            If the source is missing, unreadable or malformed, or the folder cannot be written to
            or holds another version.
        """
        if source is None and self.needs is not None:
            raise ValueError(
                f"{self.name} is not shipped and needs a source: {self.needs}; then run "
                f"`groupmix prepare {self.name} --source FILE_OR_FOLDER`"
            )
        folder = Path(out) / self.name
        check_writable(folder)
        tables = self.tables(source)
        comparison = self._compare(tables)
        publish(folder, self.name, tables, self.source_text(), force=force)
        return comparison

    def _compare(self, tables: Tables) -> str:
        inter, user = tables["inter"], tables["user"]
        users = [str(token) for token in user["user_id:token"]]
        groups = [str(token) for token in user[f"{self.group_field}:token"]]
        group_of_user = dict(zip(users, groups, strict=True))
        if len(group_of_user) != len(users):
            twice = next(token for token, count in Counter(users).items() if count > 1)
            raise ValueError(
                f"source of {self.name}: user {twice!r} is described twice; every user belongs "
                f"to one group"
            )
        seen = [str(token) for token in inter["user_id:token"]]
        strangers = sorted(set(seen) - group_of_user.keys())
        if strangers:
            raise ValueError(
                f"source of {self.name}: {len(strangers)} users have interactions but no "
                f"description and so no {self.group_field}, among them {strangers[0]!r}; the "
                f"files are incomplete or of different data sets"
            )
        items = [str(token) for token in inter["item_id:token"]]
        return format_comparison(compare(self.name, group_of_user, seen, items))
