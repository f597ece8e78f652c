"""The game of a target: its users' metrics on test, trained with every coalition of other groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from recbole_groupmix.adapters.held_out import user_metrics
from recbole_groupmix.exact.shapley.kept_scores import KeptScores, training_identity
from recbole_groupmix.exact.shapley.plan import coalition
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.rivals.recipe import Recipe
from recbole_groupmix.training.closed_form.back_end import ClosedForms
from recbole_groupmix.training.job import Job

#: Metrics that are kept beside the validation metric, at its cut-off.
KEPT = ("recall", "ndcg", "precision")
_DOMAIN = 0x66726163


@dataclass(frozen=True)
class Game:
    """A target's metrics by coalition of the other groups.

    Attributes
    ----------
    target : str
        The target, whose users are in every union.
    players : tuple of str
        The other groups; bit i of a coalition stands for the i-th.
    users : numpy.ndarray of int64, shape (n_users,)
        Internal ids of the target's users who are measured on test.
    values : dict of str to dict of int to numpy.ndarray of float64, shape (n_users,)
        By metric, such as ``recall@20``, and coalition.
    lambdas : dict of int to (float or None)
        The lambda that the target's folds chose, by coalition; None of a model without one.
    """

    target: str
    players: tuple[str, ...]
    users: np.ndarray
    values: Mapping[str, Mapping[int, np.ndarray]]
    lambdas: Mapping[int, float | None]

    def members(self, coalition: int) -> tuple[str, ...]:
        """Return the groups of a coalition."""
        return tuple(name for i, name in enumerate(self.players) if coalition >> i & 1)


def metrics_of(experiment: Experiment) -> list[str]:
    """Return the validation metric and, at its cut-off, the others that are kept."""
    name, _, cut_off = str(experiment.settings.valid_metric).partition("@")
    return [f"{kept}@{cut_off}" for kept in dict.fromkeys((name, *KEPT))]


def sharing(
    experiment: Experiment, targets: Sequence[str]
) -> list[tuple[Experiment, dict[str, Experiment]]]:
    """Return the targets in sets that train on the same rows, with the experiment of each target.

    A model of a union serves all targets of a set. There is a single set unless the settings give
    each target training data of its own. The first of each pair is the experiment of the set.
    """
    sets: list[tuple[Experiment, dict[str, Experiment]]] = []
    for target in targets:
        view = experiment.for_target(target)
        rows = view.part(ALL_OF_TRAIN).rows
        for first, views in sets:
            if np.array_equal(first.part(ALL_OF_TRAIN).rows, rows):
                views[target] = view
                break
        else:
            sets.append((view, {target: view}))
    return sets


def with_fraction(experiment: Experiment, fraction: float, draw: int = 0) -> Experiment:
    """Return an experiment whose target trains on a share of its users.

    Users, and not rows, are drawn: what a market is that has not yet grown. The others of the
    target teach nothing, but all are measured as before, on the same items and from their whole
    history. A smaller share is part of a larger one.

    Parameters
    ----------
    experiment : Experiment
        Of the target.
    fraction : float
        Share of the target's users with training interactions, in (0, 1]; at least one is left.
    draw : int
        Number of the draw.
    """
    index, groups = experiment.groups.index(experiment.target), experiment.groups
    mine = np.unique(experiment.part(ALL_OF_TRAIN).users)
    mine = mine[groups.of_user[mine] == index]
    seed = np.random.SeedSequence([_DOMAIN, experiment.settings.seed, index, draw])
    order = np.random.default_rng(seed).permutation(mine)
    of_user = groups.of_user.copy()
    of_user[order[max(round(fraction * len(mine)), 1) :]] = -1
    smaller = experiment.for_target(experiment.target)
    smaller.groups = replace(groups, of_user=of_user)
    return smaller


def games(
    experiment: Experiment,
    views: Mapping[str, Experiment],
    unions: Mapping[str, Sequence[int]],
    on_model: Callable[[], None] | None = None,
    kept: KeptScores | None = None,
) -> dict[str, Game]:
    """Solve the unions of targets that share their training data, and measure the targets.

    Every union is solved on every fold with every lambda, and each of its targets takes the lambda
    of its best mean over the folds, as a run's mixes do; test takes no part in that. Then it is
    solved on all of train once for each lambda that was taken.

    Parameters
    ----------
    experiment : Experiment
        What is trained on; of the only target, if there is one.
    views : dict of str to Experiment
        The experiment of each target, which holds its held-out items.
    unions : dict of str to sequence of int
        Unions of each target.
    on_model : callable, optional
        Called after every solution.
    kept : KeptScores, optional
        Scores on folds that are known, and receives those that are not.
    """
    names = experiment.groups.names
    lambdas = _lambdas(experiment, views, unions, on_model, kept or KeptScores())
    metrics = metrics_of(experiment)
    values: dict[str, dict[str, dict[int, np.ndarray]]] = {
        target: {metric: {} for metric in metrics} for target in views
    }
    wanted: dict[tuple[int, float | None], list[str]] = {}
    for (target, union), lam in lambdas.items():
        wanted.setdefault((union, lam), []).append(target)
    jobs = [_job(names, union, ALL_OF_TRAIN, lam) for union, lam in wanted]
    kinds, cut_off = [m.partition("@")[0] for m in metrics], int(metrics[0].partition("@")[2])
    fits = ClosedForms().train(experiment, jobs)
    for (union, _), targets, fit in zip(wanted, wanted.values(), fits, strict=True):
        for target in targets:
            view = views[target]
            held_out = view.target_held_out(view.part(ALL_OF_TRAIN))
            found = user_metrics(fit.model, held_out, [cut_off], kinds)
            at = coalition(union, names.index(target))
            for metric in metrics:
                values[target][metric][at] = found[metric]
        if on_model is not None:
            on_model()
    return {
        target: Game(
            target,
            tuple(name for name in names if name != target),
            view.target_held_out(view.part(ALL_OF_TRAIN)).users,
            values[target],
            {
                coalition(union, names.index(target)): lam
                for (of, union), lam in lambdas.items()
                if of == target
            },
        )
        for target, view in views.items()
    }


def known_on_folds(
    experiment: Experiment,
    views: Mapping[str, Experiment],
    unions: Mapping[str, Sequence[int]],
    kept: KeptScores,
) -> int:
    """Return how many of the solutions on folds :func:`games` spares, as their scores are kept."""
    if not kept.any_known:
        return 0
    training, n = training_identity(experiment), len(_grid(experiment))
    places = _places(experiment, views, unions)
    return n * sum(
        kept.of((training, *at), targets, n) is not None for at, targets in places.items()
    )


def _grid(experiment: Experiment) -> list[float | None]:
    return [*(experiment.settings.lambdas or (None,))]


def _places(
    experiment: Experiment,
    views: Mapping[str, Experiment],
    unions: Mapping[str, Sequence[int]],
) -> dict[tuple[int, int], list[str]]:
    """Return the targets that each fold and union is solved for; none where lambda is given."""
    if len(_grid(experiment)) == 1:
        return {}
    distinct = sorted({union for target in views for union in unions[target]})
    of_union = {union: [t for t in views if union in set(unions[t])] for union in distinct}
    folds = range(1, int(experiment.settings.folds) + 1)
    return {(fold, union): of_union[union] for fold in folds for union in distinct}


def _lambdas(
    experiment: Experiment,
    views: Mapping[str, Experiment],
    unions: Mapping[str, Sequence[int]],
    on_model: Callable[[], None] | None,
    kept: KeptScores,
) -> dict[tuple[str, int], float | None]:
    """Return the lambda of every target and union."""
    grid, places = _grid(experiment), _places(experiment, views, unions)
    pairs = [(target, union) for target in views for union in unions[target]]
    if len(grid) == 1:
        return dict.fromkeys(pairs, grid[0])
    training = training_identity(experiment)
    known = {
        at: kept.of((training, *at), targets, len(grid)) or {} for at, targets in places.items()
    }
    missing = [at for at, of_place in known.items() if not of_place]
    names = experiment.groups.names
    jobs = [
        _job(names, union, f, targets=_measured(views, places[f, union])) for f, union in missing
    ]
    for at, fit in zip(missing, ClosedForms().train(experiment, jobs), strict=True):
        assert fit.curve is not None  # a closed form is measured on every fold
        known[at] = {target: fit.curve.means(target) for target in places[at]}
        kept.keep((training, *at), known[at])
        if on_model is not None:
            for _ in grid:
                on_model()
    scores = {pair: np.zeros(len(grid)) for pair in pairs}
    for (_, union), of_place in known.items():
        for target, of_target in of_place.items():
            scores[target, union] += of_target
    return {pair: grid[int(np.argmax(of_pair))] for pair, of_pair in scores.items()}


def _measured(views: Mapping[str, Experiment], targets: Sequence[str]) -> tuple[str, ...]:
    """Return whom a job measures: with a single view, the experiment's target, as () says."""
    return () if len(views) == 1 else tuple(targets)


def _job(
    names: Sequence[str],
    union: int,
    part: int,
    lam: float | None = None,
    targets: tuple[str, ...] = (),
) -> Job:
    """Return the job of a union: every user of its groups has weight 1, all others 0."""
    weights = {name: float(union >> index & 1) for index, name in enumerate(names)}
    options = {} if lam is None else {"reg_weight": lam}
    return Job(
        "+".join(name for name, weight in weights.items() if weight),
        Recipe(weights, options=options),
        part,
        0,
        1,
        targets=targets,
    )
