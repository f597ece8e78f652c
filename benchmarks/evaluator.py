"""Seconds of one evaluation of all users: stock RecBole at several batch sizes, and ours by group.

    python benchmarks/evaluator.py [--dataset=ml-100k] [--data_path=FOLDER] [--group_field=gender]
                                   [--model=BPR] [--embedding_size=64] [--rounds=3]

All ranking metrics at 10 and 20. Prints medians over rounds, the ratio to the best batch size of
RecBole and to its default, and the memory that a batch takes.
"""

import ctypes
import statistics
import sys
import time
from functools import partial

from recbole.data import data_preparation
from recbole.trainer import Trainer
from recbole.utils import get_model

from recbole_groupmix import GroupEvaluator
from recbole_groupmix.adapters.compat import recbole_compat, without_folders
from recbole_groupmix.adapters.config import GroupMixConfig
from recbole_groupmix.adapters.dataset import dataset_class
from recbole_groupmix.cli.options import parse_options
from recbole_groupmix.evaluation.scoring import users_per_batch
from recbole_groupmix.experiment.locate import data_folder

METRICS = ["Recall", "MRR", "NDCG", "Hit", "Precision", "MAP", "GAUC"]
DEFAULT = 4096
USERS = (16, 64, 256, 1024, 4096)


def project(options):
    """Configuration, test loader and an untrained model; neither changes what a ranking costs."""
    settings = {
        "load_col": {"inter": ["user_id", "item_id"], "user": ["user_id", options["group_field"]]},
        "metrics": METRICS,
        "topk": [10, 20],
        "valid_metric": "MRR@10",
        "embedding_size": int(options["embedding_size"]),
        "eval_args": {"split": {"RS": [0.8, 0.0, 0.2]}, "mode": "full"},
        "checkpoint_dir": ".",
    }
    folder = data_folder(options["dataset"], options.get("data_path"))
    config = GroupMixConfig(options["model"], options["dataset"], settings, folder=folder)
    with recbole_compat():
        dataset = dataset_class(config["model"], config["MODEL_TYPE"])(config)
        train_data, _, test_data = data_preparation(config, dataset)
        model = get_model(options["model"])(config, train_data._dataset)
    return config, test_data, model


def stock(config, test_data, model, batch):
    """Return a function that evaluates by RecBole's trainer, ``batch`` pairs at a time."""
    config["eval_batch_size"] = batch  # read when a loader and a trainer are made, not later
    loader = type(test_data)(config, test_data._dataset, test_data._sampler)
    with recbole_compat(), without_folders():
        trainer = Trainer(config, model)

    def evaluate():
        with recbole_compat():
            trainer.evaluate(loader, load_best_model=False)

    return evaluate


def peak_memory(run):
    """MiB that the process holds at most while it runs, above what it held before (Linux)."""

    def held(name):
        with open("/proc/self/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith(name)) / 1024

    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)  # give back what earlier runs left
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")  # forget the peak so far
        before = held("VmRSS")
        run()
        return held("VmHWM") - before
    except OSError:
        run()
        return float("nan")


def main(arguments):
    options = {
        "dataset": "ml-100k",
        "group_field": "gender",
        "model": "BPR",
        "embedding_size": "64",
        "rounds": "3",
        **parse_options(arguments),
    }
    config, test_data, model = project(options)
    n_items, n_users = test_data._dataset.item_num, test_data.sample_size
    batches = [n_items * users for users in USERS if users < 2 * n_users]
    runs = {batch: stock(config, test_data, model, batch) for batch in [DEFAULT, *batches]}
    for n_boot in (1, 2000):
        evaluator = GroupEvaluator(config, test_data, options["group_field"], n_boot=n_boot)
        runs[f"ours, {n_boot} resamples"] = partial(evaluator.evaluate, model)
    memory = {name: peak_memory(run) for name, run in runs.items()}
    seconds = {name: [] for name in runs}
    for _ in range(int(options["rounds"])):
        for name, run in runs.items():  # in turn, so that a slow minute hits all alike
            started = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - started)
    median = {name: statistics.median(times) for name, times in seconds.items()}
    best = min(median[batch] for batch in batches)
    print(
        f"{options['dataset']}, {n_users} users, {n_items} items, {options['model']}, "
        f"{len(evaluator.groups.names)} groups"
    )
    for name, value in median.items():
        of_recbole = isinstance(name, int)
        users = name // n_items if of_recbole else users_per_batch(n_items, config["device"])
        label = f"RecBole, eval_batch_size {name}" if of_recbole else name
        print(
            f"{label:33} {min(max(users, 1), n_users):5} users a batch {memory[name]:6.0f} MiB "
            f"{value:8.3f} s {value / best:6.2f} x best {value / median[DEFAULT]:6.2f} x default"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
