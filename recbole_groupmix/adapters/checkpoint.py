"""Reading untrusted checkpoints: tensors only, without executing any code.

A checkpoint is a pickle, and a pickle can call any function of any module. RecBole's checkpoints
refer to its ``Config`` and the objects in it, in a protocol that ``weights_only=True`` cannot
read. Here only tensors and the dictionaries that hold them are made; any other object becomes an
:class:`Inert`. ``torch.load`` takes this module as its ``pickle_module``.
"""

from __future__ import annotations

import pickle
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from torch._utils import _rebuild_parameter, _rebuild_tensor_v2

_MADE: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor_v2,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
}
_load = torch.load


class Inert:
    """Placeholder of an object that is not made: accepts any operation of a pickle."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Inert:
        """Accept any arguments."""
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        """Accept a state."""

    def __setitem__(self, key: Any, value: Any) -> None:
        """Accept an item."""

    def __call__(self, *args: Any, **kwargs: Any) -> Inert:
        """Return another placeholder."""
        return Inert()

    def append(self, *values: Any) -> None:
        """Accept an element."""

    extend = add = append


class Unpickler(pickle.Unpickler):
    """Makes tensors and dictionaries of them; everything else is :class:`Inert`."""

    def find_class(self, module: str, name: str) -> Any:
        """Return an allowed constructor, or the placeholder for any other name."""
        return _MADE.get((module, name), Inert)


def load(file: Any, **options: Any) -> Any:
    """Return the content of a pickle, as ``pickle.load``; torch needs it for files before 1.6."""
    return Unpickler(file, **options).load()


def read_checkpoint(path: str | Path) -> Any:
    """Return the content of a checkpoint of torch, its tensors on the CPU.

    Parameters
    ----------
    path : path
        A file written by ``torch.save``, at any protocol.

    Returns
    -------
    object
        For RecBole's a dict with ``state_dict``, names and tensors. Objects that are neither
        tensors nor plain containers are replaced by :class:`Inert`.

    Raises
    ------
    Exception
        Of several kinds, if the file is not such a checkpoint.
    """
    return _load(path, map_location="cpu", pickle_module=sys.modules[__name__], weights_only=False)
