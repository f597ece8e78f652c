"""Seconds, memory and error of a solution of EASE on many items, beside RecBole's way.

    python benchmarks/ease_items.py --dataset=NAME --target=GROUP [--data_path=FOLDER]
        [--group_field=COLUMN] [--reg_weight=100] [--mixes=1] [--threads=1]

RecBole's way is the inverse of the dense Gram matrix in float32, of the same matrix of the same
mix in the same run. Ours is solved twice: for a matrix B of all items, as models on all of train
are, and for the scores of the target's users alone, as on folds. Medians over mixes, by the wall
clock and by the CPU's; where these differ the machine is busy. Before them one mix warms up, and
with it memory is measured, the most that is held at a time beyond the Gram matrix. The error is that of the scores
of the target's users, relative to the largest, against the direct formula in float64 (skipped
with --exact=0: it takes some ten times as long as ours).
"""

import os
import statistics
import sys
import time
import tracemalloc

import numpy as np
from scipy.sparse import csr_matrix, identity
from threadpoolctl import threadpool_limits

from recbole_groupmix.cli.options import parse_options
from recbole_groupmix.core.linear.ease import FactoredEase, ease, precision_for
from recbole_groupmix.core.linear.elimination import elimination_of
from recbole_groupmix.core.mix import group_weights
from recbole_groupmix.core.samplers import sample_trial
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.settings.merge import merge_settings
from recbole_groupmix.training.closed_form.gram_cache import GramCache, rows_of


def recboles(gram, lam):
    """What RecBole's EASE makes of a Gram matrix."""
    inverse = np.linalg.inv((gram + lam * identity(gram.shape[0], dtype=np.float32)).toarray())
    similarity = inverse / (-np.diag(inverse))
    np.fill_diagonal(similarity, 0)
    return similarity


def timed(call):
    wall, cpu = time.perf_counter(), time.process_time()
    found = call()
    return found, time.perf_counter() - wall, time.process_time() - cpu


def peak(call):
    """The most bytes that a call holds at a time."""
    tracemalloc.start()
    call()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def main(arguments):
    options = {"reg_weight": "100", "mixes": "1", "threads": "1", "exact": "1"}
    options |= parse_options(arguments)
    lam, mixes = float(options["reg_weight"]), int(options["mixes"])
    keys = ("dataset", "data_path", "target", "group_field")
    given = {key: options[key] for key in keys if key in options}
    experiment = Experiment(merge_settings({**given, "model": "EASE", "reg_weight": lam}))
    part, names = experiment.part(ALL_OF_TRAIN), experiment.groups.names
    rows = rows_of(experiment, part)
    plan, seconds, _ = timed(lambda: elimination_of(rows))
    print(
        f"{options['dataset']}: {experiment.shape[0] - 1} users, {experiment.shape[1] - 1} items, "
        f"{len(names)} groups; lambda {lam:g}; {options['threads']} BLAS threads, load "
        f"{os.getloadavg()[0]:.1f}"
    )
    core = "none: the Gram matrix is not sparse" if plan is None else f"{plan.n_core} items"
    print(f"core after elimination: {core} ({seconds:.2f} s, once)")
    grams = GramCache(experiment)
    mine = experiment.groups.users(experiment.target)
    mine = rows[mine[np.diff(rows.indptr)[mine] > 0]]
    weights = []
    for i in range(mixes + 1):
        mix = sample_trial(0, i, experiment.n_users, experiment.target)[1]
        by_group = group_weights(mix, experiment.n_users, experiment.target)
        weights.append([by_group[name] for name in names])
    ways = {
        "RecBole's way, B": lambda gram: recboles(csr_matrix(gram), lam),
        "ours, B": lambda gram: ease(gram, lam, plan),
    }
    if plan is not None:
        ways["ours, scores of the target's users"] = lambda gram: FactoredEase.of(
            gram, lam, plan
        ).scores(mine)
    wall, cpu = {name: [] for name in ways}, {name: [] for name in ways}
    scores, held = {}, {}
    with threadpool_limits(int(options["threads"]), user_api="blas"):
        for index, weight in enumerate(weights):  # in turn, so that a slow minute affects all
            gram = grams.of_mix(part, weight, lam)
            gram = gram.astype(precision_for(gram, lam), copy=False)
            for name, way in ways.items():
                if not index:
                    held[name] = peak(lambda way=way, gram=gram: way(gram))
                    continue
                found, on_wall, on_cpu = timed(lambda way=way, gram=gram: way(gram))
                scores[name] = found if len(found) == mine.shape[0] else mine @ found
                wall[name].append(on_wall)
                cpu[name].append(on_cpu)
        errors = dict.fromkeys(ways, float("nan"))
        if int(options["exact"]):
            dense = csr_matrix(gram).toarray().astype(np.float64)
            exact = mine @ ease(dense, lam)
            for name, found in scores.items():
                errors[name] = np.abs(found - exact).max() / np.abs(exact).max()
    theirs = statistics.median(cpu["RecBole's way, B"])
    for name in ways:
        on_wall, on_cpu = statistics.median(wall[name]), statistics.median(cpu[name])
        print(
            f"{name:36} {on_wall:7.2f} s, {on_cpu:7.2f} s of CPU ({theirs / on_cpu:5.2f} x), "
            f"{held[name] / 2**30:5.2f} GiB, error {errors[name]:.1e}"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
