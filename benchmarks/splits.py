"""The budget curve of one target over several splits, each a run of its own, and pooled.

    python benchmarks/splits.py --data_path=FOLDER [--dataset=ml-100k] [--target=56] [--model=EASE]
                                [--seeds=2020,2021,2022,2023,2024] [--budgets=0.1,0.3,0.5,2]
                                [--output_dir=FOLDER] [--KEY=VALUE ...]

For every seed one run without a search, whose own mixes share the other groups' data as
Proportional does and differ in the budget `alpha_aug` alone: 1 is Proportional itself, 0 is No
Augmentation, a row of every run. Then what `groupmix report` says of these runs: the changes
pooled over the splits, and each split's. Other keys are those of `groupmix run`.

With `--coverage` no model is trained: how often the pooled interval holds the truth, in drawn
comparisons without a difference. Users differ by 1 (standard error of the mean: 1 SE), a user
from split to split by `user`, all users of a split by `split` SE, and all users of a training by
`seed` SE.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import yaml

from recbole_groupmix import run_groupmix
from recbole_groupmix.cli.options import split_arguments
from recbole_groupmix.core.statistics.splits import pooled_changes
from recbole_groupmix.report.write import write_report

DEFAULTS = {
    "dataset": "ml-100k",
    "target": "56",
    "model": "EASE",
    "seeds": "2020,2021,2022,2023,2024",
    "budgets": "0.1,0.3,0.5,2",
}
#: Splits and repeats, users, and (user, split, seed) of the comparisons that are drawn.
SHAPES, USERS = ((3, 5), (5, 1), (5, 5), (10, 1)), (36, 300)
NOISE = ((0.3, 0, 0), (2, 0, 0), (2, 1, 0), (0.3, 3, 0), (2, 3, 0), (0.3, 3, 3))


def budget_curve(given, folder):
    seeds = [int(seed) for seed in given.pop("seeds").split(",")]
    budgets = given.pop("budgets").split(",")
    place = given.pop("model"), given.pop("dataset"), given.pop("target")
    keys = {"output_dir": str(folder / "runs"), "trials": 0, "rivals": "none", **given}
    first = run_groupmix(*place, config_dict={**keys, "seed": seeds[0]})
    files = []
    for budget in budgets:
        mix = {"name": f"alpha_aug-{budget}", "alpha": first["mixes"]["proportional"]["alpha"]}
        files.append(folder / f"alpha_aug-{budget}.yaml")
        files[-1].write_text(yaml.safe_dump({**mix, "alpha_aug": float(budget)}))
    keys["mix"] = [str(file) for file in files]
    started = time.perf_counter()
    results = [run_groupmix(*place, config_dict={**keys, "seed": seed}) for seed in seeds]
    print(f"{len(seeds)} runs in {time.perf_counter() - started:.0f} s\n")
    write_report(
        [result["run_folder"] for result in results], folder / "page", force=True, show=print
    )


def coverage(times=400):
    print("| splits x repeats | users |", *(f"{noise} |" for noise in NOISE))
    print("| --- | ---: |", *("---: |" for _ in NOISE))
    for n_splits, n_repeats in SHAPES:
        for n_users in USERS:
            held = [held_by(n_splits, n_repeats, n_users, noise, times) for noise in NOISE]
            print(f"| {n_splits} x {n_repeats} | {n_users} |", *(f"{h:.2f} |" for h in held))
            sys.stdout.flush()


def held_by(n_splits, n_repeats, n_users, noise, times):
    """Return the share of intervals that hold the truth, no change."""
    rng = np.random.default_rng([n_splits, n_repeats, n_users, *(int(10 * n) for n in noise)])
    pairs = []
    for _ in range(times):
        base = rng.gamma(2, 0.1, n_users)
        error = np.sqrt(np.mean(base**2) / n_users) / base.mean()
        user, split, seed = noise
        off = rng.normal(0, 1, n_users) + rng.normal(0, user, (n_splits, 1, n_users))
        off = off + rng.normal(0, split * error, (n_splits, 1, 1))
        off = off + rng.normal(0, seed * error, (n_splits, n_repeats, 1))
        off = off + rng.normal(0, 0.3, (n_splits, n_repeats, n_users))
        pairs.append((base * (1 + 0.1 * off), np.broadcast_to(base, off.shape)))
    changes = pooled_changes(pairs, seed=1, n_boot=2000, n_permutations=1)
    return np.mean([change.ci_low <= 0 <= change.ci_high for change in changes])


def main(arguments):
    given = {**DEFAULTS, **split_arguments(arguments, {"coverage": "True"})[0]}
    if given.pop("coverage", False):
        coverage()
        return
    if "output_dir" in given:
        budget_curve(given, Path(given.pop("output_dir")))
        return
    with tempfile.TemporaryDirectory() as folder:
        budget_curve(given, Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
