"""The split of a run: which rows test, and which rows each fold trains on and holds out.

Without ``eval_args`` a fifth of each user's rows is test, and the others are dealt out to the
folds at random. With a split, an order or a grouping in ``eval_args`` RecBole's own split makes
the rows; its validation part belongs to train, and the folds follow the order:

================================  =============================================================
Rows are drawn at random (RO)     Folds are dealt as without ``eval_args``; a fold trains on all
                                  other folds.
Rows are ordered in time (TO)     Rolling origin: no fold holds out the first half of the time,
                                  of each user or, with ``group_by: none``, of all; fold f holds
                                  out the f-th block of the other half and trains on all before.
Last rows are left out (LS)       Fold 1 holds out each user's last row of train, fold 2 the one
                                  before; a fold trains on what is before the row it holds out.
================================  =============================================================

Under TO and LS the rows after those that a fold holds out are in no part of that fold. A user
whom a fold holds nothing out of is not measured on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from recbole.data.dataset import Dataset

from recbole_groupmix.adapters.recbole_split import recbole_split
from recbole_groupmix.core.split import (
    NEVER,
    fold_of_interaction,
    last_folds,
    rolling_folds,
    test_mask,
)
from recbole_groupmix.settings.eval_args import EvalArgs
from recbole_groupmix.settings.settings import Settings

#: How train is cut into folds.
Kind = Literal["dealt", "rolling", "rolling of all", "last"]
_TEST = -1


@dataclass(frozen=True)
class Split:
    """Rows of test and of the folds.

    Attributes
    ----------
    users : numpy.ndarray of int64, shape (n_interactions,)
        Internal user id of each row.
    train, test : numpy.ndarray of int64
        Rows of all of train, and of test, in the order of the split.
    kind : {"dealt", "rolling", "rolling of all", "last"}
        How train is cut into folds.
    n_folds, seed : int
        Number of folds, and the seed by which rows are dealt.
    """

    users: np.ndarray
    train: np.ndarray
    test: np.ndarray
    kind: Kind
    n_folds: int
    seed: int

    @classmethod
    def of(cls, settings: Settings, dataset: Dataset) -> Split:
        """Split a loaded data set as the settings of a run say."""
        users = dataset.inter_feat[dataset.uid_field].numpy()
        args, folds, seed = EvalArgs.of(settings), settings.folds, settings.seed
        if args.by_recbole:
            train, valid, test = recbole_split(dataset, seed)
            kind: Kind = "dealt"
            if args.leave_out:
                kind = "last"
            elif args.in_time:
                kind = "rolling" if args.by_user else "rolling of all"
            return cls(users, np.concatenate([train, valid]), test, kind, folds, seed)
        if settings["benchmark_filename"] is None:
            is_test = test_mask(users, seed)
        else:
            is_test = np.arange(len(users)) >= len(users) - dataset.file_size_list[-1]
        return cls(users, np.flatnonzero(~is_test), np.flatnonzero(is_test), "dealt", folds, seed)

    @cached_property
    def is_test(self) -> np.ndarray:
        """Whether a row is of the test part, bool (n_interactions,)."""
        is_test = np.zeros(len(self.users), dtype=bool)
        is_test[self.test] = True
        return is_test

    @cached_property
    def folds(self) -> np.ndarray:
        """Fold that holds out each row, int64 (n_interactions,); -1 for test and -2 for none."""
        folds, rows = np.full(len(self.users), _TEST), self.train
        if self.kind == "dealt":
            rows = np.sort(rows)  # the random numbers go to the users in order of the files
            folds[rows] = fold_of_interaction(self.users[rows], self.n_folds, self.seed)
        elif self.kind == "last":
            folds[rows] = last_folds(self.users[rows], self.n_folds)
        else:
            whose = self.users[rows] if self.kind == "rolling" else np.zeros_like(rows)
            folds[rows] = rolling_folds(whose, self.n_folds, self.seed)
        return folds

    def rows_of(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return which rows a part trains on and which it holds out, bool (n_interactions,).

        Parameters
        ----------
        index : int
            0 for all of train with test; f + 1 for fold f.
        """
        if index == 0:
            return ~self.is_test, self.is_test
        folds, fold = self.folds, index - 1
        if self.kind == "dealt":
            before = (folds >= 0) & (folds != fold)
        elif self.kind == "last":
            before = folds > fold
        else:
            before = (folds >= 0) & (folds < fold)
        return before | (folds == NEVER), folds == fold
