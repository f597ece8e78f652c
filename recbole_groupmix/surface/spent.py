"""What a search would have recommended earlier, and what it knows of that in the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recbole_groupmix.surface.history import History
from recbole_groupmix.surface.surface import Surface, fit_surface


@dataclass(frozen=True)
class Believed:
    """The mix that is believed in after some mixes.

    Attributes
    ----------
    n : int
        Number of mixes.
    row : int
        Row of the mix of the largest posterior mean.
    then, now : float
        Its gain over Proportional, relative to Proportional's score: posterior mean after these mixes,
        and after all.
    """

    n: int
    row: int
    then: float
    now: float


def best_row(surface: Surface, history: History, may_be: npt.NDArray[np.bool_]) -> int:
    """Return the row of the largest posterior mean, the first of equals.

    Parameters
    ----------
    surface : Surface
        Of the table, or of its first rows.
    history : History
        The table.
    may_be : array of bool, shape (n,)
        Which rows may be recommended; those whose training diverged never are.
    """
    gains = surface.gains(history.weights)
    return int(np.argmax(np.where(may_be & history.is_finite, gains, -np.inf)))


def believed_after(
    history: History, surface: Surface, may_be: npt.NDArray[np.bool_], numbers: Sequence[int]
) -> list[Believed]:
    """Return what was believed in after some numbers of mixes, each by a surface of these alone.

    Parameters
    ----------
    history : History
        Mixes in the order in which they were tried.
    surface : Surface
        Of all of them.
    may_be : array of bool, shape (n,)
        Which rows may be recommended.
    numbers : sequence of int
        Numbers of mixes, Proportional among the first of them.
    """
    found = []
    for n in numbers:
        first = np.arange(len(history)) < n
        of_first = surface if n >= len(history) else fit_surface(history.rows(first))
        row = best_row(of_first, history, may_be & first)
        mix = history.weights[row : row + 1]
        then, now = (float(s.straight(mix, s.gains(mix))[0]) for s in (of_first, surface))
        found.append(Believed(n, row, then, now))
    return found
