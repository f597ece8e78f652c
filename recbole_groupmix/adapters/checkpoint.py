"""Reading a checkpoint of somebody else's: its tensors come out, and nothing in it runs.

A checkpoint is a pickle, and a pickle may name any function of any module to be called. RecBole's
name its ``Config`` and whatever hangs on that, in a protocol that ``weights_only=True`` cannot
read. Here tensors and the dictionaries that hold them are made, and what else is named becomes an
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
    """Stands for an object that is not made: takes whatever a pickle does to it and forgets it."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Inert:
        """Take any arguments."""
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        """Take a state."""

    def __setitem__(self, key: Any, value: Any) -> None:
        """Take an item."""

    def __call__(self, *args: Any, **kwargs: Any) -> Inert:
        """Return another of its kind."""
        return Inert()

    def append(self, *values: Any) -> None:
        """Take an element."""

    extend = add = append


class Unpickler(pickle.Unpickler):
    """Makes tensors and dictionaries of them; everything else is :class:`Inert`."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what a pickle may call in the place of what it names."""
        return _MADE.get((module, name), Inert)


def load(file: Any, **options: Any) -> Any:
    """Return what a pickle holds, as ``pickle.load``: torch asks for it in files of before 1.6."""
    return Unpickler(file, **options).load()


def read_checkpoint(path: str | Path) -> Any:
    """Return what a checkpoint of torch holds, its tensors on the CPU.

    Parameters
    ----------
    path : path
        A file written by ``torch.save``, at any protocol.

    Returns
    -------
    object
        Of RecBole a dict with ``state_dict``, names and tensors. In the place of objects that are
        neither tensors nor plain containers stand :class:`Inert` ones.

    Raises
    ------
    Exception
        Of several kinds, for a file that is no such checkpoint.
    """
    return _load(path, map_location="cpu", pickle_module=sys.modules[__name__], weights_only=False)
