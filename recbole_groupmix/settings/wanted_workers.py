"""The key ``workers``: what trains the models of a run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from recbole_groupmix.settings.settings import Settings

#: More processes than any machine has cores are a slip of the keyboard.
MOST = 1024


@dataclass(frozen=True)
class WantedWorkers:
    """What the key asks for.

    Attributes
    ----------
    kind : str
        Processes of this machine, Dask's own on this machine, a scheduler of Dask that runs
        already, or a file that describes a cluster.
    n : int
        Number of workers; 0 where the scheduler or the file says it.
    where : str
        Address of the scheduler or path of the file.
    """

    kind: Literal["processes", "dask-local", "scheduler", "file"]
    n: int = 0
    where: str = ""


def wanted_workers(settings: Settings) -> WantedWorkers | None:
    """Return the workers that settings ask for; None where this process trains.

    Raises
    ------
    ValueError
        For a value of another form, and for a file that does not exist.
    """
    value = settings.workers
    if value is None:
        return None
    text = "" if isinstance(value, bool) else str(value)
    local = re.fullmatch(r"(dask-local:)?([1-9]\d{0,3})", text)
    if local and int(local[2]) <= MOST:
        return WantedWorkers("dask-local" if local[1] else "processes", int(local[2]))
    if address := re.fullmatch(r"(?:dask|tcp)://([^\s/:]+|\[[\da-fA-F:]+\]):(\d{1,5})", text):
        return WantedWorkers("scheduler", where=f"tcp://{address[1]}:{address[2]}")
    if text.endswith((".yaml", ".yml")):
        if not Path(text).expanduser().is_file():
            raise ValueError(f"{settings.describe('workers')}; there is no such file")
        return WantedWorkers("file", where=str(Path(text).expanduser().resolve()))
    raise ValueError(
        f"{settings.describe('workers')}; allowed are a number of processes from 1 to {MOST}, "
        "dask-local:N, dask://HOST:PORT, and the YAML file of a cluster (properties/cluster/slurm.yaml)"
    )


def n_workers(settings: Settings) -> int:
    """Return how many processes train a run, as far as its settings say; 1 without workers."""
    wanted = wanted_workers(settings)
    return max(wanted.n, 1) if wanted is not None else 1
