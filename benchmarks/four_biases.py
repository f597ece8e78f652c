"""Errors of a group with four biases against it: Figure 4.1 of a dissertation as numbers.

    python benchmarks/four_biases.py [--seeds=10] [--sweeps=10]

The error of group B in generated ratings with every set of biases; the bars of the figure have no
printed values. S. Yao, "Evaluating, Understanding, and Mitigating Unfairness in Recommender Systems".
"""

import sys
from itertools import chain, combinations

import numpy as np

from recbole_groupmix.cli.options import parse_options
from recbole_groupmix.core.als import Ratings, factorise
from recbole_groupmix.prepare.four_biases import generate

D, LAMBDA = 20, 3.0


def of_mask(data, mask):
    """Return generated ratings where a mask is true."""
    return Ratings(*np.nonzero(mask), data.ratings[mask], mask.shape)


def errors_of_b(n_seeds, sweeps):
    """Return RMSE_B by set of biases, shape (n_seeds,), on ratings that were not observed."""
    sets = chain.from_iterable(combinations("RNPS", size) for size in range(5))
    errors = {"".join(letters): [] for letters in sets}
    for biases, found in errors.items():
        for seed in range(n_seeds):
            data = generate(seed, biases)
            train, test = (of_mask(data, mask) for mask in (data.observed, ~data.observed))
            factors = factorise(train, D, LAMBDA, LAMBDA, sweeps=sweeps, seed=seed)
            found.append(factors.rmse(test, data.in_b))
    return {biases: np.array(found) for biases, found in errors.items()}


def main(arguments):
    given = {"seeds": "10", "sweeps": "10", **parse_options(arguments)}
    n_seeds = int(given["seeds"])
    errors = errors_of_b(n_seeds, int(given["sweeps"]))
    print(f"RMSE of B, {n_seeds} seeds (d = {D}, lambda = {LAMBDA:g}); higher than without")
    print("biases in how many seeds; R rank, N noise, P population, S sparsity")
    for biases, found in errors.items():
        higher = f"{(found > errors['']).sum()} of {n_seeds}" if biases else ""
        print(f"{biases or 'none':6s} {found.mean():.3f} (sd {found.std(ddof=1):.3f})  {higher}")


if __name__ == "__main__":
    main(sys.argv[1:])
