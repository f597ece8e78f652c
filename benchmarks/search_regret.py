"""How far searches are from the best mix, where truth is cheap: closed forms on tables of mixes.

    python benchmarks/search_regret.py --cache=FOLDER [--datasets=ml-100k,blockmix] [--seeds=50]
        [--only=TEXT] [--targets=56,18] [--items=20] [--KEY=VALUE ...]
    python benchmarks/search_regret.py --cache=FOLDER --stopping [--datasets=ml-1m] [--targets=1,56]
        [--model=WeightedSVD] [--embedding_size=4] [--most=75] [--KEY=VALUE ...]
    python benchmarks/search_regret.py --cache=FOLDER --null=30 [--first=0] [--gain=0.06] [--items=20]
        [--model=WeightedSVD]

Every mix of a table is measured once on the folds and on test (`search_truth.py`); a search may try
its rows and sees their scores and users' values on the folds alone. `random` takes draws of the
paper's samplers and chooses the best score. The others begin with Proportional and other given mixes
and go on in waves; all that is trained counts. Regret is the best score of the table minus the chosen mix's,
relative to Proportional's; candidates of a search are a random half of the table's draws. --items=20 leaves
out items with fewer interactions, for speed; other keys are those of `groupmix run`.

--stopping: searches by `gp` as a run goes, which end where no gain is likely or after --most mixes (baselines
and the budget curve count), beside the best score of 75 draws of the paper's samplers. --null: the same with
groups of ml-100k dealt out to users at random, where no mix is worth anything; or, by --gain, a drawn one in
truth, and others the less the further they are from it.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import yaml
from scipy.stats import binomtest
from search_truth import Table, experiment_of, kept_table, shuffled
from threadpoolctl import threadpool_limits

from recbole_groupmix.cli.options import split_arguments
from recbole_groupmix.core.statistics.bootstrap import relative_change
from recbole_groupmix.surface.acquisition import choose_batch
from recbole_groupmix.surface.belief import Belief, belief
from recbole_groupmix.surface.coordinates import log_doses
from recbole_groupmix.surface.law import choose_by_law
from recbole_groupmix.surface.surface import fit_surface

MARKS = (20, 40, 75)
#: A search ends when the probability of a gain larger than the first falls below the second.
LEAST_GAIN, ENOUGH = 0.01, 0.05
WAVE = 8
#: Mixes of a search without differences at most, and the draws of its table.
MOST_OF_NULL, NULL_DRAWS = 40, {"paper": 16, "wide": 6, "box": 8, "near": 0}
DRAWN = ("paper", "wide", "box", "near")
AGES = ("1", "18", "25", "35", "45", "50", "56")
TARGETS = {"ml-100k": AGES, "ml-1m": AGES, "blockmix": ("A", "B", "C", "D")}
OWN_KEYS = (
    "cache",
    "datasets",
    "seeds",
    "only",
    "items",
    "targets",
    "null",
    "first",
    "gain",
    "stopping",
    "most",
)


@dataclass(frozen=True)
class Strategy:
    """How a search goes.

    ``first`` returns the rows of the first wave, ``more`` those of the next; ``beside`` is whether a model
    for each group counts as well, which MixMin needs and no search can choose; ``free`` are kinds of rows that
    do not count, since a run has them with any search.
    """

    name: str
    first: Callable[[Table, np.random.Generator], list[int]]
    more: Callable[[Table, list[int], int, np.random.Generator], list[int]]
    until: int = 40
    wave: int = WAVE
    beside: bool = False
    free: tuple[str, ...] = ()


def best_score(table: Table, places: list[int]) -> int:
    return places[int(np.argmax(table.scores[places]))]


def best_belief(table: Table, places: list[int]) -> int:
    """Row of the best posterior mean with the users' noise."""
    surface = fit_surface(table.history(places))
    return places[int(np.argmax(surface.gains(table.weights[places])))]


RULES = {"score": best_score, "belief": best_belief}


def named(*kinds: str, paper: int = 0):
    """First wave: rows whose kinds begin so, and draws of the paper's samplers."""

    def first(table: Table, rng: np.random.Generator) -> list[int]:
        rows = [i for i, kind in enumerate(table.kinds) if kind.startswith(kinds)]
        drawn = rng.choice(table.places("paper"), paper, replace=False).tolist()
        return rows + drawn

    return first


def candidates(table: Table, places: list[int], rng: np.random.Generator) -> np.ndarray:
    """Return the untried rows of a half of all draws."""
    drawn = np.flatnonzero(np.isin(table.kinds, DRAWN))
    return np.setdiff1d(rng.permutation(drawn)[: len(drawn) // 2], places)


def by_law(table: Table, places: list[int], n: int, rng: np.random.Generator) -> list[int]:
    rest = candidates(table, places, rng)
    return rest[choose_by_law(table.history(places), table.weights[rest], n, rng)].tolist()


def by_surface(table: Table, places: list[int], n: int, rng: np.random.Generator) -> list[int]:
    rest = candidates(table, places, rng)
    surface = fit_surface(table.history(places), of_scores=True)
    return rest[choose_batch(surface, table.weights[rest], n)].tolist()


def nearest(kind: str):
    """Waves of the draws that are nearest to a mix, in the coordinates of surfaces."""

    def more(table: Table, places: list[int], n: int, rng: np.random.Generator) -> list[int]:
        rest, at = candidates(table, places, rng), log_doses(table.weights, table.sizes)
        distances = np.linalg.norm(at[rest] - at[table.places(kind)[0]], axis=1)
        return rest[np.argsort(distances, kind="stable")[:n]].tolist()

    return more


def more_draws(table: Table, places: list[int], n: int, rng: np.random.Generator) -> list[int]:
    rest = np.setdiff1d(table.places("paper"), places)
    return rng.choice(rest, n, replace=False).tolist()


GIVEN = ("proportional", "stratified", "no_augmentation")
SHORT = (*GIVEN, "budget-0.3", "budget-2", "without")
OF_ALL_RUNS = (*GIVEN, "budget")  # the whole budget curve
OF_A_RUN = (*OF_ALL_RUNS, "without")
SHORTER = ("proportional", "no_augmentation", "budget-0.3", "without")
STRATEGIES = [
    Strategy("random", named("proportional", paper=19), more_draws, until=75),
    Strategy(
        "random, beside the rows of a run",
        named(*OF_ALL_RUNS, paper=20),
        more_draws,
        until=75,
        free=OF_ALL_RUNS,
    ),
    Strategy("gp", named(*SHORT), by_surface),
    Strategy("gp, beside the rows of a run", named(*OF_A_RUN), by_surface, free=OF_ALL_RUNS),
    Strategy(
        "gp with gradient, beside the rows of a run",
        named(*OF_A_RUN, "gradient"),
        by_surface,
        free=OF_ALL_RUNS,
    ),
    Strategy("gp with gradient", named(*SHORT, "gradient"), by_surface),
    Strategy("gp, shorter first wave", named(*SHORTER), by_surface),
    Strategy("law", named(*SHORT), by_law),
    Strategy("near gradient", named(*GIVEN, "gradient"), nearest("gradient")),
    Strategy("near mixmin", named(*GIVEN, "mixmin"), nearest("mixmin"), beside=True),
    Strategy("near mixmin, groups free", named(*GIVEN, "mixmin"), nearest("mixmin")),
    Strategy("gp with mixmin", named(*SHORT, "mixmin"), by_surface, beside=True),
    Strategy("gp with mixmin, groups free", named(*SHORT, "mixmin"), by_surface),
]


def searched(table: Table, strategy: Strategy, seed: int) -> dict[int, list[int]]:
    """Return the rows that a search has tried by the time of each mark."""
    of_name = zlib.crc32(f"{strategy.name} {table.target}".encode())
    rng = np.random.default_rng([seed, of_name])
    places = list(dict.fromkeys(strategy.first(table, rng)))
    free = sum(table.kinds[place].startswith(strategy.free) for place in places)
    tried, beside = {}, len(table.groups) * strategy.beside - free
    for mark in (mark for mark in MARKS if len(places) + beside <= mark <= strategy.until):
        while len(places) + beside < mark:
            n = min(strategy.wave, mark - beside - len(places))
            places += strategy.more(table, places, n, rng)
        tried[mark] = places[: mark - beside]
    return tried


def regrets(table: Table, strategy: Strategy, seeds: int) -> dict[tuple[int, str], np.ndarray]:
    """Return by mark and rule the regret on the folds, the gain there and on test, (seeds, 3)."""
    found: dict[tuple[int, str], list] = {}
    scores, test = table.scores, table.test.mean(axis=1)
    for seed in range(seeds):
        for mark, places in searched(table, strategy, seed).items():
            for rule, choose in RULES.items():
                place = choose(table, places)
                gain = scores[place] / scores[0] - 1
                row = (scores.max() / scores[0] - 1 - gain, gain, test[place] / test[0] - 1)
                found.setdefault((mark, rule), []).append(row)
    return {key: np.array(rows) for key, rows in found.items()}


def until_it_ends(table: Table, draws, seed: int, most: int) -> tuple[list[int], Belief]:
    """Search by `gp` as a run does until no gain is likely; return the rows, and the last belief."""
    places = named(*OF_A_RUN)(table, np.random.default_rng(seed))
    while True:
        believed = belief(table.history(places), seed=seed)
        if has_ended(believed) or len(places) >= most:
            return places, believed
        rest = np.setdiff1d(draws, places)
        surface = fit_surface(table.history(places), of_scores=True)
        more = choose_batch(surface, table.weights[rest], min(WAVE, most - len(places)))
        places += rest[more].tolist()


def has_ended(believed: Belief) -> bool:
    return believed.chance_of_more(LEAST_GAIN) < ENOUGH


def with_gain(table: Table, gain: float, rng: np.random.Generator) -> tuple[Table, np.ndarray]:
    """Return the table in which a drawn mix gains in truth, and what each mix gains, float64 (n,).

    Every user gains in proportion to Proportional's value; gains fall with the distance from that mix
    to 0 at Proportional's.
    """
    at = log_doses(table.weights, table.sizes)
    far = np.linalg.norm(at - at[rng.choice(table.places("paper", "wide"))], axis=1)
    gains = gain * np.clip(1 - far / far[0], 0, None)
    parts = table.parts + gains[:, None] * table.parts[0]
    return replace(table, parts=parts, test=table.test + gains[:, None] * table.test[0]), gains


def null(folder: Path, numbers: range, items: int, gain: float, keys: dict) -> None:
    """Search with groups that were dealt out at random: does it end early, and what does it claim?"""
    model = keys.get("model", "EASE")
    rank = {"embedding_size": 4} if model == "WeightedSVD" else {}
    of_items = {"item_inter_num_interval": f"[{items},inf)"}
    experiment = experiment_of("ml-100k", target="18", **rank, **of_items, **keys)
    name = "null" if model == "EASE" else f"null-{model}"
    ended, claims, mixes = [], {"gp by belief": [], "best score": []}, []
    true = []
    for number in numbers:
        of_number = f"{name}-{number}"
        table = kept_table(folder, shuffled(experiment, number), of_number, draws=NULL_DRAWS)
        table, gains = with_gain(table, gain, np.random.default_rng(number))
        places, believed = until_it_ends(table, np.arange(len(table.kinds)), number, MOST_OF_NULL)
        ended.append(has_ended(believed))
        mixes.append(len(places))
        chosen = places[int(np.argmax(believed.mean))]
        true.append((gains[chosen], gains[places].max()))
        every = np.random.default_rng(number).permutation(len(table.kinds))
        every = every[:MOST_OF_NULL].tolist()
        for rule, place in zip(claims, (chosen, best_score(table, every)), strict=True):
            change = relative_change(table.test[[place]], table.test[[0]], seed=0)
            claims[rule].append((place == 0, change.ci_low > 0, change.ci_high < 0, change.mean))
    print(
        f"\n{len(numbers)} shuffles of ml-100k, {model}: {_share(np.array(ended))} end before {MOST_OF_NULL} mixes,"
    )
    print(f"after {np.median(mixes):g} in the median")
    if gain:
        of_choice, of_tried = np.mean(true, axis=0)
        print(
            f"true gain of the choice {of_choice:.1%}, of the best mix that was tried {of_tried:.1%}"
        )
    print()
    print("| chosen by | Proportional itself | marked gain | marked loss | change on test |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for rule, rows in claims.items():
        shares = [_share(column) for column in np.transpose(rows)[:3]]
        print(f"| {' | '.join([rule, *shares])} | {100 * np.mean(rows, axis=0)[3]:+.2f} % |")


def stopping(tables: list[Table], seeds: int, most: int) -> None:
    """Searches that may end beside 75 random mixes: trainings, and gains of the choice on test."""
    head = ["target", "best on folds", "ends early", "mixes", "gp: Proportional"]
    for of_search in ("gp", "random", "budget"):
        head += [f"{of_search}: folds", "test"]
    print(f"| {' | '.join([*head, 'gp minus random, test'])} |")
    print(f"| --- | {' | '.join(['---:'] * len(head))} |")
    for table in tables:
        scores, test = table.scores / table.scores[0] - 1, table.test.mean(axis=1)
        test, drawn = test / test[0] - 1, np.flatnonzero(np.isin(table.kinds, DRAWN))
        ended, mixes, chosen, drawn_best = [], [], [], []
        for seed in range(seeds):
            rng = np.random.default_rng([seed, zlib.crc32(table.target.encode())])
            half = rng.permutation(drawn)[: len(drawn) // 2]
            places, believed = until_it_ends(table, half, seed, most)
            ended.append(has_ended(believed))
            mixes.append(len(places))
            chosen.append(places[int(np.argmax(believed.mean))])
            first = named("proportional", paper=MARKS[-1] - 1)(table, rng)
            drawn_best.append(best_score(table, first))
        best = int(scores.argmax())
        of_budget = best_score(table, named("proportional", "budget")(table, rng))
        row = [table.target, f"{scores[best]:+.1%} (test {test[best]:+.1%})"]
        row += [f"{np.mean(ended):.0%}", f"{np.median(mixes):g}"]
        row += [f"{np.mean(np.equal(chosen, 0)):.0%}"]
        for of_search in (chosen, drawn_best, [of_budget]):
            row += [f"{values[of_search].mean():+.1%}" for values in (scores, test)]
        apart = (test[chosen] - test[drawn_best])[None]
        low, high = interval(apart, np.mean)
        print(f"| {' | '.join(row)} | {apart.mean():+.1%} [{low:+.1%}, {high:+.1%}] |", flush=True)


def _share(happened: np.ndarray) -> str:
    """A share with its exact 95 % interval (Clopper and Pearson)."""
    found = binomtest(int(happened.sum()), len(happened)).proportion_ci()
    return f"{happened.mean():.0%} [{found.low:.0%}, {found.high:.0%}]"


def interval(
    values: np.ndarray, of: Callable = np.median, times: int = 1000
) -> tuple[float, float]:
    """Bootstrap interval over seeds; rows are targets, whose values are pooled by their mean."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(values.shape[1], size=(times, values.shape[1]))
    pooled = np.mean([of(row[drawn], axis=1) for row in values], axis=0)
    return tuple(np.quantile(pooled, [0.025, 0.975]))


def main(arguments: list[str]) -> None:
    given = {"datasets": "ml-100k,blockmix", "seeds": 50, "only": "", "items": 1, "targets": ""}
    of_line = split_arguments(arguments, {"stopping": "True"})[0]
    given |= {"null": 0, "first": 0, "gain": 0.0, "stopping": False, "most": MARKS[-1], **of_line}
    folder, seeds, items = Path(given["cache"]), int(given["seeds"]), int(given["items"])
    keys = {k: yaml.safe_load(str(v)) for k, v in given.items() if k not in OWN_KEYS}
    if given["null"]:
        with threadpool_limits(1, user_api="blas"):
            numbers = range(int(given["first"]), int(given["first"]) + int(given["null"]))
            return null(folder, numbers, items, float(given["gain"]), keys)
    for dataset in given["datasets"].split(","):
        tables = tables_of(dataset, folder, items, str(given["targets"]), keys)
        print(f"\n{dataset}: {len(tables)} targets, {seeds} seeds", flush=True)
        if given["stopping"]:
            with threadpool_limits(1, user_api="blas"):
                stopping(tables, seeds, int(given["most"]))
            continue
        print("\nin %; medians over seeds, mean over targets\n" + best_of_tables(tables))
        computed = [kind for kind in ("gradient", "mixmin") if len(tables[0].places(kind))]
        print("\n".join(given_mix(tables, kind) for kind in computed) + "\n")
        print(
            "| search | chosen by | mixes | regret on folds | by target | gain on folds | gain on test |"
        )
        print("| --- | --- | ---: | ---: | --- | ---: | ---: |")
        for strategy in STRATEGIES:
            needs = [kind for kind in ("gradient", "mixmin") if kind in strategy.name]
            if given["only"] in strategy.name and set(needs) <= set(computed):
                show(strategy, tables, seeds)


def tables_of(dataset: str, folder: Path, items: int, targets: str, keys: dict) -> list[Table]:
    if dataset != "blockmix":
        keys = {**keys, "item_inter_num_interval": f"[{items},inf)"}
    wanted = targets.split(",") if targets else TARGETS[dataset]
    experiment = experiment_of(dataset, target=wanted[0], **keys)
    name = "-".join(
        [dataset, *(f"{key}={keys[key]}" for key in sorted(keys) if key != "data_path")]
    )
    name = name.replace("/", "_")
    return [kept_table(folder, experiment.for_target(target), name) for target in wanted]


def best_of_tables(tables: list[Table]) -> str:
    """What the best mix of each table on the folds gains there and on test, in words."""
    best = [int(np.argmax(table.scores)) for table in tables]
    folds = [t.scores[b] / t.scores[0] - 1 for t, b in zip(tables, best, strict=True)]
    tests = [t.test[b].mean() / t.test[0].mean() - 1 for t, b in zip(tables, best, strict=True)]
    n = sorted({len(table.kinds) for table in tables})
    return (
        f"The best of {' or '.join(map(str, n))} mixes gains {min(folds):.1%} to {max(folds):.1%} on the folds "
        f"and {min(tests):+.1%} to {max(tests):+.1%} on test, {np.mean(tests):+.1%} in the mean."
    )


def given_mix(tables: list[Table], kind: str) -> str:
    """What a mix that is computed and not searched gains on each target's folds and test, in words."""
    places = [table.places(kind)[0] for table in tables]
    folds = [t.scores[p] / t.scores[0] - 1 for t, p in zip(tables, places, strict=True)]
    tests = [t.test[p].mean() / t.test[0].mean() - 1 for t, p in zip(tables, places, strict=True)]
    gains = (" ".join(f"{100 * gain:+.1f}" for gain in part) for part in (folds, tests))
    return (
        f"The mix of {kind} gains {' on the folds and '.join(gains)} % on test, target by target."
    )


def show(strategy: Strategy, tables: list[Table], seeds: int) -> None:
    with threadpool_limits(1, user_api="blas"):
        of_tables = [regrets(table, strategy, seeds) for table in tables]
    for mark, rule in of_tables[0]:
        rows = 100 * np.array([of_table[mark, rule] for of_table in of_tables])
        medians = np.median(rows[:, :, 0], axis=1)
        low, high = interval(rows[:, :, 0])
        each = " ".join(f"{median:.1f}" for median in medians)
        cells = [strategy.name, rule, mark, f"{medians.mean():.2f} [{low:.2f}, {high:.2f}]", each]
        for column in (1, 2):
            low, high = interval(rows[:, :, column], np.mean)
            cells.append(f"{rows[:, :, column].mean():+.2f} [{low:+.2f}, {high:+.2f}]")
        print(f"| {' | '.join(map(str, cells))} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
