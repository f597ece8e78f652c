"""Items that are ranked under the mode of ``eval_args``: all, or held-out items and negatives."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from recbole_groupmix.adapters.sampled_candidates import sampled_candidates
from recbole_groupmix.core.value_metrics import VALUE_METRICS
from recbole_groupmix.experiment.labels import labels_of, why_no_labels
from recbole_groupmix.experiment.part import ALL_OF_TRAIN, Part
from recbole_groupmix.settings.eval_args import LABELED, EvalArgs, described, sampling

if TYPE_CHECKING:
    from recbole_groupmix.experiment.experiment import Experiment


def check_mode(experiment: Experiment) -> None:
    """Raise ``ValueError`` for a mode that the data or the model cannot have.

    A number of negatives beyond the items, a user without any, or labels that no model learns.
    """
    settings, n_items = experiment.settings, experiment.shape[1] - 1
    args = EvalArgs.of(settings)
    if LABELED in (args.valid, args.test) and labels_of(experiment) is None:
        raise ValueError(
            f"{described(settings, 'mode labeled')} asks for predicted labels, and {settings.model} "
            f"{why_no_labels(settings)}; leave mode out to rank items alone"
        )
    if settings.valid_metric in VALUE_METRICS and not args.valid == args.test == LABELED:
        raise ValueError(
            f"{settings.describe('valid_metric')}, a metric of predicted labels; it needs mode labeled "
            "of eval_args, --eval_args=\"{'mode':'labeled'}\", and a model that is trained on labels"
        )
    for mode in (args.valid, args.test):
        drawn = sampling(mode)
        if drawn is None:
            continue
        distribution, number = drawn
        what = described(settings, f"mode {mode}")
        if number > n_items:
            raise ValueError(
                f"{what} asks for {number} negatives of each held-out item, but "
                f"{settings.dataset!r} has {n_items} items"
            )
        pairs = np.unique(np.stack([experiment.users, experiment.items]), axis=1)
        n_known = np.bincount(pairs[0])
        n_drawn = len(np.unique(pairs[1])) if distribution == "popularity" else n_items
        user = int(np.argmax(n_known))
        if n_known[user] >= n_drawn:
            token = experiment.dataset.id2token(experiment.dataset.uid_field, user)
            raise ValueError(
                f"{what} draws items that a user does not know, but user {token!s} of "
                f"{settings.dataset!r} knows all {n_drawn}; leave such users out by "
                f'--user_inter_num_interval="[0,{n_drawn})"'
            )


def with_candidates(experiment: Experiment, part: Part) -> Part:
    """Return a part whose users are ranked over their candidates, if its mode samples them.

    Test follows the mode of test, and the folds that of valid. As RecBole's validation, a fold may
    draw a user's items of other parts, and never those that the user has in its own. Negatives are
    drawn once, so that all mixes, epochs and repeats are measured on the same.
    """
    settings, split = experiment.settings, experiment.split
    args, of_test = EvalArgs.of(settings), part.index == ALL_OF_TRAIN
    if sampling(args.test if of_test else args.valid) is None:
        return part
    if of_test:
        parts, phase = [split.train, np.empty(0, dtype=np.int64), split.test], "test"
    else:
        trained, held = split.rows_of(part.index)
        rows = np.arange(len(trained))
        parts, phase = [rows[trained], rows[held], rows[~(trained | held)]], "valid"
    seed = (settings.seed + part.index) % 2**32
    catalogues = sampled_candidates(
        experiment.config, experiment.dataset, parts, phase, part.held_out, seed
    )
    held_out = replace(part.held_out, catalogues=catalogues.of_rows(part.held_out.users))
    return replace(part, held_out=held_out, catalogues=catalogues)
