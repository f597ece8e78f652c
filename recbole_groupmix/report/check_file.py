"""What ``groupmix check`` found, from the ``check.json`` of its folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Name of the file.
CHECK = "check.json"
#: ``schema_version`` that can be read.
READABLE = 1


@dataclass(frozen=True, eq=False)
class CheckFile:
    """Discrepancies between the groups of a data set.

    Parameters
    ----------
    dataset : str
        Data set.
    groups : list of str
        Groups, in the order of the matrices.
    delta : dict of int to list of list of float
        Delta_d of all pairs of groups (Eq. 9), in [0, 1], by d.
    het : dict of int to dict of str to float
        Het_d by d and group.
    null_het : dict of int to dict of str to list of float
        The same for random groups of the same sizes.
    """

    dataset: str
    groups: list[str]
    delta: dict[int, list[list[float]]]
    het: dict[int, dict[str, float]]
    null_het: dict[int, dict[str, list[float]]]

    def dimension(self, d: int | None) -> int:
        """Return the dimension nearest below `d` that is known; the largest for None."""
        known = [size for size in self.delta if d is None or size <= d]
        return max(known, default=min(self.delta))

    def discrepancy(self, target: str, other: str, d: int | None) -> float | None:
        """Return Delta_d between two groups at :meth:`dimension`; None for an unknown group."""
        if target not in self.groups or other not in self.groups:
            return None
        pairs = self.delta[self.dimension(d)]
        return float(pairs[self.groups.index(target)][self.groups.index(other)])


def read_check(folder: str | Path) -> CheckFile:
    """Read the ``check.json`` of a folder.

    Raises
    ------
    ValueError
        If it cannot be read or is of another version.
    """
    file = Path(folder) / CHECK
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        version = content.get("schema_version")
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror or error}") from error
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{file} cannot be read: {error}") from error
    if version != READABLE:
        raise ValueError(
            f"{file} has schema_version {version!r}; this version of recbole-groupmix reads "
            f"{READABLE}"
        )
    try:
        return CheckFile(
            content["dataset"],
            [group["name"] for group in content["groups"]],
            {int(d): pairs for d, pairs in content["delta"].items()},
            {int(d): of_groups for d, of_groups in content["het"].items()},
            {int(d): of_groups for d, of_groups in content["null"].items()},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file} is not complete: {error}; run groupmix check again") from error
