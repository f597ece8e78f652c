"""Everything that the mixes of one run share: data, groups, split, folds, held-out items."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from recbole.data.dataset import Dataset

from recbole_groupmix.adapters.config import GroupMixConfig
from recbole_groupmix.adapters.dataset import load_dataset
from recbole_groupmix.adapters.evaluate import HeldOut
from recbole_groupmix.adapters.groups import Groups, read_groups
from recbole_groupmix.adapters.support import check_weighting, model_class
from recbole_groupmix.core.negatives import UniformNegatives
from recbole_groupmix.core.split import fold_of_interaction, test_mask
from recbole_groupmix.pipeline.locate import data_folder
from recbole_groupmix.pipeline.settings import Settings

#: Part 0 trains on all of train and is evaluated on test; part f + 1 leaves fold f out.
ALL_OF_TRAIN = 0


@dataclass(frozen=True)
class Part:
    """One training part and what it is evaluated on.

    Attributes
    ----------
    rows : numpy.ndarray of int64, shape (n_train,)
        Rows of the data set that train.
    users, items : numpy.ndarray of int64, shape (n_train,)
        Internal ids of those rows.
    n_users : dict of str to int
        Users with at least one training interaction, by group: the ``n_j`` of Eq. 8.
    negatives : UniformNegatives
        Draws items that are not positives of a user in this part.
    held_out : HeldOut
        Users of all groups with their held-out items; training items are masked.
    """

    index: int
    rows: np.ndarray
    users: np.ndarray
    items: np.ndarray
    n_users: dict[str, int]
    negatives: UniformNegatives
    held_out: HeldOut


class Experiment:
    """The shared state of a run, loaded once; parts are made at their first use.

    Parameters
    ----------
    settings : Settings
        Merged and checked settings.

    Raises
    ------
    ValueError
        For a data set, group column, target, model, cut-off or fold that cannot be used; the
        message names the value and the way out.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        name, model = settings["dataset"], settings["model"]
        self.model_class: Any = model_class(model)
        check_weighting(model, settings["weighting"])
        field = settings["group_field"]
        if not field:
            raise ValueError(
                f"no group column known for data set {name!r}; name a user column by --group_field"
            )
        folder = data_folder(name, settings["data_path"], settings["benchmark_filename"])
        config = {k: v for k, v in settings.values.items() if k not in ("model", "dataset")}
        # the metrics are ours; RecBole's Config refuses to build without some of its own
        config.update(metrics=["Recall"], valid_metric=f"Recall@{settings['topk'][-1]}")
        self.config = GroupMixConfig(
            self.model_class, name, config, folder=folder, user_columns=(str(field),)
        )
        self.dataset: Dataset = load_dataset(self.config)
        self.groups: Groups = read_groups(self.dataset, str(field), settings["empty_group"])
        self.users = self.dataset.inter_feat[self.dataset.uid_field].numpy()
        self.items = self.dataset.inter_feat[self.dataset.iid_field].numpy()
        self.target = self._target(settings["target"])
        self._check_topk(settings["topk"])
        self.is_test = self._test_rows()
        self._parts: dict[int, Part] = {}

    @property
    def shape(self) -> tuple[int, int]:
        """(n_users, n_items) of RecBole, padding included."""
        return int(self.dataset.user_num), int(self.dataset.item_num)

    @property
    def n_users(self) -> dict[str, int]:
        """Users with at least one interaction in all of train, by group."""
        return self.part(ALL_OF_TRAIN).n_users

    @cached_property
    def folds(self) -> np.ndarray:
        """Fold of every row, int64 (n_interactions,), -1 for test rows."""
        folds = np.full(len(self.users), -1)
        train = ~self.is_test
        folds[train] = fold_of_interaction(
            self.users[train], self.settings["folds"], self.settings["seed"]
        )
        return folds

    def part(self, index: int) -> Part:
        """Return a part, kept for further use."""
        if index not in self._parts:
            self._parts[index] = self._make_part(index)
        return self._parts[index]

    def check_folds(self) -> None:
        """Raise ``ValueError`` if some fold holds nothing to evaluate the target on."""
        for fold in range(self.settings["folds"]):
            held_out = self.part(fold + 1).held_out
            if not self.target_users(held_out).any():
                raise ValueError(
                    f"fold {fold} of {self.settings['folds']} holds no interaction of target "
                    f"{self.target!r}, so no mix can be compared on it; use fewer folds or a "
                    "larger target"
                )

    def target_users(self, held_out: HeldOut) -> np.ndarray:
        """Return which rows of a ``HeldOut`` are target users, bool (n_eval,)."""
        of_user = self.groups.of_user[held_out.users]
        mine: np.ndarray = of_user == self.groups.index(self.target)
        return mine

    def dataset_of(self, part: Part, present: np.ndarray | None = None) -> Dataset:
        """Return a RecBole data set of a part's rows, of the users ``present`` if given.

        Models build graphs, histories and rating matrices from it.
        """
        rows = part.rows if present is None else part.rows[present[part.users]]
        return self.dataset.copy(self.dataset.inter_feat[rows])

    def _make_part(self, index: int) -> Part:
        if index == ALL_OF_TRAIN:
            train, held = ~self.is_test, self.is_test
        else:
            train, held = (self.folds >= 0) & (self.folds != index - 1), self.folds == index - 1
        rows = np.flatnonzero(train)
        rows = rows[np.argsort(self.users[rows], kind="stable")]
        users, items = self.users[rows], self.items[rows]
        return Part(
            index=index,
            rows=rows,
            users=users,
            items=items,
            n_users=self.groups.n_users(users),
            negatives=UniformNegatives(users, items, *self.shape),
            held_out=HeldOut.of_pairs(
                (users, items), (self.users[held], self.items[held]), self.shape
            ),
        )

    def _test_rows(self) -> np.ndarray:
        if self.settings["benchmark_filename"] is None:
            return test_mask(self.users, self.settings["seed"])
        sizes = self.dataset.file_size_list
        if len(sizes) < 2:
            raise ValueError(
                f"benchmark_filename is {self.settings['benchmark_filename']!r}; it needs at "
                "least two parts, the last of which is the test part"
            )
        is_test = np.zeros(sum(sizes), dtype=bool)
        is_test[-sizes[-1] :] = True
        return is_test

    def _target(self, target: str | None) -> str:
        if target is None or target == "":
            raise ValueError(
                "no target group given; choose one by --target. Groups of column "
                f"{self.groups.field!r}: {self.groups.table(self.users)}"
            )
        try:
            self.groups.index(target)
        except ValueError as error:
            raise ValueError(
                f"target {target!r} is not in group column {self.groups.field!r} of "
                f"{self.settings['dataset']!r}. Groups: {self.groups.table(self.users)}"
            ) from error
        return target

    def _check_topk(self, topk: list[int]) -> None:
        n_items = self.shape[1] - 1
        if topk[-1] > n_items:
            raise ValueError(
                f"topk {topk[-1]} is beyond the {n_items} items of {self.settings['dataset']!r}"
            )
