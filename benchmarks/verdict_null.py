"""How often ``groupmix check`` sees a difference that is not there, and finds one that is.

    python benchmarks/verdict_null.py [--sets=60] [--relabellings=99] [--d=4] [--only=TEXT]

Seven groups with the sizes of the age groups of MovieLens-100K, in data sets of two kinds: `simulated`,
943 users of six mixed tastes over 600 items; and `ml-100k`, whose own users are dealt out to the
groups at random. In each, all groups are alike, or one is half as active (in ml-100k a user joins it with
a chance that falls with his activity). Or one is really different: its tastes lean to one of the six,
or its users come from a third of all, at one end of the main axis of tastes. The table has the share of data
sets in which some target is not alike, in which some is different, and how often the group that is
really different is found not alike, each with an exact interval of 95 %. Data set i depends on its scenario
and i alone; --only=TEXT picks the rows that have TEXT in their names.
"""

import sys
from functools import partial

import numpy as np
from scipy.sparse import csr_matrix
from scipy.stats import binomtest
from threadpoolctl import threadpool_limits

from recbole_groupmix.check.verdict import CLEARLY_UNEVEN, Statistics, corrected_p
from recbole_groupmix.cli.options import parse_options
from recbole_groupmix.core.theory.discrepancy import group_discrepancies
from recbole_groupmix.core.theory.relabelling import null_discrepancies
from recbole_groupmix.exact.similarity import interaction_matrix
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.settings.merge import merge_settings
from recbole_groupmix.text.numbers import LEVEL

SIZES = (36, 198, 310, 194, 80, 73, 52)
#: The group that is half as active, or different: of 80 users.
ODD = 4
TASTES, ITEMS = 6, 600


def labels(rng):
    """Groups of the users, in random order."""
    return rng.permutation(np.repeat(np.arange(len(SIZES)), SIZES))


def simulated(rng, groups, lean=1.0, active=1.0):
    """Users with mixed tastes; in the odd group one weighs `lean` times as much, and it is less active."""
    popularity = 1.0 / (10 + np.arange(ITEMS)) ** 0.8
    profiles = popularity * rng.gamma(0.4, size=(TASTES, ITEMS))
    profiles /= profiles.sum(axis=1, keepdims=True)
    concentration = np.full((len(groups), TASTES), 0.5)
    concentration[groups == ODD, 0] *= lean
    tastes = rng.gamma(concentration) + 1e-12
    chances = (tastes / tastes.sum(axis=1, keepdims=True)) @ profiles + 1e-6
    activity = np.exp(rng.normal(3.9, 0.9, len(groups))) * np.where(groups == ODD, active, 1.0)
    activity = np.clip(activity, 8, 300).astype(int)
    keys = np.log(chances) + rng.gumbel(size=chances.shape)
    rank = np.argsort(np.argsort(-keys, axis=1), axis=1)
    return csr_matrix((rank < activity[:, None]).astype(float))


def found(matrix, groups, d, relabellings, seed):
    """Whether Uneven_d and Dist_d of each group stand out, and whether the verdict is `different`."""
    delta = group_discrepancies(matrix, groups, len(SIZES), d)
    null = null_discrepancies(matrix, groups, len(SIZES), d, relabellings, seed)
    found = Statistics.of(delta, null)
    p = corrected_p(found, range(len(SIZES)))[:, d - 1]
    uneven = found.uneven[d - 1]
    out = p <= LEVEL
    return out.any(axis=0), out[0] & (uneven >= CLEARLY_UNEVEN)


def movielens():
    """The users of MovieLens-100K with their training interactions."""
    experiment = Experiment(merge_settings({"dataset": "ml-100k"}), all_users=True)
    matrix, group = interaction_matrix(experiment)
    rows = matrix[np.flatnonzero(group >= 0)]
    return rows[:, np.flatnonzero(rows.sum(axis=0))]


def scenarios(real):
    """Name and function of a generator and of groups, which makes a data set."""

    def made(rng, **options):
        groups = labels(rng)
        return simulated(rng, groups, **options), groups

    def own_members(rng, users, p=None):
        """The odd group drawn from some users, the other groups from the rest."""
        groups = np.empty(real.shape[0], dtype=int)
        chosen = rng.choice(users, SIZES[ODD], replace=False, p=p)
        others = np.repeat(np.arange(len(SIZES)), SIZES)
        groups[chosen] = ODD
        groups[np.setdiff1d(np.arange(real.shape[0]), chosen)] = rng.permutation(
            others[others != ODD]
        )
        return real, groups

    def less_active_users(rng):
        rarely = 1 / np.diff(real.indptr)
        return own_members(rng, np.arange(real.shape[0]), rarely / rarely.sum())

    # the main axis of tastes: the second singular vector of rows of length 1
    rows = real.multiply(1 / np.sqrt(real.sum(axis=1))).tocsr()
    along = rows @ np.linalg.svd(rows.toarray(), full_matrices=False)[2][1]
    third = np.flatnonzero(along >= np.quantile(along, 2 / 3))

    def own_users(rng):
        return own_members(rng, third)

    def as_is(rng):
        return real, labels(rng)

    yield "simulated, all alike", made
    yield "simulated, one half as active", partial(made, active=0.5)
    yield "ml-100k, all alike", as_is
    yield "ml-100k, one half as active", less_active_users
    yield "simulated, one leans to one taste", partial(made, lean=5.0)
    yield "ml-100k, one from a third of the users", own_users


def share(seen):
    """The share of data sets and its exact interval of 95 %."""
    ends = binomtest(int(seen.sum()), len(seen)).proportion_ci()
    return f"{seen.mean():.0%} [{ends.low:.0%}, {ends.high:.0%}]"


def main(arguments):
    given = {"sets": 60, "relabellings": 99, "d": 4, "only": "", **parse_options(arguments)}
    sets, relabellings, d = (int(given[key]) for key in ("sets", "relabellings", "d"))
    print("| groups | data sets | some not alike | some different | really different one found |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for place, (name, make) in enumerate(scenarios(movielens())):
        if given["only"] not in name:
            continue
        not_alike, different = np.zeros((2, sets, len(SIZES)), dtype=bool)
        for number in range(sets):
            rng = np.random.default_rng(np.random.SeedSequence([place, number]))
            matrix, groups = make(rng)
            with threadpool_limits(1, user_api="blas"):
                judged = found(matrix, groups, d, relabellings, number)
            not_alike[number], different[number] = judged
        shares = [share(table.any(axis=1)) for table in (not_alike, different)]
        shares.append(share(not_alike[:, ODD]) if place >= 4 else "")
        print(f"| {' | '.join([name, str(sets), *shares])} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
