"""DC: how many made-up users there are, what they like, and the loss with them."""

import numpy as np
import pytest
import torch
from helpers import mainstream_by_hand
from recbole.data.interaction import Interaction
from test_mixture_of_experts import USERS, build, configured, loaders, parts_of, train, write_parts

from recbole_groupmix.adapters.seeding import global_seed
from recbole_groupmix.core.groups.anchors import smoothed_profiles
from recbole_groupmix.core.groups.mainstream import made_up_counts
from recbole_groupmix.recommenders.data_augmentation import DC
from recbole_groupmix.recommenders.mult_vae import MultVAE


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Configuration of a model class and its keys, and loaders, which are the same for all."""
    return parts_of(tmp_path_factory.mktemp("dc"))


def test_counts_by_hand():
    # max .9; the niche half are .1, .2 and .5 with s of .8, .7 and .4, of sum 1.9
    scores = np.array([0.9, 0.1, 0.5, 0.8, 0.2, 0.7])
    assert made_up_counts(scores, 1.0).tolist() == [
        0,
        2,
        1,
        0,
        2,
        0,
    ]  # 6 s / 1.9: 2.53, 1.26, 2.21
    assert made_up_counts(scores, 10.0).tolist() == [0, 25, 12, 0, 22, 0]
    assert made_up_counts(scores, 0.0).tolist() == [0] * 6
    assert made_up_counts(np.array([0.9, 0.1, 0.5]), 2.0).tolist() == [
        0,
        6,
        0,
    ]  # of three, two are near
    assert made_up_counts(np.full(4, 0.3), 1.0).tolist() == [0] * 4


def test_made_up_users_like_what_the_imitated_do(data):
    net = build(data(DC, made_up_budget=200.0), DC)
    users = (net.history_item_value > 0).any(dim=1).nonzero()[:, 0]
    rows = net.get_rating_matrix(users).numpy()
    by_hand = mainstream_by_hand({u: set(np.flatnonzero(row)) for u, row in enumerate(rows)})
    scores = np.array([by_hand[user] for user in range(len(rows))])
    counts = made_up_counts(scores.round(12), 200.0)
    assert abs(len(net.made_up) - counts.sum()) <= 1  # a score may differ in its last digit
    begin = 0
    for user in np.flatnonzero(counts):
        rows_of_user = net.made_up[begin : begin + counts[user]].double().mean(dim=0).numpy()
        begin += counts[user]
        expected = smoothed_profiles(rows)[user]
        deviation = np.sqrt(expected * (1 - expected) / counts[user])
        if counts[user] > 100:
            assert (abs(rows_of_user - expected) <= 5 * deviation + 0.02).all()


def test_the_loss_is_the_mean_over_users_and_made_up_users(data):
    net = build(data(DC, made_up_budget=1.0, anneal_cap=0.0), DC).eval()
    shown = []
    of_batch = net._next
    net._next = lambda n: shown.append(of_batch(n)) or shown[-1]
    with torch.no_grad():
        found = net.calculate_loss(Interaction({"user_id": USERS}))
        rows = torch.cat([net.get_rating_matrix(USERS), shown[0].float()])
        log = torch.log_softmax(net.forward(rows)[0], dim=1)
        expected = -(log * rows).sum(dim=1).mean()
    assert len(shown[0]) > 0
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_an_epoch_shows_every_made_up_user_once(data):
    net = build(data(DC, made_up_budget=3.0), DC)
    net.made_up = torch.arange(
        len(net.made_up)
    )  # in place of rows, so that they can be told apart
    n_users = int((net.history_item_value > 0).any(dim=1).sum())
    for _ in range(2):
        batches = [net._next(1) for _ in range(n_users - 1)]
        batches.append(net._next(1))
        # parts of a user may be left over for the next epoch
        assert abs(len(set(torch.cat(batches).tolist())) - len(net.made_up)) <= 1


def test_without_made_up_users_it_is_multvae(data):
    losses = []
    for cls, more in ((MultVAE, {}), (DC, {"made_up_budget": 0})):
        net = train(data(cls, **more), cls)
        with torch.no_grad(), global_seed(1):
            losses.append(net.full_sort_predict(Interaction({"user_id": USERS})))
    torch.testing.assert_close(*losses)


def test_rows_held_out_change_no_made_up_user(tmp_path):
    made_up = []
    for place in (0, 1):
        folder = write_parts(tmp_path / str(place), held_out_seed=place)
        config = configured(folder, DC)
        made_up.append(build((config, loaders(config)), DC).made_up)
    assert torch.equal(*made_up)


@pytest.mark.parametrize("budget", [-1, "much", True, float("inf")])
def test_a_budget_that_cannot_be_is_refused(data, budget):
    with pytest.raises(ValueError, match=r"made_up_budget is .*; DC needs a number >= 0"):
        build(data(DC, made_up_budget=budget), DC)
