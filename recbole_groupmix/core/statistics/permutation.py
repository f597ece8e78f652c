"""Paired permutation test over users, by flips of the sign of their differences."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.statistics.effect import user_differences

EXACT_USERS = 12
"""Up to this many users that differ, the test is exact: it enumerates all sign patterns."""

_DOMAIN = 0x7065726D
_CHUNK = 1 << 20  # signs held at a time: bounds memory to some 20 MiB
_TIE = 1e-12  # sums this close, relative to the sum of sizes, are equal but for rounding


def permutation_test(
    values: npt.NDArray[np.float64],
    baseline: npt.NDArray[np.float64],
    *,
    seed: int,
    n_permutations: int = 10_000,
) -> float:
    """Return the two-sided p-value of the hypothesis that the two sides are exchangeable.

    Under it a user's difference is as likely as its opposite. The mean difference
    is compared with the means under drawn patterns of signs, one sign per user:
    p = (1 + patterns with a mean at least as far from 0) / (1 + patterns), never 0 and
    valid (not anti-conservative) for any number of patterns. With at most `EXACT_USERS` users
    whose difference is not 0, all patterns are enumerated and p is their exact share, the
    observed pattern included.

    A user is the unit: repeats are averaged first. The test does not cover variation between
    training seeds.

    Parameters
    ----------
    values, baseline : array of float, shape (n_repeats, n_users) or (n_users,)
        A metric per repeat and user; same repeats in the same rows, same users in the same
        columns. A user with NaN anywhere, in either array, is left out of both.
    seed : int
        Seed of the signs, >= 0.
    n_permutations : int
        Number of drawn patterns, >= 1.

    Returns
    -------
    float
        In (0, 1].

    Raises
    ------
    ValueError
        If shapes do not fit, a value is infinite, fewer than 2 users are left, or `seed` or
        `n_permutations` is out of range.
    """
    if seed < 0 or n_permutations < 1:
        raise ValueError(
            f"seed is {seed} and n_permutations {n_permutations}; they must be >= 0 and >= 1."
        )
    differences = user_differences(values, baseline)
    moved = differences[differences != 0]  # the sign of 0 makes no difference
    if len(moved) == 0:
        return 1.0
    least = abs(moved.sum()) - _TIE * np.abs(moved).sum()
    if len(moved) <= EXACT_USERS:
        return float(np.mean(np.abs(_all_sums(moved)) >= least))
    rng = np.random.default_rng(np.random.SeedSequence([_DOMAIN, seed]))
    n_as_far = 0
    step = max(1, _CHUNK // len(moved))
    for begin in range(0, n_permutations, step):
        sums = _drawn_sums(rng, moved, min(step, n_permutations - begin))
        n_as_far += int(np.count_nonzero(np.abs(sums) >= least))
    return (1 + n_as_far) / (1 + n_permutations)


def _all_sums(moved: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the sum under every pattern of signs, shape (2 ** n_users,)."""
    patterns = np.arange(2 ** len(moved))[:, None] >> np.arange(len(moved)) & 1
    sums: npt.NDArray[np.float64] = (1.0 - 2.0 * patterns) @ moved
    return sums


def _drawn_sums(
    rng: np.random.Generator, moved: npt.NDArray[np.float64], n_patterns: int
) -> npt.NDArray[np.float64]:
    """Return the sum under drawn patterns, shape (n_patterns,).

    A sign is one bit of a 64-bit word and a pattern is a whole number of words, so patterns do
    not depend on how many are drawn at a time.
    """
    n_words = -(-len(moved) // 64)
    words = rng.integers(
        0, np.iinfo(np.uint64).max, size=(n_patterns, n_words), dtype=np.uint64, endpoint=True
    )
    flipped = np.unpackbits(words.view(np.uint8), axis=1, count=len(moved))
    sums: npt.NDArray[np.float64] = moved.sum() - 2.0 * (flipped.astype(np.float64) @ moved)
    return sums
