"""The recipe of a data set: how it is made from its source and written to its folder."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from recbole_groupmix.prepare.publish import Tables, check_writable, publish
from recbole_groupmix.prepare.table2 import compare, format_comparison
from recbole_groupmix.text.tables import paragraphs
from recbole_groupmix.text.untrusted import markdown_text


@dataclass(frozen=True)
class Noted:
    """Tables that depend on what was found in a source, with notes on it.

    Attributes
    ----------
    tables : mapping from str to mapping
        As `Recipe.tables` returns them.
    notes : sequence of str
        Sentences: which files were read, what was left out. They are printed, and kept at the end
        of SOURCE.md.
    """

    tables: Tables
    notes: Sequence[str]


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
        features of items, ``"item"``; with notes as `Noted`.
    source_text : callable
        -> text of SOURCE.md: origin, licence, citation, how it was made.
    needs : str or None
        The source that a user has to provide; None if the data set is made without one.
    with_options : callable or None
        Options by name -> the recipe with them; None if there are none.
    """

    name: str
    group_field: str
    tables: Callable[[Path | None], Tables | Noted]
    source_text: Callable[[], str]
    needs: str | None = None
    with_options: "Callable[[Mapping[str, str]], Recipe] | None" = None

    def check_source(self, source: Path | None) -> None:
        """Raise ``ValueError`` if a source is needed and none is given."""
        if source is None and self.needs is not None:
            raise ValueError(
                f"{self.name} is not shipped and needs a source: {self.needs}; then run "
                f"`groupmix prepare {self.name} --source FILE_OR_FOLDER`"
            )

    def make(self, source: Path | None, out: Path, *, force: bool) -> str:
        """Write the data set to ``<out>/<name>`` and return its groups and notes as text.

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
        folder = Path(out) / self.name
        check_writable(folder)
        found = self.tables(source)
        tables, notes = (found.tables, found.notes) if isinstance(found, Noted) else (found, ())
        comparison = self._compare(tables)
        text = self.source_text()
        if notes:
            listed = paragraphs(f"- {markdown_text(note)}" for note in notes)
            text += "\n".join(["\n## This copy\n", *listed]) + "\n"
        publish(folder, self.name, tables, text, force=force)
        return "\n".join([comparison, *([""] if notes else []), *paragraphs(notes)])

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
