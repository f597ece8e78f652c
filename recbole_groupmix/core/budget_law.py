"""From which budgets a search draws: uniform or log-uniform between two ends."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

_WRITTEN = re.compile(r"\s*(uniform|log_uniform)\(\s*([^\s,()]+)\s*,\s*([^\s,()]+)\s*\)\s*")


@dataclass(frozen=True)
class BudgetLaw:
    """The distribution of the budget ratio ``alpha_aug`` of searched mixes.

    Parameters
    ----------
    low, high : float
        Its ends, ``0 <= low <= high``, both finite.
    logarithmic : bool
        Whether the logarithm is uniform between them, and not the budget itself; `low` is then
        above 0.

    Raises
    ------
    ValueError
        If the ends are not such.
    """

    low: float
    high: float
    logarithmic: bool = False

    def __post_init__(self) -> None:
        """Check the ends."""
        if not (0 <= self.low <= self.high < math.inf) or (self.logarithmic and self.low == 0):
            above = "0 <" if self.logarithmic else "0 <="
            raise ValueError(
                f"budgets are {self}; give the lowest and the highest alpha_aug, {above} lowest <= "
                "highest, both finite."
            )

    def __str__(self) -> str:
        """Return it as :func:`parse` reads it."""
        name = "log_uniform" if self.logarithmic else "uniform"
        return f"{name}({self.low:g}, {self.high:g})"

    def draw(self, rng: np.random.Generator) -> float:
        """Draw a budget; one random number, whatever the law."""
        if not self.logarithmic:
            return float(rng.uniform(self.low, self.high))
        drawn = math.exp(rng.uniform(math.log(self.low), math.log(self.high)))
        return min(max(drawn, self.low), self.high)  # rounding may step over an end


#: What the paper's samplers draw (Section 4.1).
PAPER = BudgetLaw(0.5, 2.0)


def parse(text: str) -> BudgetLaw:
    """Return the law that a text names: ``uniform(0.5, 2)`` or ``log_uniform(0.05, 4)``.

    Raises
    ------
    ValueError
        If it names none.
    """
    match = _WRITTEN.fullmatch(text)
    if match is None:
        raise ValueError("it is neither uniform(LOW, HIGH) nor log_uniform(LOW, HIGH).")
    name, low, high = match.groups()
    return BudgetLaw(float(low), float(high), name == "log_uniform")
