"""Local models around anchors, LOCA and EnLFT, and how their anchors are chosen."""

import numpy as np
import pytest
import torch
from helpers import mainstream_by_hand
from hypothesis import given
from hypothesis import strategies as st
from recbole.data.interaction import Interaction
from test_mixture_of_experts import (
    USERS,
    all_scores,
    as_expert,
    build,
    configured,
    loaders,
    parts_of,
    train,
    write_parts,
)

from recbole_groupmix.adapters.seeding import global_seed
from recbole_groupmix.core.groups.anchors import (
    angular_distances,
    cosines,
    covering_anchors,
    epanechnikov,
    near_or_nearest,
    smoothed_profiles,
    spread_anchors,
)
from recbole_groupmix.recommenders.local_models import LOCA, EnLFT, FineTunedSubgroups
from recbole_groupmix.recommenders.mult_vae import MultVAE
from recbole_groupmix.recommenders.weighted_loss import WL

BASES = {LOCA: MultVAE, EnLFT: WL, FineTunedSubgroups: MultVAE}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Configuration of a model class and its keys, and loaders, which are the same for all."""
    return parts_of(tmp_path_factory.mktemp("local"))


def started(data, cls, **more):
    """Return local models that start from a global model trained for a few epochs, and that model."""
    base = train(data(BASES[cls]), BASES[cls])
    net = build(data(cls, **more), cls)
    net.start_from(base)
    return net, base


# --- anchors


def test_distances_and_kernel_by_hand():
    found = angular_distances(np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0, 0]]))
    expected = [[0, 0, 1, 2], [0, 0, 1, 2], [1, 1, 0, 1], [2, 2, 1, 0]]
    np.testing.assert_allclose(found[:4, :4], expected, atol=1e-12)
    np.testing.assert_allclose(found[4, :4], 1)
    assert epanechnikov(np.array([0, 0.4, 0.8, 2.0]), 0.8).tolist() == pytest.approx(
        [1, 0.75, 0, 0]
    )
    assert epanechnikov(np.array([0.0, 2.0]), np.inf).tolist() == [1, 1]


def test_anchors_that_cover_by_hand():
    covers = np.zeros((5, 5), bool)
    covers[0, [0, 1]] = covers[1, [0, 1, 2]] = covers[2, [1, 2]] = True
    covers[3, [3, 2, 1]] = covers[4, [4]] = True
    # users 1 and 3 cover three each; after user 1, user 3 and user 4 add one, and 3 covers more
    assert covering_anchors(covers, 3).tolist() == [1, 3, 4]
    # all are covered: of 0 and 2, which cover two each, the first
    assert covering_anchors(covers, 4).tolist() == [1, 3, 4, 0]


@given(st.integers(0, 1000), st.integers(1, 12))
def test_each_anchor_covers_as_many_new_users_as_any(seed, n):
    covers = np.random.default_rng(seed).random((12, 12)) < 0.3
    np.fill_diagonal(covers, True)
    anchors = covering_anchors(covers, n)
    assert len(set(anchors)) == n
    done = np.zeros(12, bool)
    for place, anchor in enumerate(anchors):
        others = [u for u in range(12) if u not in anchors[:place]]
        gains = {u: int((covers[u] & ~done).sum()) for u in others}
        assert gains[anchor] == max(gains.values())
        done |= covers[anchor]


def test_anchors_apart_from_each_other_by_hand():
    c = np.array([[1, 0.9, 0.1], [0.9, 1, 0.2], [0.1, 0.2, 1]])
    # means 2/3, .7 and .43: user 1 first. Then for user 0 (2.0 - .9) / 2 - 1.5 * .9 = -.8, and for
    # user 2 (1.3 - .2) / 2 - 1.5 * .2 = .25
    assert spread_anchors(c, 3).tolist() == [1, 2, 0]


def test_profiles_are_smoothed_with_similar_users():
    rows = np.zeros((13, 30))
    rows[:, 0] = 1  # all share an item, and have 1 + number others of their own
    rows[0, 1] = rows[1, 1] = 1
    for user in range(2, 13):
        rows[user, 2 * user : 2 * user + 2] = 1
    # Jaccard of users 0 and 1 is 1, of either and another 1 / 4, of two others 1 / 5: all above .1
    found = smoothed_profiles(rows)
    assert found[0, 0] == pytest.approx(1.0)
    assert found[0, 1] == pytest.approx(0.7 + 0.3 / 12)
    assert found[0, 4] == pytest.approx(0.3 / 12)
    assert cosines(found)[0, 1] == pytest.approx(1.0)


def test_at_least_ten_are_near():
    similarity = np.linspace(0, 1, 15)[None, :].repeat(2, axis=0)
    similarity[1] = similarity[1] / 10
    near = near_or_nearest(similarity, 0.2)
    assert near[0].tolist() == (similarity[0] > 0.2).tolist()
    assert near[1].tolist() == [False] * 5 + [True] * 10


# --- models


def test_one_anchor_that_everybody_is_near_is_multvae(data):
    options = {"n_experts": 1, "anneal_cap": 0.7, "total_anneal_steps": 5}
    keys = {**options, "width": 1e9, "train_width": 1e9}
    net, base = started(data, LOCA, **keys)
    stock = build(data(MultVAE, **options), MultVAE)
    as_expert(net, stock)
    net.train(), stock.train()
    losses = []
    for model in (net, stock, net, stock):
        model.zero_grad()
        with global_seed(1):
            losses.append(model.calculate_loss(Interaction({"user_id": USERS})))
        losses[-1].backward()
    assert [loss.item() for loss in losses[::2]] == pytest.approx(
        [loss.item() for loss in losses[1::2]], rel=1e-5
    )
    torch.testing.assert_close(
        net.encoder[0].weight.grad[0].T, stock.encoder[0].weight.grad, rtol=1e-4, atol=1e-5
    )
    with torch.no_grad():
        torch.testing.assert_close(all_scores(net.eval()), all_scores(stock.eval()))
        assert not torch.allclose(all_scores(net), all_scores(base.eval()))


@pytest.mark.parametrize("cls", [EnLFT, FineTunedSubgroups])
def test_copies_without_a_step_are_the_global_model(data, cls):
    net, base = started(data, cls)
    with torch.no_grad():
        torch.testing.assert_close(all_scores(net.eval()), all_scores(base), rtol=1e-5, atol=1e-5)


def test_subgroups_are_fifths_by_mainstream_score(data):
    net, _ = started(data, FineTunedSubgroups)
    rows = net.get_rating_matrix(torch.arange(net.n_users)).numpy()
    active = [user for user in range(1, net.n_users) if rows[user].any()]
    sets = {user: set(np.flatnonzero(rows[user])) for user in active}
    score = mainstream_by_hand(sets)
    ascending = sorted(active, key=lambda u: round(score[u], 12))
    belongs = net.nearness.argmax(dim=1)
    assert net.nearness.sum(dim=1).tolist() == [float(u in sets) for u in range(net.n_users)]
    for number, members in enumerate(np.array_split(ascending, net.n_experts)):
        for user in members:
            tied = abs(score[user] - score[members[0]]) < 1e-9
            tied |= abs(score[user] - score[members[-1]]) < 1e-9
            assert int(belongs[user]) == number or tied
    assert torch.equal(net.nearness, net.near_in_training)


def test_a_local_model_learns_from_its_own_users_alone(data):
    net, _ = started(data, EnLFT)
    net.near_in_training.zero_()
    net.near_in_training[1:5, 0] = net.near_in_training[5:9, 1] = 1.0
    net.train()
    for users, is_trained in (([1, 2], [True, False, False]), ([1, 6], [True, True, False])):
        net.zero_grad()
        net.calculate_loss(Interaction({"user_id": torch.tensor(users)})).backward()
        moved = net.encoder[0].weight.grad.abs().sum(dim=(1, 2)) > 0
        assert moved.tolist() == is_trained
        assert all(parameter.grad is None for parameter in net.base.parameters())


def test_the_loss_is_the_sum_of_means_over_each_models_users(data):
    net, _ = started(data, EnLFT, anneal_cap=0.0)
    net.near_in_training.zero_()
    net.near_in_training[1, 0] = 1.0
    net.near_in_training[2:4, 1] = 0.5
    net.eval()  # no noise in the latent values
    users = torch.arange(1, 5)
    rows = net.get_rating_matrix(users)
    with torch.no_grad():
        log = torch.log_softmax(net.forward(rows)[0], dim=2)
        losses = -(log * rows).sum(dim=2)
        expected = losses[0, 0] + (0.5 * losses[1, 1] + 0.5 * losses[1, 2]) / 2
        found = net.calculate_loss(Interaction({"user_id": users}))
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_users_near_no_anchor_have_the_global_scores(data):
    net, base = started(data, LOCA)
    net.nearness[3] = 0.0
    net.nearness[4] = torch.tensor([0.0, 2.0, 0.0])
    net.eval()
    with torch.no_grad():
        scores, theirs = all_scores(net), all_scores(base)
        own = net.forward(net.get_rating_matrix(torch.tensor([4])))[0][1, 0]
    torch.testing.assert_close(scores[2], theirs[2])
    torch.testing.assert_close(scores[3], own)
    assert not torch.allclose(scores[4], theirs[4])


@pytest.mark.parametrize("cls", list(BASES))
def test_a_saved_model_scores_the_same(data, cls):
    net, _ = started(data, cls)
    other = build(data(cls), cls)
    other.load_state_dict(net.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(all_scores(other.eval()), all_scores(net.eval()))
    assert 1 <= other.effective_experts() <= other.n_experts


@pytest.mark.parametrize("cls", list(BASES))
def test_rows_held_out_change_no_prediction(tmp_path, cls):
    scores = []
    for place in (0, 1):
        folder = write_parts(tmp_path / str(place), held_out_seed=place)
        made = loaders(configured(folder, cls))
        net, _ = started(lambda c, **more: (configured(folder, c, **more), made), cls)  # noqa: B023
        with torch.no_grad():
            scores.append(all_scores(net.eval()))
    assert torch.equal(*scores)


def test_what_cannot_be_is_refused(data):
    net = build(data(LOCA), LOCA)
    with pytest.raises(ValueError, match="LOCA needs a trained MultVAE: call start_from"):
        net.calculate_loss(Interaction({"user_id": USERS}))
    with pytest.raises(ValueError, match=r"n_experts is 99, but only \d+ users can be anchors"):
        started(data, LOCA, n_experts=99)
    with pytest.raises(ValueError, match="width is 0; LOCA needs a number above 0"):
        build(data(LOCA, width=0), LOCA)
