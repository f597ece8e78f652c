"""An executor of plain processes, each of which can be lost by itself."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import tempfile
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from contextlib import suppress
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any


class Processes(Executor):
    """Executes calls in processes, one call in each at a time.

    Each process is a pool of its own: where one ends, its call alone is lost (``BrokenExecutor``),
    and a new process takes its place at the next call. ``ProcessPoolExecutor`` with several
    processes would lose all calls with it.

    Parameters
    ----------
    n : int
        Number of processes. They start when there is something to do.
    """

    def __init__(self, n: int) -> None:
        self._threads = ThreadPoolExecutor(n, "groupmix-worker")
        self._mine = threading.local()
        self._lock = threading.Lock()
        self._pids: set[int] = set()
        self._closed = False

    @property
    def pids(self) -> list[int]:
        """Ids of the processes that run."""
        with self._lock:
            return sorted(self._pids)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Execute a call in the next free process."""
        return self._threads.submit(self._call, partial(fn, *args, **kwargs))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = True) -> None:
        """End all processes at once; their calls are lost, and those that wait are cancelled."""
        self._threads.shutdown(wait=False, cancel_futures=cancel_futures)
        with self._lock:
            self._closed = True
            for pid in self._pids:
                _end(pid)
        self._threads.shutdown(wait=wait)

    def _call(self, call: Callable[[], Any]) -> Any:
        pool, pid = self._process()
        with tempfile.TemporaryDirectory(prefix="groupmix-") as folder:
            file = Path(folder) / "call"
            file.write_bytes(pickle.dumps(call))
            self._execute(pool, pid, file)
            done, value, told = pickle.loads(file.read_bytes())
        if done:
            return value
        raise value from RuntimeError(f"in a worker:\n{told}")

    def _execute(self, pool: ProcessPoolExecutor, pid: int, file: Path) -> None:
        try:
            pool.submit(_execute, str(file)).result()
        except BrokenExecutor:
            self._mine.process = None
            with self._lock:
                self._pids.discard(pid)
            pool.shutdown()
            raise

    def _process(self) -> tuple[ProcessPoolExecutor, int]:
        """Return the process of this thread and its id; start it if it has none."""
        process: tuple[ProcessPoolExecutor, int] | None = getattr(self._mine, "process", None)
        if process is not None:
            return process
        # a fork would copy the locks of torch's and Numba's threads in whatever state they are
        pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _begin)
        try:
            pid = pool.submit(os.getpid).result()
        except BrokenExecutor as error:
            raise ChildProcessError(
                "a worker process ended before it began; a script that calls run_groupmix with "
                "workers needs `if __name__ == '__main__':` around what it does, since each worker "
                "reads the script once more"
            ) from error
        self._mine.process = (pool, pid)
        with self._lock:
            self._pids.add(pid)
            if self._closed:
                _end(pid)
        return pool, pid


def _execute(file: str) -> None:
    """Execute the call in a file, and put there what came of it.

    No more than the name goes through the pipes of the pool, in one piece: a process that is killed
    while it writes a long message leaves its reader waiting for the rest for ever.
    """
    call = pickle.loads(Path(file).read_bytes())
    try:
        outcome = pickle.dumps((True, call(), ""))
    except Exception as error:
        told = traceback.format_exc()
        try:
            outcome = pickle.dumps((False, error, told))
            pickle.loads(outcome)
        except Exception:
            outcome = pickle.dumps((False, RuntimeError(str(error)), told))
    Path(file).write_bytes(outcome)


def _end(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)


def _begin() -> None:
    """Begin a process: Ctrl-C is its parent's affair, and it ends when its parent has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
