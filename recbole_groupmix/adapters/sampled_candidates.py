"""Candidates of an evaluation by ``uniN`` or ``popN``, with negatives of RecBole's sampler."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from recbole.config import Config
from recbole.data.dataset import Dataset, SequentialDataset
from recbole.data.utils import create_samplers

from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.held_out import HeldOut
from recbole_groupmix.adapters.seeding import global_seed
from recbole_groupmix.core.catalogues import Catalogues

_PHASES = ("valid", "test")


def sampled_candidates(
    config: Config,
    dataset: Dataset,
    parts: Sequence[np.ndarray],
    phase: str,
    held_out: HeldOut,
    seed: int,
) -> Catalogues:
    """Draw the items that each user is ranked over: held-out items and N negatives for each.

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
        Seed of the draws, in [0, 2**32). In their order users are drawn for as RecBole's loader
        does, so that under one seed both have the same negatives.

    Returns
    -------
    Catalogues
        Of every internal user id; all items of users who are not in `held_out`.
    """
    whole = dataset.inter_feat
    number = config[f"{phase}_neg_sample_args"]["sample_num"]
    if isinstance(dataset, SequentialDataset):  # popularity is counted in the order of the split
        dataset = dataset.copy(dataset.inter_feat[np.arange(len(dataset))])
        dataset.sort(by=dataset.time_field)
    built = [dataset.copy(whole[rows]) for rows in parts]
    ranked = np.ones((len(held_out.users) + 1, held_out.relevant.shape[1]), dtype=bool)
    ranked[:-1] = held_out.relevant.toarray()
    lists = np.split(held_out.relevant.indices, held_out.relevant.indptr[1:-1])
    with recbole_compat(), global_seed(seed):
        _, *samplers = create_samplers(config, dataset, built)
        sampler = samplers[_PHASES.index(phase)]
        for row, (user, items) in enumerate(zip(held_out.users, lists, strict=True)):
            drawn = sampler.sample_by_user_ids(np.full(len(items), user), items, number)
            ranked[row, drawn.numpy()] = True
    of_user = np.full(int(dataset.user_num), len(held_out.users))
    of_user[held_out.users] = np.arange(len(held_out.users))
    return Catalogues(ranked, of_user)
