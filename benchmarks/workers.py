"""Time of a run by two workers of one thread, against one process of one thread.

Both runs are made by this script, one after the other, on data that it generates (a block model), and
must give the same result. Cores that do something else make the ratio smaller than it is.

    python benchmarks/workers.py
    python benchmarks/workers.py --kind=dask-local --model=EASE
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


def seconds_and_result(arguments: list[str], folder: Path, *more: str) -> tuple[float, dict]:
    one = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS", "NUMBA")}
    command = [sys.executable, str(REPOSITORY / "run_groupmix.py"), *arguments, *more]
    started = time.perf_counter()
    subprocess.run(
        [*command, f"--output_dir={folder}", "--report=False", "--yes"],
        check=True,
        env={**os.environ, **one},
        stdout=subprocess.DEVNULL,
    )
    seconds = time.perf_counter() - started
    (file,) = folder.glob("*/result.json")
    result = json.loads(file.read_text())
    training = result.pop("seconds")["this_call"]
    print(f"{folder.name}: {seconds:.1f} s, of which {training:.1f} s after the data were read")
    return training, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="blockmix")
    parser.add_argument("--target", default="A")
    parser.add_argument("--model", default="BPR")
    parser.add_argument("--trials", default="30")
    parser.add_argument("--epochs", default="200")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kind", default="processes", choices=["processes", "dask-local"])
    given = parser.parse_args()
    names = ("dataset", "target", "model", "trials", "epochs")
    arguments = ["--search=random", *(f"--{name}={getattr(given, name)}" for name in names)]
    prefix = "" if given.kind == "processes" else f"{given.kind}:"
    with tempfile.TemporaryDirectory() as scratch:
        one, alone = seconds_and_result(arguments, Path(scratch) / "one-process")
        several, shared = seconds_and_result(
            arguments, Path(scratch) / "workers", f"--workers={prefix}{given.workers}"
        )
    print(f"same result: {alone == shared}")
    print(
        f"{given.workers} workers ({given.kind}) of one thread: {one / several:.2f} times as fast"
    )


if __name__ == "__main__":
    main()
