"""The three random samplers of mixes (Appendix C of the paper), and the mix of a trial."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.budget_law import PAPER, BudgetLaw
from recbole_groupmix.core.mix import Mix, augmentation_sizes

SAMPLERS = ("dirichlet", "proportional_perturbation", "interaction_scaling")

_DOMAIN = 0x6D6978  # keeps these random numbers apart from those of splits and models


def sample_dirichlet(
    rng: np.random.Generator, n_users: Mapping[str, int], target: str, gamma: float = 0.7
) -> dict[str, float]:
    """Draw alpha from a symmetric Dirichlet distribution; its mean is the Stratified mix.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    n_users : mapping of str to int
        Every group's number of users with at least one training interaction. A group without
        users gets share 0 and takes no part in the draw.
    target : str
        Name of the target group.
    gamma : float
        Concentration, > 0; below 1 most of the mass falls on few groups.

    Returns
    -------
    dict of str to float
        Share in [0, 1] per augmentation group, together 1.

    Raises
    ------
    ValueError
        If `gamma` is not positive, or for counts that `augmentation_sizes` refuses.
    """
    if not (math.isfinite(gamma) and gamma > 0):
        raise ValueError(f"gamma is {gamma!r}; the concentration must be finite and > 0.")
    sizes = augmentation_sizes(n_users, target)
    n_filled = sum(size > 0 for size in sizes.values())
    return _on_simplex(sizes, rng.dirichlet(np.full(n_filled, gamma)))


def sample_proportional_perturbation(
    rng: np.random.Generator, n_users: Mapping[str, int], target: str, scale: float = 0.25
) -> dict[str, float]:
    """Draw alpha near the Proportional one by adding centred uniform noise.

    ``alpha_prop + scale * (delta - mean(delta))`` with ``delta_j ~ U(0, 1)``; negative shares
    are clipped to 0 and the rest rescaled to sum to 1. The paper's Section 4.1 says that draws
    with negative shares are left out, its Appendix C that they are clipped; this clips.

    Parameters
    ----------
    rng, n_users, target
        As for `sample_dirichlet`.
    scale : float
        Width of the noise, >= 0; 0 gives the Proportional alpha.

    Returns
    -------
    dict of str to float
        Share in [0, 1] per augmentation group, together 1.

    Raises
    ------
    ValueError
        If `scale` is negative, or for counts that `augmentation_sizes` refuses.
    """
    if not (math.isfinite(scale) and scale >= 0):
        raise ValueError(f"scale is {scale!r}; the noise width must be finite and >= 0.")
    sizes = augmentation_sizes(n_users, target)
    filled = _filled(sizes)
    delta = rng.random(filled.size)
    shares = filled / filled.sum() + scale * (delta - delta.mean())
    # The noise sums to 0, so the shares sum to 1 and their positive part to at least 1:
    # clipping never leaves nothing to rescale.
    return _on_simplex(sizes, np.maximum(shares, 0.0))


def sample_interaction_scaling(
    rng: np.random.Generator, n_users: Mapping[str, int], target: str, sigma: float = 0.5
) -> dict[str, float]:
    """Draw alpha by scaling every group's interactions with a log-normal factor of median 1.

    ``alpha_j`` is proportional to ``n_j * a_j`` with ``log a_j ~ Normal(0, sigma^2)``.

    Parameters
    ----------
    rng, n_users, target
        As for `sample_dirichlet`.
    sigma : float
        Standard deviation of the logarithm, >= 0; 0 gives the Proportional alpha.

    Returns
    -------
    dict of str to float
        Share in [0, 1] per augmentation group, together 1.

    Raises
    ------
    ValueError
        If `sigma` is negative, or for counts that `augmentation_sizes` refuses.
    """
    if not (math.isfinite(sigma) and sigma >= 0):
        raise ValueError(f"sigma is {sigma!r}; the standard deviation must be finite and >= 0.")
    sizes = augmentation_sizes(n_users, target)
    filled = _filled(sizes)
    return _on_simplex(sizes, filled * rng.lognormal(0.0, sigma, size=filled.size))


def sample_trial(
    seed: int,
    trial: int,
    n_users: Mapping[str, int],
    target: str,
    budgets: BudgetLaw = PAPER,
) -> tuple[str, Mix]:
    """Return the sampler's name and the mix of one trial of a search.

    The three samplers take turns. The random numbers depend on `seed` and `trial` only, so a
    search can be extended: trial 7 is the same whether 8 or 800 trials are run. Its shares are
    also the same whatever the law of budgets.

    Parameters
    ----------
    seed : int
        Seed of the run, >= 0.
    trial : int
        Number of the trial, >= 0.
    n_users : mapping of str to int
        Every group's number of users with at least one training interaction.
    target : str
        Name of the target group.
    budgets : BudgetLaw
        From which the budget ratio is drawn.

    Raises
    ------
    ValueError
        If `seed` or `trial` is negative, or for counts that `augmentation_sizes` refuses.
    """
    if seed < 0 or trial < 0:
        raise ValueError(f"seed is {seed} and trial is {trial}; both must be >= 0.")
    rng = np.random.default_rng(np.random.SeedSequence([_DOMAIN, seed, trial]))
    alpha_aug = budgets.draw(rng)
    name = SAMPLERS[trial % len(SAMPLERS)]
    if name == "dirichlet":
        alpha = sample_dirichlet(rng, n_users, target)
    elif name == "proportional_perturbation":
        alpha = sample_proportional_perturbation(rng, n_users, target)
    else:
        alpha = sample_interaction_scaling(rng, n_users, target)
    return name, Mix(alpha, alpha_aug)


def _filled(sizes: Mapping[str, int]) -> npt.NDArray[np.float64]:
    """Return the sizes of the groups that have users."""
    return np.array([size for size in sizes.values() if size > 0], dtype=np.float64)


def _on_simplex(sizes: Mapping[str, int], mass: npt.NDArray[np.float64]) -> dict[str, float]:
    """Return shares proportional to `mass` for the filled groups and 0 for the empty ones."""
    shares = iter((mass / mass.sum()).tolist())
    return {name: next(shares) if size > 0 else 0.0 for name, size in sizes.items()}
