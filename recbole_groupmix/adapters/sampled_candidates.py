"""Negatives that RecBole's sampler draws for an evaluation by ``uniN`` or ``popN``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from recbole.config import Config
from recbole.data.dataset import Dataset
from recbole.data.utils import create_samplers

from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.held_out import HeldOut
from recbole_groupmix.adapters.seeding import global_seed
from recbole_groupmix.core.catalogues import Catalogues


class DrawnNegatives:
    """Negatives of every user of a part, drawn once, in the form of a sampler of RecBole's.

    Parameters
    ----------
    config : Config
        RecBole's configuration, with the mode of the phase in ``eval_args``.
    dataset : Dataset
        A loaded data set.
    parts : sequence of numpy.ndarray of int64
        Rows of train, validation and test. Items that a user has in train or in the part of the
        phase, and for test in validation, are never drawn for the user.
    phase : {"valid", "test"}
        Which of them is evaluated.
    held_out : HeldOut
        Its users with their held-out items.
    seed : int
        Seed of the draws, in [0, 2**32).

    Attributes
    ----------
    of_user : dict of int to torch.Tensor of int64
        Drawn items by internal user id: N for each held-out item, some of them more than once.
    """

    def __init__(
        self,
        config: Config,
        dataset: Dataset,
        parts: Sequence[np.ndarray],
        phase: str,
        held_out: HeldOut,
        seed: int,
    ) -> None:
        self.phase = phase
        number = config[f"{phase}_neg_sample_args"]["sample_num"]
        built = [dataset.copy(dataset.inter_feat[rows]) for rows in parts]
        self.of_user: dict[int, torch.Tensor] = {}
        with recbole_compat(), global_seed(seed):
            _, *samplers = create_samplers(config, dataset, built)
            sampler = samplers[("valid", "test").index(phase)]
            for user, items in zip(held_out.users, _lists(held_out), strict=True):
                users = np.full(len(items), user)
                self.of_user[int(user)] = sampler.sample_by_user_ids(users, items, number)

    def sample_by_user_ids(self, users: Sequence[int], items: Any, number: int) -> torch.Tensor:
        """Return what was drawn for a user, who comes once for each held-out item."""
        return self.of_user[int(users[0])]

    def catalogues(self, held_out: HeldOut, n_users: int) -> Catalogues:
        """Return the held-out and drawn items of every internal user id; all items of the others.

        Parameters
        ----------
        held_out : HeldOut
            The same as before.
        n_users : int
            Users of RecBole, padding included.
        """
        ranked = np.ones((len(held_out.users) + 1, held_out.relevant.shape[1]), dtype=bool)
        ranked[:-1] = held_out.relevant.toarray()
        for row, user in enumerate(held_out.users):
            ranked[row, self.of_user[int(user)].numpy()] = True
        of_user = np.full(n_users, len(held_out.users))
        of_user[held_out.users] = np.arange(len(held_out.users))
        return Catalogues(ranked, of_user)


def _lists(held_out: HeldOut) -> list[np.ndarray]:
    return np.split(held_out.relevant.indices, held_out.relevant.indptr[1:-1])
