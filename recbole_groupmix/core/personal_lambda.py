"""A lambda for every user, learnt by the gradient of a group's held-out error through all sweeps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from recbole_groupmix.core.als import Factors, FloatArray, Ratings, Sorted, run_sweeps

#: Adam's decays of the first and second moment (Kingma and Ba, ICLR 2015).
DECAYS = np.array([[0.9], [0.999]])


@dataclass(frozen=True)
class Secondary:
    """A factorisation with the group's error on ratings that it has not seen, and its slopes.

    Attributes
    ----------
    factors : Factors
        The factorisation.
    error : float
        Root mean squared error of the group's users, in the unit of the ratings.
    slopes : float64 array, shape (n_users,)
        Derivative of `error` by each user's lambda.
    """

    factors: Factors
    error: float
    slopes: FloatArray


def error_and_slopes(
    primary: Ratings,
    secondary: Ratings,
    in_group: npt.NDArray[np.bool_],
    d: int,
    user_lambda: npt.ArrayLike,
    item_lambda: float,
    *,
    sweeps: int = 10,
    seed: int = 0,
    sides: tuple[Sorted, Sorted] | None = None,
) -> Secondary:
    """Factorise primary ratings and differentiate the group's error on secondary ones.

    This is the gradient of F in Eq. 4.9 of Yao's dissertation, exact for the given number of
    sweeps. With ``A_u p_u = sum_i y_ui x_i``, ``x_i = [1, q_i]``, ``y_ui = r_ui - mean - b_i``, the
    slope g_u of the error by p_u, ``v_u = A_u^-1 g_u`` and ``e_ui = y_ui - x_i p_u``, a half sweep
    passes back ``-v_u p_u`` to lambda_u, ``sum_u e_ui v_u - (x_i v_u) p_u`` to q_i and
    ``-sum_u x_i v_u`` to b_i; and so on with users and items exchanged, from the last sweep to the
    first. It costs about as much as the factorisation, and holds the matrices of all sweeps:
    ``8 sweeps (n_users + n_items) (1 + d)^2`` bytes.

    Parameters
    ----------
    primary, secondary : Ratings
        Ratings to factorise, and others of the same users and items to measure the error on.
    in_group : bool array, shape (n_users,)
        The users whose error counts.
    d, user_lambda, item_lambda, sweeps, seed
        As of :func:`~recbole_groupmix.core.als.factorise`.
    sides : pair of Sorted, optional
        Those of `primary`, where they are known.

    Returns
    -------
    Secondary

    Raises
    ------
    ValueError
        As :func:`~recbole_groupmix.core.als.factorise`, and if the group has no secondary rating.
    """
    by_user, by_item = sides = sides or Sorted.both(primary)
    every = run_sweeps(primary, sides, d, user_lambda, item_lambda, sweeps=sweeps, seed=seed)
    done = list(every)
    factors = done[-1].factors
    error = factors.rmse(secondary, in_group)
    of_users, of_items = _at_the_end(factors, secondary.only(in_group[secondary.users]))
    slopes = np.zeros(primary.shape[0])
    for sweep in reversed(done):
        by_items = sweep.factors.items, sweep.item_grams, sweep.factors.users
        by_users = sweep.factors.users, sweep.user_grams, sweep.start
        _, from_items = _passed_back(by_item, *by_items, of_items)
        of_lambda, of_items = _passed_back(by_user, *by_users, of_users + from_items)
        slopes += of_lambda
        of_users = np.zeros_like(of_users)
    return Secondary(factors, error, slopes)


def _at_the_end(factors: Factors, held_out: Ratings) -> tuple[FloatArray, FloatArray]:
    """Return the slopes of the root mean squared error by the users' and items' rows."""
    errors = factors.predict(held_out.users, held_out.items) - held_out.values
    length = float(np.sqrt(len(errors) * (errors**2).sum())) or 1.0
    matrix = csr_matrix((errors / length, (held_out.users, held_out.items)), shape=held_out.shape)
    users, items = factors.users.copy(), factors.items.copy()
    users[:, 0] = items[:, 0] = 1.0
    return matrix @ items, matrix.T @ users


def _passed_back(
    side: Sorted, solved: FloatArray, grams: FloatArray, fixed: FloatArray, slopes: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return slopes by the lambdas and by the fixed rows of a half sweep, from those by its rows."""
    adjoint = np.linalg.solve(grams, slopes[..., None])[..., 0]
    of_each = np.repeat(np.arange(len(solved)), np.diff(side.ends))
    inputs = side.inputs(fixed)
    moved = np.einsum("kf,kf->k", inputs, adjoint[of_each])
    fitted = np.einsum("kf,kf->k", inputs, solved[of_each])
    errors = side.values - fixed[side.others, 0] - fitted

    def spread(values: FloatArray, rows: FloatArray) -> FloatArray:
        shape = len(solved), len(fixed)
        passed: FloatArray = csr_matrix((values, side.others, side.ends), shape=shape).T @ rows
        return passed

    passed = spread(errors, adjoint) - spread(moved, solved)
    passed[:, 0] = -np.bincount(side.others, moved, minlength=len(fixed))
    return -np.einsum("uf,uf->u", adjoint, solved), passed


@dataclass(frozen=True)
class Learnt:
    """Lambdas of users, and what was measured on the way.

    Attributes
    ----------
    user_lambda : float64 array, shape (n_users,)
        The lambdas that were chosen, > 0.
    step : int
        The outer step at which they stood; 0 is the global lambda.
    lambdas : float64 array, shape (n_steps, n_users)
        Those of every step.
    secondary, third : float64 array, shape (n_steps,)
        The group's error at each step, on the secondary split in turn and on the third.
    """

    user_lambda: FloatArray
    step: int
    lambdas: FloatArray
    secondary: FloatArray
    third: FloatArray


def learn_lambdas(
    train: Ratings,
    in_group: npt.NDArray[np.bool_],
    d: int,
    global_lambda: float,
    *,
    sweeps: int = 10,
    seed: int = 0,
    folds: int = 5,
    steps: int = 40,
    rate: float = 0.1,
) -> Learnt:
    """Learn a lambda for every user that lowers a group's error (Algorithm 1 of Yao's dissertation).

    Ratings are dealt at random into `folds` parts and a third split. Each outer step holds out one
    of the parts in turn as the secondary split, factorises the others, and moves
    ``log(lambda_u / global_lambda)`` by Adam along the gradient of the group's secondary error. The
    step is chosen from which on a whole round of the folds has the least mean error on the third
    split; steps end when two rounds have brought no better one. The dissertation states neither
    how lambdas stay positive nor the optimiser, its step size or its end.

    Parameters
    ----------
    train : Ratings
        All ratings that may be used.
    in_group : bool array, shape (n_users,)
        The users whose error counts.
    d, sweeps
        As of :func:`~recbole_groupmix.core.als.factorise`.
    global_lambda : float
        L2 weight of items, and that of users at the start, > 0.
    seed : int
        Seed of the parts and of the items' factors.
    folds : int
        Number of secondary splits, >= 2.
    steps : int
        Most outer steps, at least `folds`.
    rate : float
        Adam's step size in rho, > 0.

    Returns
    -------
    Learnt

    Raises
    ------
    ValueError
        If an option is out of range, or the group has no rating in one of the parts.
    """
    if folds < 2 or steps < folds or not rate > 0:
        raise ValueError(
            f"folds is {folds}, steps {steps} and rate {rate}; folds must be at least 2, steps at "
            "least folds and rate positive."
        )
    part = np.random.default_rng([seed, 0]).permutation(len(train.values)) % (folds + 1)
    third = train.only(part == folds)
    primaries = [train.only((part != fold) & (part != folds)) for fold in range(folds)]
    sides = [Sorted.both(primary) for primary in primaries]
    rho = np.zeros(train.shape[0])
    moments = np.zeros((2, len(rho)))
    lambdas, secondary, on_third = [], [], []
    best = 0
    for step in range(steps):
        fold = step % folds
        lambdas.append(global_lambda * np.exp(rho))
        found = error_and_slopes(
            primaries[fold], train.only(part == fold), in_group, d, lambdas[-1], global_lambda,
            sweeps=sweeps, seed=seed, sides=sides[fold],
        )  # fmt: skip
        secondary.append(found.error)
        on_third.append(found.factors.rmse(third, in_group))
        if step + 1 >= folds:
            best = int(np.argmin(np.convolve(on_third, np.ones(folds), "valid")))
            if step + 1 - folds - best >= 2 * folds:
                break
        slopes = found.slopes * lambdas[-1]
        moments = DECAYS * moments + (1 - DECAYS) * np.array([slopes, slopes**2])
        first, second = moments / (1 - DECAYS ** (step + 1))
        rho = rho - rate * first / (np.sqrt(second) + 1e-12)
    return Learnt(lambdas[best], best, np.array(lambdas), np.array(secondary), np.array(on_third))
