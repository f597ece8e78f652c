"""Tables of mixes of EASE or WeightedSVD with their values of every user, on folds and on test: the truth of searches."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.special import softmax

from recbole_groupmix.core.budget_curve import BUDGETS, parts_of_score
from recbole_groupmix.core.linear.ease import ease_scores, regularized_inverse
from recbole_groupmix.core.linear.item_subspace import item_subspace
from recbole_groupmix.core.linear.mix_optimiser import FoldProblem, optimise_mix
from recbole_groupmix.core.mix import group_weights, stratified
from recbole_groupmix.core.user_metrics import per_user_metrics
from recbole_groupmix.engine.threads import one_blas_thread_each
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.settings.merge import merge_settings
from recbole_groupmix.surface.coordinates import (
    BUDGET_BOX,
    box_draws,
    clip_to_box,
    perturbed,
    sampled,
)
from recbole_groupmix.surface.history import History
from recbole_groupmix.training.closed_form.gram_cache import GramCache, rows_of
from recbole_groupmix.training.one_by_one import triplet_factors

FOLDS = 3
#: Draws of a table: of the paper's samplers, of these with wide budgets, of the box, and near the best.
DRAWS = {"paper": 150, "wide": 40, "box": 50, "near": 30}


class Solver:
    """Solves a closed form for weights of a target's other groups and measures the target's users."""

    def __init__(self, experiment: Experiment, lam: float | None = None) -> None:
        self.experiment, self.target = experiment, experiment.target
        self.n_users = experiment.n_users
        names = experiment.groups.names
        self.groups = tuple(
            name for name in names if name != self.target and self.n_users[name] > 0
        )
        self.sizes = np.array([self.n_users[name] for name in self.groups], dtype=float)
        metric, _, k = experiment.settings.valid_metric.partition("@")
        self.metric, self.k = metric, int(k)
        self.grams = GramCache(experiment)
        self.held_out = {
            part: experiment.target_held_out(experiment.part(part)) for part in range(FOLDS + 1)
        }
        ones = np.ones((1, len(self.groups)))
        lambdas = (experiment.settings.lambdas or [None]) if lam is None else [lam]  # SVD has none
        scores = []
        for self.lam in lambdas:
            scores.append(self.on_folds(ones)[0][0])
        self.lam = lambdas[int(np.argmax(scores))]

    def _scores(self, part: int, of_mix: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """Return every item's score for users who have seen some, (n_users, n_items)."""
        experiment, of_part = self.experiment, self.experiment.part(part)
        by_group = dict(zip(self.groups, of_mix, strict=True)) | {self.target: 1.0}
        by_group = {name: by_group.get(name, 0.0) for name in experiment.groups.names}
        if self.lam is not None:
            gram = self.grams.of_mix(of_part, list(by_group.values()), self.lam)
            inverse = regularized_inverse(gram, self.lam)
            return ease_scores(seen.astype(inverse.dtype), inverse)
        weights = experiment.groups.weights_of_users(by_group) * triplet_factors(
            experiment, of_part
        )
        rank = int(experiment.config["embedding_size"])
        vectors = item_subspace(rows_of(experiment, of_part), weights, rank)
        return (seen @ vectors) @ vectors.T

    def _of_part(self, part: int, weights: np.ndarray) -> np.ndarray:
        """Return the users' values on a part for rows of weights, (n, n_users of the part)."""
        held_out = self.held_out[part]
        seen = held_out.masked.toarray()
        relevant, left_out = held_out.relevant.toarray(), held_out.left_out()
        n_relevant = relevant.sum(axis=1)
        values = np.empty((len(weights), len(held_out.users)))
        for row, of_mix in enumerate(weights):
            scores = self._scores(part, of_mix, seen)
            scores[left_out] = -np.inf
            top = np.argpartition(-scores, self.k, axis=1)[:, : self.k]
            order = np.argsort(-np.take_along_axis(scores, top, axis=1), axis=1, kind="stable")
            hits = np.take_along_axis(relevant, np.take_along_axis(top, order, axis=1), axis=1)
            of_users = per_user_metrics(hits, n_relevant, [self.k], [self.metric])
            values[row] = of_users[f"{self.metric}@{self.k}"]
        return values

    def on_folds(self, weights: np.ndarray):
        """Return scores (n,), and the users' parts in them (n, n_users)."""
        each = [self._of_part(fold + 1, weights) for fold in range(FOLDS)]
        users = [self.held_out[fold + 1].users.tolist() for fold in range(FOLDS)]
        parts = np.array(
            [
                list(parts_of_score(users, [values[row] for values in each]).values())
                for row in range(len(weights))
            ]
        )
        return parts.mean(axis=1), parts

    def on_test(self, weights: np.ndarray) -> np.ndarray:
        """Return the users' values on test, (n, n_users)."""
        return self._of_part(ALL_OF_TRAIN, weights)

    def gradient_mix(self, most: int = 10) -> np.ndarray:
        """Return the weights of the least smooth held-out loss on the folds, by its exact gradient."""
        names = self.experiment.groups.names
        problems = []
        for fold in range(FOLDS):
            held = self.held_out[fold + 1]
            lists = held.masked.toarray(), held.relevant.toarray(), held.left_out()
            problems.append(
                FoldProblem(self.grams.of_part(self.experiment.part(fold + 1)), *lists)
            )
        place = self.experiment.groups.index(self.target)
        start = np.ones(len(names))
        best = optimise_mix(problems, place, start, self.lam, most=most, fix_lambda=True)
        by_group = dict(zip(names, best.weights, strict=True))
        return np.array([by_group[name] for name in self.groups])

    def mixmin(self, steps: int = 500, sharpness: float = 10.0) -> np.ndarray:
        """Return the weights by MixMin (Thudi et al., 2025): of the best mixture of groups' models.

        One EASE for each group, the target's among them, with the lambda of its least held-out loss;
        their softmax over ranked items is mixed in shares that minimise the target's held-out log loss
        on the folds, which is convex in them, by multiplicative steps. A group's share is then taken
        for its share of the training users' weight.
        """
        names = [self.target, *self.groups]
        weighed, of_items = [], []
        for fold in range(FOLDS):
            held = self.held_out[fold + 1]
            lists = held.masked.toarray(), held.relevant.toarray()
            seen, relevant, left_out = *lists, held.left_out()
            weighed.append((relevant / relevant.sum(axis=1, keepdims=True))[relevant])
            grams, columns = self.grams.of_part(self.experiment.part(fold + 1)), []
            for name in names:
                gram = grams[self.experiment.groups.index(name)]
                of_lambdas = []
                for lam in self.experiment.settings.lambdas:
                    scores = ease_scores(seen.astype(gram.dtype), regularized_inverse(gram, lam))
                    logits = np.where(left_out, -np.inf, sharpness * scores)
                    of_lambdas.append(softmax(logits, axis=1)[relevant])
                columns.append(max(of_lambdas, key=lambda p: weighed[-1] @ np.log(p)))
            of_items.append(np.transpose(columns))
        likelihoods, weights = (
            np.vstack(of_items),
            np.concatenate(weighed) / sum(map(np.sum, weighed)),
        )
        shares = np.full(len(names), 1 / len(names))
        for _ in range(steps):  # a share grows with what its model adds to the likelihood
            shares *= (weights / (likelihoods @ shares)) @ likelihoods
        of_user = shares / [self.n_users[name] for name in names]
        return clip_to_box(of_user[None, 1:] / max(of_user[0], 1e-9), self.sizes)[0]


@dataclass(frozen=True)
class Table:
    """Mixes of a target with their values.

    ``kinds`` says where each mix comes from; ``parts`` are the users' parts in the score on the folds,
    ``test`` their values on test.
    """

    groups: tuple[str, ...]
    n_users: dict[str, int]
    target: str
    kinds: np.ndarray
    weights: np.ndarray
    parts: np.ndarray
    test: np.ndarray

    @property
    def scores(self) -> np.ndarray:
        return self.parts.mean(axis=1)

    @property
    def sizes(self) -> np.ndarray:
        return np.array([self.n_users[name] for name in self.groups], dtype=float)

    def places(self, *kinds: str) -> np.ndarray:
        """Return the rows of some kinds."""
        return np.flatnonzero(np.isin(self.kinds, kinds))

    def history(self, places) -> History:
        """Return the table of a search that has tried some rows, of which row 0 is Proportional."""
        places = np.asarray(places)
        differences = self.parts[places] - self.parts[0]
        weights, scores = self.weights[places], self.scores[places]
        return History(
            self.groups, self.n_users, self.target, weights, scores, differences, places == 0
        )


def first_mixes(solver: Solver) -> tuple[list[str], np.ndarray]:
    """Return kinds and weights of what every search may begin with."""
    n = len(solver.groups)
    ones = np.ones(n)
    by_group = group_weights(
        stratified(solver.n_users, solver.target), solver.n_users, solver.target
    )
    rows = [
        ("proportional", ones),
        ("stratified", np.array([by_group[name] for name in solver.groups])),
        ("no_augmentation", 0 * ones),
    ]
    rows += [(f"budget-{budget:g}", budget * ones) for budget in BUDGETS if budget not in (0, 1)]
    for place in np.argsort(-solver.sizes)[:8] if n > 1 else ():
        rows.append((f"without-{solver.groups[place]}", np.where(np.arange(n) == place, 0, ones)))
    if solver.lam is not None:
        rows.append(("gradient", solver.gradient_mix()))
    return [kind for kind, _ in rows], np.array([weights for _, weights in rows])


def _draws(solver: Solver, seed: int, sizes: dict[str, int]) -> tuple[list[str], np.ndarray]:
    rng = np.random.default_rng([seed, zlib.crc32(solver.target.encode())])
    data = solver.n_users, solver.target, solver.groups
    parts = {
        "paper": sampled(sizes["paper"], rng, *data),
        "wide": sampled(sizes["wide"], rng, *data, BUDGET_BOX),
        "box": box_draws(sizes["box"], rng, solver.sizes),
    }
    kinds = [kind for kind, rows in parts.items() for _ in rows]
    return kinds, np.vstack(list(parts.values()))


def make_table(solver: Solver, seed: int = 0, draws: dict[str, int] = DRAWS) -> Table:
    """Measure first mixes, draws, and mixes near the ten best of these on the folds."""
    rng = np.random.default_rng([seed, 1])
    kinds, weights = first_mixes(solver)
    more, drawn = _draws(solver, seed, draws)
    kinds, weights = kinds + more, np.vstack([weights, drawn])
    scores, parts = solver.on_folds(weights)
    if draws["near"]:
        best = weights[np.argsort(-scores)[:10]]
        near = perturbed(best, draws["near"], rng, solver.sizes)
        kinds, weights = kinds + ["near"] * len(near), np.vstack([weights, near])
        parts = np.vstack([parts, solver.on_folds(near)[1]])
    if draws["near"] and solver.lam is not None:  # EASE, whose smooth scores are models to mix
        last = solver.mixmin()[None]  # after all draws, which do not depend on it
        kinds, weights = [*kinds, "mixmin"], np.vstack([weights, last])
        parts = np.vstack([parts, solver.on_folds(last)[1]])
    test = solver.on_test(weights)
    n_users = {name: int(n) for name, n in solver.n_users.items()}
    return Table(solver.groups, n_users, solver.target, np.array(kinds), weights, parts, test)


def experiment_of(dataset: str, data_path: str | None = None, **keys) -> Experiment:
    """Return the experiment of EASE, or of another closed form, on a data set."""
    given = {"dataset": dataset, "model": "EASE", "folds": FOLDS, **keys}
    return Experiment(merge_settings(given | ({"data_path": data_path} if data_path else {})))


def kept_table(folder: Path, experiment: Experiment, name: str, **options) -> Table:
    """Return the table of an experiment from a file, which is written where it is absent."""
    file = folder / f"{name}-{experiment.target}.npz"
    if not file.exists():
        with one_blas_thread_each(1):
            table = make_table(Solver(experiment), **options)
        folder.mkdir(parents=True, exist_ok=True)
        names, counts = zip(*table.n_users.items(), strict=True)
        np.savez_compressed(
            file,
            groups=table.groups,
            names=names,
            counts=counts,
            target=table.target,
            kinds=table.kinds,
            weights=table.weights,
            parts=table.parts,
            test=table.test,
        )
    with np.load(file) as kept:
        n_users = dict(zip(kept["names"].tolist(), kept["counts"].tolist(), strict=True))
        of_table = (kept[key] for key in ("kinds", "weights", "parts", "test"))
        return Table(tuple(kept["groups"].tolist()), n_users, str(kept["target"]), *of_table)


def shuffled(experiment: Experiment, number: int) -> Experiment:
    """Return an experiment whose users were dealt out to the groups at random, all as large as before.

    Targets take turns.
    """
    groups = experiment.groups
    target = groups.names[number % len(groups.names)]
    users = np.flatnonzero(groups.of_user >= 0)
    of_user = groups.of_user.copy()
    of_user[users] = np.random.default_rng([number, 2]).permutation(of_user[users])
    dealt = experiment.for_target(target)
    dealt.groups, dealt._parts = replace(groups, of_user=of_user), {}
    return dealt.for_target(target)  # whose users are those of the new groups
