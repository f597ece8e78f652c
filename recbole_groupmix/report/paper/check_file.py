"""What ``groupmix check`` wrote, from the ``check.json`` of its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from recbole_groupmix.record.check_schema import CHECK_VERSION, CheckRecord
from recbole_groupmix.record.read import read_version

#: Name of the file.
CHECK = "check.json"


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
        The same for random groups that are as large and as active.
    every : bool
        Whether these are of all interactions, as in the paper, or of the training part.
    """

    dataset: str
    groups: list[str]
    delta: dict[int, list[list[float]]]
    het: dict[int, dict[str, float]]
    null_het: dict[int, dict[str, list[float]]]
    every: bool = False

    @property
    def of_what(self) -> str:
        """The interactions in words."""
        return "all interactions" if self.every else "the training part"

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
    way_out = "run groupmix check again"
    content = read_version(file, CheckRecord, {CHECK_VERSION}, way_out)
    try:
        groups = [group["name"] for group in content["groups"]]
        check = CheckFile(
            content["dataset"],
            groups,
            {int(d): pairs for d, pairs in content["delta"].items()},
            {int(d): by_group for d, by_group in content["het"].items()},
            {int(d): by_group for d, by_group in content["null"].items()},
            content.get("interactions") == "all",
        )
        sizes = {len(pairs) for pairs in check.delta.values()}
        sizes |= {len(row) for pairs in check.delta.values() for row in pairs}
        if sizes != {len(groups)}:
            raise ValueError("its discrepancies are not those of all pairs of groups")
        known = {*check.het, *check.null_het}
        strange = [name for d in check.het.values() for name in d if name not in groups]
        pairs_of = {d: (set(check.het.get(d, ())), set(check.null_het.get(d, ()))) for d in known}
        if strange or any(het != null for het, null in pairs_of.values()):
            raise ValueError("its heterogeneities are not those of its groups")
    except ValueError as error:
        raise ValueError(f"{file} is not complete: {error}; {way_out}") from error
    return check
