"""False alarms between copies: Proportional against itself with other training seeds.

Both sides are the same mix and are trained for the same length, which each comparison chooses anew
from the folds of a training seed of its own, so every mark is a false alarm. One pool of trainings
serves all targets and comparisons: each is measured on a grid of epochs and read at any length.

    python benchmarks/copies.py --d=4 --target=1,56,25
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
from scipy.stats import binomtest

from recbole_groupmix.core.hit_counts import denominators, to_values
from recbole_groupmix.core.statistics.two_tests import compared_changes
from recbole_groupmix.core.training_length import PATIENCE, common_length, has_peaked
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.mixes.candidates import reference_candidate
from recbole_groupmix.search.jobs import job_of
from recbole_groupmix.settings.merge import merge_settings
from recbole_groupmix.text.tables import aligned
from recbole_groupmix.training.back_ends import back_end

LEVEL = 0.05


def curves(settings, targets, parts, repeats, epochs):
    """Train Proportional on some parts with some seeds; yield part, seed and curve."""
    experiment = Experiment(settings)
    candidate = reference_candidate(experiment.n_users, experiment.target)
    step = int(experiment.config["eval_step"])
    for part in parts:
        for repeat in repeats:
            job = job_of(experiment, candidate, part, repeat, epochs, eval_step=step)
            (fit,) = back_end(experiment).train(experiment, [replace(job, targets=targets)])
            yield part, repeat, fit.curve


def length(epochs, of_folds, cap):
    """Return the training length that a run would choose from the folds' curves."""
    ends = []
    for curve in of_folds:
        stops = (n for n in range(1, len(curve)) if has_peaked(epochs[:n], curve[:n], PATIENCE))
        ends.append(next(stops, len(curve)))
    while True:
        now = [curve[:end] for curve, end in zip(of_folds, ends, strict=True)]
        chosen = common_length(epochs[: max(ends)], now, cap)
        if chosen.train_to is None:
            return chosen.epochs
        reached = int(np.searchsorted(epochs, chosen.train_to, side="right"))
        ends = [max(end, reached) for end in ends]


def main() -> None:
    """Print the share of marks by target and number of repeats."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="ml-100k")
    parser.add_argument("--target", default="1,56,25", help="groups, separated by commas")
    parser.add_argument("--d", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=1000)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=2020, help="seed of the split")
    parser.add_argument("--pool", type=int, default=24, help="training seeds on all of train")
    parser.add_argument("--fold-seeds", type=int, default=6, help="training seeds on the folds")
    parser.add_argument("--copies", type=int, default=200)
    given = parser.parse_args()
    targets = tuple(given.target.split(","))
    base = {
        "dataset": given.dataset,
        "target": targets[0],
        "embedding_size": given.d,
        "seed": given.seed,
        "folds": given.folds,
    }
    chosen = dict.fromkeys(targets)
    on_folds = merge_settings({**base, "valid_metric": "recall@20"})
    found = {}
    for _, repeat, curve in curves(
        on_folds, targets, range(1, given.folds + 1), range(given.fold_seeds), given.epochs
    ):
        for target in targets:
            found.setdefault((target, repeat), []).append(curve.means(target))
        epochs = np.array(curve.epochs)
    for target in targets:
        chosen[target] = [
            length(epochs, found[target, r], int(epochs[-1])) for r in range(given.fold_seeds)
        ]
        print(f"target {target}: lengths {chosen[target]}", flush=True)
    longest = max(map(max, chosen.values()))
    pool = {target: {} for target in targets}
    on_test = merge_settings({**base, "valid_metric": "precision@20"})
    for _, repeat, curve in curves(on_test, targets, (0,), range(given.pool), longest):
        for target in targets:
            values = curve.values_of(target)
            over = denominators("precision", 20, values.n_relevant)
            pool[target][repeat] = to_values(values.counts, over)
    grid = list(curve.epochs)
    rng = np.random.default_rng(0)
    rows = [["target", "users", "repeats", "marked", "share", "95 % interval"]]
    for target in targets:
        for repeats in (3, 5):
            pairs = []
            for copy in range(given.copies):
                at = grid.index(chosen[target][copy % given.fold_seeds])
                seeds = rng.permutation(given.pool)[: 2 * repeats]
                sides = np.array([pool[target][s][at] for s in seeds])
                pairs.append((sides[:repeats], sides[repeats:]))
            p = [c.p for c in compared_changes(pairs, seed=0, n_boot=2000, n_permutations=2000)]
            marked = sum(value < LEVEL for value in p)
            interval = binomtest(marked, given.copies).proportion_ci(method="wilson")
            n_users = pairs[0][0].shape[1]
            share = f"{marked / given.copies:.3f}"
            ends = f"[{interval.low:.3f}, {interval.high:.3f}]"
            rows.append([target, str(n_users), str(repeats), str(marked), share, ends])
    print(f"{given.dataset}, BPR, d = {given.d}, split {given.seed}")
    print("\n".join(aligned(rows, (0,), rule=True)))


if __name__ == "__main__":
    main()
