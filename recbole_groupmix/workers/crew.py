"""The workers of a run: how many, of how many threads, and how they are reached."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor
from dataclasses import dataclass, field

import psutil

from recbole_groupmix.settings.wanted_workers import WantedWorkers
from recbole_groupmix.workers.processes import Processes


@dataclass
class Crew:
    """Workers that take units.

    Attributes
    ----------
    executor : Executor
        Takes the units.
    n : int
        Number of workers when the run starts.
    threads : int
        Threads of each.
    on_machine : int
        Most of them on one machine; they share its memory.
    says : str
        What they are, in words.
    lost : tuple of type
        Exceptions of a unit whose worker ended.
    tries : int
        How often a unit is submitted before it counts as the reason why its workers end.
    check : callable
        Called every second while units are trained; raises if no worker can be reached any more.
    close : callable
        Ends the workers, at once.
    """

    executor: Executor
    n: int
    threads: int
    on_machine: int
    says: str
    lost: tuple[type[BaseException], ...]
    tries: int
    close: Callable[[], None]
    check: Callable[[], None] = field(default=lambda: None)


def threads_of_each(wanted: WantedWorkers) -> int:
    """Return the threads of a worker: those that the environment names, else its share of cores.

    Workers of a scheduler that runs already have one, since nothing is known of their machines.
    """
    given = os.environ.get("NUMBA_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS") or ""
    if given.isdecimal() and int(given) > 0:
        return int(given)
    if not wanted.n:
        return 1
    return max(len(_cores()) // wanted.n, 1)


def open_crew(wanted: WantedWorkers, say: Callable[[str], None]) -> Crew:
    """Start workers, or reach those that run.

    Raises
    ------
    ValueError
        If Dask is needed and not installed, or a file does not describe a cluster.
    ConnectionError
        If a scheduler does not answer.
    """
    threads = threads_of_each(wanted)
    if wanted.kind == "processes":
        executor = Processes(wanted.n)
        says = f"{wanted.n} processes of this machine"
        lost: tuple[type[BaseException], ...] = (BrokenExecutor,)
        return Crew(executor, wanted.n, threads, wanted.n, says, lost, 3, executor.shutdown)
    from recbole_groupmix.workers import by_dask

    return by_dask.open_crew(wanted, threads, say)


def _cores() -> list[int]:
    try:
        return list(psutil.Process().cpu_affinity())
    except AttributeError:  # macOS
        return list(range(os.cpu_count() or 1))
