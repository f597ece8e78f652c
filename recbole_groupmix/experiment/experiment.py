"""The data that all mixes of a run share: groups, split, folds and held-out items."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from recbole.data.dataloader import FullSortEvalDataLoader
from recbole.data.dataset import Dataset, SequentialDataset
from recbole.data.transform import construct_transform

from recbole_groupmix.adapters.columns import rows_of
from recbole_groupmix.adapters.config import GroupMixConfig
from recbole_groupmix.adapters.dataset import load_dataset
from recbole_groupmix.adapters.group_items import ALL
from recbole_groupmix.adapters.groups import Groups
from recbole_groupmix.adapters.held_out import HeldOut
from recbole_groupmix.adapters.removed import Removed
from recbole_groupmix.core.mix import Mix
from recbole_groupmix.experiment.candidates import check_mode, with_candidates
from recbole_groupmix.experiment.context_columns import check_context_columns, context_note
from recbole_groupmix.experiment.headers import read_files
from recbole_groupmix.experiment.item_scope import OF_TARGET, ItemScope
from recbole_groupmix.experiment.labels import check_scored, labels_note, positive_rows
from recbole_groupmix.experiment.loader_of_test import loader_of_test
from recbole_groupmix.experiment.locate import data_folder
from recbole_groupmix.experiment.named_columns import check_named_columns
from recbole_groupmix.experiment.part import ALL_OF_TRAIN, Part
from recbole_groupmix.experiment.pretrained import pretrained, pretrained_note
from recbole_groupmix.experiment.recbole_errors import as_value_error
from recbole_groupmix.experiment.repeats import repeats_note
from recbole_groupmix.experiment.sequences import with_inputs
from recbole_groupmix.experiment.shared_tensors import SharedTensors
from recbole_groupmix.experiment.split import Split
from recbole_groupmix.experiment.target import target_of
from recbole_groupmix.experiment.user_groups import group_columns, groups_of, without_group_note
from recbole_groupmix.recommenders.by_name import model_class
from recbole_groupmix.settings.model import reads_key
from recbole_groupmix.settings.notes import device_note
from recbole_groupmix.settings.settings import Settings
from recbole_groupmix.text.split_words import split_words

#: Fewest users that an interval over users can be made of (core/statistics/bootstrap.py).
_FEWEST_MEASURED = 2


class Experiment:
    """The shared state of a run, loaded once; parts are made at their first use.

    Parameters
    ----------
    settings : Settings
        Settings as :func:`~recbole_groupmix.settings.merge.merge_settings` returns them; they are
        taken as they are.
    all_users : bool
        Whether the metric of all users, and not of a target group, drives selection and early
        stopping. ``target`` is then the largest group, which has no effect on Proportional.

    Attributes
    ----------
    settings : Settings
        The settings that were given, unchanged.
    item_scope : ItemScope
        Which items are ranked, and which rows of other groups train.
    tensors : SharedTensors
        Columns and graph on the device of training, for all parts.

    Raises
    ------
    ValueError
        For a data set, group column, target, model, cut-off or fold that cannot be used; the
        message names the value and the way out.
    """

    def __init__(self, settings: Settings, all_users: bool = False) -> None:
        self.settings = settings
        try:
            self.model_class: Any = model_class(settings.model)
        except ValueError as error:
            raise ValueError(f"{settings.describe('model')}: {error}") from error
        name = settings.dataset
        folder = data_folder(name, settings["data_path"], settings["benchmark_filename"])
        columns = group_columns(settings)
        config = {k: v for k, v in settings.values.items() if k not in ("model", "dataset")}
        # the metrics are ours; RecBole's Config refuses to build without some of its own
        config.update(metrics=["Recall"], valid_metric=f"Recall@{settings.topk[-1]}")
        what = f"RecBole cannot load data set {name!r} from {folder}"
        with as_value_error(settings, what):
            self.config = GroupMixConfig(
                self.model_class, name, config, folder=folder, user_columns=columns
            )
            files = read_files(settings, self.config)
            check_named_columns(settings, self.config, files)
            check_context_columns(settings, self.config, files)
            self.dataset: Dataset = load_dataset(self.config)
            # names columns that models look up when they are made
            construct_transform(self.config)
            self.split = Split.of(settings, self.dataset)
        self.pretrained = pretrained(settings, self.config)
        self.users = self.dataset.inter_feat[self.dataset.uid_field].numpy()
        self.items = self.dataset.inter_feat[self.dataset.iid_field].numpy()
        self.is_test = self.split.is_test
        self.groups: Groups = groups_of(settings, self.dataset, ~self.is_test)
        self._context_note = context_note(settings, self.config, files)
        self.item_scope = ItemScope.of(settings, self.dataset, self.groups, all_users)
        counts = self.groups.n_users(self.users)
        self.target = (
            max(counts, key=lambda name: counts[name])
            if all_users
            else target_of(settings, self.dataset, self.groups)
        )
        self._validation_users = (
            self.groups.of_user == self.groups.index(self.target)
        ) | all_users
        check_mode(self)
        self._parts: dict[int, Part] = {}
        self.tensors = SharedTensors(self.dataset, self.config["device"])
        self._target_held_out: dict[int, HeldOut] = {}
        by_group = not all_users and settings.rank_items != ALL
        of_test = self.part(ALL_OF_TRAIN).catalogues if by_group else None
        self.item_scope.check_topk(of_test, self.target, "test")

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """Notes of the settings, then those about files, rows and the computer."""
        return (
            *self.settings.notes,
            *split_words(self.settings.values),
            *self._context_note,
            *labels_note(self),
            *pretrained_note(self.pretrained),
            *device_note(self.settings, self.config["device"].type),
            *self.dataset.notes,
            *map(str, self.removed),
            *(() if self.is_sequential else repeats_note(self.users, self.items)),
            *without_group_note(self.groups, self.users),
        )

    @property
    def removed(self) -> tuple[Removed, ...]:
        """Rows that each step of loading removed; ``notes`` has a line for each step."""
        return tuple(self.dataset.removed)

    @property
    def shape(self) -> tuple[int, int]:
        """(n_users, n_items) of RecBole, padding included."""
        return int(self.dataset.user_num), int(self.dataset.item_num)

    @property
    def is_sequential(self) -> bool:
        """Whether rows carry the history of their user, which the model reads."""
        return isinstance(self.dataset, SequentialDataset)

    @property
    def histories(self) -> np.ndarray | None:
        """Last items before each row, int64 (n_rows, longest), 0 at the end; None without them."""
        if not self.is_sequential:
            return None
        field = f"{self.dataset.iid_field}{self.config['LIST_SUFFIX']}"
        histories: np.ndarray = self.dataset.inter_feat[field].numpy()
        return histories

    @property
    def embedding_size(self) -> int | None:
        """Embedding size of a model that reads one (DMF, NeuMF have other keys)."""
        reads = reads_key(self.settings.model, "embedding_size")
        return int(self.config["embedding_size"]) if reads else None

    @property
    def n_users(self) -> dict[str, int]:
        """Users with at least one interaction in all of train, by group."""
        return self.part(ALL_OF_TRAIN).n_users

    @property
    def folds(self) -> np.ndarray:
        """Fold that holds out each row, int64 (n_interactions,): see :class:`~.split.Split`."""
        return self.split.folds

    def part(self, index: int) -> Part:
        """Return a part, kept for further use."""
        if index not in self._parts:
            self._parts[index] = self._make_part(index)
        return self._parts[index]

    def check_parts(self, folds: int, mixes: Iterable[Mix] = ()) -> None:
        """Raise ``ValueError`` unless test and every fold can train and evaluate all mixes.

        Parameters
        ----------
        folds : int
            Number of folds that the run trains on; 0 if it only trains on all of train.
        mixes : iterable of Mix
            Mixes besides the baselines, which leave empty groups out.
        """
        used = {group for mix in mixes for group, share in mix.alpha.items() if share > 0}
        for index in range(folds + 1):
            part = self.part(index)
            what = f"fold {index} of {folds}" if index else "the test part"
            way_out = "use fewer folds or" if index else "use"
            self.item_scope.check_topk(part.catalogues, self.target, what)
            if not self.target_users(part.held_out).any():
                raise ValueError(
                    f"{what} holds no interaction of target {self.target!r} "
                    f"({self.n_users[self.target]} users), so no mix can be compared on it; "
                    f"{way_out} a target with more interactions"
                )
            check_scored(self, index)
            empty = [name for name in sorted(used) if not part.n_users[name]]
            if empty:
                raise ValueError(
                    f"{what} leaves no training interaction of group {empty[0]!r}, so no mix can "
                    f"hold it; {way_out} a filter on users with few interactions, such as "
                    '--user_inter_num_interval="[5,inf)"'
                )

    def check_measured(self) -> None:
        """Raise ``ValueError`` if too few of the target's users are measured for an interval."""
        n_measured = int(self.target_users(self.part(ALL_OF_TRAIN).held_out).sum())
        if n_measured < _FEWEST_MEASURED:
            raise ValueError(
                f"{n_measured} of the {self.n_users[self.target]} users of target {self.target!r} "
                f"can be measured on test, and an interval over users needs {_FEWEST_MEASURED}; "
                "choose a larger group, put small groups together in the group column, or give "
                "these users more interactions"
            )

    def validation_users(self, targets: Sequence[str] = ()) -> dict[str, np.ndarray]:
        """Return the mask of users who drive early stopping, bool (n_users,), by target."""
        if not targets:
            return {self.target: self._validation_users}
        return {name: self.groups.of_user == self.groups.index(name) for name in targets}

    def for_target(self, target: str, **changed: Any) -> Experiment:
        """Return the same experiment for another target.

        Data, split and folds are shared, and parts unless ``train_items`` is ``target``.

        Parameters
        ----------
        target : str
            Name of a group.
        **changed
            Other settings, on which none of these depends.
        """
        other = copy.copy(self)
        changed["target"] = target
        other.settings = self.settings.with_values(**changed)
        other.config = copy.copy(self.config)
        other.config.final_config_dict = {**self.config.final_config_dict, **changed}
        other.target = target_of(other.settings, self.dataset, self.groups)
        other._validation_users = self.validation_users([target])[target]
        other._target_held_out = {}
        if self.settings.train_items == OF_TARGET:
            other._parts = {}
        return other

    def target_users(self, held_out: HeldOut) -> np.ndarray:
        """Return the mask of rows of a ``HeldOut`` that are validation users, bool (n_eval,)."""
        mine: np.ndarray = self._validation_users[held_out.users]
        return mine

    def target_held_out(self, part: Part) -> HeldOut:
        """Return the held-out items of the target's users of a part, kept for further use."""
        if part.index not in self._target_held_out:
            self._target_held_out[part.index] = part.held_out.of_users(self._validation_users)
        return self._target_held_out[part.index]

    def dataset_of(self, part: Part, present: np.ndarray | None = None) -> Dataset:
        """Return a RecBole data set of a part's rows, of the users ``present`` if given.

        Models build graphs, histories and rating matrices from it.
        """
        rows = part.rows if present is None else part.rows[present[part.users]]
        return self.dataset.copy(rows_of(self.dataset.inter_feat, torch.from_numpy(rows)))

    def test_data(self) -> FullSortEvalDataLoader:
        """Return the test part as RecBole's evaluation loader over the items that are ranked."""
        return loader_of_test(self)

    def _name_of(self, user: int) -> str:
        uid = self.dataset.uid_field
        return f"user {self.dataset.id2token(uid, user)!s} of {self.settings.dataset!r}"

    def _make_part(self, index: int) -> Part:
        train, held = self.split.rows_of(index)
        groups, scope, shape, name_of = self.groups, self.item_scope, self.shape, self._name_of
        pairs, sequential = (self.users, self.items), self.is_sequential
        train = scope.training_rows(*pairs, train, self.target)
        found = held & positive_rows(self)  # a ranking looks for no other
        part = Part.of_rows(index, *pairs, train, found, groups, shape, name_of, scope, sequential)
        part = with_inputs(self.dataset, part, held)
        return with_candidates(self, part)
