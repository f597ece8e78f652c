"""Workers of Dask keep the memory of freed arrays: page faults with and without."""

import os
import subprocess
import sys

import pytest

# 20 arrays of 1.6 MB, each freed before the next: about 390 pages of 4 KiB each, if mapped anew
_SCRIPT = """
import resource
import numpy as np
from recbole_groupmix.workers.freed_memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        np.ones(200_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
mapped_anew = faults()
keep_freed_memory()
faults()
print(mapped_anew, faults())
"""


def _faults(**more):
    run = subprocess.run(
        [sys.executable, "-c", _SCRIPT], env={**os.environ, **more}, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    return tuple(int(word) for word in run.stdout.split())


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's thresholds")
def test_arrays_are_not_mapped_anew_where_dask_sets_glibcs_threshold():
    before, after = _faults(MALLOC_TRIM_THRESHOLD_="65536")  # the value of Dask's nanny
    if before < 1000:
        pytest.skip("this C library does not read the variable")
    assert after < before / 10
