"""EASE and WeightedSVD as RecBole models: what weights mean, and RecBole's own EASE."""

import inspect

import numpy as np
import pytest
import torch
from helpers import experiment, groups_of_users, interactions, write_data_set
from recbole.data.interaction import Interaction
from recbole.model import general_recommender
from recbole.utils import ModelType

from recbole_groupmix.adapters.closed_form import EASE, WeightedSVD
from recbole_groupmix.adapters.compat import recbole_compat

LAMBDA = 20.0


def data_of(folder, model="EASE", **options):
    """Configuration and data set of all of train."""
    if model == "EASE":
        options = {"reg_weight": LAMBDA, **options}
    ex = experiment(folder, model=model, **options)
    return ex, ex.config, ex.dataset_of(ex.part(0))


def stock(config, dataset):
    with recbole_compat():
        return general_recommender.EASE(config, dataset)


def all_pairs(ex):
    users = np.arange(1, ex.shape[0])
    return Interaction({"user_id": torch.from_numpy(users)})


# --- RecBole's EASE -------------------------------------------------------------------------


@pytest.mark.contract
def test_recboles_ease_is_what_ours_stands_on():
    source = inspect.getsource(general_recommender.EASE)
    assert general_recommender.EASE.type == ModelType.TRADITIONAL
    # it inverts in its constructor, which ours therefore leaves out
    for line in ('config["reg_weight"]', "np.linalg.inv(G)", 'inter_matrix(form="csr")'):
        assert line in inspect.getsource(general_recommender.EASE.__init__), line
    # what the rest of it reads; ours has the same two names, or replaces the method
    assert set(vars(general_recommender.EASE)) - set(vars(object)) <= {
        *("input_type", "type", "forward", "calculate_loss", "predict", "full_sort_predict"),
        *("__module__", "__init__", "__doc__", "__firstlineno__", "__static_attributes__"),
    }
    assert "self.interaction_matrix" in source and "self.item_similarity" in source


@pytest.mark.contract
def test_at_unit_weights_it_is_recboles(tiny):
    ex, config, dataset = data_of(tiny)
    theirs, ours = stock(config, dataset), EASE(config, dataset)
    ours.fit()
    scale = np.abs(theirs.item_similarity).max()
    assert scale > 0.05
    difference = np.abs(np.asarray(theirs.item_similarity) - ours.item_similarity.numpy())
    assert difference.max() < 1e-6 * scale
    with recbole_compat():
        expected = theirs.full_sort_predict(all_pairs(ex)).flatten()
    np.testing.assert_allclose(ours.full_sort_predict(all_pairs(ex)), expected, atol=1e-6)


@pytest.mark.parametrize("repeated", [False, True])
def test_pairs_that_occur_twice_count_as_in_recboles(tmp_path, repeated):
    users, items = interactions()
    again = np.r_[np.arange(len(users)), np.arange(30) if repeated else []].astype(int)
    write_data_set(
        tmp_path,
        "tiny",
        {
            "user_id:token": [f"u{user}" for user in users[again]],
            "item_id:token": [f"i{item}" for item in items[again]],
        },
        {
            "user_id:token": [f"u{user}" for user in range(1, 33)],
            "group:token": groups_of_users(),
        },
    )
    _, config, dataset = data_of(tmp_path)
    assert (dataset.inter_matrix(form="csr").max() > 1) == repeated
    theirs, ours = stock(config, dataset), EASE(config, dataset)
    ours.fit()
    np.testing.assert_allclose(ours.item_similarity, theirs.item_similarity, atol=1e-7)


@pytest.mark.parametrize("model", [EASE, WeightedSVD])
def test_a_pair_has_the_score_that_the_list_has(tiny, model):
    ex, config, dataset = data_of(tiny, model.__name__, embedding_size=4)
    net = model(config, dataset)
    net.fit()
    users, items = torch.tensor([3, 3, 20, 32]), torch.tensor([1, 40, 7, 12])
    pairs = net.predict(Interaction({"user_id": users, "item_id": items}))
    listed = net.full_sort_predict(all_pairs(ex)).view(32, 41)[users - 1, items]
    assert torch.equal(pairs, listed) or torch.allclose(pairs, listed, atol=1e-7)
    assert listed.abs().max() > 0.01
    assert net.calculate_loss(None).item() == 0


# --- weights --------------------------------------------------------------------------------


def with_copies(folder, times):
    """Write the tiny data set with every user ``times[group]`` times, under names of its own."""
    users, items = interactions()
    groups = groups_of_users()
    rows = [
        (u, i, c) for u, i in zip(users, items, strict=True) for c in range(times[groups[u - 1]])
    ]
    names = [f"u{u}" if c == 0 else f"u{u}-{c}" for u, _, c in rows]
    owner = dict(zip(names, [groups[u - 1] for u, _, _ in rows], strict=True))
    write_data_set(
        folder,
        "tiny",
        {"user_id:token": names, "item_id:token": [f"i{i}" for _, i, _ in rows]},
        {"user_id:token": list(owner), "group:token": list(owner.values())},
    )
    return folder


@pytest.mark.parametrize("times", [{"A": 1, "B": 2, "C": 3}, {"A": 1, "B": 2, "C": 0}])
def test_integer_weights_are_users_duplicated_and_weight_0_is_users_removed(tiny, tmp_path, times):
    # RecBole's own EASE on the data with copies, against ours with weights on the data as it is.
    # Whole data sets are compared: a split would differ between them.
    ex, config, _ = data_of(tiny)
    copies, config_of_copies, _ = data_of(with_copies(tmp_path, times))
    theirs, ours = stock(config_of_copies, copies.dataset), EASE(config, ex.dataset)
    by_group = np.array([times[name] for name in ex.groups.names] + [0.0])
    ours.fit(by_group[ex.groups.of_user])
    order = copies.dataset.token2id("item_id", [f"i{i}" for i in range(1, 41)])
    mine = ex.dataset.token2id("item_id", [f"i{i}" for i in range(1, 41)])
    expected = np.asarray(theirs.item_similarity)[np.ix_(order, order)]
    found = ours.item_similarity.numpy()[np.ix_(mine, mine)]
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
    plain = EASE(config, ex.dataset)
    plain.fit()
    assert np.abs(plain.item_similarity.numpy()[np.ix_(mine, mine)] - expected).max() > 0.01


def test_the_item_vectors_span_the_eigenvectors_of_the_weighted_gram_matrix(tiny):
    ex, config, dataset = data_of(tiny, "WeightedSVD", embedding_size=3)
    net = WeightedSVD(config, dataset)
    weights = np.array([1.0, 0.25, 3.0, 0.0])[ex.groups.of_user]
    net.fit(weights)
    x = dataset.inter_matrix(form="csr").toarray()
    values, vectors = np.linalg.eigh(x.T @ np.diag(weights) @ x)
    assert values[-3] - values[-4] > 0.1
    found, expected = net.item_vectors.numpy(), vectors[:, -3:]
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=1e-5)
    scores = net.full_sort_predict(all_pairs(ex)).view(32, 41)
    np.testing.assert_allclose(scores, x[1:] @ expected @ expected.T, atol=1e-5)


def test_ill_conditioned_problems_are_solved_in_float64(tiny):
    # lambda 1e-4 beside row sums of some hundred: condition up to 1e6, which float32 cannot hold
    _, config, dataset = data_of(tiny, reg_weight=1e-4)
    net = EASE(config, dataset)
    net.fit()
    x = dataset.inter_matrix(form="csr").toarray().astype(np.float64)
    p = np.linalg.inv(x.T @ x + 1e-4 * np.eye(41))
    expected = np.eye(41) - p / np.diag(p)
    np.testing.assert_allclose(net.item_similarity, expected, atol=1e-5 * np.abs(expected).max())


def test_what_was_learned_is_in_the_state_dict(tiny, tmp_path):
    ex, config, dataset = data_of(tiny)
    net = EASE(config, dataset)
    net.fit(np.where(ex.groups.of_user == 0, 1.0, 0.5))
    torch.save(net.state_dict(), tmp_path / "state")
    again = EASE(ex.config, dataset)
    again.load_state_dict(torch.load(tmp_path / "state", weights_only=True))
    assert torch.equal(again.item_similarity, net.item_similarity)
    assert again.reg_weight.item() == LAMBDA
