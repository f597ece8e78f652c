"""The proposers of mixes, and the expected improvement of a batch."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm
from search_tables import GROUPS, N_USERS, less_of_a, table

from recbole_groupmix.core.mix import check_groups
from recbole_groupmix.search.proposers.gp import propose
from recbole_groupmix.search.proposers.known import known_proposers
from recbole_groupmix.surface.acquisition import _log_expected_excess, choose_batch
from recbole_groupmix.surface.coordinates import candidate_pool, untried
from recbole_groupmix.surface.history import weights_of
from recbole_groupmix.surface.law import choose_by_law
from recbole_groupmix.surface.surface import fit_surface


@pytest.mark.parametrize("name", sorted(known_proposers()))
@pytest.mark.parametrize("n_tried", [1, 7])
def test_a_proposer_returns_new_mixes_that_depend_on_table_and_seed(name, n_tried):
    of_name = known_proposers()[name]
    history = table(n_tried, less_of_a, luck=0.1)
    mixes = [of_name(history, 6, np.random.default_rng(1)) for _ in range(2)]
    assert mixes[0] == mixes[1] and len(mixes[0]) == 6
    assert of_name(history, 6, np.random.default_rng(2)) != mixes[0]
    for mix in mixes[0]:
        check_groups(mix, history.n_users, history.target)
    weights = np.array([weights_of(mix, GROUPS, N_USERS, "t") for mix in mixes[0]])
    assert len(untried(weights, history.weights)) == 6


def test_gp_goes_where_scores_rise():
    history = table(20, less_of_a)
    mixes = propose(history, 6, np.random.default_rng(0))
    of_a = [weights_of(mix, GROUPS, N_USERS, "t")[0] for mix in mixes]
    assert np.median(of_a) < 0.5
    gains = less_of_a(np.array([weights_of(mix, GROUPS, N_USERS, "t") for mix in mixes]))
    assert np.median(gains) > 0.7 * less_of_a(history.weights).max()


@pytest.mark.parametrize("u", [-8.0, -5.9, -2.0, 0.0, 1.5])
def test_expected_excess_is_its_integral(u):
    whole, _ = quad(lambda x: (u + x) * norm.pdf(x), -u, -u + 12)
    assert _log_expected_excess(np.array([u]))[0] == pytest.approx(np.log(whole), abs=0.06)


def test_a_batch_spreads_and_ends_with_the_pool():
    history = table(10, less_of_a)
    surface = fit_surface(history, of_scores=True)
    pool = candidate_pool(history, 100, np.random.default_rng(0), history.weights[1:2])
    copies = np.repeat(pool[choose_batch(surface, pool, 1)], 30, axis=0) * (
        1 + 1e-4 * np.arange(30)[:, None]
    )
    crowded = np.vstack([copies, pool])
    chosen = choose_batch(surface, crowded, 5)
    assert len(set(chosen)) == 5
    assert sum(place < 30 for place in chosen) <= 2  # near copies of the best promise nothing more
    assert sorted(choose_batch(surface, pool[:3], 5)) == [0, 1, 2]


def test_the_law_finds_the_group_that_hurts_and_obeys_its_cap():
    history = table(20, less_of_a)
    pool = candidate_pool(history, 300, np.random.default_rng(0))
    chosen = choose_by_law(history, pool, 6, np.random.default_rng(1))
    assert len(set(chosen)) == 6 and pool[chosen, 0].max() < 0.5
    too_often = np.array(
        [[0.0, 1.0, 9.0], [7.0, 1.0, 1.0]]
    )  # the better one nine times users of c
    assert choose_by_law(history, too_often, 1, np.random.default_rng(1)) == [1]
