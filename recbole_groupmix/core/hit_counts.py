"""Per-user values of a metric as numbers of hits, which are small and exact."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
#: Metrics that are a number of hits over something that is known beforehand.
OF_HITS = ("precision", "recall", "hit")


def denominators(metric: str, k: int, n_relevant: npt.ArrayLike) -> Floats | None:
    """Return what each user's hits are divided by; None if the ranks of hits count as well.

    Parameters
    ----------
    metric : str
        Name of the metric, without its cut-off.
    k : int
        Cut-off.
    n_relevant : array of int, shape (n_users,)
        Held-out items of every user, >= 1.

    Returns
    -------
    array of float64, shape (n_users,), or None
    """
    relevant = np.asarray(n_relevant, dtype=np.float64)
    if metric == "recall":
        return relevant
    if metric not in OF_HITS:
        return None
    return np.full(len(relevant), float(k) if metric == "precision" else 1.0)


def to_counts(values: Floats, divided_by: Floats | None) -> npt.NDArray[np.generic]:
    """Return values as hits, uint8 or uint16, or as float32 without denominators.

    Parameters
    ----------
    values : array of float64, shape (..., n_users)
        The metric of every user.
    divided_by : array of float64, shape (n_users,), or None
        See :func:`denominators`.
    """
    if divided_by is None:
        return values.astype(np.float32)
    counts: Floats = np.rint(values * divided_by)
    return counts.astype(np.uint8 if float(counts.max(initial=0)) < 2**8 else np.uint16)


def to_values(counts: npt.NDArray[np.generic], divided_by: Floats | None) -> Floats:
    """Return the values that :func:`to_counts` was given, float64 (..., n_users)."""
    values: Floats = counts.astype(np.float64)
    return values if divided_by is None else values / divided_by
