"""An experiment that holds a guide back from the training rows of every part."""

from __future__ import annotations

from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import Part


class Guided(Experiment):
    """The same experiment, whose parts have a guide: see :meth:`~.part.Part.without_guide`.

    Everything else is shared.

    Parameters
    ----------
    whole : Experiment
        The experiment without guides.
    """

    def __init__(self, whole: Experiment) -> None:
        self.__dict__.update(whole.__dict__)
        self._whole = whole
        self._parts: dict[int, Part] = {}

    def _make_part(self, index: int) -> Part:
        whole = self._whole.part(index)
        return whole.without_guide(self.settings.seed, self.shape, self._name_of)
