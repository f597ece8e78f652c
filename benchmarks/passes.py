"""Seconds a model and pass against the number of models, users, interactions and dimensions.

    python benchmarks/passes.py [--model=BPR] [--out=passes.svg] [--max_memory=1]

Synthetic interactions with the popularity profile of MovieLens. Each axis is varied alone around
6,000 users, 800,000 interactions, 3,700 items, d = 16 and 16 models. Prints a table; with ``--out``
(and matplotlib) also draws it. The last lines check that memory stays below ``max_memory`` (GiB):
more models than fit are asked for, and the peak beside what the process held before is printed.
"""

import statistics
import sys
import time

import numpy as np
from ceilings import forget_peak, peak_mib
from scipy.sparse import csr_matrix

from recbole_groupmix.cli.options import parse_options
from recbole_groupmix.engine.population import Population
from recbole_groupmix.engine.terms import Member, Shared
from recbole_groupmix.engine.threads import pool
from recbole_groupmix.engine.triplets import Triplets

BASE = {"models": 16, "users": 6_000, "interactions": 800_000, "d": 16}
AXES = {
    "models": (1, 2, 4, 16, 64),
    "users": (1_500, 6_000, 24_000, 96_000),
    "interactions": (100_000, 400_000, 1_600_000, 6_400_000),
    "d": (4, 16, 64, 256),
}
N_ITEMS = 3_700
N_GROUPS = 7


def population(n_models, n_users, n_interactions, d, n_layers, seed=0):
    """A population with random weights, and a batch of random triplets for it."""
    rng = np.random.default_rng(seed)
    users = rng.integers(n_users, size=n_interactions)
    items = np.minimum(rng.exponential(0.15, n_interactions), 0.999)
    pos, neg = (items * N_ITEMS).astype(np.int64), rng.integers(N_ITEMS, size=n_interactions)
    graph = None
    if n_layers:
        size = n_users + N_ITEMS
        half = csr_matrix(
            (np.full(n_interactions, 0.01, np.float32), (users, n_users + pos)), (size, size)
        )
        graph = (half + half.T).tocsr()
    tables = rng.normal(0, 0.1, (n_users + N_ITEMS, d)).astype(np.float32)
    group = rng.integers(N_GROUPS, size=n_users)
    shared = Shared(n_users, tables, group, np.ones(n_users), graph=graph, n_layers=n_layers)
    weights = rng.uniform(0.1, 2.0, (n_models, N_GROUPS))
    members = [Member(w, w, 0.03, 0.01) for w in weights]
    return Population(shared, members), Triplets.of_rows(users, pos, neg, pool().size)


def seconds_a_model(n_layers, rounds=5, **sizes):
    made, batch = population(
        sizes["models"], sizes["users"], sizes["interactions"], sizes["d"], n_layers
    )
    made.step(batch)
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        made.step(batch)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds) / sizes["models"]


def draw(rows, model, out):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, len(AXES), figsize=(13, 3.2), sharey=True)
    for panel, axis in zip(panels, AXES, strict=True):
        points = [(value, seconds) for name, value, seconds in rows if name == axis]
        panel.loglog(*zip(*points, strict=True), "o-")
        panel.set_xlabel(axis)
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("seconds a model and pass")
    figure.suptitle(f"{model}, {pool().size} threads")
    figure.tight_layout()
    figure.savefig(out)


def main(arguments):
    options = {"model": "BPR", "max_memory": "1", **parse_options(arguments)}
    n_layers = 3 if options["model"] == "LightGCN" else 0
    rows = []
    for axis, values in AXES.items():
        for value in values:
            seconds = seconds_a_model(n_layers, **{**BASE, axis: value})
            rows.append((axis, value, seconds))
            print(f"{axis:13} {value:9,d}  {seconds:8.4f} s a model and pass", flush=True)
    if "out" in options:
        draw(rows, options["model"], options["out"])
    memory_check(float(options["max_memory"]), options["model"])


def memory_check(budget, model):
    """Train more models than a budget holds, through the seam that runs use."""
    from recbole_groupmix.core.mix import Mix
    from recbole_groupmix.experiment.experiment import Experiment
    from recbole_groupmix.mixes.candidates import Candidate
    from recbole_groupmix.search.jobs import job_of
    from recbole_groupmix.settings.merge import merge_settings
    from recbole_groupmix.training.joint import Joint

    given = {"dataset": "ml-100k", "target": "25", "model": model, "max_memory": budget}
    experiment = Experiment(merge_settings({**given, "embedding_size": 512, "graph": "all"}))
    others = [name for name in experiment.groups.names if name != "25"]
    mixes = [Mix(dict.fromkeys(others, 1 / len(others)), 0.5 + i / 100) for i in range(200)]

    def jobs_of(mixes):
        candidates = [Candidate(f"m{i}", mix, "own") for i, mix in enumerate(mixes)]
        return [job_of(experiment, candidate, 1, epochs=1) for candidate in candidates]

    list(Joint().train(experiment, jobs_of(mixes[:1])))
    forget_peak()
    before = peak_mib()
    labels = set()
    jobs = jobs_of(mixes)
    for _ in Joint().train(experiment, jobs, lambda label, *_: labels.add(label)):
        pass
    print(
        f"200 models of d = 512 under max_memory = {budget:g} GiB: {' and '.join(sorted(labels))}; "
        f"{(peak_mib() - before) / 1024:.2f} GiB more than before"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
