"""Paired permutation test over users, by flips of the sign of their differences."""

from __future__ import annotations

from collections.abc import Sequence

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
    (p,) = permutation_tests([(values, baseline)], seed=seed, n_permutations=n_permutations)
    return p


def permutation_tests(
    pairs: Sequence[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]],
    *,
    seed: int,
    n_permutations: int = 10_000,
) -> list[float]:
    """Return `permutation_test` of each pair of arrays, in far less time.

    Patterns of signs depend on the seed and the number of users with values everywhere, so pairs
    with equally many share theirs.

    Parameters
    ----------
    pairs : sequence of (values, baseline)
        As for `permutation_test`; the shapes of two pairs may differ.
    seed, n_permutations
        As for `permutation_test`.

    Raises
    ------
    ValueError
        As `permutation_test`.
    """
    if seed < 0 or n_permutations < 1:
        raise ValueError(
            f"seed is {seed} and n_permutations {n_permutations}; they must be >= 0 and >= 1."
        )
    p_values: dict[int, float] = {}
    drawn: dict[int, list[int]] = {}
    differences = [user_differences(*pair) for pair in pairs]
    for place, each in enumerate(differences):
        moved = each[each != 0]  # the sign of 0 makes no difference
        if len(moved) == 0:
            p_values[place] = 1.0
        elif len(moved) <= EXACT_USERS:
            p_values[place] = float(np.mean(np.abs(_all_sums(moved)) >= _least(moved)))
        else:
            drawn.setdefault(len(each), []).append(place)
    for places in drawn.values():
        columns = np.stack([differences[place] for place in places], axis=1)
        n_as_far = _count_as_far(columns, seed, n_permutations)
        for place, number in zip(places, n_as_far, strict=True):
            p_values[place] = float((1 + number) / (1 + n_permutations))
    return [p_values[place] for place in range(len(pairs))]


def _least(differences: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the size from which on a sum is as far from 0 as that of the differences, per column."""
    observed = np.abs(differences.sum(axis=0))
    least: npt.NDArray[np.float64] = observed - _TIE * np.abs(differences).sum(axis=0)
    return least


def _count_as_far(
    columns: npt.NDArray[np.float64], seed: int, n_permutations: int
) -> npt.NDArray[np.int64]:
    """Return in how many drawn patterns the sum of each column is as far from 0 as it is."""
    rng = np.random.default_rng(np.random.SeedSequence([_DOMAIN, seed]))
    least, n_as_far = _least(columns), np.zeros(columns.shape[1], dtype=np.int64)
    step = max(1, _CHUNK // len(columns))
    for begin in range(0, n_permutations, step):
        sums = _drawn_sums(rng, columns, min(step, n_permutations - begin))
        n_as_far += np.count_nonzero(np.abs(sums) >= least, axis=0)
    return n_as_far


def _all_sums(moved: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the sum under every pattern of signs, shape (2 ** n_users,)."""
    patterns = np.arange(2 ** len(moved))[:, None] >> np.arange(len(moved)) & 1
    sums: npt.NDArray[np.float64] = (1.0 - 2.0 * patterns) @ moved
    return sums


def _drawn_sums(
    rng: np.random.Generator, columns: npt.NDArray[np.float64], n_patterns: int
) -> npt.NDArray[np.float64]:
    """Return the sum of each column under drawn patterns, shape (n_patterns, n_columns).

    A sign is one bit of a 64-bit word and a pattern is a whole number of words, so patterns do
    not depend on how many are drawn at a time.
    """
    n_users = len(columns)
    words = rng.integers(
        0,
        np.iinfo(np.uint64).max,
        size=(n_patterns, -(-n_users // 64)),
        dtype=np.uint64,
        endpoint=True,
    )
    flipped = np.unpackbits(words.view(np.uint8), axis=1, count=n_users)
    sums: npt.NDArray[np.float64] = columns.sum(axis=0) - 2.0 * (
        flipped.astype(np.float64) @ columns
    )
    return sums
