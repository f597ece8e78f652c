"""Prevalence of item classes under a mix, and the disparity that Theorem 3.1 bounds recovery by."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.mix import SUM_TOLERANCE

FloatArray = npt.NDArray[np.float64]


def check_shares(shares: npt.ArrayLike, what: str) -> FloatArray:
    """Return shares as float64 after checking that the last axis lies on the simplex.

    Parameters
    ----------
    shares : array of float, shape (..., n)
        Shares in [0, 1] whose last axis sums to 1 (within 1e-6).
    what : str
        How a message names them.

    Raises
    ------
    ValueError
        If a share is negative or not finite, a row does not sum to 1, or there are no shares.
    """
    values = np.asarray(shares, dtype=np.float64)
    if values.ndim == 0 or values.size == 0:
        raise ValueError(f"{what} has shape {values.shape}; give at least one share.")
    bad = ~np.isfinite(values) | (values < 0)
    if bad.any():
        raise ValueError(f"{what} holds {values[bad][0]:g}; shares are finite and >= 0.")
    rows = values.reshape(-1, values.shape[-1])
    sums = rows.sum(axis=1)
    wrong = np.flatnonzero(np.abs(sums - 1.0) > SUM_TOLERANCE)
    if wrong.size:
        raise ValueError(
            f"row {wrong[0]} of {what} sums to {sums[wrong[0]]:.9g}; the shares of a row sum to 1 "
            f"(within {SUM_TOLERANCE:g})."
        )
    return values


def check_setting(
    theta_0: npt.ArrayLike, theta_aug: npt.ArrayLike, n_0: float, n_aug: float
) -> tuple[FloatArray, FloatArray]:
    """Return both arrays of class shares as float64 after checking them and both counts.

    Parameters
    ----------
    theta_0, theta_aug, n_0, n_aug
        As for `prevalence`.

    Raises
    ------
    ValueError
        If shares are off the simplex, the numbers of classes differ, or a count is negative, not
        finite, or both are 0.
    """
    target, others = check_shares(theta_0, "theta_0"), check_shares(theta_aug, "theta_aug")
    if target.ndim != 1 or others.ndim != 2 or others.shape[1] != target.size:
        raise ValueError(
            f"theta_0 has shape {target.shape} and theta_aug {others.shape}; they must be "
            "(n_classes,) and (n_groups, n_classes)."
        )
    for name, count in (("n_0", n_0), ("n_aug", n_aug)):
        if not (math.isfinite(count) and count >= 0):
            raise ValueError(f"{name} is {count!r}; a number of users is finite and >= 0.")
    if n_0 + n_aug == 0:
        raise ValueError("n_0 and n_aug are both 0; there must be at least one user.")
    return target, others


def prevalence(
    alpha: npt.ArrayLike,
    theta_0: npt.ArrayLike,
    theta_aug: npt.ArrayLike,
    n_0: float,
    n_aug: float,
) -> FloatArray:
    """Return the expected number of users who prefer each item class (the paper's Eq. 5).

    ``sigma_c = n_0 theta_0[c] + n_aug sum_j alpha_j theta_aug[j, c]``.

    Parameters
    ----------
    alpha : array of float, shape (..., n_groups)
        Shares of the augmentation groups in [0, 1], together 1; one mix or many.
    theta_0 : array of float, shape (n_classes,)
        The paper's theta: class shares of the target in [0, 1], together 1.
    theta_aug : array of float, shape (n_groups, n_classes)
        The paper's Theta: class shares of each augmentation group, each row sums to 1.
    n_0, n_aug : float
        Users of the target and of the augmentation data, >= 0 and not both 0.

    Returns
    -------
    float64 array, shape (..., n_classes)
        Users, >= 0; together ``n_0 + n_aug``.

    Raises
    ------
    ValueError
        If shares are off the simplex, shapes do not fit, or a count is negative.
    """
    target, others = check_setting(theta_0, theta_aug, n_0, n_aug)
    shares = check_shares(alpha, "alpha")
    if shares.shape[-1] != len(others):
        raise ValueError(
            f"alpha has {shares.shape[-1]} shares, but theta_aug has {len(others)} groups."
        )
    sigma: FloatArray = n_0 * target + n_aug * (shares @ others)
    return sigma


def disparity(sigma: npt.ArrayLike) -> FloatArray:
    """Return ``sigma_max / sigma_min^2``, which the optimal mix minimises (Theorem 3.1).

    Parameters
    ----------
    sigma : array of float, shape (..., n_classes)
        Prevalences, >= 0.

    Returns
    -------
    float64 array, shape (...)
        In 1/users, > 0; infinite where a class has prevalence 0.

    Raises
    ------
    ValueError
        If a prevalence is negative or not finite, or there is none.
    """
    values = np.asarray(sigma, dtype=np.float64)
    if values.ndim == 0 or values.size == 0:
        raise ValueError(f"sigma has shape {values.shape}; give one prevalence per class.")
    bad = ~np.isfinite(values) | (values < 0)
    if bad.any():
        raise ValueError(f"sigma holds {values[bad][0]:g}; prevalences are finite and >= 0.")
    least, largest = values.min(axis=-1), values.max(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio: FloatArray = np.asarray(largest / least**2)
    return np.where(least > 0, ratio, np.inf)
