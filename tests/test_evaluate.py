"""Per-user metrics of a model on held-out items, on examples worked out by hand."""

import numpy as np
import pytest
import torch
from helpers import experiment
from recbole.model.abstract_recommender import GeneralRecommender

from recbole_groupmix.adapters import held_out as module
from recbole_groupmix.adapters import inputs
from recbole_groupmix.adapters.held_out import HeldOut, scores_of_all_items, user_metrics
from recbole_groupmix.core.user_metrics import METRICS


class Fixed(GeneralRecommender):
    """A model whose score of every user and item is written down."""

    def __init__(self, scores, full_sort=True):
        torch.nn.Module.__init__(self)
        self.USER_ID, self.ITEM_ID = "user", "item"
        self.scores = torch.nn.Parameter(torch.tensor(scores, dtype=torch.float32))
        self.full_sort, self.calls = full_sort, []

    def full_sort_predict(self, interaction):
        if not self.full_sort:
            raise NotImplementedError
        self.calls.append(len(interaction["user"]))
        return self.scores[interaction["user"]].flatten().clone()

    def predict(self, interaction):
        self.calls.append(len(interaction["user"]))
        return self.scores[interaction["user"], interaction["item"]]


# Users 1, 2, 3 and items 1 to 5; user 0 and item 0 are RecBole's padding, which scores highest.
#   user 1: train {1},    held out {2, 4}; ranking without 1: 5 4 3 2
#   user 2: train {2, 3}, held out {1};    ranking without 2 and 3: 1 5 4
#   user 3: train {5},    held out {1, 3}; ranking without 5: 2 4 1 3
SCORES = [
    [9, 9, 9, 9, 9, 9],
    [9, 8, 1, 2, 3, 4],
    [9, 5, 7, 6, 1, 2],
    [9, 3, 5, 2, 4, 8],
]
TRAIN = np.array([1, 2, 2, 3]), np.array([1, 2, 3, 5])
HELD = np.array([1, 1, 2, 3, 3]), np.array([2, 4, 1, 1, 3])
SHAPE = (4, 6)


def held_out(train=TRAIN, held=HELD, **options):
    return HeldOut.of_pairs(train, held, SHAPE, **options)


def test_three_users_by_hand():
    values = user_metrics(Fixed(SCORES), held_out(), [1, 3])
    # hits at ranks 1, 2, 3: user 1 (-, 4, -), user 2 (1, -, -), user 3 (-, -, 1)
    ideal = 1 + 1 / np.log2(3)  # two relevant items at ranks 1 and 2
    expected = {
        "precision@1": [0, 1, 0],
        "precision@3": [1 / 3, 1 / 3, 1 / 3],
        "recall@1": [0, 1, 0],
        "recall@3": [1 / 2, 1, 1 / 2],
        "hit@1": [0, 1, 0],
        "hit@3": [1, 1, 1],
        "mrr@3": [1 / 2, 1, 1 / 3],
        "ndcg@3": [1 / np.log2(3) / ideal, 1, 1 / np.log2(4) / ideal],
        "map@3": [(1 / 2) / 2, 1, (1 / 3) / 2],
    }
    for name, value in expected.items():
        assert values[name] == pytest.approx(value, abs=1e-12), name
        assert values[name].dtype == np.float64
    assert len(values) == 2 * len(METRICS)


def test_training_items_and_the_padding_are_never_recommended():
    # Item 0 scores highest of all, and a training item next; if they were ranked, nobody would
    # have a hit at 1.
    values = user_metrics(Fixed(SCORES), held_out(), [1, 5], ["recall"])
    assert values["recall@1"].tolist() == [0, 1, 0]
    # at the number of items every held-out item is found, though masked ones fill the list
    assert values["recall@5"].tolist() == [1, 1, 1]


def test_only_the_metrics_asked_for_are_computed():
    assert list(user_metrics(Fixed(SCORES), held_out(), [2], ["hit", "map"])) == ["hit@2", "map@2"]


# --- who is evaluated -----------------------------------------------------------------------


def test_users_without_training_or_held_out_items_are_skipped():
    # user 1 has no training item, user 3 no held-out one
    found = held_out(
        (np.array([2, 2, 3]), np.array([2, 3, 5])), (np.array([1, 1, 2]), np.array([2, 4, 1]))
    )
    assert found.users.tolist() == [2]
    assert user_metrics(Fixed(SCORES), found, [1], ["hit"])["hit@1"].tolist() == [1]


def test_an_item_of_both_sides_is_known():
    # user 1's item 4 is also in train: it is masked, and 2 alone is to be found
    found = held_out((np.array([1, 1]), np.array([1, 4])), (np.array([1, 1]), np.array([2, 4])))
    assert found.relevant.toarray()[0].tolist() == [False, False, True, False, False, False]
    assert found.masked.toarray()[0].tolist() == [False, True, False, False, True, False]
    # the ranking is 5 3 2: rank 3
    values = user_metrics(Fixed(SCORES), found, [3], ["recall", "mrr"])
    assert values["recall@3"].tolist() == [1.0] and values["mrr@3"] == pytest.approx([1 / 3])
    # with nothing else held out he is not evaluated at all
    same = (np.array([1]), np.array([4]))
    assert held_out(same, same).users.tolist() == []


def test_repeated_pairs_count_once():
    twice = tuple(np.repeat(side, 2) for side in HELD)
    for ours, once in zip(
        user_metrics(Fixed(SCORES), held_out(held=twice), [3]).values(),
        user_metrics(Fixed(SCORES), held_out(), [3]).values(),
        strict=True,
    ):
        assert ours.tolist() == once.tolist()


def test_users_come_in_the_order_of_their_ids_whatever_that_of_the_rows():
    order = np.array([4, 2, 0, 3, 1])
    shuffled = held_out(held=tuple(side[order] for side in HELD))
    assert shuffled.users.tolist() == [1, 2, 3]
    assert (shuffled.relevant != held_out().relevant).nnz == 0


def test_eligible_users_and_later_choices():
    eligible = np.array([False, True, False, True])
    assert held_out(eligible=eligible).users.tolist() == [1, 3]
    some = held_out().of_users(np.array([True, False, True, True]))
    assert some.users.tolist() == [2, 3]
    everyone = user_metrics(Fixed(SCORES), held_out(), [3])
    for name, values in user_metrics(Fixed(SCORES), some, [3]).items():
        assert values.tolist() == everyone[name][1:].tolist()


def test_nobody_to_evaluate_is_an_empty_result():
    nobody = held_out().of_users(np.zeros(4, dtype=bool))
    assert user_metrics(Fixed(SCORES), nobody, [3], ["recall"])["recall@3"].shape == (0,)


# --- scores ---------------------------------------------------------------------------------


def test_a_model_that_scores_pairs_ranks_the_same(monkeypatch):
    whole, by_pair = Fixed(SCORES), Fixed(SCORES, full_sort=False)
    monkeypatch.setattr(inputs, "PAIRS_PER_CALL", 4)
    users = np.array([3, 1])
    assert torch.equal(
        scores_of_all_items(whole, users, 6), scores_of_all_items(by_pair, users, 6)
    )
    assert by_pair.calls == [4, 4, 4]  # 2 users times 6 items, a few pairs at a time
    for name, values in user_metrics(whole, held_out(), [1, 3]).items():
        assert values.tolist() == user_metrics(by_pair, held_out(), [1, 3])[name].tolist()


def test_blocks_of_users_change_nothing(monkeypatch):
    whole = user_metrics(Fixed(SCORES), held_out(), [1, 3])
    for scores, calls in ((12, [2, 1]), (6, [1, 1, 1]), (1, [1, 1, 1])):
        monkeypatch.setattr(module, "_SCORES_PER_BLOCK", scores)
        net = Fixed(SCORES)
        for name, values in user_metrics(net, held_out(), [1, 3]).items():
            assert values.tolist() == whole[name].tolist()
        assert net.calls == calls


def test_the_model_is_evaluated_without_dropout_and_without_a_gradient():
    seen = []

    class Watching(Fixed):
        def full_sort_predict(self, interaction):
            seen.append((self.training, torch.is_grad_enabled()))
            return super().full_sort_predict(interaction)

    net = Watching(SCORES).train()
    user_metrics(net, held_out(), [1])
    assert seen == [(False, False)] and torch.is_grad_enabled()


def test_the_models_own_scores_are_not_written_to():
    net = Fixed(SCORES)
    user_metrics(net, held_out(), [1])
    assert net.scores.tolist() == SCORES


# --- parts of a run -------------------------------------------------------------------------


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_part_is_evaluated_on_what_it_does_not_train_on(tiny, part):
    ex = experiment(tiny)
    made = ex.part(part)
    train = set(zip(made.users.tolist(), made.items.tolist(), strict=True))
    rows, items = made.held_out.relevant.nonzero()
    held = set(zip(made.held_out.users[rows].tolist(), items.tolist(), strict=True))
    rows, items = made.held_out.masked.nonzero()
    masked = set(zip(made.held_out.users[rows].tolist(), items.tolist(), strict=True))
    rows = list(zip(ex.users.tolist(), ex.items.tolist(), strict=True))
    everything = set(rows)
    test = {pair for pair, is_test in zip(rows, ex.is_test, strict=True) if is_test}
    assert not train & held and masked == train
    if part == 0:
        assert held == test and train == everything - test
    else:
        assert not held & test and train | held == everything - test
