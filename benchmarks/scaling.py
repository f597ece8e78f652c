"""Seconds and peak memory of whole runs against users, items, interactions, mixes and workers.

    python benchmarks/scaling.py [--full] [--once] [--out=scaling.csv] [--figure=scaling.svg] [--key=value ...]

Each point is a `groupmix run` of BPR in a process of its own, on generated data of that size
(`groupmix prepare long_tail`): 2 folds, d = 64, one epoch, one repeat, no rivals, no page of budgets.
Each axis is varied alone around BASE. CPU seconds (user + system) stand beside wall time, since other
jobs may be running; the steps are CPU seconds too. The last lines fit laws of growth to the points. ``--full`` is the one point of MovieLens-25M's size with
16 mixes; with ``--once`` only loading, the folds, and a model's first epochs and evaluation are
measured, from which the whole can be estimated. Other keys go to the runs, such as ``--epochs=10``.
"""

import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from recbole_groupmix.cli.options import parse_options

BASE = {"users": 6_000, "items": 4_000, "interactions": 400_000, "mixes": 4, "workers": 1}
AXES = {
    "users": (3_000, 6_000, 12_000),
    "items": (2_000, 4_000, 8_000),
    "interactions": (200_000, 400_000, 800_000),
    "mixes": (2, 4, 16),
    "workers": (1,),
}
FULL = {"users": 162_541, "items": 59_047, "interactions": 25_000_095, "mixes": 16, "workers": 1}
STEPS = ("load", "parts", "epochs", "evaluation", "test", "result", "page")
RUN = {
    "group_field": "group",
    "target": "g3",
    "model": "BPR",
    "search": "random",
    "embedding_size": 64,
    "folds": 2,
    "repeats": 1,
    "epochs": 1,
    "rivals": "none",
    "budget_curve": False,
}


_INSIDE = [0.0]


@contextmanager
def timed(seconds, step):
    """Add the CPU seconds of a block to a step, without those of steps inside it."""
    started = time.process_time()
    _INSIDE.append(0.0)
    try:
        yield
    finally:
        whole = time.process_time() - started
        seconds[step] = seconds.get(step, 0.0) + whole - _INSIDE.pop()
        _INSIDE[-1] += whole


def watch(owner, name, step, seconds):
    """Count the CPU seconds of a function of the package as those of a step."""
    work = getattr(owner, name)

    def counted(*args, **given):
        with timed(seconds, step):
            return work(*args, **given)

    setattr(owner, name, counted)


def run_point(sizes, keys):
    """Run one point in this process; print its cost as the last line."""
    from recbole_groupmix.cli.main import main as groupmix
    from recbole_groupmix.experiment.experiment import Experiment
    from recbole_groupmix.report import after_run
    from recbole_groupmix.search import carry_out, test_stage
    from recbole_groupmix.training.joint_models import JointModels

    seconds, models = {}, [0]
    watch(Experiment, "__init__", "load", seconds)
    watch(Experiment, "_make_part", "parts", seconds)
    watch(JointModels, "_measured", "evaluation", seconds)
    watch(test_stage, "test_metrics", "test", seconds)
    watch(carry_out, "finish", "result", seconds)
    watch(after_run, "write_report", "page", seconds)
    update = JointModels._update

    def counted(self, *args):
        models[0] += len(self._population.alive) * len(self._part.users)
        with timed(seconds, "epochs"):
            update(self, *args)

    JointModels._update = counted
    with tempfile.TemporaryDirectory() as place:
        prepare_in(place, sizes)
        started, cpu = time.perf_counter(), time.process_time()
        given = {**RUN, "trials": sizes["mixes"], "data_path": place, **keys}
        if sizes["workers"] > 1:
            given["workers"] = sizes["workers"]
        options = [f"--{key}={value}" for key, value in given.items()]
        failed = groupmix(
            ["run", "--dataset=long_tail", f"--output_dir={place}/runs", "--yes", *options]
        )
        if failed:
            raise SystemExit("the run failed")
        wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    used = resource.getrusage(resource.RUSAGE_CHILDREN)  # of workers
    cpu += used.ru_utime + used.ru_stime
    steps = {step: round(seconds.get(step, 0.0), 3) for step in STEPS}
    cost = {
        "wall_s": round(wall, 1),
        "cpu_s": round(cpu, 1),
        "peak_mib": round(peak_mib()),
        **steps,
    }
    print(json.dumps({**cost, "row_models": models[0]}))


def run_once(sizes, keys):
    """Load, train one model on one fold for an epoch and rank for the target's users."""
    from recbole_groupmix.core.mix import proportional
    from recbole_groupmix.experiment.experiment import Experiment
    from recbole_groupmix.mixes.candidates import Candidate
    from recbole_groupmix.search.jobs import job_of
    from recbole_groupmix.settings.merge import merge_settings
    from recbole_groupmix.training.joint import Joint

    with tempfile.TemporaryDirectory() as place:
        prepare_in(place, sizes)
        given = {**RUN, "dataset": "long_tail", "data_path": place, **keys}

        def step(name, work):
            started, cpu = time.perf_counter(), time.process_time()
            made = work()
            wall, cpu = time.perf_counter() - started, time.process_time() - cpu
            peak = f"peak so far {peak_mib():,.0f} MiB"
            print(f"{name}: {wall:.1f} s, {cpu:.1f} CPU seconds, {peak}", flush=True)
            return made

        experiment = step("load, split, all of train", lambda: Experiment(merge_settings(given)))
        for fold in (1, 2):
            step(f"fold {fold}", lambda fold=fold: experiment.part(fold))
        mix = proportional(experiment.n_users, experiment.target)
        one = Candidate("proportional", mix, "baseline")
        for n, eval_step in ((1, None), (2, None), (1, 1)):
            jobs = [job_of(experiment, one, 1, epochs=n, eval_step=eval_step or 0)]
            what = f"{n} epoch{'s' * (n > 1)}{' and its evaluation' if eval_step else ''}"
            step(f"a model, {what}", lambda jobs=jobs: list(Joint().train(experiment, jobs)))


def prepare_in(place, sizes):
    """Make the data of a point."""
    from recbole_groupmix.cli.main import main as groupmix

    own = [f"--{key}={sizes[key]}" for key in ("users", "items", "interactions")]
    if groupmix(["prepare", "long_tail", *own, f"--out={place}"]):
        raise SystemExit("the data cannot be made")


def peak_mib():
    """Peak memory of this process in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # KiB on Linux


def point(axis, sizes, keys):
    """Run one point in a process of its own and return its row."""
    own = [f"--{key}={value}" for key, value in keys.items()]
    command = [sys.executable, __file__, f"--point={json.dumps(sizes)}", *own]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ)
    return {"axis": axis, **sizes, **json.loads(done.stdout.splitlines()[-1])}


def laws(rows):
    """Return the fitted laws as lines: CPU seconds and peak memory."""
    n = np.array([row["interactions"] for row in rows], float)
    work = np.array([row["row_models"] for row in rows], float)
    epochs = np.array([row["epochs"] for row in rows])
    rest = np.array([row["cpu_s"] for row in rows]) - epochs
    peak = np.array([row["peak_mib"] for row in rows], float)
    tables = np.array([(row["users"] + row["items"]) * (row["mixes"] + 3) for row in rows], float)
    lines = []
    for name, y, terms in (
        ("CPU seconds of training", epochs, {"rows x models x epochs": work}),
        ("CPU seconds of all else", rest, {"interactions": n, "users + items, x models": tables}),
        ("peak MiB", peak, {"interactions": n, "users + items, x models": tables}),
    ):
        matrix = np.column_stack([np.ones(len(rows)), *terms.values()])
        found = np.linalg.lstsq(matrix / matrix.max(axis=0), y, rcond=None)[0] / matrix.max(axis=0)
        left = y - matrix @ found
        law = "".join(f" + {b:.3g} x ({term})" for b, term in zip(found[1:], terms, strict=True))
        lines.append(f"{name} = {found[0]:.3g}{law}; largest error {np.abs(left).max():.2g}")
    return lines


def draw(rows, out):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    axes = [axis for axis in AXES if sum(row["axis"] == axis for row in rows) > 1]
    figure, panels = pyplot.subplots(2, len(axes), figsize=(11, 5), sharey="row", squeeze=False)
    for column, axis in enumerate(axes):
        mine = [row for row in rows if row["axis"] == axis]
        for panel, what, label in (
            (panels[0, column], "cpu_s", "CPU seconds"),
            (panels[1, column], "peak_mib", "peak MiB"),
        ):
            panel.plot([row[axis] for row in mine], [row[what] for row in mine], "o-")
            panel.set_ylim(bottom=0)
            panel.set_xlabel(axis)
            panel.set_ylabel(label if column == 0 else "")
            panel.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(out)


def main(arguments):
    full, once = "--full" in arguments, "--once" in arguments
    options = parse_options([a for a in arguments if a not in ("--full", "--once")])
    if once:
        run_once(FULL if full else BASE, options)
        return
    own = {key: options.pop(key) for key in ("out", "figure", "point") if key in options}
    if "point" in own:
        run_point(json.loads(own["point"]), options)
        return
    wanted = (
        [("full", FULL)]
        if full
        else [(axis, {**BASE, axis: value}) for axis, values in AXES.items() for value in values]
    )
    rows, known = [], {}
    for axis, sizes in wanted:
        key = tuple(sizes.values())
        if key not in known:  # the middle of every axis is the same run
            known[key] = point(axis, sizes, options)
        rows.append({**known[key], "axis": axis})
        print("  ".join(f"{name} {value}" for name, value in rows[-1].items()), flush=True)
    if "out" in own:
        with open(own["out"], "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    if "figure" in own and not full:
        draw(rows, Path(own["figure"]))
    if not full:
        print("\n".join(laws(rows)))


if __name__ == "__main__":
    main(sys.argv[1:])
