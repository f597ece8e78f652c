"""RecBole's filters of interactions, with a record of what each removed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from recbole.utils import FeatureType

from recbole_groupmix.adapters.removed import NothingLeftError, Removed
from recbole_groupmix.core.filter_interval import EXAMPLE, interval_problem

#: RecBole's key that drops interactions of users and items without a row in their file.
BY_FILE = "filter_inter_by_user_or_item"
_FLOATS = (FeatureType.FLOAT, FeatureType.FLOAT_SEQ)


class CountedFilters:
    """Mixin for RecBole's dataset classes: RecBole's filters, with counts of what they remove.

    Attributes
    ----------
    removed : tuple of Removed
        A record for each step that removed interactions, in order.
    notes : tuple of str
        Other remarks on the files, a line each.
    listed_users : numpy.ndarray of bool, shape (n_users,), or None
        Which internal ids have a row in the ``.user`` file; None where no such file is loaded.
    """

    removed: tuple[Removed, ...] = ()
    notes: tuple[str, ...] = ()
    user_feat: Any  # a table while it loads, as all features are
    listed_users: np.ndarray | None = None

    def note(self, line: str) -> None:
        """Keep a note that a run prints."""
        self.notes += (line,)

    def _counted(self, step: str, keep: str, work: Callable[[], None]) -> None:
        """Let `work` remove interactions and keep a record of it."""
        before = self._pairs()
        work()
        self.record(before, self._pairs(), step, keep)

    def record(self, before: pd.DataFrame, after: pd.DataFrame, step: str, keep: str) -> None:
        """Keep the record of a step from :meth:`Removed.between`, unless it removed nothing."""
        removed = Removed.between(before, after, step, keep)
        self.removed += () if removed is None else (removed,)

    def _pairs(self) -> pd.DataFrame:
        """Users and items of the interactions, a copy: RecBole removes rows in place."""
        fields = [self.uid_field, self.iid_field]  # type: ignore[attr-defined]
        pairs: pd.DataFrame = self.inter_feat[fields]  # type: ignore[attr-defined]
        return pairs

    def _given(self, key: str) -> bool:
        """Whether a key was set in the configuration, not by RecBole's defaults."""
        return key in self.config.external_config_dict  # type: ignore[attr-defined]

    def _file(self, suffix: str) -> str:
        return f"{self.dataset_name}.{suffix}"  # type: ignore[attr-defined]

    def _data_filtering(self) -> None:
        listed = {"user": self.user_feat, "item": self.item_feat}  # type: ignore[attr-defined,has-type]
        fields = {"user": self.uid_field, "item": self.iid_field}  # type: ignore[attr-defined]
        self._in_file = {
            kind: None if feat is None else feat[fields[kind]] for kind, feat in listed.items()
        }
        super()._data_filtering()  # type: ignore[misc]
        del self._in_file

    def _filter_nan_user_or_item(self) -> None:
        # RecBole takes row labels for positions: after a row without a user it drops the row
        # behind one without an item, and keeps that one.
        user, item = [self.uid_field], [self.iid_field]  # type: ignore[attr-defined]
        for suffix, fields in {"inter": user + item, "user": user, "item": item}.items():
            feat = getattr(self, f"{suffix}_feat")
            if feat is None or not feat[fields].isna().any(axis=None):
                continue
            before, kept = self._pairs(), feat.dropna(subset=fields)
            setattr(self, f"{suffix}_feat", kept)
            what = f"rows of {self._file(suffix)} without {' or '.join(fields)}"
            self.record(before, self._pairs(), what, "write it into the file to keep them")
            if suffix != "inter":
                self.note(f"{len(feat) - len(kept)} {what} are left out")

    def _remove_duplication(self) -> None:
        keep = self.config["rm_dup_inter"]  # type: ignore[attr-defined]
        self._counted(
            f"repeated interactions, but for the {keep} (rm_dup_inter)",
            "without rm_dup_inter they stay",
            super()._remove_duplication,  # type: ignore[misc]
        )

    def _filter_by_field_value(self) -> None:
        intervals = self.config["val_interval"] or {}  # type: ignore[attr-defined]
        types = self.field2type  # type: ignore[attr-defined]
        for field, values in intervals.items():
            if field in types and types[field] not in _FLOATS:
                self._check_tokens(field, values)
        self._counted(
            f"rows outside val_interval {intervals}",
            "without val_interval they stay",
            super()._filter_by_field_value,  # type: ignore[misc]
        )

    def _check_tokens(self, field: str, values: Any) -> None:
        named = isinstance(values, (list, tuple, set)) and all(isinstance(v, str) for v in values)
        if not named:
            raise ValueError(
                f"val_interval of {field} is {values!r}; {field} holds tokens, so it must list "
                "those to keep as text, for example ['a','25']"
            )

    def _parse_intervals_str(self, intervals_str: Any) -> Any:
        # RecBole warns of an interval that it cannot read, and ignores it
        problem = None if intervals_str is None else interval_problem(intervals_str)
        if problem:
            raise ValueError(f"{intervals_str!r} is not an interval: {problem}; write {EXAMPLE}")
        return super()._parse_intervals_str(intervals_str)  # type: ignore[misc]

    def _filter_inter_by_user_or_item(self) -> None:
        """Drop what RecBole drops, except users without a row in the ``.user`` file.

        These are dropped only if the key was given: they have no group, and ``empty_group``
        decides about users without a group.
        """
        before = self._pairs()
        users = self.user_feat
        listed = self._in_file["user"]
        if listed is not None and not self._given(BY_FILE):
            strangers = pd.Index(before[self.uid_field].unique()).difference(listed)  # type: ignore[attr-defined]
            known = np.concatenate([users[self.uid_field].to_numpy(), strangers])  # type: ignore[attr-defined]
            self.user_feat = pd.DataFrame({self.uid_field: known})  # type: ignore[attr-defined]
        super()._filter_inter_by_user_or_item()  # type: ignore[misc]
        self.user_feat = users
        if len(self._pairs()) < len(before):
            self._record_by_cause(before)

    def _record_by_cause(self, before: pd.DataFrame) -> None:
        gone = ~before.index.isin(self._pairs().index)
        for column, (kind, listed) in enumerate(self._in_file.items()):
            if listed is not None:
                removed_here = gone & ~before.iloc[:, column].isin(listed).to_numpy()
                self.record(
                    before,
                    before[~removed_here],
                    f"{kind}s that are not in {self._file(kind)} ({BY_FILE})",
                    f"add them to the file, or keep them by --{BY_FILE}=False",
                )
                before, gone = before[~removed_here], gone[~removed_here]
        self.record(
            before,
            before[~gone],
            "users and items outside val_interval",
            "without val_interval they stay",
        )

    def _filter_by_inter_num(self) -> None:
        keys = ("user_inter_num_interval", "item_inter_num_interval")
        given = [key for key in keys if self._given(key)]
        said = ", ".join(f"{key} {self.config[key]}" for key in given)  # type: ignore[attr-defined]
        self._counted(
            f"users or items with too few or too many interactions ({said})",
            f"without {' and '.join(given)} they stay",
            super()._filter_by_inter_num,  # type: ignore[misc]
        )

    def _filter_link(self) -> None:
        """Drop interactions with items outside the knowledge graph, as RecBole does."""
        self._counted(
            f"items that {self._file('link')} links to no entity of {self._file('kg')}",
            "link them to keep them",
            super()._filter_link,  # type: ignore[misc]
        )
        self.refuse_nothing_left()

    def _reset_index(self) -> None:
        self.refuse_nothing_left()
        super()._reset_index()  # type: ignore[misc]

    def refuse_nothing_left(self) -> None:
        """Raise ``ValueError`` with what every step removed, if no interaction is left."""
        if not len(self.inter_feat) and self.removed:  # type: ignore[attr-defined]
            steps = " | ".join(map(str, self.removed))
            raise NothingLeftError(f"no interaction of {self.dataset_name} is left: {steps}")  # type: ignore[attr-defined]

    def _user_item_feat_preparation(self) -> None:
        if self.user_feat is not None:
            self.listed_users = np.zeros(self.user_num, dtype=bool)  # type: ignore[attr-defined]
            self.listed_users[self.user_feat[self.uid_field].to_numpy()] = True  # type: ignore[attr-defined]
        super()._user_item_feat_preparation()  # type: ignore[misc]
