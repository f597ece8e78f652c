"""Models of the same part and repeat, trained as one population."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Mapping
from functools import partial

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
from recbole_groupmix.training.job import Fit, Job, OnEpoch, present_users, training_key
from recbole_groupmix.training.one_by_one import (
    build_model,
    interaction_batches,
    stream_key,
    triplet_factors,
)
from recbole_groupmix.training.validation_curve import (
    EarlyStopping,
    curve_of,
    early_stopping,
    is_measured,
)
from recbole_groupmix.training.weighing import weighing_of

#: Tables (parameters, Adam's moments) that a model in training holds ...
_TABLES = {"cpu": 3, "torch": 7}
#: ... and those that stand beside them while some models go through the graph (cpu).
_TABLES_IN_GRAPH = 8
_BYTES_PER_TRIPLET = 64  # users, items, negatives, their order, and their origin
_PAIRS_AT_ONCE = 2**16  # of a guide, whose embeddings are gathered
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
        The models; of the same part, repeat, graph and factors by user.
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
        for job in jobs:
            by_training.setdefault(training_key(job), []).append(job)
        self._jobs = [sorted(js, key=lambda job: job.epochs or 0) for js in by_training.values()]
        members = [self._member(jobs[0]) for jobs in self._jobs]
        self._population: Population | TorchPopulation
        if on_torch:
            chunk = int(budget * _SHARE_OF_CHUNKS)
            device = experiment.config["device"]
            self._population = TorchPopulation(self._shared(), members, device, chunk)
        else:
            self._population = Population(self._shared(), members)
        curves = {k: curve_of(experiment, self._part, js) for k, js in enumerate(self._jobs)}
        self._curves = {k: curve for k, curve in curves.items() if curve is not None}
        weighings = {k: weighing_of(experiment, self._part, js) for k, js in enumerate(self._jobs)}
        self._weighings = {k: each for k, each in weighings.items() if each is not None}
        self._seconds = dict.fromkeys(range(len(members)), 0.0)

    def train(self, on_epoch: OnEpoch | None) -> Iterator[Fit]:
        """Train all models and yield each as it finishes.

        Jobs that differ in their epochs alone are one model, which is read at the end of each.
        """
        config = self._experiment.config
        last = max(jobs[-1].epochs or int(config["epochs"]) for jobs in self._jobs)
        fast = CompiledNegatives(self._part.negatives)
        batches = interaction_batches(
            self._experiment, self._first, self._part, self._present(), negatives=fast
        )
        stoppings = self._stoppings(len(batches), last)
        self._reweigh(0)
        for epoch in range(1, last + 1):
            started, alive = time.perf_counter(), self._population.alive
            self._update(batches, epoch)
            if epoch < last:
                self._reweigh(epoch)
            finished = [k for k in alive if any(job.epochs == epoch for job in self._jobs[k])]
            measured, diverged = self._measured(alive, epoch, last)
            finished += diverged
            finished += [k for k in measured if k in stoppings and stoppings[k].is_over()]
            if epoch == last:
                finished = alive
            for k in alive:
                self._seconds[k] += (time.perf_counter() - started) / len(alive)
            if on_epoch is not None:
                on_epoch(self._label(len(alive)), epoch, last)
            for k in dict.fromkeys(finished):
                yield from self._fits(k, epoch)
            if not self._population.alive:
                return

    def _present(self) -> np.ndarray | None:
        """Return the users who are present in any model, bool (n_users,); None for all."""
        masks = [present_users(self._experiment, js[0], self._part)[1] for js in self._jobs]
        present = [mask for mask in masks if mask is not None]
        return None if len(present) < len(masks) else np.logical_or.reduce(present)

    def _update(self, batches: TrainingBatches, epoch: int) -> None:
        for users, items, negatives in batches.arrays(epoch - 1):
            self._population.step(Triplets.of_rows(users, items, negatives[0], pool().size))

    def _reweigh(self, epoch: int) -> None:
        """Give the models with a rule the weights that begin after an epoch."""
        for k in self._weighings.keys() & set(self._population.alive):
            changed = self._weighings[k].after(epoch, partial(self._scores, k))
            if changed is not None:
                self._population.reweigh(k, self._member(self._jobs[k][-1], changed))

    def _scores(self, k: int, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        user, item = self._population.output(k)
        rows = (slice(at, at + _PAIRS_AT_ONCE) for at in range(0, len(users), _PAIRS_AT_ONCE))
        blocks = [np.einsum("nd,nd->n", user[users[r]], item[items[r]]) for r in rows]
        return np.concatenate(blocks)

    def _stoppings(self, n_batches: int, last: int) -> dict[int, EarlyStopping]:
        """Return the early stopping of every model that has no length yet."""
        return {
            k: early_stopping(self._experiment, curve, n_batches, last)
            for k, curve in self._curves.items()
            if any(job.epochs is None for job in self._jobs[k])
        }

    def _measured(self, alive: list[int], epoch: int, last: int) -> tuple[list[int], list[int]]:
        """Measure the models whose turn it is; return them, and those that diverged instead."""
        asked, diverged = {}, []
        for k in alive:
            if k not in self._curves or not is_measured(self._jobs[k], epoch, last):
                continue
            if np.isfinite(self._population.tables(k)).all():
                who, k_most = self._curves[k].held_out, self._curves[k].k
                asked[k] = RankingRequest(
                    who.users, who.masked, who.relevant, k_most, catalogues=who.catalogues
                )
            else:
                diverged.append(k)
        hits = self._population.hits(asked)
        for k in asked:
            curve = self._curves[k]
            n_relevant = np.diff(asked[k].relevant.indptr).astype(np.int64)
            values = per_user_metrics(hits[k], n_relevant, [curve.k], [curve.metric])
            curve.record(values[f"{curve.metric}@{curve.k}"], epoch)
        return list(asked), diverged

    def _fits(self, k: int, epoch: int) -> Iterator[Fit]:
        """Yield a fit for every job whose model ends after an epoch."""
        tables = self._population.tables(k)
        diverged = not np.isfinite(tables).all()
        ended = [job for job in self._jobs[k] if diverged or job.epochs in (None, epoch)]
        self._jobs[k] = [job for job in self._jobs[k] if job not in ended]
        tables = tables.copy() if self._jobs[k] else self._population.drop(k)
        for job in ended:
            fit = Fit(job, lambda: self._export(tables), epoch, seconds=self._seconds[k])
            self._seconds[k] = 0.0  # the next job is part of the same training
            fit.diverged, fit.curve = diverged, self._curves.get(k)
            if k in self._weighings:
                fit.schedule = self._weighings[k].schedule
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
        factor, by_user = triplet_factors(experiment, self._part), self._first.recipe.by_user
        l2_factor = None
        if by_user is not None:
            l2_factor = None if settings.regularizer == "weighted" else factor
            factor = factor * by_user
        return Shared(
            n_users=experiment.shape[0],
            tables=tables.detach().cpu().numpy(),
            group_of_user=experiment.groups.of_user,
            factor=factor,
            l2_factor=l2_factor,
            loss_norm=settings.loss_norm,
            l2_on_rows=settings.regularizer == "rows",
            graph=graph,
            n_layers=n_layers,
        )

    def _member(self, job: Job, factors: Mapping[str, float] | None = None) -> Member:
        """Return the weights and settings of a model, with factors of its groups' weights."""
        experiment, config = self._experiment, job.config(self._experiment)
        weights = np.array([job.weights[name] for name in experiment.groups.names])
        weighted = experiment.settings.regularizer == "weighted"
        present = weights > 0 if weighted else None  # as present_users has it
        if factors is not None:
            weights = weights * [factors[name] for name in experiment.groups.names]
        l2_weights = weights if weighted else np.ones(len(weights))
        if job.recipe.l2 is not None:
            l2_weights = l2_weights * [job.recipe.l2[name] for name in experiment.groups.names]
        return Member(
            data_weights=weights,
            l2_weights=l2_weights,
            learning_rate=float(config["learning_rate"]),
            reg_weight=float(config["reg_weight"] or 0.0),
            present=present,
        )
