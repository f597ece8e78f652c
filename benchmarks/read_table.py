"""Reading a data set by RecBole alone and with ours: seconds, and the ratio.

python benchmarks/read_table.py [--dataset=ml-1m] [--data_path=DATA] [--rounds=5]
"""

from __future__ import annotations

import sys
import time
from unittest.mock import patch

import numpy as np

from recbole_groupmix import GroupMixConfig
from recbole_groupmix.adapters import read_table
from recbole_groupmix.adapters.dataset import load_dataset
from recbole_groupmix.cli.options import parse_options
from recbole_groupmix.experiment.locate import data_folder


def main(arguments: list[str]) -> None:
    options = {"dataset": "ml-100k", "rounds": "5", **parse_options(arguments)}
    rounds, name = int(options["rounds"]), options["dataset"]
    config = GroupMixConfig("BPR", name, {}, folder=data_folder(name, options.get("data_path")))
    seconds: dict[str, list[float]] = {"pandas' parser in Python, as RecBole asks": [], "ours": []}
    for _ in range(rounds):
        for who, taken in seconds.items():
            fast = read_table._fast if who == "ours" else lambda *given: None
            with patch.object(read_table, "_fast", fast):
                start = time.perf_counter()
                load_dataset(config)
                taken.append(time.perf_counter() - start)
    theirs, ours = (float(np.median(taken)) for taken in seconds.values())
    for who, taken in seconds.items():
        print(f"{who}: median {np.median(taken):.2f} s of {rounds}, whole data set")
    print(f"ratio {theirs / ours:.1f}")


if __name__ == "__main__":
    main(sys.argv[1:])
