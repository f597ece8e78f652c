"""False alarms between copies: Proportional against itself with other training seeds.

Both sides are the same mix and are trained for the same length, which each comparison chooses anew
from the folds of a training seed of its own, so every mark is a false alarm. One pool of trainings
serves all targets and comparisons: each is measured on a grid of epochs and read at any length.
With several splits a comparison is the pooled one of `groupmix report`, with a length for each.

    python benchmarks/copies.py --d=4 --targets=1,56,25 --splits=2020
    python benchmarks/copies.py --d=4 --splits=2020,2021,2022,2023,2024 --cache=FOLDER

`--cache` keeps the trainings of every split, so that splits may be trained beside each other, by a
command for each, and a further command with all of them compares.
"""

from __future__ import annotations

import argparse
import pickle
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

from recbole_groupmix.core.hit_counts import denominators, to_values
from recbole_groupmix.core.statistics.splits import pooled_changes
from recbole_groupmix.core.training_length import PATIENCE, common_length, has_peaked
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.mixes.candidates import reference_candidate
from recbole_groupmix.search.jobs import job_of
from recbole_groupmix.settings.merge import merge_settings
from recbole_groupmix.text.tables import aligned
from recbole_groupmix.training.back_ends import back_end

LEVEL = 0.05


@dataclass(frozen=True)
class Pool:
    """The trainings of a target on one split.

    `lengths` are those that each training seed of the folds chooses, `epochs` the grid, `users`
    the measured users' tokens, and `values` their precision on test, (n_seeds, n_points, n_users).
    """

    lengths: list[int]
    epochs: list[int]
    users: list[str]
    values: np.ndarray


def curves(settings, targets, parts, repeats, epochs):
    """Train Proportional on some parts with some seeds; yield part, seed and curve."""
    experiment = Experiment(settings)
    candidate = reference_candidate(experiment.n_users, experiment.target)
    step = int(experiment.config["eval_step"])
    for part in parts:
        for repeat in repeats:
            job = job_of(experiment, candidate, part, repeat, epochs, eval_step=step)
            (fit,) = back_end(experiment).train(experiment, [replace(job, targets=targets)])
            yield experiment, repeat, fit.curve


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


def trained(given, targets, split):
    """Train the folds and all of train of one split; return the pool of each target."""
    base = {
        "dataset": given.dataset,
        "target": targets[0],
        "embedding_size": given.d,
        "seed": split,
        "folds": given.folds,
    }
    on_folds = merge_settings({**base, "valid_metric": "recall@20"})
    found = {}
    parts = range(1, given.folds + 1)
    for _, repeat, curve in curves(
        on_folds, targets, parts, range(given.fold_seeds), given.epochs
    ):
        for target in targets:
            found.setdefault((target, repeat), []).append(curve.means(target))
        epochs = np.array(curve.epochs)
    lengths = {
        target: [
            length(epochs, found[target, seed], int(epochs[-1]))
            for seed in range(given.fold_seeds)
        ]
        for target in targets
    }
    longest = max(map(max, lengths.values()))
    on_test = merge_settings({**base, "valid_metric": "precision@20"})
    values, users = {target: [] for target in targets}, {}
    for experiment, _, curve in curves(on_test, targets, (0,), range(given.pool), longest):
        for target in targets:
            of_users = curve.values_of(target)
            over = denominators("precision", 20, of_users.n_relevant)
            values[target].append(to_values(of_users.counts, over))
            dataset = experiment.dataset
            users[target] = list(dataset.id2token(dataset.uid_field, of_users.users))
    grid = list(curve.epochs)
    return {
        target: Pool(lengths[target], grid, users[target], np.array(values[target]))
        for target in targets
    }


def pools_of(given, targets, split):
    """Return the pool of each target of a split, from the cache where it is there."""
    if given.cache is None:
        return trained(given, targets, split)
    name = [given.dataset, *targets, given.d, split, given.epochs, given.folds]
    name += [given.pool, given.fold_seeds]
    file = given.cache / ("-".join(map(str, name)) + ".pickle")
    if not file.is_file():
        given.cache.mkdir(parents=True, exist_ok=True)
        file.write_bytes(pickle.dumps(trained(given, targets, split)))
    return pickle.loads(file.read_bytes())


def copies(pools, n_repeats, n_copies, rng):
    """Yield pairs of copies, each (n_splits, n_repeats, n_users), NaN where not measured."""
    users = sorted(set().union(*(pool.users for pool in pools)))
    places = [np.searchsorted(users, pool.users) for pool in pools]
    for copy in range(n_copies):
        sides = np.full((2, len(pools), n_repeats, len(users)), np.nan)
        for split, (pool, columns) in enumerate(zip(pools, places, strict=True)):
            at = pool.epochs.index(pool.lengths[copy % len(pool.lengths)])
            seeds = rng.permutation(len(pool.values))[: 2 * n_repeats].reshape(2, -1)
            for side in range(2):
                sides[side, split][:, columns] = pool.values[seeds[side], at]
        yield tuple(sides)


def main() -> None:
    """Print the share of marks by target and number of repeats."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="ml-100k")
    parser.add_argument("--targets", default="1,56,25", help="groups, separated by commas")
    parser.add_argument("--d", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=1000)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--splits", default="2020", help="seeds of the splits, by commas")
    parser.add_argument("--pool", type=int, default=24, help="training seeds on all of train")
    parser.add_argument("--fold-seeds", type=int, default=6, help="training seeds on the folds")
    parser.add_argument("--copies", type=int, default=200)
    parser.add_argument("--cache", type=Path, help="folder that keeps the trainings of each split")
    given = parser.parse_args()
    targets = tuple(given.targets.split(","))
    splits = [int(seed) for seed in given.splits.split(",")]
    pools = []
    for split in splits:
        pools.append(pools_of(given, targets, split))
        for target in targets:
            print(
                f"split {split}, target {target}: lengths {pools[-1][target].lengths}", flush=True
            )
    rng = np.random.default_rng(0)
    rows = [["target", "users", "repeats", "marked", "share", "95 % interval"]]
    for target in targets:
        of_target = [pool[target] for pool in pools]
        for repeats in (3, 5):
            pairs = list(copies(of_target, repeats, given.copies, rng))
            changes = pooled_changes(pairs, seed=0, n_boot=2000, n_permutations=2000)
            marked = sum(change.p < LEVEL for change in changes)
            interval = binomtest(marked, given.copies).proportion_ci(method="wilson")
            share = f"{marked / given.copies:.3f}"
            ends = f"[{interval.low:.3f}, {interval.high:.3f}]"
            n_users = changes[0].n_users
            rows.append([target, str(n_users), str(repeats), str(marked), share, ends])
    print(f"{given.dataset}, BPR, d = {given.d}, splits {given.splits}")
    print("\n".join(aligned(rows, (0,), rule=True)))


if __name__ == "__main__":
    main()
