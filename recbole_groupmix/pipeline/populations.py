"""The back end that trains many mixes at once on the CPU, for BPR and LightGCN."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from recbole.model.abstract_recommender import AbstractRecommender
from recbole.utils import InputType
from scipy.sparse import csr_matrix

from recbole_groupmix.adapters.batches import TrainingBatches
from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.seeding import MODEL_NOISE, global_seed, torch_seed
from recbole_groupmix.core.mix import group_weights
from recbole_groupmix.core.ranking import per_user_metrics
from recbole_groupmix.engine.kernels import n_threads
from recbole_groupmix.engine.population import Member, Population, Shared
from recbole_groupmix.engine.ranking import hits_at
from recbole_groupmix.engine.triplets import Triplets
from recbole_groupmix.pipeline.experiment import Experiment
from recbole_groupmix.pipeline.training import (
    Fit,
    Job,
    OnEpoch,
    build_model,
    mix_on_part,
    present_users,
    stream_key,
    train_sequentially,
    training_batches,
    triplet_factors,
)
from recbole_groupmix.pipeline.validation import Validation

MODELS = ("BPR", "LightGCN")


def why_not(experiment: Experiment) -> str | None:
    """Return why the settings cannot be trained here; None if they can."""
    settings, config = experiment.settings, experiment.config
    if settings["model"] not in MODELS:
        return f"model {settings['model']} is none of {', '.join(MODELS)}"
    if settings["weighting"] != "loss":
        return "weighting is sample"
    if str(config["learner"]).lower() != "adam" or config["weight_decay"]:
        return "the optimiser is not plain Adam"
    if config["clip_grad_norm"] or config["enable_amp"]:
        return "gradients are clipped or precision is mixed"
    if config["MODEL_INPUT_TYPE"] != InputType.PAIRWISE:
        return "the loss is not pairwise"
    if config["train_neg_sample_args"]["sample_num"] != 1:
        return "there is more than one negative per positive"
    if config["device"].type != "cpu":
        return "training is on a GPU"
    return None


def back_end(experiment: Experiment) -> Callable[..., Iterator[Fit]]:
    """Return the function that trains jobs under ``backend: auto | cpu | recbole``.

    Raises
    ------
    ValueError
        If ``cpu`` is asked for and cannot do it.
    """
    wanted, reason = experiment.settings["backend"], why_not(experiment)
    if wanted == "cpu" and reason:
        raise ValueError(f"backend cpu cannot train this run: {reason}; use --backend=recbole")
    return train_sequentially if wanted == "recbole" or reason else train_populations


def train_populations(
    experiment: Experiment, jobs: Iterable[Job], on_epoch: OnEpoch | None = None
) -> Iterator[Fit]:
    """Train jobs in populations of the same part, repeat and present users.

    The triplets, the model and the meaning of every option are those of
    :func:`~recbole_groupmix.pipeline.training.train_sequentially`; results differ from it by
    rounding. Fits come as their models finish.
    """
    pools: dict[tuple[object, ...], list[Job]] = {}
    for job in jobs:
        present = present_users(experiment, job, experiment.part(job.part))
        bits = tuple(None if users is None else users.tobytes() for users in present)
        pools.setdefault((job.part, job.repeat, job.epochs is None, *bits), []).append(job)
    for pool in pools.values():
        yield from _Wave(experiment, pool).train(on_epoch)


class _Wave:
    """Models of one pool in training."""

    def __init__(self, experiment: Experiment, jobs: list[Job]) -> None:
        self._experiment, self._jobs = experiment, jobs
        self._part = experiment.part(jobs[0].part)
        in_model, _ = present_users(experiment, jobs[0], self._part)
        key = stream_key(experiment, jobs[0])
        with global_seed(torch_seed(MODEL_NOISE, *key)), recbole_compat():
            self._template = build_model(experiment, self._part, in_model, key)
        self._population = Population(self._shared(), [self._member(job) for job in jobs])
        self._validations = {
            k: Validation(experiment, job.name, self._part)
            for k, job in enumerate(jobs)
            if job.epochs is None
        }
        self._waiting = dict.fromkeys(self._validations, 0)
        self._seconds = dict.fromkeys(range(len(jobs)), 0.0)

    def train(self, on_epoch: OnEpoch | None) -> Iterator[Fit]:
        config = self._experiment.config
        last = max(job.epochs or int(config["epochs"]) for job in self._jobs)
        eval_step = min(int(config["eval_step"]), last)
        batches = training_batches(self._experiment, self._jobs[0], self._part)
        for epoch in range(1, last + 1):
            started, alive = time.perf_counter(), self._population.alive
            self._update(batches, epoch)
            finished = [k for k in alive if self._jobs[k].epochs == epoch]
            if self._validations and eval_step > 0 and epoch % eval_step == 0:
                finished += [k for k in alive if self._stops(k, epoch)]
            if epoch == last:
                finished = alive
            for k in alive:
                self._seconds[k] += (time.perf_counter() - started) / len(alive)
            if on_epoch is not None:
                on_epoch(self._label(len(alive)), epoch, last)
            for k in finished:
                yield self._fit(k, epoch)
            if not self._population.alive:
                return

    def _update(self, batches: TrainingBatches, epoch: int) -> None:
        for users, items, negatives in batches.arrays(epoch - 1):
            self._population.step(Triplets.of_rows(users, items, negatives[0], n_threads()))

    def _stops(self, k: int, epoch: int) -> bool:
        """Measure a model as RecBole's early stopping does; True if its patience is over."""
        if k not in self._validations:
            return False
        validation = self._validations[k]
        user, item = self._population.output(k)
        held_out = validation.held_out
        hits = hits_at(
            user[held_out.users], item, held_out.masked, held_out.relevant, validation.k
        )
        self._check_finite(k, epoch)
        n_relevant = np.diff(held_out.relevant.indptr).astype(np.int64)
        metric = validation.metric
        values = per_user_metrics(hits, n_relevant, [validation.k], [metric])
        validation.record(values[f"{metric}@{validation.k}"], epoch)
        self._waiting[k] = 0 if validation.best_epoch == epoch else self._waiting[k] + 1
        return self._waiting[k] > int(self._experiment.config["stopping_step"])

    def _fit(self, k: int, epoch: int) -> Fit:
        self._check_finite(k, epoch)
        tables, job = self._population.drop(k), self._jobs[k]
        fit = Fit(job, lambda: self._export(tables), epoch, seconds=self._seconds[k])
        if k in self._validations:
            validation = self._validations[k]
            fit.epochs, fit.score = validation.best_epoch, float(validation.best)
            fit.curve = validation.curve
        return fit

    def _export(self, tables: np.ndarray) -> AbstractRecommender:
        """Return the RecBole model with a population member's embeddings."""
        shared = getattr(self._template, "norm_adj_matrix", None)  # torch cannot copy CSR tensors
        model = copy.deepcopy(self._template, {} if shared is None else {id(shared): shared})
        n_users = self._experiment.shape[0]
        with torch.no_grad():
            model.user_embedding.weight.copy_(torch.from_numpy(tables[:n_users]))
            model.item_embedding.weight.copy_(torch.from_numpy(tables[n_users:]))
        return model

    def _check_finite(self, k: int, epoch: int) -> None:
        if not np.isfinite(self._population.tables(k)).all():
            raise ValueError(
                f"training of mix {self._jobs[k].name!r} diverged by epoch {epoch}; "
                "use a smaller learning_rate"
            )

    def _label(self, n_alive: int) -> str:
        job = self._jobs[0]
        where = f"fold {job.part - 1}" if job.part else f"repeat {job.repeat}"
        return f"{n_alive} models, {where}"

    def _shared(self) -> Shared:
        experiment, settings = self._experiment, self._experiment.settings
        template = self._template
        tables = torch.cat([template.user_embedding.weight, template.item_embedding.weight])
        graph, n_layers = None, 0
        if settings["model"] == "LightGCN":
            adjacency, n_layers = template.norm_adj_matrix, int(template.n_layers)
            graph = csr_matrix(
                (
                    adjacency.values().numpy(),
                    adjacency.col_indices().numpy(),
                    adjacency.crow_indices().numpy(),
                ),
                shape=tuple(adjacency.shape),
            )
        return Shared(
            n_users=experiment.shape[0],
            tables=tables.detach().numpy(),
            group_of_user=experiment.groups.of_user,
            factor=triplet_factors(experiment, self._part),
            loss_norm=settings["loss_norm"],
            l2_on_rows=settings["regularizer"] == "rows",
            graph=graph,
            n_layers=n_layers,
        )

    def _member(self, job: Job) -> Member:
        experiment, config = self._experiment, self._experiment.config
        mix = mix_on_part(job, self._part, experiment.target)
        by_group = group_weights(mix, self._part.n_users, experiment.target)
        weights = np.array([by_group[name] for name in experiment.groups.names])
        weighted = experiment.settings["regularizer"] == "weighted"
        return Member(
            data_weights=weights,
            l2_weights=weights if weighted else np.ones(len(weights)),
            learning_rate=float(config["learning_rate"]),
            reg_weight=float(config["reg_weight"] or 0.0),
        )
