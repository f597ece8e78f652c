"""Seconds of one training epoch of a sequential model: stock RecBole, and ours with user weights.

    python benchmarks/sequences.py [--dataset=ml-100k] [--data_path=FOLDER] [--model=SASRec]
                                   [--group_field=age_group] [--target=25] [--rounds=5]

The same rows, model and batch size: RecBole's trainer on RecBole's loader, and ours on our batches with
the weights of a mix. Both go in turn; prints medians over rounds and the ratio.
"""

import statistics
import sys
import time

from recbole.data.dataloader import TrainDataLoader
from recbole.data.utils import create_samplers
from recbole.trainer import Trainer
from recbole.utils import init_seed

from recbole_groupmix.adapters.compat import recbole_compat, without_folders
from recbole_groupmix.adapters.trainer import GroupMixTrainer
from recbole_groupmix.cli.options import parse_options
from recbole_groupmix.core.mix import Mix
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.mixes.candidates import Candidate
from recbole_groupmix.search.jobs import job_of
from recbole_groupmix.settings.merge import merge_settings
from recbole_groupmix.training.job import user_weights
from recbole_groupmix.training.one_by_one import training_batches

DEFAULTS = {"dataset": "ml-100k", "model": "SASRec", "target": "25"}


def stock_epochs(experiment):
    """RecBole's trainer, and a function that trains an epoch with it."""
    config, train = experiment.config, experiment.dataset_of(experiment.part(0))
    sampler, _, _ = create_samplers(config, train, [train] * 3)
    loader = TrainDataLoader(config, train, sampler, shuffle=True)
    return Trainer(config, experiment.model_class(config, train)), loader


def our_epochs(experiment):
    """Our trainer and batches, with the weights of half as many users from all other groups."""
    others = [name for name in experiment.groups.names if name != experiment.target]
    mix = Mix(dict.fromkeys(others, 1 / len(others)), 0.5)
    job = job_of(experiment, Candidate("half", mix, "own"), 0, 0, 1)
    part = experiment.part(0)
    model = experiment.model_class(experiment.config, experiment.dataset_of(part))
    trainer = GroupMixTrainer(experiment.config, model, user_weights(experiment, job))
    return trainer, training_batches(experiment, job, part)


def main(arguments):
    options = {**DEFAULTS, **parse_options(arguments)}
    rounds = int(options.pop("rounds", 5))
    experiment = Experiment(merge_settings({**options, "epochs": 1}))
    init_seed(experiment.settings.seed, True)
    started = time.perf_counter()
    seconds = {"stock RecBole": [], "ours, weighted": []}
    with recbole_compat(), without_folders():
        both = stock_epochs(experiment), our_epochs(experiment)
        made = time.perf_counter() - started
        for turn in range(rounds + 1):
            for (trainer, batches), times in zip(both, seconds.values(), strict=True):
                trainer.start_epoch = trainer.cur_step = 0
                began = time.perf_counter()
                trainer.fit(batches, saved=False, verbose=False)
                if turn:  # the first warms up
                    times.append(time.perf_counter() - began)
    median = {name: statistics.median(times) for name, times in seconds.items()}
    rows = len(experiment.part(0).rows)
    print(
        f"{options['dataset']}, {options['model']}, {rows} sequences an epoch; made in {made:.1f} s"
    )
    for name, value in median.items():
        print(f"{name:16} {value:8.3f} s an epoch  {value / median['stock RecBole']:5.2f} x stock")


if __name__ == "__main__":
    main(sys.argv[1:])
