"""Models of the same part, repeat and present users, trained as one population."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator

import numpy as np
import torch
from recbole.model.abstract_recommender import AbstractRecommender
from scipy.sparse import csr_matrix

from recbole_groupmix.adapters.batches import TrainingBatches
from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.seeding import MODEL_NOISE, global_seed, torch_seed
from recbole_groupmix.core.user_metrics import per_user_metrics
from recbole_groupmix.engine.compiled_negatives import CompiledNegatives
from recbole_groupmix.engine.graph import models_in_graph
from recbole_groupmix.engine.hits import RankingRequest
from recbole_groupmix.engine.population import Population
from recbole_groupmix.engine.terms import Member, Shared
from recbole_groupmix.engine.threads import pool
from recbole_groupmix.engine.torch_population import TorchPopulation
from recbole_groupmix.engine.triplets import Triplets
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.text.numbers import gib
from recbole_groupmix.training.early_stopping import EarlyStopping
from recbole_groupmix.training.job import Fit, Job, OnEpoch, present_users
from recbole_groupmix.training.one_by_one import (
    build_model,
    stream_key,
    training_batches,
    triplet_factors,
)

#: Tables (parameters, Adam's moments) that a model in training holds ...
_TABLES = {"cpu": 3, "torch": 7}
#: ... and those that stand beside them while some models go through the graph (cpu).
_TABLES_IN_GRAPH = 8
_BYTES_PER_TRIPLET = 64  # users, items, negatives, their order, and their origin
_SHARE_OF_CHUNKS = 0.25  # of the budget, for a chunk of triplets (torch)


def models_at_once(experiment: Experiment, jobs: list[Job], budget: int, on_torch: bool) -> int:
    """Return how many models can be trained together and stay below a budget.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    jobs : list of Job
        Jobs that can be trained together.
    budget : int
        Bytes.
    on_torch : bool
        Which population trains them.

    Raises
    ------
    ValueError
        If the budget does not hold a single model.
    """
    width = int(experiment.config["embedding_size"])
    table = 4 * width * sum(experiment.shape)
    with_graph = experiment.settings.model == "LightGCN"
    fixed = _BYTES_PER_TRIPLET * len(experiment.part(jobs[0].part).users)
    if on_torch:
        fixed += int(budget * _SHARE_OF_CHUNKS)
    else:
        of_thread = _TABLES_IN_GRAPH * table * models_in_graph(width) if with_graph else 2 * table
        fixed += pool().size * of_thread + 2 * table
    of_a_model = _TABLES["torch" if on_torch else "cpu"] * table
    if budget < fixed + of_a_model:
        raise ValueError(
            f"max_memory holds {gib(budget)}, but a single model of this run needs "
            f"{gib(fixed + of_a_model)}; raise --max_memory=GIB or lower --embedding_size"
        )
    return min((budget - fixed) // of_a_model, len(jobs))


class JointModels:
    """Models that are trained together.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    jobs : list of Job
        The models; of the same part, repeat and present users; all or none stop early.
    budget : int
        Bytes that training may take.
    on_torch : bool
        Whether tensors on RecBole's device train them, or the compiled loops of the CPU.
    """

    def __init__(
        self, experiment: Experiment, jobs: list[Job], budget: int, on_torch: bool
    ) -> None:
        self._experiment, self._first = experiment, jobs[0]
        self._part = experiment.part(jobs[0].part)
        in_model, _ = present_users(experiment, jobs[0], self._part)
        key = stream_key(experiment, jobs[0])
        with global_seed(torch_seed(MODEL_NOISE, *key)), recbole_compat():
            self._template = build_model(experiment, self._part, in_model, key, experiment.config)
            if jobs[0].initial is not None:
                self._template.load_state_dict(jobs[0].initial)
        by_training: dict[tuple[object, ...], list[Job]] = {}
        for index, job in enumerate(jobs):
            stops_early = job.epochs is None
            training: tuple[object, ...] = (index,) if stops_early else self._training_key(job)
            by_training.setdefault(training, []).append(job)
        self._jobs = [sorted(js, key=lambda job: job.epochs or 0) for js in by_training.values()]
        members = [self._member(jobs[0]) for jobs in self._jobs]
        self._population: Population | TorchPopulation
        if on_torch:
            chunk = int(budget * _SHARE_OF_CHUNKS)
            device = experiment.config["device"]
            self._population = TorchPopulation(self._shared(), members, device, chunk)
        else:
            self._population = Population(self._shared(), members)
        patience = int(experiment.config["stopping_step"])
        self._stoppings = {
            k: EarlyStopping(
                experiment, self._part, job.targets, patience, every_group=job.every_group
            )
            for k, (job, *_) in enumerate(self._jobs)
            if job.epochs is None
        }
        self._seconds = dict.fromkeys(range(len(members)), 0.0)

    def train(self, on_epoch: OnEpoch | None) -> Iterator[Fit]:
        """Train all models and yield each as it finishes.

        Jobs that differ in their epochs alone are one model, which is read at the end of each.
        """
        config = self._experiment.config
        last = max(jobs[-1].epochs or int(config["epochs"]) for jobs in self._jobs)
        eval_step = min(int(config["eval_step"]), last)
        fast = CompiledNegatives(self._part.negatives)
        batches = training_batches(self._experiment, self._first, self._part, negatives=fast)
        for epoch in range(1, last + 1):
            started, alive = time.perf_counter(), self._population.alive
            self._update(batches, epoch)
            finished = [k for k in alive if any(job.epochs == epoch for job in self._jobs[k])]
            if self._stoppings and eval_step > 0 and epoch % eval_step == 0:
                finished += self._stopped(alive, epoch)
            if epoch == last:
                finished = alive
            for k in alive:
                self._seconds[k] += (time.perf_counter() - started) / len(alive)
            if on_epoch is not None:
                on_epoch(self._label(len(alive)), epoch, last)
            for k in finished:
                yield from self._fits(k, epoch)
            if not self._population.alive:
                return

    def _update(self, batches: TrainingBatches, epoch: int) -> None:
        for users, items, negatives in batches.arrays(epoch - 1):
            self._population.step(Triplets.of_rows(users, items, negatives[0], pool().size))

    def _stopped(self, alive: list[int], epoch: int) -> list[int]:
        """Evaluate models as RecBole's early stopping does; return those that stop."""
        asked, stopped = {}, []
        for k in alive:
            if k not in self._stoppings:
                continue
            if np.isfinite(self._population.tables(k)).all():
                stopping = self._stoppings[k]
                who, rows = stopping.all_held_out, stopping.rows
                asked[k] = RankingRequest(who.users, who.masked, who.relevant, stopping.k, rows)
            else:
                stopped.append(k)
        hits = self._population.hits(asked)
        for k in asked:
            stopping = self._stoppings[k]
            n_relevant = np.diff(asked[k].relevant.indptr)[asked[k].now].astype(np.int64)
            metric = stopping.metric
            values = per_user_metrics(hits[k], n_relevant, [stopping.k], [metric])
            stopping.record(values[f"{metric}@{stopping.k}"], epoch)
            if stopping.over:
                stopped.append(k)
        return stopped

    def _fits(self, k: int, epoch: int) -> Iterator[Fit]:
        """Yield a fit for every job whose model ends after an epoch."""
        ended = [job for job in self._jobs[k] if job.epochs in (None, epoch)]
        self._jobs[k] = [job for job in self._jobs[k] if job not in ended]
        tables = self._population.tables(k).copy() if self._jobs[k] else self._population.drop(k)
        for job in ended:
            fit = Fit(job, lambda: self._export(tables), epoch, seconds=self._seconds[k])
            self._seconds[k] = 0.0  # the next job is part of the same training
            if not np.isfinite(tables).all():
                fit.diverged = True
            elif k in self._stoppings:
                stopping = self._stoppings[k]
                fit.epochs, fit.score = stopping.best_epoch, float(stopping.best)
                fit.best, fit.curve = stopping.best_of_targets, stopping.curve
            yield fit

    def _export(self, tables: np.ndarray) -> AbstractRecommender:
        """Return the RecBole model with a population member's embeddings."""
        shared = getattr(self._template, "norm_adj_matrix", None)  # torch cannot copy CSR tensors
        model = copy.deepcopy(self._template, {} if shared is None else {id(shared): shared})
        n_users = self._experiment.shape[0]
        with torch.no_grad():
            model.user_embedding.weight.copy_(torch.from_numpy(tables[:n_users]))
            model.item_embedding.weight.copy_(torch.from_numpy(tables[n_users:]))
        return model

    def _label(self, n_alive: int) -> str:
        job = self._first
        where = f"fold {job.part - 1}" if job.part else f"repeat {job.repeat}"
        return f"{n_alive} models, {where}"

    def _shared(self) -> Shared:
        experiment, settings = self._experiment, self._experiment.settings
        template = self._template
        tables = torch.cat([template.user_embedding.weight, template.item_embedding.weight])
        graph, n_layers = None, 0
        if settings.model == "LightGCN":
            adjacency, n_layers = template.norm_adj_matrix.cpu(), int(template.n_layers)
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
            tables=tables.detach().cpu().numpy(),
            group_of_user=experiment.groups.of_user,
            factor=triplet_factors(experiment, self._part),
            loss_norm=settings.loss_norm,
            l2_on_rows=settings.regularizer == "rows",
            graph=graph,
            n_layers=n_layers,
        )

    def _training_key(self, job: Job) -> tuple[object, ...]:
        """Return the key that jobs share if they differ in their number of epochs alone."""
        weights = [job.weights[name] for name in self._experiment.groups.names]
        return (tuple(weights), *sorted(job.options.items()))

    def _member(self, job: Job) -> Member:
        experiment, config = self._experiment, job.config(self._experiment)
        weights = np.array([job.weights[name] for name in experiment.groups.names])
        weighted = experiment.settings.regularizer == "weighted"
        return Member(
            data_weights=weights,
            l2_weights=weights if weighted else np.ones(len(weights)),
            learning_rate=float(config["learning_rate"]),
            reg_weight=float(config["reg_weight"] or 0.0),
        )
