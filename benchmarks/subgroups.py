"""Errors of disadvantaged subgroups under matrix factorisation: a dissertation's chapter 4 beside ours.

    python benchmarks/subgroups.py [--seeds=10] [--splits=5] [--sweeps=10]

Figure 4.1: the error of group B in generated ratings with every set of four biases (its bars have no
printed values). Table 4.1: errors of five subgroups of ml-100k, from the copy inside RecBole, beside
the published ones. S. Yao, "Evaluating, Understanding, and Mitigating Unfairness in Recommender Systems".
"""

import sys
from itertools import chain, combinations

import numpy as np

from recbole_groupmix.cli.options import parse_options
from recbole_groupmix.core.als import Ratings, factorise
from recbole_groupmix.prepare.four_biases import generate
from recbole_groupmix.prepare.ml_100k import tables

SUBGROUPS = ("gender F", "age 52-59", "zip 0", "degree 0-10%", "error 90-100%")
PUBLISHED = {  # Table 4.1
    "MF": (1.029, 1.045, 1.062, 1.118, 1.612),
    "PRL": (0.967, 0.983, 0.952, 1.043, 1.367),
    "focused": (0.998, 1.001, 0.989, 1.094, 1.479),
}
D, FOLDS = 30, 5
LAMBDAS = (1.0, 3.0, 10.0, 30.0)
BIASED_D, BIASED_LAMBDA = 20, 3.0


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
            options = {"sweeps": sweeps, "seed": seed}
            factors = factorise(train, BIASED_D, BIASED_LAMBDA, BIASED_LAMBDA, **options)
            found.append(factors.rmse(test, data.in_b))
    return {biases: np.array(found) for biases, found in errors.items()}


def print_biases(n_seeds, sweeps):
    """Print Figure 4.1 as numbers."""
    errors = errors_of_b(n_seeds, sweeps)
    print(f"RMSE of B, {n_seeds} seeds (d = {BIASED_D}, lambda = {BIASED_LAMBDA:g}); higher than")
    print("without biases in how many seeds; R rank, N noise, P population, S sparsity")
    for biases, found in errors.items():
        higher = f"{(found > errors['']).sum()} of {n_seeds}" if biases else ""
        print(f"{biases or 'none':6s} {found.mean():.3f} (sd {found.std(ddof=1):.3f})  {higher}")


def read_ml_100k():
    """Return the ratings of ml-100k, and gender, age and first sign of the zip code of users."""
    found = tables()
    tokens = [str(token) for token in found["user"]["user_id:token"]]
    place = {token: index for index, token in enumerate(tokens)}
    users = np.array([place[str(token)] for token in found["inter"]["user_id:token"]])
    names, items = np.unique(np.array(found["inter"]["item_id:token"], str), return_inverse=True)
    values = np.array(found["inter"]["rating:float"], float)
    columns = {name: np.array(found["user"][f"{name}:token"], str) for name in ("gender", "age")}
    columns["zip"] = np.array([str(code)[:1] for code in found["user"]["zip_code:token"]])
    return Ratings(users, items, values, (len(tokens), len(names))), columns


def lowest_tenth(values):
    """Return the mask of the tenth of users with the lowest values."""
    mask = np.zeros(len(values), bool)
    mask[np.array_split(np.argsort(values, kind="stable"), 10)[0]] = True
    return mask


def on_folds(train, seed, user_lambda, sweeps):
    """Return the squared errors of train, each when its fold was held out."""
    fold = np.random.default_rng([seed, 1]).integers(FOLDS, size=len(train.values))
    errors = np.empty(len(train.values))
    for held_out in range(FOLDS):
        rest, part = train.only(fold != held_out), train.only(fold == held_out)
        factors = factorise(rest, D, user_lambda, np.min(user_lambda), sweeps=sweeps, seed=seed)
        errors[fold == held_out] = (factors.predict(part.users, part.items) - part.values) ** 2
    return errors


def subgroups(train, columns, errors):
    """Return the mask of each subgroup of Table 4.1; degree and error are those on train."""
    counts = np.bincount(train.users, minlength=train.shape[0])
    sums = np.bincount(train.users, weights=errors, minlength=train.shape[0])
    age = columns["age"].astype(int)
    masks = (columns["gender"] == "F", (age >= 52) & (age <= 59), columns["zip"] == "0",
             lowest_tenth(counts), lowest_tenth(-sums / np.maximum(counts, 1)))  # fmt: skip
    return dict(zip(SUBGROUPS, masks, strict=True))


def errors_on_test(ratings, columns, seed, sweeps):
    """Return RMSE by row, of the five subgroups and of all, for one split, and the lambda chosen."""
    kept = np.random.default_rng([seed, 0]).random(len(ratings.values)) >= 0.1
    train, test = ratings.only(kept), ratings.only(~kept)
    errors = {value: on_folds(train, seed, value, sweeps) for value in LAMBDAS}
    best = min(LAMBDAS, key=lambda value: errors[value].mean())
    masks = subgroups(train, columns, errors[1.0])

    def measured(factors):
        return [*(factors.rmse(test, mask) for mask in masks.values()), factors.rmse(test)]

    options = {"sweeps": sweeps, "seed": seed}
    rows = {f"d={d} lambda={value:g}": measured(factorise(train, d, value, value, **options))
            for d, value in ((30, 1.0), (30, 10.0), (10, 10.0))}  # fmt: skip
    rows["d=30 tuned lambda"] = measured(factorise(train, D, best, best, **options))
    focused = []
    for mask in masks.values():  # a lambda for the subgroup alone, chosen by its error on a fold
        held_out = np.random.default_rng([seed, 2]).random(len(train.values)) < 0.1
        rest, part = train.only(~held_out), train.only(held_out)
        weights = {value: np.where(mask, value, best) for value in (3.0, 10.0, 30.0, 100.0)}
        scores = {value: factorise(rest, D, weight, best, **options).rmse(part, mask)
                  for value, weight in weights.items()}  # fmt: skip
        weight = weights[min(scores, key=scores.get)]
        focused.append(factorise(train, D, weight, best, **options).rmse(test, mask))
    rows["d=30 focused"] = [*focused, np.nan]
    return rows, best


def print_subgroups(n_splits, sweeps):
    """Print Table 4.1 beside ours."""
    ratings, columns = read_ml_100k()
    results, best = zip(
        *(errors_on_test(ratings, columns, seed, sweeps) for seed in range(n_splits)), strict=True
    )
    chosen = ", ".join(f"{value:g}" for value in best)
    print(f"\nRMSE on test, ml-100k: mean of {n_splits} splits and their standard deviation;")
    print(f"tuned lambda by split, on {FOLDS} folds: {chosen}")
    print(" " * 20, *(f"{name:>13s}" for name in (*SUBGROUPS, "all")))
    for name, row in PUBLISHED.items():
        print(f"published {name:10s}", *(f"{value:.3f}".ljust(12).rjust(13) for value in row))
    for name in results[0]:
        of_splits = np.array([result[name] for result in results])
        cells = zip(of_splits.mean(axis=0), of_splits.std(axis=0, ddof=1), strict=True)
        print(f"{name:20s}", *(f"{m:.3f} ±{sd:.3f}".rjust(13) for m, sd in cells if m == m))


def main(arguments):
    given = {"seeds": "10", "splits": "5", "sweeps": "10", **parse_options(arguments)}
    print_biases(int(given["seeds"]), int(given["sweeps"]))
    print_subgroups(int(given["splits"]), int(given["sweeps"]))


if __name__ == "__main__":
    main(sys.argv[1:])
