"""Unfairness between women and men as a penalty: a dissertation's chapter 3 beside ours.

    python benchmarks/unfairness.py [--seeds=10] [--splits=5] [--source=ml-1m.zip]
        [--out=unfairness-fits] [--cost] [--quick]

Figure 3.2 and Table 3.2: ratings of a block model, four settings, and five penalties under the most biased
one. Tables 3.3 and 3.4: movies of five genres, of ml-100k or of the MovieLens-1M at --source. Says first
what it costs of a core; --cost stops there. A model that is in the folder of results is not trained again.
S. Yao, "Evaluating, Understanding, and Mitigating Unfairness in Recommender Systems".
"""

import json
import sys
import tempfile
import time
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from scipy.stats import t as student

from recbole_groupmix.adapters.config import GroupMixConfig
from recbole_groupmix.adapters.dataset import load_dataset
from recbole_groupmix.adapters.seeding import global_seed
from recbole_groupmix.cli.options import split_arguments
from recbole_groupmix.core.groups.unfairness import unfairness
from recbole_groupmix.files.whole import write_whole
from recbole_groupmix.prepare import ml_1m, ml_100k
from recbole_groupmix.prepare.block_model import SETTINGS, generate
from recbole_groupmix.prepare.genres import GENRES, genre_ratings, genre_statistics
from recbole_groupmix.prepare.publish import publish
from recbole_groupmix.recommenders.fair_mf import FairMF, fit_full_batch
from recbole_groupmix.text.numbers import duration
from recbole_groupmix.text.tables import markdown_table

NAMES = ("value", "absolute", "underestimation", "overestimation")
MEASURES = ("error", *NAMES, "parity")
#: Penalties and their variants, of which value and parity have one.
VARIANTS = {"value": ("code",), **dict.fromkeys(NAMES[1:], ("paper", "code")), "parity": ("code",)}
FITS = [("none", "code"), *((kind, variant) for kind in VARIANTS for variant in VARIANTS[kind])]
PUBLISHED = {  # Tables 3.2 and 3.4: error, value, absolute, underestimation, overestimation
    "block model": {
        "none": (0.317, 0.649, 0.443, 0.107, 0.544),
        "value": (0.130, 0.245, 0.177, 0.063, 0.199),
        "absolute": (0.205, 0.535, 0.267, 0.135, 0.400),
        "underestimation": (0.269, 0.512, 0.401, 0.060, 0.456),
        "overestimation": (0.130, 0.296, 0.172, 0.074, 0.228),
    },
    "genres": {
        "none": (0.887, 0.234, 0.126, 0.107, 0.153),
        "value": (0.886, 0.223, 0.128, 0.102, 0.148),
        "absolute": (0.887, 0.235, 0.124, 0.110, 0.151),
        "underestimation": (0.888, 0.233, 0.128, 0.102, 0.156),
        "overestimation": (0.885, 0.234, 0.125, 0.112, 0.148),
    },
}
TABLE_3_3 = {  # movies, ratings of a woman and of a man, mean ratings of women and of men
    "Romance": (325, 54.79, 36.97, 3.64, 3.55),
    "Action": (425, 52.00, 82.97, 3.45, 3.45),
    "Sci-Fi": (237, 31.19, 50.46, 3.42, 3.44),
    "Musical": (93, 15.04, 10.83, 3.79, 3.58),
    "Crime": (142, 17.45, 23.90, 3.65, 3.68),
}
#: L2 weights that the study of genres chooses from.
DECAYS = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3)
ITERATIONS, BLOCK_DECAY, TEST_SHARE = 250, 1e-3, 0.2


def fitted(users, items, ratings, is_woman, penalty, variant, seed, decay, iterations=ITERATIONS):
    """Train on ratings; return the predicted ratings of all pairs, NaN of users and items without one."""
    tables = {
        "inter": {"user_id:token": users.astype(str), "item_id:token": items.astype(str),
                  "rating:float": [f"{value:g}" for value in ratings]},
        "user": {"user_id:token": np.arange(len(is_woman)).astype(str),
                 "gender:token": np.where(is_woman, "F", "M")},
    }  # fmt: skip
    load = {"inter": ["user_id", "item_id", "rating"], "user": ["user_id", "gender"]}
    keys = {"load_col": load, "use_gpu": False, "unfairness_penalty": penalty,
            "unfairness_variant": variant}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        publish(Path(folder) / "rated", "rated", tables, "Ratings of one fit.\n")
        config = GroupMixConfig(FairMF, "rated", keys, folder=Path(folder) / "rated")
        dataset = load_dataset(config)
    with global_seed(seed):
        model = FairMF(config, dataset)
    fit_full_batch(model, dataset, iterations=iterations, weight_decay=decay)
    with torch.no_grad():
        scores = model.full_sort_predict({"user_id": torch.arange(1, dataset.user_num)})
    predicted = np.full((len(is_woman), max(items) + 1), np.nan)
    places = [dataset.field2id_token[field][1:].astype(int) for field in ("user_id", "item_id")]
    predicted[np.ix_(*places)] = scores.view(dataset.user_num - 1, -1)[:, 1:].double().numpy()
    return predicted


def measured(predicted, truth, items, in_women, root=False):
    """Return the error and both variants of the measures of rows."""
    known = np.isfinite(predicted)
    rows = predicted[known], truth[known], items[known], (~in_women[known]).astype(int)
    error = float(np.mean((rows[0] - rows[1]) ** 2))
    found = {"error": error**0.5 if root else error}
    return {variant: {**asdict(unfairness(*rows, 0, variant=variant)), **found}
            for variant in ("paper", "code")}  # fmt: skip


class Blocks:
    """Models of ratings of the block model: all settings without a penalty, one with penalties."""

    name = "blocks"

    def fits(self, seeds):
        for seed in range(seeds):
            yield from ((setting, "none", "code", seed) for setting in ("U", "O", "P"))
            yield from (("O+P", *fit, seed) for fit in FITS)

    def fit(self, setting, penalty, variant, seed, iterations=ITERATIONS):
        data = generate(seed, setting)
        users, items = np.nonzero(data.observed)
        predicted = fitted(users, items, data.ratings[data.observed], data.is_woman, penalty,
                           variant, seed, BLOCK_DECAY, iterations)  # fmt: skip
        users, items = np.nonzero(~data.observed)
        left = ~data.observed
        return measured(predicted[left], data.expected[left], items, data.is_woman[users])


class Genres:
    """Models of ratings of movies of five genres, on random splits."""

    def __init__(self, source):
        self.name = "ml-1m" if source else "ml-100k"
        self.data = genre_ratings(ml_1m.tables(Path(source)) if source else ml_100k.tables())
        self.decay = None

    def fits(self, splits):
        if self.data.ratings is not None:
            yield from ((self.name, *fit, split) for split in range(splits) for fit in FITS)

    def fit(self, _, penalty, variant, split, iterations=ITERATIONS):
        keys = np.random.default_rng([split, 0]).random(len(self.data.users))
        train = keys >= TEST_SHARE
        if self.decay is None:  # plain factorisation on a tenth of the first split's train
            held_out = np.random.default_rng([0, 0]).random(len(keys)) >= TEST_SHARE
            held_out &= np.random.default_rng([0, 1]).random(len(keys)) < 0.1
            errors = {decay: self._measured(train & ~held_out, held_out & train, "none", "code", 0,
                                            decay, iterations)["code"]["error"]
                      for decay in DECAYS}  # fmt: skip
            self.decay = min(errors, key=errors.get)
            print(
                f"# L2 weight {self.decay:g} of {', '.join(f'{d:g}: {e:.4f}' for d, e in errors.items())}"
            )
        return self._measured(train, ~train, penalty, variant, split, self.decay, iterations)

    def _measured(self, train, test, penalty, variant, seed, decay, iterations):
        d = self.data
        predicted = fitted(d.users[train], d.items[train], d.ratings[train], d.is_woman, penalty,
                           variant, seed, decay, iterations)  # fmt: skip
        users, items = d.users[test], d.items[test]
        return measured(predicted[users, items], d.ratings[test], items, d.is_woman[users], True)


class Results:
    """What was measured, one file for each model."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def path(self, fit):
        return self.folder / f"{'_'.join(str(part) for part in fit)}.json"

    def carry_out(self, study, fits):
        self.folder.mkdir(parents=True, exist_ok=True)
        for fit in fits:
            if not self.path(fit).is_file():
                write_whole(self.path(fit), json.dumps(study.fit(*fit)), durable=True)

    def values(self, setting, penalty, variant, n, measures=MEASURES, family="code"):
        """Return what was measured, shape (n, n_measures)."""
        files = [self.path((setting, penalty, variant, seed)) for seed in range(n)]
        found = [json.loads(file.read_text())[family] for file in files]
        return np.array([[one[name] for name in measures] for one in found])


def interval(values):
    """Return mean and half the width of the 95 % interval over seeds, by measure."""
    n = len(values)
    return values.mean(axis=0), student.ppf(0.975, n - 1) * values.std(axis=0, ddof=1) / n**0.5


def cells(values):
    return [f"{mean:.3f} ± {half:.3f}" for mean, half in zip(*interval(values), strict=True)]


def print_settings(results, n):
    """Print Figure 3.2, whose bars have no printed values, as numbers, with the order it claims."""
    found = {setting: results.values(setting, "none", "code", n) for setting in SETTINGS}
    rows = [[setting, *cells(values)] for setting, values in found.items()]
    print(f"\n## Figure 3.2: no penalty, {n} data sets\n")
    print(markdown_table([["", *MEASURES], *rows]))
    steps = [np.array([b[:, place] > a[:, place] for a, b in pairwise(found.values())])
             for place in range(5)]  # fmt: skip
    strict = [int(step.all(axis=0).sum()) for step in steps]
    print(f"\nU < O < P < O+P in data sets of {n}: "
          + ", ".join(f"{name} {k}" for name, k in zip(MEASURES, strict, strict=False)))  # fmt: skip
    more = [int((found["O+P"] > found["U"])[:, place].sum()) for place in range(6)]
    print(f"U < O+P: {', '.join(f'{name} {k}' for name, k in zip(MEASURES, more, strict=True))}")


def print_penalties(results, setting, n, published, title):
    """Print Table 3.2 or 3.4 beside ours, and what each penalty does to its own measure."""
    plain = results.values(setting, "none", "code", n)
    rows, verdicts = [["none", "published", *(f"{v:.3f}" for v in published["none"]), ""],
                      ["", "ours", *cells(plain)]], []  # fmt: skip
    for kind in VARIANTS:
        if kind in published:
            rows.append([kind, "published", *(f"{value:.3f}" for value in published[kind]), ""])
        for variant in VARIANTS[kind]:
            values = results.values(setting, kind, variant, n)
            rows.append(["" if kind in published else kind, f"ours, {variant}", *cells(values)])
            mean, half = (both[[MEASURES.index(kind), 0]] for both in interval(values - plain))
            words = [f"{m:+.4f} ± {h:.4f}, {'lower' if m + h < 0 else 'higher' if m - h > 0 else 'not established'}"
                     for m, h in zip(mean, half, strict=True)]  # fmt: skip
            verdicts.append([kind, variant, *words])
    print(f"\n## {title}\n\nMeasured as `code`; penalties as `paper` and as `code`.\n")
    print(markdown_table([["penalty", "", *MEASURES], *rows], left=(0, 1)))
    print("\nAgainst no penalty, paired:\n")
    print(markdown_table([["penalty", "variant", "its own measure", "error"], *verdicts], left=(0, 1)))  # fmt: skip


def print_genres(study):
    """Print Table 3.3 beside ours."""
    data = study.data
    n_users, n_women = len(data.is_woman), int(data.is_woman.sum())
    print(f"\n## Table 3.3: {study.name}, {n_users:,} users ({n_women} women), "
          f"{len(data.genres):,} movies, {len(data.users):,} ratings\n")  # fmt: skip
    rows = []
    for genre, ours in genre_statistics(data).items():
        texts = [f"{value:.2f}" if value == value else "" for value in ours[1:]]
        rows.append([genre, "published, ml-1m", str(TABLE_3_3[genre][0]),
                     *(f"{value:.2f}" for value in TABLE_3_3[genre][1:])])  # fmt: skip
        rows.append(["", "ours", str(ours.n_movies), *texts])
    head = ["", "", "movies", "of a woman", "of a man", "mean, women", "mean, men"]
    print(markdown_table([head, *rows], left=(0, 1)))


def main(arguments):
    alone = {"cost": "true", "quick": "true"}
    given, _ = split_arguments(arguments, alone)
    quick = "quick" in given
    defaults = {"seeds": "2" if quick else "10", "splits": "2" if quick else "5", "source": "",
                "out": "unfairness-fits"}  # fmt: skip
    if unknown := set(given) - {*defaults, *alone}:
        raise SystemExit(f"unknown option --{min(unknown)}")
    given = {**defaults, **given}
    seeds, splits = int(given["seeds"]), int(given["splits"])
    if min(seeds, splits) < 2:
        raise SystemExit("an interval needs two seeds and two splits or more")
    torch.set_num_threads(1)
    results, studies = (
        Results(given["out"]),
        ((Blocks(), seeds), (Genres(given["source"]), splits)),
    )
    planned, cost = [], 0.0
    for study, n in studies:
        fits = list(study.fits(n))
        left = [fit for fit in fits if not results.path(fit).is_file()]
        planned.append((study, left))
        if left:
            study.decay, start = BLOCK_DECAY, time.process_time()
            study.fit(*fits[0][:1], "value", "code", 0, iterations=10)  # reading, and 10 steps
            middle = time.process_time()
            study.fit(*fits[0][:1], "value", "code", 0, iterations=20)
            step = max((time.process_time() - middle) - (middle - start), 0) / 10
            cost += len(left) * ((middle - start) + step * ITERATIONS)
            study.decay = None
    n_left = sum(len(left) for _, left in planned)
    print(f"# {n_left} models to train, about {duration(cost)} of one core", flush=True)
    if "cost" in given:
        return
    for study, left in planned:
        results.carry_out(study, left)
    print_settings(results, seeds)
    title = f"Table 3.2: the block model, O+P, {seeds} data sets"
    print_penalties(results, "O+P", seeds, PUBLISHED["block model"], title)
    genres = studies[1][0]
    print_genres(genres)
    if genres.data.ratings is not None:
        title = f"Table 3.4: published on ml-1m, ours on {genres.name}, {splits} splits"
        print_penalties(results, genres.name, splits, PUBLISHED["genres"], title)
    assert tuple(TABLE_3_3) == GENRES


if __name__ == "__main__":
    main(sys.argv[1:])
