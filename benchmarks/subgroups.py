"""Errors of disadvantaged subgroups of ml-100k: a dissertation's Table 4.1 beside ours.

    python benchmarks/subgroups.py [--splits=5] [--sweeps=5]

Matrix factorisation with the dissertation's lambda of 1 and with one that is tuned, personalised
regularisation learning (PRL) from both, focused learning, a penalty on the group's error (URMF) and
lambdas by number of ratings (DR). Whatever is chosen is chosen on folds of train, by the group's
error there where a method serves a group, and by everybody's where it does not. The data are those
inside RecBole. S. Yao, "Evaluating, Understanding, and Mitigating Unfairness in Recommender Systems".
"""

import sys
import time

import numpy as np
from scipy.special import stdtrit

from recbole_groupmix.cli.options import parse_options
from recbole_groupmix.core.als import Ratings, factorise
from recbole_groupmix.core.personal_lambda import learn_lambdas
from recbole_groupmix.core.subgroup_baselines import DEGREE_RULES, degree_lambdas, group_penalty
from recbole_groupmix.prepare.ml_100k import tables

SUBGROUPS = {"gender": "F", "age": "52-59", "zip": "0", "degree": "0-10 %", "error": "90-100 %"}
PUBLISHED = {  # Table 4.1; its DR rows are linear, log-1 and log-2
    "MF": (1.029, 1.045, 1.062, 1.118, 1.612),
    "PRL": (0.967, 0.983, 0.952, 1.043, 1.367),
    "focused": (0.998, 1.001, 0.989, 1.094, 1.479),
    "URMF": (1.013, 1.089, 0.956, 1.102, 1.579),
    "DR linear": (1.041, 1.127, 1.047, 1.114, 1.601),
    "DR log-1": (1.067, 1.113, 1.082, 1.109, 1.641),
    "DR log-2": (1.059, 1.114, 1.098, 1.112, 1.632),
}
TUNED = "MF, tuned lambda"
D, FOLDS, TEST = 30, 3, 0.1
LAMBDAS = (0.001, 0.01, 0.1, 1.0, 10.0, 20.0, 30.0, 50.0, 100.0)
PENALTIES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 5.0, 10.0, 20.0)
STEPS, RATE = 30, 0.2


def read_ml_100k():
    """Return the ratings of ml-100k, and gender, age and first sign of the zip code of users."""
    found = tables()
    tokens = [str(token) for token in found["user"]["user_id:token"]]
    place = {token: index for index, token in enumerate(tokens)}
    users = np.array([place[str(token)] for token in found["inter"]["user_id:token"]])
    names, items = np.unique(np.array(found["inter"]["item_id:token"], str), return_inverse=True)
    values = np.array(found["inter"]["rating:float"], float)
    columns = {name: np.array(found["user"][f"{name}:token"], str) for name in ("gender", "age")}
    first = np.array([str(code)[:1] for code in found["user"]["zip_code:token"]])
    columns["zip"] = np.where(np.char.isdigit(first), first, "letter")
    return Ratings(users, items, values, (len(tokens), len(names))), columns


def tenths(values):
    """Return the tenth of users that each value falls into, as "0-10 %" and so on."""
    tenth = np.empty(len(values), int)
    tenth[np.argsort(values, kind="stable")] = np.arange(len(values)) * 10 // len(values)
    return np.array([f"{10 * one}-{10 * one + 10} %" for one in tenth])


def divisions(train, columns, errors):
    """Return five divisions of the users, as labels; degree and error are those on train."""
    counts = np.bincount(train.users, minlength=train.shape[0])
    sums = np.bincount(train.users, weights=errors, minlength=train.shape[0])
    age = columns["age"].astype(int)
    return {
        "gender": columns["gender"],
        "age": np.where((age >= 52) & (age <= 59), "52-59", "others"),
        "zip": columns["zip"],
        "degree": tenths(counts),
        "error": tenths(sums / np.maximum(counts, 1)),
    }


class Split:
    """A split of the ratings into train and test, with folds of train."""

    def __init__(self, ratings, seed, sweeps):
        held_out = np.random.default_rng([seed, 0]).random(len(ratings.values)) < TEST
        self.train, self.test = ratings.only(~held_out), ratings.only(held_out)
        self.options = {"sweeps": sweeps, "seed": seed}
        self.fold = np.random.default_rng([seed, 1]).permutation(len(self.train.values)) % FOLDS

    def fitted(self, user_lambda, item_lambda, penalty=None):
        """Return a function that factorises ratings; a penalty is a group and its weight."""

        def fit(ratings):
            weigh = None
            if penalty:  # on the mean of squared errors: on their sum the grid does nothing
                weigh = group_penalty(ratings, penalty[0], penalty[1] * len(ratings.values))
            return factorise(ratings, D, user_lambda, item_lambda, weigh=weigh, **self.options)

        return fit

    def on_folds(self, fit):
        """Return the squared errors of train, each when its fold was held out."""
        errors = np.empty(len(self.train.values))
        for fold in range(FOLDS):
            part = self.train.only(self.fold == fold)
            factors = fit(self.train.only(self.fold != fold))
            errors[self.fold == fold] = (
                factors.predict(part.users, part.items) - part.values
            ) ** 2
        return errors

    def score(self, fit, mask=None):
        """Return the error on the folds, of a group's users or of all."""
        errors = self.on_folds(fit)
        return np.sqrt(np.mean(errors if mask is None else errors[mask[self.train.users]]))


def climbed(score, start, *grids):
    """Return the values on a grid from which no neighbour has a lower score, from a start on."""
    known = {}

    def at(place):
        if place not in known:
            known[place] = score(*(grid[i] for grid, i in zip(grids, place, strict=True)))
        return known[place]

    place, moved = None, tuple(grid.index(value) for grid, value in zip(grids, start, strict=True))
    while place != moved:
        place = moved
        near = [(*place[:k], place[k] + step, *place[k + 1 :])
                for k, grid in enumerate(grids) for step in (-1, 1)
                if 0 <= place[k] + step < len(grid)]  # fmt: skip
        moved = min([place, *near], key=at)
    return tuple(grid[i] for grid, i in zip(grids, place, strict=True))


def models(split, columns):
    """Return masks, fits by row (one, or one a group) and notes on choices; test is not looked at."""
    train = split.train
    counts = np.bincount(train.users, minlength=train.shape[0])
    (best,) = climbed(lambda value: split.score(split.fitted(value, value)), (1.0,), LAMBDAS)
    errors = split.on_folds(split.fitted(1.0, 1.0))
    labels = divisions(train, columns, errors)
    masks = {name: labels[name] == group for name, group in SUBGROUPS.items()}
    pair = climbed(lambda *pair: split.score(split.fitted(*pair)), (best, best), LAMBDAS, LAMBDAS)
    rows = {"MF, lambda 1": split.fitted(1.0, 1.0), TUNED: split.fitted(best, best)}
    rows["MF, tuned for users and items"] = split.fitted(*pair)
    notes = {
        "tuned lambda": best,
        "users and items": pair,
        "worst": worst(labels, train, errors),
        "learnt": {},
    }
    for name, start in (("PRL from lambda 1", 1.0), ("PRL from tuned lambda", best)):
        found = [learn_lambdas(train, mask, D, start, steps=STEPS, rate=RATE, **split.options)
                 for mask in masks.values()]  # fmt: skip
        rows[name] = [split.fitted(one.user_lambda, start) for one in found]
        notes[f"steps, {name}"] = [one.step for one in found]
        notes["learnt"][name] = by_gender(found[0], masks["gender"])
    for name in ("focused", "URMF"):
        chosen = [served(split, name, mask, best) for mask in masks.values()]
        rows[name], notes[name] = map(list, zip(*chosen, strict=True))
    for rule in DEGREE_RULES:
        rows[f"DR {rule}, lambda 1"] = split.fitted(degree_lambdas(counts, rule), 1.0)

        def scaled(value, rule=rule):
            return split.fitted(degree_lambdas(counts, rule, value), value)

        (value,) = climbed(lambda value: split.score(scaled(value)), (best,), LAMBDAS)
        rows[f"DR {rule}, tuned"], notes[f"DR {rule}"] = scaled(value), value
    return masks, rows, notes


def served(split, name, mask, best):
    """Return the fit that focused learning or URMF chooses for a group, and what it chose."""
    if name == "focused":
        grids, start = (LAMBDAS, LAMBDAS), (best, best)
    else:
        grids, start = (PENALTIES,), (PENALTIES[3],)

    def fit(*values):
        if name == "focused":
            return split.fitted(np.where(mask, *values), best)
        return split.fitted(best, best, (mask, *values))

    values = climbed(lambda *values: split.score(fit(*values), mask), start, *grids)
    return fit(*values), values


def worst(labels, train, errors):
    """Return the part of each division with the largest error."""
    found = {}
    for name, of_users in labels.items():
        parts, places = np.unique(of_users[train.users], return_inverse=True)
        found[name] = str(parts[np.argmax(np.bincount(places, errors) / np.bincount(places))])
    return found


def by_gender(learnt, women):
    """Return mean and standard deviation of lambda of women and men: chosen, and at the last step."""
    return [[(one[mask].mean(), one[mask].std()) for mask in (women, ~women)]
            for one in (learnt.user_lambda, learnt.lambdas[-1])]  # fmt: skip


def measured(split, masks, rows):
    """Return the error on test by row, of each subgroup and of all (where one model serves all)."""
    found = {}
    for name, fits in rows.items():
        if isinstance(fits, list):
            errors = [fit(split.train).rmse(split.test, mask)
                      for fit, mask in zip(fits, masks.values(), strict=True)]  # fmt: skip
            found[name] = [*errors, np.nan]
        else:
            factors = fits(split.train)
            found[name] = [*(factors.rmse(split.test, mask) for mask in masks.values()),
                           factors.rmse(split.test)]  # fmt: skip
    return found


def interval(differences):
    """Return a 95 % interval of the mean difference over random splits into train and test.

    Training sets overlap, so the variance is that of Nadeau and Bengio (Machine Learning, 2003).
    """
    n = len(differences)
    error = differences.std(axis=0, ddof=1) * np.sqrt(1 / n + TEST / (1 - TEST))
    mean = differences.mean(axis=0)
    return mean, mean - stdtrit(n - 1, 0.975) * error, mean + stdtrit(n - 1, 0.975) * error


def print_table(results):
    """Print errors, published and ours, and differences from the tuned lambda."""
    head = [f"{name} {group}" for name, group in SUBGROUPS.items()]
    print("| RMSE on test |", " | ".join([*head, "all"]), "|")
    print("|---|" + "---:|" * 6)
    for name, row in PUBLISHED.items():
        print(f"| published {name} |", " | ".join(f"{value:.3f}" for value in row), "| |")
    values = {name: np.array([result[name] for result in results]) for name in results[0]}
    for name, of_splits in values.items():
        cells = zip(of_splits.mean(axis=0), of_splits.std(axis=0, ddof=1), strict=True)
        print(
            f"| {name} |",
            " | ".join(f"{m:.3f} ± {sd:.3f}" if m == m else "" for m, sd in cells),
            "|",
        )
    print(f"\n| less that of {TUNED} |", " | ".join([*head, "all"]), "|")
    print("|---|" + "---:|" * 6)
    for name, of_splits in values.items():
        if name != TUNED:
            cells = zip(*interval(of_splits - values[TUNED]), strict=True)
            print(f"| {name} |", " | ".join(f"{m:+.3f} [{low:+.3f}, {high:+.3f}]" if m == m else ""
                                            for m, low, high in cells), "|")  # fmt: skip


def print_notes(notes):
    """Print what was chosen on train, by split, and the lambdas of women and men."""
    for name in notes[0]:
        if name not in ("learnt", "worst"):
            print(f"{name}: {'; '.join(str(note[name]) for note in notes)}")
    for name, group in SUBGROUPS.items():
        found = [note["worst"][name] for note in notes]
        print(f"worst of {name} on folds with lambda 1: {'; '.join(found)} (published: {group})")
    for name in notes[0]["learnt"]:
        figures = np.mean([note["learnt"][name] for note in notes], axis=0)
        for when, (women, men) in zip(("chosen", "at the last step"), figures, strict=True):
            print(f"lambda, {name}, group F, {when}: women {women[0]:.2f} (sd {women[1]:.2f}), "
                  f"men {men[0]:.2f} (sd {men[1]:.2f})")  # fmt: skip


def main(arguments):
    given = {"splits": "5", "sweeps": "5", **parse_options(arguments)}
    ratings, columns = read_ml_100k()
    results, notes = [], []
    for seed in range(int(given["splits"])):
        started = time.process_time()
        split = Split(ratings, seed, int(given["sweeps"]))
        masks, rows, chosen = models(split, columns)
        results.append(measured(split, masks, rows))
        notes.append(chosen)
        print(f"split {seed}: {time.process_time() - started:.0f} s of a core", file=sys.stderr)
    print_table(results)
    print()
    print_notes(notes)


if __name__ == "__main__":
    main(sys.argv[1:])
