"""Shapley values for several targets: what is checked before, solved, and kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import count as counted
from operator import add

from recbole_groupmix.core.linear.item_subspace import check_size
from recbole_groupmix.exact.progress import progress
from recbole_groupmix.exact.shapley.effects import Effects, effects
from recbole_groupmix.exact.shapley.games import (
    Game,
    games,
    known_on_folds,
    metrics_of,
    sharing,
    with_fraction,
)
from recbole_groupmix.exact.shapley.kept_scores import KeptScores
from recbole_groupmix.exact.shapley.plan import Plan, Work, plan, work
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.training.closed_form.checks import check_closed_form
from recbole_groupmix.training.memory import memory


@dataclass(frozen=True)
class Study:
    """Shapley values of groups for several targets.

    Attributes
    ----------
    plan : Plan
        The unions that were solved.
    by_target : list of list of Effects
        For each target, of the validation metric and then of the others.
    by_fraction : list of list of Effects
        For each target, of the validation metric by share of the target's users, ascending; empty
        without shares.
    others_by_fraction : list of Effects
        Of the other metrics at shares below 1.
    games : list of Game
        The game of each target with all of its users.
    """

    plan: Plan
    by_target: list[list[Effects]]
    by_fraction: list[list[Effects]]
    others_by_fraction: list[Effects]
    games: list[Game]


def usable_targets(
    experiment: Experiment, wanted: Sequence[str] | None
) -> tuple[list[str], list[str]]:
    """Return the targets whose values can be computed, and a note for each other group.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    wanted : sequence of str or None
        Groups; None for every group that can be a target.

    Raises
    ------
    ValueError
        If one of `wanted` cannot be a target, or no group can.
    """
    settings, targets, notes = experiment.settings, [], []
    folds = int(settings.folds) if len(settings.lambdas or ()) > 1 else 0
    for name in experiment.groups.names if wanted is None else wanted:
        experiment.groups.index(name)
        try:
            view = experiment.for_target(name)
            view.check_parts(folds)
            view.check_measured()
            check_closed_form(view, memory(view))
        except ValueError as error:
            if wanted is not None:
                raise
            notes.append(f"no values for target {name!r}: {error}")
        else:
            targets.append(name)
    if not targets:
        raise ValueError(f"no group can be a target; {notes[0]}")
    return targets, notes


def check_fractions(
    experiment: Experiment, targets: Sequence[str], fractions: Sequence[float]
) -> None:
    """Raise ``ValueError`` for shares of a target's users that cannot be solved."""
    if not all(0 < share <= 1 for share in fractions):
        raise ValueError(
            f"target_fraction is {list(fractions)}; shares of the target's users are above 0 and at "
            "most 1, for example [.1,.3,1]"
        )
    if not fractions or min(fractions) == 1:
        return
    settings = experiment.settings
    if settings.graph == "positive":
        raise ValueError(
            f"{settings.describe('graph')}, but users who do not train are measured too where only "
            "a share of the target's do; use --graph=all"
        )
    if not experiment.model_class.has_rank:
        return
    for target in targets:
        n_users = max(round(min(fractions) * experiment.n_users[target]), 1)
        what = f"{min(fractions):g} of the users of target {target!r} and the items"
        try:
            check_size(
                int(experiment.config["embedding_size"]), n_users, experiment.shape[1], what
            )
        except ValueError as error:
            raise ValueError(f"{settings.describe('embedding_size')}: {error}") from error


def shapley_study(
    experiment: Experiment,
    targets: Sequence[str],
    say: Callable[[str], None],
    *,
    fractions: Sequence[float] = (),
    draws: int = 1,
    permutations: int | None = None,
    n_boot: int = 10_000,
    kept: KeptScores | None = None,
) -> Study:
    """Solve what the Shapley values of all groups for some targets need.

    Parameters
    ----------
    experiment : Experiment
        Shared data, of a run with a closed-form model.
    targets : sequence of str
        From `usable_targets`.
    say : callable
        Prints a line for people: the numbers of solutions before the first, and the progress.
    fractions : sequence of float
        Shares of a target's users who train, in (0, 1]; 1 is always among them.
    draws : int
        How often each share below 1 is drawn.
    permutations : int, optional
        Orders of groups to sample; by default as :func:`~recbole_groupmix.exact.shapley.plan.plan`.
    n_boot : int
        Resamples of users.
    kept : KeptScores, optional
        Scores on folds that are known, and receives those that are not.

    Raises
    ------
    ValueError
        If an option cannot be used.
    """
    settings, names = experiment.settings, experiment.groups.names
    planned = plan(names, targets, permutations, settings.seed)
    check_fractions(experiment, targets, fractions)
    sets = sharing(experiment, targets)
    views = {target: view for _, of_set in sets for target, view in of_set.items()}
    shares = sorted({share for share in fractions if share < 1})
    smaller = [
        (target, share, draw) for target in targets for share in shares for draw in range(draws)
    ]
    works = [work(first, {t: planned.unions[t] for t in of_set}) for first, of_set in sets]
    say(_announced(reduce(add, works), experiment, planned))
    if smaller:
        more = [work(experiment, {target: planned.unions[target]}) for target, _, _ in smaller]
        works += more
        say(f"for {len(shares)} smaller shares of the targets' users: {reduce(add, more)}")
    kept = kept or KeptScores()
    known = sum(known_on_folds(first, of_set, planned.unions, kept) for first, of_set in sets)
    for target, share, draw in smaller:  # one view at a time: each may have parts of its own
        view = with_fraction(views[target], share, draw)
        known += known_on_folds(view, {target: view}, planned.unions, kept)
    if known:
        say(f"{known} of the solutions on folds are known from a command that came before")
    most = sum(w.on_folds + w.at_most for w in works) - known
    tell, numbers = progress(say), counted(1)

    def on_model() -> None:
        tell(next(numbers), most)

    def solved(first: Experiment, of_set: Mapping[str, Experiment]) -> dict[str, Game]:
        return games(first, of_set, {t: planned.unions[t] for t in of_set}, on_model, kept)

    whole = {t: game for first, of_set in sets for t, game in solved(first, of_set).items()}
    drawn: dict[tuple[str, float], list[Game]] = {}
    for target, share, draw in smaller:
        view = with_fraction(views[target], share, draw)
        drawn.setdefault((target, share), []).append(solved(view, {target: view})[target])
    metrics = metrics_of(experiment)

    def of(target: str, metric: str, share: float) -> Effects:
        return effects(
            [whole[target]] if share == 1 else drawn[target, share],
            metric,
            seed=settings.seed,
            orders=planned.orders_of(names.index(target)),
            fraction=share,
            n_boot=n_boot,
            details=share == 1 and metric == metrics[0],
        )

    by_target = [[of(target, metric, 1.0) for metric in metrics] for target in targets]
    by_fraction = [
        [*(of(target, metrics[0], share) for share in shares), of_target[0]]
        for target, of_target in zip(targets, by_target, strict=True)
    ]
    others = [
        of(target, metric, share)
        for target in targets
        for share in shares
        for metric in metrics[1:]
    ]
    return Study(
        planned, by_target, by_fraction if fractions else [], others, list(whole.values())
    )


def _announced(of_all: Work, experiment: Experiment, planned: Plan) -> str:
    if planned.orders is None:
        return str(of_all)
    n_orders, n_groups = planned.orders.shape
    return f"{n_orders} sampled orders of {n_groups} groups; {of_all}"
