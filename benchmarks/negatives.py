"""How long negatives for every training interaction take: RecBole's sampler, NumPy, the compiled draw.

    python benchmarks/negatives.py [--dataset=ml-100k] [--data_path=FOLDER] [--rounds=5]

All draw one item for each interaction, uniform over those that its user has not. RecBole's sampler
draws and rejects; ours take the n-th candidate of a user, found by a binary search over the user's
items (NumPy) or by a table that neighbouring draws of a user share (compiled). Ways take turns;
nanoseconds a draw, medians, and the ratio to RecBole.
"""

import statistics
import sys
import time

import numpy as np
from recbole.sampler import Sampler

from recbole_groupmix.cli.options import parse_options
from recbole_groupmix.engine.compiled_negatives import CompiledNegatives
from recbole_groupmix.engine.threads import pool
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.settings.merge import merge_settings


def main(arguments: list[str]) -> None:
    given = {"dataset": "ml-100k", "rounds": "5", **parse_options(arguments)}
    rounds = int(given.pop("rounds"))
    experiment = Experiment(merge_settings(given), all_users=True)
    part = experiment.part(ALL_OF_TRAIN)
    sampler = Sampler(["train"], [experiment.dataset_of(part, None)]).set_phase("train")
    fast, slow = CompiledNegatives(part.negatives), part.negatives
    ways = {
        "RecBole": lambda: sampler.sample_by_user_ids(part.users, part.items, 1),
        "NumPy": lambda: slow.draw(part.users, np.random.default_rng(0)),
        "compiled": lambda: fast.draw(part.users, np.random.default_rng(0)),
    }
    if not np.array_equal(ways["NumPy"](), ways["compiled"]()):
        raise AssertionError("the two draws differ")
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            taken[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(seconds) for name, seconds in taken.items()}
    n = len(part.users)
    print(f"{given['dataset']}: {n:,} draws, {pool().size} threads, medians of {rounds}")
    for name, seconds in medians.items():
        print(
            f"  {name:10}{seconds / n * 1e9:8.0f} ns a draw{medians['RecBole'] / seconds:8.1f} x"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
