"""Random streams by purpose and key, and isolation of RecBole's global random state."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

#: One number per purpose, so that no two streams of a run coincide.
INITIAL_VALUES, NEGATIVES, SHUFFLE, SAMPLED_USERS, MODEL_NOISE, GUIDE, TRIPLES = range(101, 108)


def stream(purpose: int, *key: int) -> np.random.Generator:
    """Return the generator of one purpose and key; equal keys give equal streams.

    Parameters
    ----------
    purpose : int
        One of this module's constants.
    *key : int
        Non-negative integers: seed, part (0 for all of train, fold + 1), repeat, epoch ...
    """
    return np.random.default_rng(np.random.SeedSequence([purpose, *key]))


def torch_seed(purpose: int, *key: int) -> int:
    """Return the seed in [0, 2**63) of one purpose and key, for torch."""
    return int(np.random.SeedSequence([purpose, *key]).generate_state(1, np.uint64)[0]) >> 1


@contextmanager
def global_seed(seed: int) -> Iterator[None]:
    """Seed the global generators of random, numpy and torch inside the block only.

    RecBole's models draw initial values, dropout and sub-samples from them. On leaving, the
    state of the CPU generators is what it was before.
    """
    states = random.getstate(), np.random.get_state()  # noqa: NPY002 - RecBole reads this one
    with torch.random.fork_rng(enabled=True):
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        # torch.manual_seed would also queue a call, with its stack, for each kind of device that
        # has not been used yet: they pile up over the models of a run
        torch.default_generator.manual_seed(seed)
        if torch.cuda.is_available():
            torch.cuda.manual_seed_all(seed)
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])  # noqa: NPY002
