"""The grid of epochs on which curves are measured."""

from __future__ import annotations

from dataclasses import dataclass

from recbole_groupmix.experiment.experiment import Experiment


@dataclass(frozen=True)
class Grid:
    """Multiples of a step, up to a cap.

    Attributes
    ----------
    step : int
        Epochs between two measurements.
    cap : int
        The last point: most epochs that a model may be trained.
    """

    step: int
    cap: int

    @classmethod
    def of(cls, experiment: Experiment) -> Grid:
        """Return the grid of an experiment; a fixed length is a grid of one point."""
        if experiment.settings.is_solved:
            return cls(1, 1)
        epochs = int(experiment.config["epochs"])
        step = epochs
        if experiment.settings.early_stopping:
            step = min(int(experiment.config["eval_step"]), epochs)
        return cls(step, epochs // step * step)

    def at_or_above(self, epochs: int) -> int:
        """Return the first point that is not before some epochs, or the cap."""
        return min(-(-epochs // self.step) * self.step, self.cap)
