"""The compiled engine where nothing compiled can be kept."""

import shutil
import subprocess
import sys

from command import REPOSITORY

_CODE = """
import numpy as np
from recbole_groupmix import engine
from recbole_groupmix.engine import compiled_negatives, hit_loops, kernels, sparse_product
assert engine.__file__.startswith({place!r}), engine.__file__
from recbole_groupmix.engine.compiled import compiled
print(compiled(nogil=True)(lambda x: x + 1)(np.arange(3)).tolist())
"""


def test_the_engine_starts_where_neither_the_package_nor_a_home_can_be_written(tmp_path):
    # a file in the place of a folder keeps root out too, which permission bits do not
    package = tmp_path / "recbole_groupmix"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "recbole_groupmix", package, ignore=ignored)
    (package / "engine" / "__pycache__").write_text("no folder")
    (tmp_path / "home").write_text("no folder")
    nowhere = str(tmp_path / "home" / "below")
    names = ("HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR", "LOCALAPPDATA")
    done = subprocess.run(
        [sys.executable, "-c", _CODE.format(place=str(tmp_path))],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), **dict.fromkeys(names, nowhere)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.stdout, done.stderr) == ("[1, 2, 3]\n", "")


def test_what_is_compiled_is_kept_where_it_can_be():
    from recbole_groupmix.engine import compiled_negatives, hit_loops

    for module in (compiled_negatives, hit_loops):
        kept = [f for f in vars(module).values() if hasattr(f, "stats") and hasattr(f, "py_func")]
        assert kept and all(function.stats.cache_path for function in kept)
