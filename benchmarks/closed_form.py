"""Seconds that a mix takes in closed form, and in a loop over RecBole's EASE on resampled users.

    python benchmarks/closed_form.py [--dataset=ml-100k] [--data_path=FOLDER] [--target=25]
        [--reg_weight=500] [--size=32] [--mixes=3]

The loop is what a user of RecBole can do: draw the users of a mix (Eq. 7), give them ids of their
own, make a data set of their rows and RecBole's EASE of it. Ours solves for the weights of Eq. 8
from Gram matrices that all mixes share; making those is printed on its own. Medians over mixes;
evaluation, which is the same, is left out.
"""

import statistics
import sys
import time

import numpy as np
import torch
from recbole.model import general_recommender

from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.cli.options import parse_options
from recbole_groupmix.core.mix import group_weights
from recbole_groupmix.core.samplers import sample_trial
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.mixes.candidates import Candidate
from recbole_groupmix.search.jobs import job_of
from recbole_groupmix.settings.merge import merge_settings
from recbole_groupmix.training.closed_form.back_end import ClosedForms, weighted_ease
from recbole_groupmix.training.closed_form.gram_cache import GramCache


def resampled(experiment, weights, rng):
    """A data set of the users of a mix: the target once, others as often as they are drawn."""
    part, groups = experiment.part(ALL_OF_TRAIN), experiment.groups
    drawn = [groups.users(experiment.target)]
    room = experiment.shape[0] - 1 - len(drawn[0])  # RecBole has no ids for more users
    for name in groups.names:
        if name != experiment.target:
            users = groups.users(name)
            count = int(len(users) * weights[name])
            drawn.append(rng.choice(users, count))
    users = np.concatenate(drawn)[: len(drawn[0]) + room]
    first = np.searchsorted(part.users, users)
    last = np.searchsorted(part.users, users, side="right")
    places = np.concatenate([np.arange(a, b) for a, b in zip(first, last, strict=True)])
    rows = experiment.dataset.inter_feat[part.rows[places]]
    ids = np.repeat(np.arange(1, len(users) + 1), last - first)
    rows.interaction[experiment.dataset.uid_field] = torch.from_numpy(ids)
    return experiment.dataset.copy(rows)


def timed(call):
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def main(arguments):
    options = {
        "dataset": "ml-100k",
        "target": "25",
        "reg_weight": "500",
        "size": "32",
        "mixes": "3",
        **parse_options(arguments),
    }
    lam, mixes = float(options["reg_weight"]), int(options["mixes"])
    given = {key: options[key] for key in ("dataset", "data_path", "target") if key in options}
    experiment = Experiment(merge_settings({**given, "model": "EASE", "reg_weight": lam}))
    part, names = experiment.part(ALL_OF_TRAIN), experiment.groups.names
    config = experiment.config
    config["reg_weight"] = lam
    rng = np.random.default_rng(0)
    grams = GramCache(experiment)
    once = timed(lambda: grams.of_part(part))
    grams.data_set(part, None)
    seconds = {"EASE": [], "RecBole's EASE, resampled": []}
    trial_mixes = [
        sample_trial(0, i, experiment.n_users, experiment.target)[1] for i in range(mixes)
    ]

    def loop(weights):
        data = resampled(experiment, weights, rng)
        with recbole_compat():
            general_recommender.EASE(config, data)

    for mix in trial_mixes:  # in turn, so that a slow minute affects all of them
        by_group = group_weights(mix, experiment.n_users, experiment.target)
        weights = [by_group[name] for name in names]
        seconds["EASE"].append(
            timed(lambda w=weights: weighted_ease(experiment, part, grams, w, lam))
        )
        seconds["RecBole's EASE, resampled"].append(timed(lambda w=by_group: loop(w)))
    svd = Experiment(
        merge_settings({**given, "model": "WeightedSVD", "embedding_size": int(options["size"])})
    )
    jobs = [
        job_of(svd, Candidate(f"trial-{i}", mix, "own"), ALL_OF_TRAIN, epochs=1)
        for i, mix in enumerate(trial_mixes)
    ]
    fits = list(ClosedForms().train(svd, jobs))
    seconds[f"WeightedSVD, d = {options['size']}"] = [fit.seconds for fit in fits]
    print(
        f"{options['dataset']}, target {options['target']}: {experiment.shape[0] - 1} users, "
        f"{experiment.shape[1] - 1} items, {len(names)} groups, {mixes} mixes"
    )
    print(f"{'Gram matrices of all groups, once':36} {once:8.2f} s")
    reference = statistics.median(seconds["RecBole's EASE, resampled"])
    for name, times in seconds.items():
        median = statistics.median(times)
        print(
            f"{name:36} {median:8.2f} s a mix   {reference / median:6.2f} x faster than the loop"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
