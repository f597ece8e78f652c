"""The back end of closed-form models: one factorisation for each mix."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from recbole_groupmix.adapters.closed_form import EASE, ClosedForm
from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.held_out import user_metrics
from recbole_groupmix.core.linear.ease import FactoredEase, ease
from recbole_groupmix.core.linear.gram import Floats
from recbole_groupmix.engine.threads import one_blas_thread_each
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import ALL_OF_TRAIN, Part
from recbole_groupmix.training.closed_form.checks import check_rank, check_recipe
from recbole_groupmix.training.closed_form.gram_cache import GramCache, threads_of
from recbole_groupmix.training.closed_form.systems import System, Systems
from recbole_groupmix.training.job import (
    Fit,
    Job,
    OnEpoch,
    present_users,
    user_weights,
)
from recbole_groupmix.training.one_by_one import triplet_factors
from recbole_groupmix.training.validation_curve import ValidationCurve

_FEW = 0.25  # measured users for each item up to which they are scored without the whole matrix

_Solved = Iterator[Floats | FactoredEase]


class ClosedForms:
    """Solves jobs one after another; on folds with every lambda of the grid."""

    n_timed = 3  # the baselines: the last has the least data, and the least rank

    def train(
        self, experiment: Experiment, jobs: Iterable[Job], on_epoch: OnEpoch | None = None
    ) -> Iterator[Fit]:
        """Solve jobs, best in the order of their parts; each counts as epoch 1 of 1."""
        grams, jobs = GramCache(experiment), list(jobs)
        for job in jobs:
            check_recipe(experiment, job.recipe)
        systems = _systems(experiment, jobs, grams)
        with one_blas_thread_each(threads_of(experiment)) as threads:
            solved = threads.ahead(System.solve, ((system,) for system in systems))
            for job in jobs:
                yield _solve(experiment, job, grams, solved)
                if on_epoch is not None:
                    on_epoch(job.name, 1, 1)

    def why_not_shared(self, experiment: Experiment) -> str | None:
        """Return None: targets share models, as the scale of the weights changes lambda alone."""
        return None

    def check_target(self, experiment: Experiment) -> None:
        """Raise ``ValueError`` if the rank of the target's own data is below ``embedding_size``."""
        check_rank(experiment)


def _systems(experiment: Experiment, jobs: Iterable[Job], grams: GramCache) -> Iterator[System]:
    """Yield the system of every model of EASE, in the order in which they are used."""
    systems = Systems(experiment, grams)
    for job in jobs:
        lambdas = [options["reg_weight"] for options in _grid(experiment, job)]
        yield from systems.of(job, lambdas, few=_scores_few(experiment, job))


def _scores_few(experiment: Experiment, job: Job) -> bool:
    """Return whether a job measures so few users that it needs no matrix of all items."""
    if job.part == ALL_OF_TRAIN:
        return False
    users = experiment.part(job.part).held_out.users
    if not job.every_group:
        measured = experiment.validation_users(job.targets).values()
        users = users[np.any([mask[users] for mask in measured], axis=0)]
    return len(users) <= _FEW * experiment.shape[1]


def _solve(experiment: Experiment, job: Job, grams: GramCache, solved: _Solved) -> Fit:
    started = time.perf_counter()
    grid = _grid(experiment, job)
    if job.part == ALL_OF_TRAIN:
        model = _model(experiment, job, grams, grid[0], solved)
        return Fit(job, lambda: model, 1, seconds=time.perf_counter() - started)
    part = experiment.part(job.part)
    curve = ValidationCurve(experiment, part, job.targets, every_group=job.every_group)
    name = f"{curve.metric}@{curve.k}"
    for options in grid:
        model = _model(experiment, job, grams, options, solved)
        values = user_metrics(model, curve.held_out, [curve.k], [curve.metric])[name]
        curve.record(values, 1, {} if job.options else options)  # the job's own are in its record
    return Fit(job, lambda: model, 1, curve, time.perf_counter() - started)


def _grid(experiment: Experiment, job: Job) -> list[dict[str, float]]:
    """Return RecBole's keys of every model of a job; towards another its L2 weight is mu."""
    if job.recipe.towards is not None:
        return [{"reg_weight": job.recipe.towards}]
    if job.recipe.options:
        return [dict(job.recipe.options)]
    lambdas = experiment.settings.lambdas
    return [{"reg_weight": lam} for lam in lambdas] if lambdas else [{}]


def _model(
    experiment: Experiment,
    job: Job,
    grams: GramCache,
    options: dict[str, float],
    solved: _Solved,
) -> ClosedForm:
    part = experiment.part(job.part)
    in_model, _ = present_users(experiment, job, part)
    if experiment.model_class.from_gram:
        model = _empty_ease(experiment, part, grams, options["reg_weight"], in_model)
        model.hold(next(solved))
        return model
    config = experiment.config
    with recbole_compat():
        model = experiment.model_class(config, grams.data_set(part, in_model))
    model = model.to(config["device"])
    model.fit(user_weights(experiment, job) * triplet_factors(experiment, part))
    return model


def weighted_ease(
    experiment: Experiment,
    part: Part,
    grams: GramCache,
    weights: Sequence[float],
    lam: float,
    present: np.ndarray | None = None,
) -> EASE:
    """Return EASE on a part for a weight of each group, in the order of ``groups.names``.

    ``present``, bool (n_users,), is the mask of users whose history the model holds; None stands
    for all users.
    """
    model = _empty_ease(experiment, part, grams, lam, present)
    model.hold(ease(grams.of_mix(part, weights, lam), lam, grams.plan))
    return model


def _empty_ease(
    experiment: Experiment,
    part: Part,
    grams: GramCache,
    lam: float,
    present: np.ndarray | None,
) -> EASE:
    config = copy.copy(experiment.config)
    config.final_config_dict = {**config.final_config_dict, "reg_weight": lam}
    with recbole_compat():
        model = EASE(config, grams.data_set(part, present))
    return model.to(config["device"])
