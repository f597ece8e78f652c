"""The back end of closed-form models: Gram matrices once a part, then one factorisation a mix."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from recbole.data.dataset import Dataset
from scipy.sparse import csr_matrix, diags

from recbole_groupmix.adapters.closed_form import EASE, ClosedForm
from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.evaluate import evaluate
from recbole_groupmix.core.ease import largest_row_sum, precision_for_row_sum
from recbole_groupmix.core.gram import Floats, downdated, group_grams, weighted_gram
from recbole_groupmix.core.item_subspace import check_size
from recbole_groupmix.engine.team import everybody
from recbole_groupmix.pipeline.budget import memory
from recbole_groupmix.pipeline.experiment import ALL_OF_TRAIN, Experiment, Part
from recbole_groupmix.pipeline.job import (
    Fit,
    Job,
    OnEpoch,
    present_users,
    user_weights,
    weights_by_group,
)
from recbole_groupmix.pipeline.solved_ahead import SolvedAhead
from recbole_groupmix.pipeline.training import triplet_factors
from recbole_groupmix.pipeline.validation import Validation

_WORK = 8  # item-item matrices besides those of groups: sum, factor, inverse, model, float64
_GIB = 2**30


class GramLaboratory:
    """What the mixes of a part share: above all the Gram matrix of every group.

    Kept for all of train and for one fold at a time. The matrices of a fold come from those of all of train by taking the fold away.

    Parameters
    ----------
    experiment : Experiment
        Shared data.
    """

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._kept: dict[int, Floats] = {}
        self._mix: tuple[tuple[int, tuple[float, ...]], Floats, float] | None = None
        self._data_set: tuple[int, Dataset] | None = None

    def data_set(self, part: Part, present: np.ndarray | None) -> Dataset:
        """Return RecBole's data set of a part, of the users ``present`` if given."""
        if present is not None:
            return self._experiment.dataset_of(part, present)
        if self._data_set is None or self._data_set[0] != part.index:
            self._data_set = part.index, self._experiment.dataset_of(part)
        return self._data_set[1]

    def of_part(self, part: Part) -> Floats:
        """Return float32 (n_groups, n_items, n_items) in the order of ``groups.names``."""
        if part.index not in self._kept:
            self._kept = {i: g for i, g in self._kept.items() if i == ALL_OF_TRAIN}
            self._kept[part.index] = self._make(part)
        return self._kept[part.index]

    def of_mix(self, part: Part, weights: Sequence[float], lam: float) -> Floats:
        """Return ``G(w)`` of group weights, in the precision that its inverse with lambda needs."""
        grams, asked = self.of_part(part), (part.index, tuple(weights))
        if self._mix is None or self._mix[0] != asked:  # every lambda of a mix asks again
            total = weighted_gram(grams, weights)
            self._mix = asked, total, largest_row_sum(total)
        _, total, row_sum = self._mix
        if precision_for_row_sum(row_sum, lam) is np.float32:
            return total
        return weighted_gram(grams, weights, np.float64)

    def _make(self, part: Part) -> Floats:
        experiment = self._experiment
        group, n_groups = experiment.groups.of_user, len(experiment.groups.names)
        kept = rows_of(experiment, part)
        factors = triplet_factors(experiment, part)
        if part.index == ALL_OF_TRAIN or (factors != 1).any():
            return group_grams(
                (diags(np.sqrt(factors)) @ kept).tocsr(), group, n_groups, np.float32
            )
        whole = experiment.part(ALL_OF_TRAIN)
        totals, removed = self.of_part(whole), (rows_of(experiment, whole) - kept).tocsr()
        removed.eliminate_zeros()
        grams = np.empty_like(totals)
        for index in range(n_groups):
            rows = np.flatnonzero(group == index)
            grams[index] = downdated(totals[index], kept[rows], removed[rows])
        return grams


def rows_of(experiment: Experiment, part: Part) -> csr_matrix:
    """Return the interactions of a part, float32 (n_users, n_items), padding included.

    A pair that occurs twice counts 2, as in RecBole's EASE.
    """
    ones = np.ones(len(part.users), dtype=np.float32)
    return csr_matrix((ones, (part.users, part.items)), shape=experiment.shape)


def train_closed_form(
    experiment: Experiment, jobs: Iterable[Job], on_epoch: OnEpoch | None = None
) -> Iterator[Fit]:
    """Solve jobs one after another; on folds with every lambda of the grid.

    Parameters
    ----------
    experiment : Experiment
        Shared data.
    jobs : iterable of Job
        What to solve; best in the order of their parts.
    on_epoch : callable, optional
        Called with epoch 1 of 1 when a model is solved.
    """
    laboratory, jobs = GramLaboratory(experiment), list(jobs)
    systems = _systems(experiment, jobs, laboratory)
    with SolvedAhead(systems, _threads(experiment)) as solved:
        for job in jobs:
            yield _solve(experiment, job, laboratory, solved)
            if on_epoch is not None:
                on_epoch(job.name, 1, 1)


def _systems(
    experiment: Experiment, jobs: Iterable[Job], laboratory: GramLaboratory
) -> Iterator[tuple[Floats, float]]:
    """Yield Gram matrix and lambda of every model of EASE, in the order in which they are used."""
    for job in jobs:
        part = experiment.part(job.part)
        by_group = weights_by_group(experiment, job, part)
        weights = [by_group[name] for name in experiment.groups.names]
        for options in _grid(experiment, job):
            lam = options["reg_weight"]
            yield laboratory.of_mix(part, weights, lam), lam


def _threads(experiment: Experiment) -> int:
    """Return how many systems memory holds at once, at most one a thread."""
    item_item = experiment.shape[1] ** 2 * 4
    spare = memory(experiment, "cpu") - _needed(experiment)
    return int(min(max(spare // (_WORK * item_item), 0) + 1, everybody().size))


def _needed(experiment: Experiment) -> int:
    """Return the bytes of EASE's matrices of items by items with one thread."""
    return (2 * len(experiment.groups.names) + _WORK) * experiment.shape[1] ** 2 * 4


def _solve(
    experiment: Experiment, job: Job, laboratory: GramLaboratory, solved: SolvedAhead
) -> Fit:
    started = time.perf_counter()
    part = experiment.part(job.part)
    grid = _grid(experiment, job)
    if job.part == ALL_OF_TRAIN:
        model = _model(experiment, job, laboratory, grid[0], solved)
        return Fit(job, lambda: model, 1, seconds=time.perf_counter() - started)
    validation = Validation(experiment, job.name, part, job.targets)
    name, best = f"{validation.metric}@{validation.k}", None
    tried: list[tuple[dict[str, float], float]] = []
    curve: list[dict[str, Any]] = []
    for options in grid:
        model = _model(experiment, job, laboratory, options, solved)
        values = evaluate(model, validation.held_out, [validation.k], [validation.metric])[name]
        score, by_group = validation.record(values, 1)
        curve.append({"epoch": 1, **options, "by_group": by_group})
        if not tried or score > max(before for _, before in tried):
            best = model
        tried.append((options, score))
    return Fit(
        job,
        lambda: best,
        1,
        score=max(score for _, score in tried),
        curve=curve,
        seconds=time.perf_counter() - started,
        tried=tried,
    )


def _grid(experiment: Experiment, job: Job) -> list[dict[str, float]]:
    if job.options:
        return [dict(job.options)]
    lambdas = experiment.settings["lambdas"]
    return [{"reg_weight": lam} for lam in lambdas] if lambdas else [{}]


def _model(
    experiment: Experiment,
    job: Job,
    laboratory: GramLaboratory,
    options: dict[str, float],
    solved: SolvedAhead,
) -> ClosedForm:
    part = experiment.part(job.part)
    in_model, _ = present_users(experiment, job, part)
    if experiment.settings["model"] == "EASE":
        model = _empty_ease(experiment, part, laboratory, options["reg_weight"], in_model)
        model.hold(solved.next())
        return model
    config = experiment.config
    with recbole_compat():
        model = experiment.model_class(config, laboratory.data_set(part, in_model))
    model = model.to(config["device"])
    model.fit(user_weights(experiment, job, part) * triplet_factors(experiment, part))
    return model


def weighted_ease(
    experiment: Experiment,
    part: Part,
    laboratory: GramLaboratory,
    weights: Sequence[float],
    lam: float,
    present: np.ndarray | None = None,
) -> EASE:
    """Return EASE on a part for a weight of each group, in the order of ``groups.names``.

    ``present``, bool (n_users,), says whose history the model holds; None is everyone's.
    """
    model = _empty_ease(experiment, part, laboratory, lam, present)
    model.fit_gram(laboratory.of_mix(part, weights, lam))
    return model


def _empty_ease(
    experiment: Experiment,
    part: Part,
    laboratory: GramLaboratory,
    lam: float,
    present: np.ndarray | None,
) -> EASE:
    config = copy.copy(experiment.config)
    config.final_config_dict = {**config.final_config_dict, "reg_weight": lam}
    with recbole_compat():
        model = EASE(config, laboratory.data_set(part, present))
    return model.to(config["device"])


def check_is_ease(experiment: Experiment) -> None:
    """Raise ``ValueError`` unless the model is the one that group Gram matrices solve."""
    if experiment.settings["model"] != "EASE":
        raise ValueError(
            f"{experiment.settings.describe('model')}; Gram matrices of groups answer for EASE "
            "only: use --model=EASE"
        )


def check_closed_form(experiment: Experiment, free: int) -> None:
    """Raise ``ValueError`` if the settings cannot be solved, before any work.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    free : int
        Bytes that may be taken.

    Raises
    ------
    ValueError
        If item-item matrices do not fit into memory, or the rank exceeds the number of the
        target's users or of their items.
    """
    settings, (_, n_items) = experiment.settings, experiment.shape
    if settings["backend"] != "auto":
        raise ValueError(
            f"{settings.describe('backend')}, but {settings['model']} is solved in closed form and "
            "not trained; leave backend out"
        )
    if settings["model"] == "EASE":
        needed = _needed(experiment)
        if needed > free:
            raise ValueError(
                f"EASE on the {n_items - 1} items of {settings['dataset']!r} needs about "
                f"{needed / _GIB:.3g} GiB for matrices of items by items, and may take "
                f"{free / _GIB:.3g} GiB; use --model=WeightedSVD, which never forms them, leave out "
                'rare items, such as by --item_inter_num_interval="[20,inf)", or raise '
                "--max_memory"
            )
        return
    check_rank(experiment)


def check_rank(experiment: Experiment) -> None:
    """Raise ``ValueError`` if the target's own data have not the rank that is asked for."""
    settings = experiment.settings
    if settings["model"] == "EASE":
        return
    part = experiment.part(ALL_OF_TRAIN)
    mine = experiment.groups.of_user[part.users] == experiment.groups.index(experiment.target)
    n_users, n_mine = len(np.unique(part.users[mine])), len(np.unique(part.items[mine]))
    what = (
        f"{settings.describe('embedding_size')}: users of target {experiment.target!r} and items"
    )
    try:
        check_size(int(experiment.config["embedding_size"]), n_users, n_mine, "they")
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from error
