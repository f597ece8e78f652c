"""Units as bytes, in which parts of the data are named and not contained."""

from __future__ import annotations

import io
import pickle
from typing import Any, cast

from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import Part
from recbole_groupmix.workers.units import Unit


class _Pickler(pickle.Pickler):
    def persistent_id(self, thing: Any) -> int | None:
        """Name a part; a recipe that ranks anew holds that of its model."""
        return thing.index if isinstance(thing, Part) else None


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, experiment: Experiment) -> None:
        super().__init__(file)
        self._experiment = experiment

    def persistent_load(self, index: int) -> Part:
        """Return a part of the worker's own experiment."""
        return self._experiment.part(index)


def pack(unit: Unit) -> bytes:
    """Return a unit as bytes."""
    file = io.BytesIO()
    _Pickler(file).dump(unit)
    return file.getvalue()


def unpack(parcel: bytes, experiment: Experiment) -> Unit:
    """Return a unit, its parts being those of an experiment."""
    return cast("Unit", _Unpickler(io.BytesIO(parcel), experiment).load())
