"""Per-user values on the folds, as they stand in ``curves.jsonl``: small, compressed and exact."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.hit_counts import denominators, to_values
from recbole_groupmix.record.fold_schema import CurveRecord, FoldUsers

#: Types of the packed numbers: hits, or values of metrics that the ranks of hits decide.
_TYPES = {"uint8": np.uint8, "uint16": np.uint16, "float32": np.float32}


@dataclass(frozen=True)
class FoldValues:
    """The validation metric of the target's users on one fold, at every point of a curve.

    Attributes
    ----------
    epochs : list of int
        Epoch of each point.
    users : list of str
        Tokens of the users.
    values : numpy.ndarray of float64, shape (n_points, n_users)
        The metric, from 0 to 1.
    """

    epochs: list[int]
    users: list[str]
    values: npt.NDArray[np.float64]


def pack(counts: npt.NDArray[np.generic]) -> tuple[str, str]:
    """Return the name of an array's type, and its numbers compressed as text."""
    packed = zlib.compress(np.ascontiguousarray(counts).tobytes(), 9)
    return counts.dtype.name, base64.b64encode(packed).decode("ascii")


def unpack(record: CurveRecord, users: Mapping[int, FoldUsers], metric: str, k: int) -> FoldValues:
    """Return the values of a line of ``curves.jsonl``.

    Parameters
    ----------
    record : CurveRecord
        The line.
    users : mapping of int to FoldUsers
        The users of every fold.
    metric : str
        Name of the validation metric.
    k : int
        Its cut-off.

    Raises
    ------
    ValueError
        If the numbers do not fit the users and points.
    """
    fold = record["fold"]
    if fold not in users:
        raise ValueError(f"the users of fold {fold} are missing")
    names, n_relevant = users[fold]["users"], users[fold]["n_relevant"]
    epochs = [point["epoch"] for point in record["curve"]]
    shape = len(epochs), len(names)
    kind = _TYPES.get(record.get("type", ""))
    if kind is None or "packed" not in record:
        raise ValueError(f"numbers of type {record.get('type')!r} are not known")
    n_bytes = shape[0] * shape[1] * np.dtype(kind).itemsize
    counts = np.frombuffer(_bytes(record["packed"], n_bytes), kind).reshape(shape)
    divided_by = None if kind is np.float32 else denominators(metric, k, n_relevant)
    return FoldValues(epochs, list(names), to_values(counts, divided_by))


def _bytes(packed: str, n_bytes: int) -> bytes:
    """Return the bytes of a packed array, never more than they should be."""
    try:
        stream = zlib.decompressobj()
        content = stream.decompress(base64.b64decode(packed, validate=True), n_bytes + 1)
    except (binascii.Error, zlib.error) as error:
        raise ValueError(f"its numbers cannot be unpacked: {error}") from error
    if len(content) != n_bytes:
        raise ValueError(f"it has {len(content)} bytes of numbers where {n_bytes} belong")
    return content
