"""What the C library does with the memory that arrays leave behind."""

from __future__ import annotations

import ctypes
import os

_SET_IN_WORKERS = "MALLOC_TRIM_THRESHOLD_"
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of malloc.h
_MMAP, _TRIM = 32 * 2**20, 256 * 2**20  # bytes; 32 MiB is the most that glibc takes for mmap


def keep_freed_memory() -> None:
    """Let this process keep the memory of arrays that are freed, for the arrays that come next.

    So glibc does by itself, as its threshold grows with the arrays that it sees. Dask's nanny starts
    workers with ``MALLOC_TRIM_THRESHOLD_``, which switches that off: every array above 128 KiB is
    mapped anew and given back at once, and BPR took half as long again in such a worker. Where the variable is not
    set, and with another C library, nothing is done.
    """
    if _SET_IN_WORKERS not in os.environ:
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, TypeError, OSError):  # not glibc, or not POSIX
        return
    mallopt(_M_MMAP_THRESHOLD, _MMAP)
    mallopt(_M_TRIM_THRESHOLD, _TRIM)
