"""Mixes in RecBole scripts that know nothing of runs: RecBole's loaders and trainers."""

from collections import Counter

import numpy as np
import pytest
import torch
from helpers import write_timed
from recbole.trainer import Trainer
from recbole_project import project

from recbole_groupmix import GroupMixTrainer, Mix, group_weighted_sampler, mix_weights
from recbole_groupmix.adapters.compat import recbole_compat, without_folders
from recbole_groupmix.adapters.groups import read_groups

MIX = Mix({"B": 0.25, "C": 0.75}, 0.5)
#: RecBole's way with sequences.
SEQUENCES = {
    "write": write_timed,
    "load_col": {"inter": ["user_id", "item_id", "timestamp"], "user": ["user_id", "group"]},
    "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "mode": "full"},
    "train_neg_sample_args": None,
    "hidden_size": 8,
    "inner_size": 8,
    "MAX_ITEM_LIST_LENGTH": 5,
}


@pytest.fixture
def bpr(tmp_path):
    return project(tmp_path)


def test_weights_of_a_mix_are_those_of_eq_8(bpr):
    # 10 users of A, 14 of B, 8 of C, all with a training row: B gets .25 * .5 * 22 / 14,
    # C .75 * .5 * 22 / 8
    _, (train, _, _), _ = bpr
    weights = mix_weights(train, "group", "A", MIX)
    of_user = read_groups(train._dataset, "group").of_user
    expected = np.array([1.0, 0.25 * 0.5 * 22 / 14, 0.75 * 0.5 * 22 / 8, 0.0])
    assert weights == pytest.approx(expected[of_user], rel=1e-12)
    assert (weights == mix_weights(train._dataset, "group", "A", MIX)).all()


def test_a_user_without_a_training_row_counts_for_nothing(bpr):
    _, (train, _, _), _ = bpr
    data = train._dataset
    groups = read_groups(data, "group")
    lost = groups.users("C")[0]
    rows = (data.inter_feat["user_id"] != int(lost)).nonzero().view(-1)
    weights = mix_weights(data.copy(data.inter_feat[rows]), groups, "A", MIX)
    # 7 users of C are left, and 21 of both groups
    assert weights[groups.users("C")[1]] == pytest.approx(0.75 * 0.5 * 21 / 7)
    assert weights[groups.users("B")] == pytest.approx([0.25 * 0.5 * 21 / 14] * 14)


def drawn(loader, epochs):
    """How often each user's rows come in an epoch, on average; all rows of a user come alike."""
    data = loader._dataset
    counts = np.bincount(data.inter_feat["user_id"].numpy(), minlength=data.user_num)
    total = np.zeros(data.user_num)
    for _ in range(epochs):
        pairs = Counter()
        for batch in loader:
            pairs.update(zip(batch["user_id"].tolist(), batch["item_id"].tolist(), strict=True))
        times = np.zeros(data.user_num)
        for (user, _), n in pairs.items():
            assert times[user] in (0, n)
            times[user] = n
        assert sum(pairs.values()) == (times * counts).sum()
        total += times
    return total / epochs


def test_an_epoch_draws_users_as_the_mix_says(bpr):
    _, (train, _, _), _ = bpr
    groups, weights = read_groups(train._dataset, "group"), mix_weights(train, "group", "A", MIX)
    mean = drawn(group_weighted_sampler(train, "group", "A", MIX), 600)
    assert (mean[groups.users("A")] == 1).all() and mean[0] == 0
    # a sum of about 22 * .5 = 11 draws in each epoch: its mean over 600 has an error below .02 for
    # the fraction that is rounded; one user's weight w has an error of about sqrt(w / 600)
    for name in ("B", "C"):
        of_group = groups.users(name)
        assert mean[of_group].sum() == pytest.approx(weights[of_group].sum(), abs=0.1)
        assert (np.abs(mean - weights)[of_group] < 4.5 * np.sqrt(weights[of_group] / 600)).all()
    again = drawn(group_weighted_sampler(train, "group", "A", MIX), 3)
    assert (again == drawn(group_weighted_sampler(train, "group", "A", MIX), 3)).all()
    assert (again != drawn(group_weighted_sampler(train, "group", "A", MIX, seed=1), 3)).any()


@pytest.mark.parametrize(
    ("model", "more"),
    [("BPR", {}), ("MultiDAE", {"train_neg_sample_args": None}), ("SASRec", SEQUENCES)],
)
def test_recboles_trainer_takes_the_sampler_in_the_place_of_its_loader(tmp_path, model, more):
    config, (train, _, _), net = project(tmp_path, model, **more)
    before = [value.clone() for value in net.parameters()]
    loader = group_weighted_sampler(train, "group", "A", MIX)
    with recbole_compat(), without_folders():
        Trainer(config, net).fit(loader, saved=False, verbose=False)
    assert not all(map(torch.equal, before, net.parameters()))
    if model == "MultiDAE":  # a row is a user
        batches = list(loader)
        users = torch.cat([batch["user_id"] for batch in batches]).tolist()
        assert set(read_groups(train._dataset, "group").users("A")) <= set(users)


def test_our_trainer_takes_recboles_loader_of_sequences(tmp_path):
    # weights of 0 leave a user's rows without effect: the same as training without these rows
    config, (train, _, _), net = project(
        tmp_path, "SASRec", learner="sgd", learning_rate=1.0, epochs=1, hidden_dropout_prob=0.0,
        attn_dropout_prob=0.0, train_batch_size=4096, **SEQUENCES,
    )  # fmt: skip
    start = {name: value.clone() for name, value in net.state_dict().items()}
    groups = read_groups(train._dataset, "group")
    weights = (groups.of_user == 0).astype(float)
    GroupMixTrainer(config, net, weights).fit(train, saved=False, verbose=False)
    weighted = {name: value.clone() for name, value in net.state_dict().items()}

    rows = train._dataset.inter_feat
    mine = torch.from_numpy(weights)[rows["user_id"]] > 0
    net.load_state_dict(start)
    net.zero_grad()
    with recbole_compat():
        net.loss_fct = torch.nn.CrossEntropyLoss()
        loss = net.calculate_loss(rows[mine.nonzero().view(-1)]) * mine.float().mean()
    loss.backward()
    for name, value in net.named_parameters():
        torch.testing.assert_close(
            weighted[name], start[name] - value.grad, rtol=1e-4, atol=1e-5, msg=name
        )


def test_what_is_no_group_or_no_mix_is_one_line(bpr):
    _, (train, _, _), _ = bpr
    with pytest.raises(ValueError, match="no column 'country'"):
        mix_weights(train, "country", "A", MIX)
    with pytest.raises(ValueError, match="'D'"):
        group_weighted_sampler(train, "group", "D", MIX)
    with pytest.raises(ValueError, match="C"):
        mix_weights(train, "group", "A", Mix({"B": 1.0}, 0.5))
