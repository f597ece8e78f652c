"""RecBole's training loaders with users drawn by group (Eq. 7), for any RecBole script."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
from recbole.data.dataloader import UserDataLoader
from recbole.data.dataloader.knowledge_dataloader import KnowledgeBasedDataLoader

from recbole_groupmix.adapters.drawn_users import user_draws
from recbole_groupmix.adapters.groups import Groups
from recbole_groupmix.adapters.mix_weights import groups_in, mix_weights
from recbole_groupmix.adapters.seeding import SAMPLED_USERS, SHUFFLE, stream
from recbole_groupmix.core.mix import Mix


class GroupWeightedLoader:
    """A training loader of RecBole whose epochs hold the rows of drawn users.

    Attributes that are not its own are those of the loader, so that RecBole's trainers take it in
    the loader's place. Made by :func:`group_weighted_sampler`.
    """

    def __init__(self, loader: Any, draws: Any, users: np.ndarray, seed: int) -> None:
        self._loader, self._draws, self._users, self._seed = loader, draws, users, seed
        self._epoch = 0

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the loader."""
        if name.startswith("__") or "_loader" not in vars(self):
            raise AttributeError(name)
        return getattr(self._loader, name)

    def __len__(self) -> int:
        """Return the batches of the next epoch."""
        return -(-len(self._rows()) // self._loader.step)

    def __iter__(self) -> Iterator[Any]:
        """Yield the batches of the next epoch."""
        rows = self._rows()
        self._epoch += 1
        for start in range(0, len(rows), self._loader.step):
            yield self._loader.collate_fn(rows[start : start + self._loader.step])

    def _rows(self) -> np.ndarray:
        """Return the rows of the next epoch in a random order, each as often as its user."""
        times = self._draws(stream(SAMPLED_USERS, self._seed, self._epoch))
        rows = np.repeat(np.arange(len(self._users)), times[self._users])
        return stream(SHUFFLE, self._seed, self._epoch).permutation(rows)


def group_weighted_sampler(
    train_data: Any, groups: str | Groups, target: str, mix: Mix, seed: int = 2020
) -> Any:
    """Return a training loader whose epochs draw users by group, as a mix says (Eq. 7).

    In every epoch the target's users take part once, and ``alpha_j n_aug`` users of group j, drawn
    with replacement; a user who is drawn twice has all rows twice. Any model and any trainer of
    RecBole can be fitted on it, with the model's own loss.

    Parameters
    ----------
    train_data : RecBole's training loader
        As ``data_preparation`` returns it: of interactions, sequences, users or with a knowledge
        graph, of which the triples stay as they are. It is not changed.
    groups, target, mix
        As for :func:`~.mix_weights.mix_weights`.
    seed : int
        Seed of the draws, >= 0; the same seed draws the same users in every epoch.

    Returns
    -------
    GroupWeightedLoader or KnowledgeBasedDataLoader
        In the place of ``train_data``.

    Raises
    ------
    ValueError
        As :func:`~.mix_weights.mix_weights`.
    """
    if isinstance(train_data, KnowledgeBasedDataLoader):
        other = copy.copy(train_data)
        other.general_dataloader = group_weighted_sampler(
            train_data.general_dataloader, groups, target, mix, seed
        )
        return other
    dataset, read = groups_in(train_data, groups)
    weights = mix_weights(dataset, read, target, mix)
    users = dataset.inter_feat[dataset.uid_field].numpy()
    draws = user_draws(read, target, users, weights)
    rows = np.arange(len(weights)) if isinstance(train_data, UserDataLoader) else users
    return GroupWeightedLoader(train_data, draws, rows, seed)
