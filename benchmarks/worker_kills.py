"""Kills a worker, all workers or the whole run at random moments, and resumes.

Each time the same small run is started with two workers, and once a random number of its models stands in
the record, and a random part of a second later, one of these is killed with SIGKILL. A run that ends by it is resumed by the same command. The result must be
that of one process, no model may stand twice in the records, and no process may be left.

    python benchmarks/worker_kills.py --times=20
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).resolve().parent.parent
RUN = ["--dataset=blockmix", "--target=A", "--trials=6", "--folds=3", "--repeats=2", "--epochs=30"]


def start(folder: Path, *more: str) -> subprocess.Popen:
    one = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS", "NUMBA")}
    command = [sys.executable, str(REPOSITORY / "run_groupmix.py"), *RUN, "--report=False", *more]
    return subprocess.Popen(
        [*command, f"--output_dir={folder}"],
        env={**os.environ, **one},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def workers_of(run: subprocess.Popen) -> list[psutil.Process]:
    try:
        children = psutil.Process(run.pid).children(recursive=True)
        return [each for each in children if "spawn_main" in " ".join(each.cmdline())]
    except psutil.Error:
        return []


def result_of(folder: Path) -> dict:
    (file,) = folder.glob("*/result.json")
    return {k: v for k, v in json.loads(file.read_text()).items() if k != "seconds"}


def twice(folder: Path) -> int:
    """Return how many scores stand more than once in the records."""
    (file,) = folder.glob("*/trials.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    keys = [(line["name"], line["fold"], str(line.get("options"))) for line in lines]
    return sum(n - 1 for n in Counter(keys).values())


def n_models(folder: Path) -> int:
    return sum(file.read_bytes().count(b"\n") for file in folder.glob("*/curves.jsonl"))


def killed(
    what: str, folder: Path, after: int, delay: float, workers: str
) -> tuple[int, bool, int]:
    """Run, kill and resume.

    Return how many processes were killed, whether the run itself ended, and how many processes are left.
    """
    run, seen = start(folder, f"--workers={workers}"), []
    while run.poll() is None and (n_models(folder) < after or not seen):
        seen = workers_of(run)
        time.sleep(0.01)
    time.sleep(delay)
    seen = workers_of(run) or seen
    n_killed = sum(process.is_running() for process in seen)
    targets = {"a worker": seen[:1], "all workers": seen, "the run": []}[what]
    for process in targets:
        process.kill()
    if what == "a worker":
        n_killed = min(n_killed, 1)
    elif what == "the run":
        n_killed = int(run.poll() is None)
        run.send_signal(signal.SIGKILL)
    ended = run.wait() != 0
    _, left = psutil.wait_procs(seen, timeout=20)
    if ended and start(folder, f"--workers={workers}").wait():
        raise SystemExit("the run could not be resumed")
    return n_killed, ended, len(left)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", default="2")
    given = parser.parse_args()
    draw, bad = random.Random(given.seed), 0
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch) / "whole"
        if start(whole).wait():
            raise SystemExit("the run without workers failed")
        for number in range(given.times):
            what = ("a worker", "all workers", "the run")[number % 3]
            folder, after = Path(scratch) / str(number), draw.randrange(n_models(whole))
            n_killed, ended, left = killed(what, folder, after, draw.random(), given.workers)
            same, n_twice = result_of(folder) == result_of(whole), twice(folder)
            bad += not same or n_twice > 0 or left > 0
            print(
                f"{what} ({n_killed}) killed after {after} models of {n_models(whole)}; run ended: {ended}; "
                f"same result: {same}; scores twice: {n_twice}; processes left: {left}",
                flush=True,
            )
    print(f"{given.times - bad} of {given.times} as they should be")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
