"""Optimises the mix of EASE by the exact gradient, from several starts."""

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
from recbole_groupmix.training.closed_form.gram_cache import GramCache


@dataclass(frozen=True)
class GradientMix:
    """The result of the optimiser from one start.

    Attributes
    ----------
    start : str
        Baseline whose weights were the start; No Augmentation starts from 0.05 and not from 0.
    mix : Mix
        The mix of the optimal weights.
    optimum : Optimum
        Weights in the order of ``groups.names``, lambda, and the loss.
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
) -> list[GradientMix]:
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
        Number of folds, the first of them; default all.
    starts : sequence of str
        Baselines to start from.
    follow : int
        Number of starts that are followed, those of the least loss, >= 1.
    most, fix_lambda, loss, sharpness
        See :func:`~recbole_groupmix.core.linear.mix_optimiser.optimise_mix`.

    Returns
    -------
    list of GradientMix
        The least loss first.

    Raises
    ------
    ValueError
        If the matrices do not fit, a start is not a baseline, `follow` is below 1, or the optimiser
        refuses an argument.
    """
    check_is_ease(experiment)
    groups, target, n_users = experiment.groups, experiment.target, experiment.n_users
    known = baselines(n_users, target)
    unknown = [start for start in starts if start not in known]
    if unknown or not starts:
        raise ValueError(f"starts are {list(starts)}; allowed are {', '.join(known)}")
    if follow < 1:
        raise ValueError(f"follow is {follow}; it must be at least 1")
    n_folds = min(folds or experiment.settings.folds, experiment.settings.folds)
    needed = (n_folds + 1) * len(groups.names) * experiment.shape[1] ** 2 * 4
    if needed > free:
        raise ValueError(
            f"the Gram matrices of {n_folds} folds need {gib(needed)} and may take "
            f"{gib(free)}; use fewer folds or raise --max_memory"
        )
    grams = GramCache(experiment)
    problems = [_problem(experiment, grams, fold + 1) for fold in range(n_folds)]
    optima = []
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

        followed = sorted(starts, key=loss_at)[:follow] if follow < len(starts) else starts
        for start in followed:
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
            mix = mix_from_weights(named, n_users, target)
            optima.append(GradientMix(start, mix, optimum))
    return sorted(optima, key=lambda mix: mix.optimum.loss)


def gradient_text(mixes: Sequence[GradientMix]) -> str:
    """Return a line for each start, the least loss first."""
    lines = []
    for result in mixes:
        shares = ", ".join(f"{name} {share:.2f}" for name, share in result.mix.alpha.items())
        optimum = result.optimum
        lines.append(
            f"from {result.start}: loss {optimum.loss_at_start:.5f} to {optimum.loss:.5f} in "
            f"{optimum.evaluations} evaluations; reg_weight {optimum.lam:.4g}, alpha_aug "
            f"{result.mix.alpha_aug:.2f}, alpha {shares}"
        )
    return "\n".join(lines)


def next_step(settings: Settings, best: GradientMix, path: str | Path) -> str:
    """Return the command that measures a mix with its lambda beside the baselines."""
    place = "".join(
        f"--{key}={shlex.quote(str(settings[key]))} "
        for key in ("data_path", "group_field", "group_by", "bins")
        if key in settings.given
    )
    return (
        f"Measure it on test: groupmix run --dataset={settings.dataset} {place}"
        f"--target={shlex.quote(str(settings.target))} --model=EASE --mix={shlex.quote(str(path))} "
        f"--reg_weight={best.optimum.lam:.4g} --trials=0"
    )


def write_mix(best: GradientMix, path: str | Path, name: str = "gradient") -> None:
    """Write a mix as YAML for ``groupmix run --mix=FILE``, with its lambda in a comment."""
    optimum = best.optimum
    text = (
        f"# from {best.start}: loss {optimum.loss_at_start:.5f} to {optimum.loss:.5f} in "
        f"{optimum.evaluations} evaluations, reg_weight {optimum.lam:.4g}\n"
    )
    content = yaml.safe_dump({"name": name, **best.mix.to_dict()}, sort_keys=False)
    write_whole(path, text + content)


def _problem(experiment: Experiment, grams: GramCache, index: int) -> FoldProblem:
    part = experiment.part(index)
    held_out = experiment.target_held_out(part)
    lists = held_out.masked.toarray(), held_out.relevant.toarray(), held_out.left_out()
    return FoldProblem(grams.of_part(part), *lists)
