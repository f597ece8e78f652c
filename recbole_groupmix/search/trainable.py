"""What a stage asks of a candidate, be it a mix or a rival."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.rivals.recipe import Recipe


class Trainable(Protocol):
    """A candidate of the folds.

    Attributes
    ----------
    name : str
        Name on the folds.
    source : str
        Where it came from.
    is_baseline : bool
        Whether it is one of the baselines that every run has.
    repeat : int
        Seed offset of its trainings on the folds.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def source(self) -> str: ...  # noqa: D102
    @property
    def is_baseline(self) -> bool: ...  # noqa: D102
    @property
    def repeat(self) -> int: ...  # noqa: D102

    def recipe_on(self, experiment: Experiment, part: int, options: Mapping[str, float]) -> Recipe:
        """Return how it is trained on a part, with the options that were chosen."""
