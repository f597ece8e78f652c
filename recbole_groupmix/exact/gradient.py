"""The mix that EASE's own gradient leads to, from several starts."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from recbole_groupmix.core.linear.mix_optimiser import (
    FoldProblem,
    Optimum,
    mean_loss_gradient,
    optimise_mix,
)
from recbole_groupmix.core.mix import Mix, baselines, group_weights, mix_from_weights
from recbole_groupmix.core.names import BASELINES
from recbole_groupmix.engine.threads import one_blas_thread_each, pool
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.files.whole import write_whole
from recbole_groupmix.settings.settings import Settings
from recbole_groupmix.text.numbers import gib
from recbole_groupmix.training.closed_form.checks import check_is_ease
from recbole_groupmix.training.closed_form.gram_cache import GramLaboratory


@dataclass(frozen=True)
class Found:
    """Where one start led.

    Attributes
    ----------
    start : str
        Baseline whose weights were the start; those of No Augmentation are 0.05 and not 0.
    mix : Mix
        The mix of the weights found.
    optimum : Optimum
        Weights by the order of ``groups.names``, lambda, and the loss.
    """

    start: str
    mix: Mix
    optimum: Optimum


def gradient_search(
    experiment: Experiment,
    lam: float,
    *,
    free: int,
    folds: int | None = None,
    starts: Sequence[str] = BASELINES,
    follow: int = 1,
    most: int = 8,
    fix_lambda: bool = False,
    loss: str = "softmax",
    sharpness: float = 10.0,
) -> list[Found]:
    """Minimise the target's held-out loss on the folds over the mix and lambda.

    Parameters
    ----------
    experiment : Experiment
        Shared data, of a run with ``model: EASE``.
    lam : float
        Lambda to start from, > 0.
    free : int
        Bytes that the Gram matrices of the folds may take.
    folds : int, optional
        Use the first so many folds; default all.
    starts : sequence of str
        Baselines to start from.
    follow : int
        How many of them are followed, those of the least loss, >= 1.
    most, fix_lambda, loss, sharpness
        See :func:`~recbole_groupmix.core.linear.mix_optimiser.optimise_mix`.

    Returns
    -------
    list of Found
        The least loss first.

    Raises
    ------
    ValueError
        If the matrices do not fit, a start is no baseline, `follow` is below 1, or the optimiser
        refuses something.
    """
    check_is_ease(experiment)
    groups, target, n_users = experiment.groups, experiment.target, experiment.n_users
    known = baselines(n_users, target)
    strange = [start for start in starts if start not in known]
    if strange or not starts:
        raise ValueError(f"starts are {list(starts)}; allowed are {', '.join(known)}")
    if follow < 1:
        raise ValueError(f"follow is {follow}; at least 1 start must be followed")
    n_folds = min(folds or experiment.settings.folds, experiment.settings.folds)
    needed = (n_folds + 1) * len(groups.names) * experiment.shape[1] ** 2 * 4
    if needed > free:
        raise ValueError(
            f"the Gram matrices of {n_folds} folds need {gib(needed)} and may take "
            f"{gib(free)}; use fewer folds or raise --max_memory"
        )
    laboratory = GramLaboratory(experiment)
    problems = [_problem(experiment, laboratory, fold + 1) for fold in range(n_folds)]
    found = []
    with one_blas_thread_each(min(n_folds, pool().size)) as threads:
        weights_of = {}
        for start in starts:
            by_group = group_weights(known[start], n_users, target)
            weights_of[start] = np.array([by_group[name] or 0.05 for name in groups.names])

        def loss_at(start: str) -> float:
            at_start = weights_of[start]
            return mean_loss_gradient(
                problems, at_start, lam, threads.map, loss=loss, sharpness=sharpness
            )[0]

        some = sorted(starts, key=loss_at)[:follow] if follow < len(starts) else starts
        for start in some:
            optimum = optimise_mix(
                problems,
                groups.index(target),
                weights_of[start],
                lam,
                most=most,
                fix_lambda=fix_lambda,
                each=threads.map,
                loss=loss,
                sharpness=sharpness,
            )
            named = dict(zip(groups.names, optimum.weights.tolist(), strict=True))
            found.append(Found(start, mix_from_weights(named, n_users, target), optimum))
    return sorted(found, key=lambda one: one.optimum.loss)


def gradient_text(found: Sequence[Found]) -> str:
    """Return a line for each start, the least loss first."""
    lines = []
    for one in found:
        shares = ", ".join(f"{name} {share:.2f}" for name, share in one.mix.alpha.items())
        optimum = one.optimum
        lines.append(
            f"from {one.start}: loss {optimum.loss_at_start:.5f} to {optimum.loss:.5f} in "
            f"{optimum.evaluations} evaluations; reg_weight {optimum.lam:.4g}, alpha_aug "
            f"{one.mix.alpha_aug:.2f}, alpha {shares}"
        )
    return "\n".join(lines)


def next_step(settings: Settings, found: Found, path: str | Path) -> str:
    """Return the command that measures a mix with its lambda beside the baselines."""
    place = "".join(
        f"--{key}={shlex.quote(str(settings[key]))} "
        for key in ("data_path", "group_field")
        if key in settings.given
    )
    return (
        f"Measure it on test: groupmix run --dataset={settings.dataset} {place}"
        f"--target={shlex.quote(str(settings.target))} --model=EASE --mix={shlex.quote(str(path))} "
        f"--reg_weight={found.optimum.lam:.4g} --trials=0"
    )


def write_mix(found: Found, path: str | Path, name: str = "gradient") -> None:
    """Write a mix as YAML for ``groupmix run --mix=FILE``, with its lambda in a comment."""
    optimum = found.optimum
    text = (
        f"# from {found.start}: loss {optimum.loss_at_start:.5f} to {optimum.loss:.5f} in "
        f"{optimum.evaluations} evaluations, reg_weight {optimum.lam:.4g}\n"
    )
    content = yaml.safe_dump({"name": name, **found.mix.to_dict()}, sort_keys=False)
    write_whole(path, text + content)


def _problem(experiment: Experiment, laboratory: GramLaboratory, index: int) -> FoldProblem:
    part = experiment.part(index)
    held_out = experiment.target_held_out(part)
    return FoldProblem(laboratory.of_part(part), held_out.left_out(), held_out.relevant.toarray())
