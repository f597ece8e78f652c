"""Kills a worker, all workers, the run or the scheduler at random moments, and resumes.

    python benchmarks/worker_kills.py --times=20

Each time the same small run is started with two workers, and once a random number of its models stands in
the record, and a random part of a second later, one of these is killed with SIGKILL. A run that ends by it is
resumed by the same command. The result must be that of one process, no model may stand twice in the records,
and no process may be left. Each kind is killed so many times; the scheduler is that of a Dask cluster of two
workers, and is left out where Dask is not installed.
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
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).resolve().parent.parent
KINDS = ("a worker", "all workers", "the run", "scheduler")
RUN = [
    "--dataset=blockmix",
    "--target=A",
    "--search=random",
    "--trials=6",
    "--folds=3",
    "--repeats=2",
    "--epochs=60",
]


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


class Cluster:
    """A scheduler and two workers of Dask, each a process of its own."""

    def __init__(self, folder: Path) -> None:
        file, self.processes = folder / "scheduler.json", []
        for kind in ("scheduler", "worker", "worker"):
            more = ["--port=0"] if kind == "scheduler" else ["--nthreads=1", "--no-nanny"]
            command = [sys.executable, "-m", "dask", kind, f"--scheduler-file={file}"]
            self.processes.append(
                subprocess.Popen(
                    [*command, "--no-dashboard", *more],
                    env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )
            while not file.is_file():
                time.sleep(0.05)
        self.workers = json.loads(file.read_text())["address"]

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


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


def killed(what: str, folder: Path, after: int, delay: float) -> tuple[int, bool, int]:
    """Run, kill and resume.

    Return how many processes were killed, whether the run itself ended, and how many processes are left.
    """
    folder.mkdir()
    cluster = Cluster(folder.with_name(f"{folder.name}-dask")) if what == "scheduler" else None
    run, seen = start(folder, f"--workers={cluster.workers if cluster else 2}"), []
    while run.poll() is None and (n_models(folder) < after or not (seen or cluster)):
        seen = workers_of(run)
        time.sleep(0.01)
    time.sleep(delay)
    seen = workers_of(run) or seen
    running = run.poll() is None
    targets = {"a worker": seen[:1], "all workers": seen, "the run": [run]}.get(what)
    for process in targets or (cluster.processes[:1] if cluster else []):
        with suppress(psutil.NoSuchProcess):  # the run has ended
            process.send_signal(signal.SIGKILL)
    ended = run.wait() != 0
    if cluster:
        cluster.close()
    _, left = psutil.wait_procs(seen, timeout=20)
    if ended and start(folder, "--workers=2").wait():
        raise SystemExit("the run could not be resumed")
    return int(running), ended, len(left)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--killed", choices=KINDS, help="only this kind; default: all")
    given = parser.parse_args()
    kinds = [given.killed] if given.killed else list(KINDS)
    if find_spec("distributed") is None:
        kinds = [kind for kind in kinds if kind != "scheduler"]
    draw, bad = random.Random(given.seed), 0
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch) / "whole"
        if start(whole).wait():
            raise SystemExit("the run without workers failed")
        print(
            "| killed | times | while it ran | resumed by hand | same result | scores twice | left |"
        )
        print("|---|---:|---:|---:|---:|---:|---:|")
        for what in kinds:
            found = []
            for number in range(given.times):
                folder = Path(scratch) / f"{what.split()[-1]}-{number}"
                folder.with_name(f"{folder.name}-dask").mkdir()
                after = draw.randrange(n_models(whole))
                running, ended, left = killed(what, folder, after, draw.random())
                same, n_twice = result_of(folder) == result_of(whole), twice(folder)
                found.append((running, ended, same, n_twice, left))
                bad += not same or n_twice > 0 or left > 0
            sums = map(sum, zip(*found, strict=True))
            print(f"| {what} | {given.times} | {' | '.join(map(str, sums))} |", flush=True)
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
