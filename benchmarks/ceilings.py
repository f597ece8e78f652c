"""What this machine can do at most: a matrix product, a copy; and how much memory was taken."""

import re
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from recbole_groupmix.engine.threads import pool


def seconds_of(call, rounds=5):
    """Median wall time of a call, the first left out."""
    call()
    timings = []
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        timings.append(time.perf_counter() - started)
    return median(timings)


def product_gflops(size=1536):
    """GFLOP/s of a float32 matrix product on all threads."""
    a = np.random.default_rng(0).normal(size=(size, size)).astype(np.float32)
    return 2 * size**3 / seconds_of(lambda: a @ a) / 1e9


def copy_gbs(n_bytes, total=2**30):
    """GB/s read and written by all threads that each copy ``n_bytes`` again and again.

    A small ``n_bytes`` stays in the caches, as the tables that it stands for do.
    """
    threads = pool()
    n = max(n_bytes // 4, 1)
    arrays = [np.ones((2, n), np.float32) for _ in range(threads.size)]
    times = max(int(total // (n_bytes * 2 * threads.size)), 1)

    def copy(pair):
        for _ in range(times):
            np.copyto(pair[1], pair[0])

    seconds = seconds_of(lambda: threads.run(partial(copy, pair) for pair in arrays))
    return 2 * 4 * n * times * threads.size / seconds / 1e9


def forget_peak():
    """Let :func:`peak_mib` count from here (Linux)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_mib():
    """MiB that the process held at most (Linux; NaN elsewhere)."""
    try:
        text = Path("/proc/self/status").read_text()
    except OSError:
        return float("nan")
    return int(re.search(r"VmHWM:\s+(\d+) kB", text).group(1)) / 1024
