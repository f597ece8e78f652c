"""Seconds that one model takes for one pass over the data: stock RecBole, our two back ends.

    python benchmarks/engine.py [--dataset=ml-100k] [--data_path=FOLDER] [--target=25]
                                [--model=BPR] [--embedding_size=64] [--mixes=16] [--rounds=3]

A pass is negatives, forward, backward and update of every interaction, in full batches of 10^6 on
all sides. Prints medians over rounds and the ratio to stock RecBole in the same run.
"""

import statistics
import sys
import time

from recbole.data import data_preparation
from recbole.trainer import Trainer
from recbole.utils import get_model

from recbole_groupmix.adapters.compat import recbole_compat, without_folders
from recbole_groupmix.adapters.config import GroupMixConfig
from recbole_groupmix.adapters.dataset import dataset_class
from recbole_groupmix.cli import parse_options
from recbole_groupmix.core.samplers import sample_trial
from recbole_groupmix.pipeline.experiment import ALL_OF_TRAIN, Experiment
from recbole_groupmix.pipeline.locate import data_folder
from recbole_groupmix.pipeline.populations import train_populations
from recbole_groupmix.pipeline.settings import merge_settings
from recbole_groupmix.pipeline.training import Job, train_sequentially

BATCH = 1_000_000


def stock_recbole(name, options, folder):
    """Return a function that makes one epoch of RecBole's own model, loader and trainer."""
    settings = {
        "train_batch_size": BATCH,
        "embedding_size": int(options["embedding_size"]),
        "eval_args": {"split": {"RS": [0.8, 0.0, 0.2]}},
        "checkpoint_dir": ".",
    }
    config = GroupMixConfig(name, options["dataset"], settings, folder=folder)
    with recbole_compat(), without_folders():
        dataset = dataset_class(config["model"], config["MODEL_TYPE"])(config)
        train_data, _, _ = data_preparation(config, dataset)
        model = get_model(name)(config, train_data._dataset)
        trainer = Trainer(config, model)

    def epoch():
        with recbole_compat():
            trainer._train_epoch(train_data, 0)

    return epoch, len(train_data._dataset)


def timed(function, rounds):
    """Seconds of each call, the first left out."""
    function()
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - started)
    return seconds


def passes(experiment, train, n_mixes, rounds, epochs=4):
    """Seconds per model and pass: of ``epochs`` + 1 passes less those of one."""
    n_users, target = experiment.n_users, experiment.target
    mixes = [sample_trial(0, i, n_users, target)[1] for i in range(n_mixes)]

    def total(n):
        jobs = [Job(f"trial-{i}", mix, ALL_OF_TRAIN, 0, n) for i, mix in enumerate(mixes)]
        return sum(fit.seconds for fit in train(experiment, jobs))

    total(1)
    return [(total(1 + epochs) - total(1)) / (epochs * n_mixes) for _ in range(rounds)]


def main(arguments):
    options = {
        "dataset": "ml-100k",
        "target": "25",
        "model": "BPR",
        "embedding_size": "64",
        "mixes": "16",
        "rounds": "3",
        **parse_options(arguments),
    }
    rounds, n_mixes = int(options.pop("rounds")), int(options.pop("mixes"))
    name = options["model"]
    given = {**options, "embedding_size": int(options["embedding_size"]), "graph": "all"}
    experiment = Experiment(merge_settings({**given, "train_batch_size": BATCH}))
    folder = data_folder(options["dataset"], options.get("data_path"))
    stock, n_pairs = stock_recbole(name, options, folder)
    rows = {
        "stock RecBole": timed(stock, rounds),
        "recbole back end": passes(experiment, train_sequentially, 1, rounds),
        "cpu back end, 1 mix": passes(experiment, train_populations, 1, rounds),
        f"cpu back end, {n_mixes} mixes": passes(experiment, train_populations, n_mixes, rounds),
    }
    print(f"{options['dataset']}, {n_pairs} interactions, {name}, d = {options['embedding_size']}")
    reference = statistics.median(rows["stock RecBole"])
    for label, seconds in rows.items():
        median = statistics.median(seconds)
        print(f"{label:24} {median:9.4f} s a model and pass   {reference / median:7.1f} x")


if __name__ == "__main__":
    main(sys.argv[1:])
