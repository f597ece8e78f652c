"""Training batches: what an epoch holds, in which order, and what it depends on."""

from collections import Counter

import numpy as np
import pytest
import torch
from helpers import experiment, job
from recbole.data.dataloader import TrainDataLoader
from recbole.sampler import Sampler

from recbole_groupmix.adapters.batch_format import BatchFormat
from recbole_groupmix.adapters.batches import TrainingBatches
from recbole_groupmix.adapters.config import GroupMixConfig
from recbole_groupmix.adapters.dataset import load_dataset
from recbole_groupmix.adapters.drawn_users import user_draws
from recbole_groupmix.adapters.seeding import SHUFFLE, global_seed, stream
from recbole_groupmix.core.mix import Mix
from recbole_groupmix.core.uniform_negatives import UniformNegatives
from recbole_groupmix.training.job import user_weights

#: 6 users with 1 to 6 interactions each, 21 in all, of 12 items
USERS = np.repeat(np.arange(1, 7), np.arange(1, 7))
ITEMS = np.concatenate([np.arange(user, 2 * user) for user in range(1, 7)])
COUNTS = np.arange(7)
EVEN = np.arange(7) % 2 == 0  # users 2, 4, 6 take part: 12 of the 21 interactions


def form(kind="pairwise", batch_size=4096, n_negatives=1):
    return BatchFormat(kind, "user", "item", "neg_item", "label", n_negatives, batch_size)


def batches(kind="pairwise", key=(1, 0), batch_size=4096, n_negatives=1, **options):
    negatives = UniformNegatives(USERS, ITEMS, 7, 13)
    return TrainingBatches(
        USERS, ITEMS, negatives, form(kind, batch_size, n_negatives), key, **options
    )


def triplets(epoch):
    """(user, item, negative) of every row of the batches of an epoch, in order."""
    return [
        row
        for batch in epoch
        for row in zip(
            *(batch[name].tolist() for name in ("user", "item", "neg_item")), strict=True
        )
    ]


POSITIVES = Counter(zip(USERS.tolist(), ITEMS.tolist(), strict=True))


# --- an epoch -------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [4096, 21, 5, 1])
def test_an_epoch_holds_every_interaction_once_with_a_negative(batch_size):
    rows = triplets(batches(batch_size=batch_size))
    assert Counter((user, item) for user, item, _ in rows) == POSITIVES
    assert all((user, negative) not in POSITIVES for user, _, negative in rows)
    assert all(1 <= negative < 13 for _, _, negative in rows)


def test_one_batch_is_in_the_order_of_the_data_and_several_are_shuffled():
    assert [row[0] for row in triplets(batches())] == USERS.tolist()
    several = batches(batch_size=10)
    orders = [[row[:2] for row in triplets(several)] for _ in range(2)]
    assert orders[0] != sorted(orders[0]) and orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1])


def test_batches_have_the_size_asked_for_and_the_last_one_the_rest():
    several = batches(batch_size=10)
    assert [len(batch) for batch in several] == [10, 10, 1]
    assert len(several) == 3 and len(batches()) == 1
    assert len(batches(batch_size=10, present=EVEN)) == 2
    assert len(batches("users", batch_size=2, present=EVEN)) == 2


def test_a_batch_is_of_recboles_kind():
    batch = next(iter(batches()))
    assert list(batch.columns) == ["user", "item", "neg_item"]
    assert {batch[name].dtype for name in batch.columns} == {torch.int64}
    assert {batch[name].device.type for name in batch.columns} == {"cpu"}


# --- what it depends on ---------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [4096, 7])
@pytest.mark.parametrize("n_negatives", [1, 2])
def test_every_mix_sees_the_same_negatives(batch_size, n_negatives):
    options = {"batch_size": batch_size, "n_negatives": n_negatives}
    everyone, some = batches(**options), batches(**options, present=EVEN)
    for _ in range(3):  # epochs
        expected = [row for row in triplets(everyone) if EVEN[row[0]]]
        assert Counter(triplets(some)) == Counter(expected)
        assert len(expected) == 12 * n_negatives


def test_users_who_are_absent_leave_and_nobody_else():
    rows = triplets(batches(batch_size=5, present=EVEN))
    assert Counter(row[0] for row in rows) == {2: 2, 4: 4, 6: 6}


def test_all_users_present_is_the_same_as_no_one_absent():
    all_of_them = np.ones(7, dtype=bool)
    for batch_size in (4096, 5):
        expected = triplets(batches(batch_size=batch_size))
        assert triplets(batches(batch_size=batch_size, present=all_of_them)) == expected


@pytest.mark.parametrize("batch_size", [4096, 5])
def test_an_epoch_depends_on_its_key_and_its_number_alone(batch_size):
    def epochs(key):
        stream = batches(key=key, batch_size=batch_size)
        return [triplets(stream) for _ in range(3)]

    first = epochs((1, 0))
    assert first == epochs((1, 0))
    assert first[0] != first[1] != first[2]
    for key in ((2, 0), (1, 1), (0, 1)):  # another repeat or seed, another part
        assert all(mine != other for mine, other in zip(first, epochs(key), strict=True))


def test_arrays_of_an_epoch_are_its_batches():
    stream = batches(batch_size=5, n_negatives=2)
    for epoch in range(2):
        arrays = list(stream.arrays(epoch))
        for (users, items, negatives), batch in zip(arrays, stream, strict=True):
            assert batch["user"].tolist() == [*users, *users]
            assert batch["item"].tolist() == [*items, *items]
            assert batch["neg_item"].tolist() == [*negatives[0], *negatives[1]]


def test_negatives_are_uniform_over_the_items_that_are_no_positives():
    # user 6 has items 6 to 11; of 12 items 1 to 5 and 12 are left. 6 rows in 2000 epochs are
    # 12 000 draws, 2000 for each, standard deviation sqrt(12000 * 5 / 36) = 41
    stream, times = batches(), Counter()
    for epoch in range(2000):
        users, _, negatives = next(stream.arrays(epoch))
        times.update(negatives[0][users == 6].tolist())
    assert sorted(times) == [1, 2, 3, 4, 5, 12]
    assert list(times.values()) == pytest.approx([2000] * 6, abs=4 * 41)


# --- other kinds ----------------------------------------------------------------------------


def test_several_negatives_are_stacked_below_each_other():
    # rows 0 to 20 are all positives with their first negative, rows 21 to 41 with their second
    batch = next(iter(batches(n_negatives=2)))
    assert batch["user"].tolist() == [*USERS, *USERS]
    assert batch["item"].tolist() == [*ITEMS, *ITEMS]
    first, second = batch["neg_item"][:21].tolist(), batch["neg_item"][21:].tolist()
    assert first != second


def test_pointwise_batches_hold_positives_first_and_then_their_negatives():
    batch = next(iter(batches("pointwise", n_negatives=2)))
    assert list(batch.columns) == ["user", "item", "label"]
    assert batch["label"].tolist() == [1.0] * 21 + [0.0] * 42
    assert batch["label"].dtype == torch.float32
    assert batch["user"].tolist() == [*USERS, *USERS, *USERS]
    assert batch["item"][:21].tolist() == ITEMS.tolist()
    rest = zip(batch["user"][21:].tolist(), batch["item"][21:].tolist(), strict=True)
    assert not any(pair in POSITIVES for pair in rest)


@pytest.mark.parametrize(
    ("kind", "n_negatives", "batch_size", "expected"),
    [
        ("pairwise", 1, 10, 10),
        ("pairwise", 3, 10, 3),  # 3 rows of a positive
        ("pointwise", 1, 10, 5),  # a positive and a negative
        ("pointwise", 4, 10, 2),
        ("pointwise", 4, 3, 1),  # at least one
        ("users", 1, 10, 10),
        ("users", 4, 10, 10),
    ],
)
def test_negatives_count_towards_the_batch_size(kind, n_negatives, batch_size, expected):
    assert form(kind, batch_size, n_negatives).positives_per_batch == expected


@pytest.mark.parametrize("model", ["BPR", "NeuMF"])
@pytest.mark.parametrize("n_negatives", [1, 3])
def test_batches_are_laid_out_like_recboles(tiny, model, n_negatives):
    sampling = {"distribution": "uniform", "sample_num": n_negatives}
    config = GroupMixConfig(
        model,
        "tiny",
        {"train_neg_sample_args": sampling, "train_batch_size": 64},
        folder=tiny / "tiny",
    )
    dataset = load_dataset(config)
    sampler = Sampler(["train"], [dataset], "uniform").set_phase("train")
    with global_seed(1):
        theirs = list(TrainDataLoader(config, dataset, sampler, shuffle=False))
    users, items = (dataset.inter_feat[name].numpy() for name in ("user_id", "item_id"))
    by_user = np.argsort(users, kind="stable")
    users, items = users[by_user], items[by_user]
    negatives = UniformNegatives(users, items, dataset.user_num, dataset.item_num)
    ours = list(
        TrainingBatches(users, items, negatives, BatchFormat.of_config(config, False), (1, 0))
    )
    assert [len(batch) for batch in ours] == [len(batch) for batch in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        assert list(mine.columns) == list(other.columns)
        for name in mine.columns:
            assert mine[name].dtype == other[name].dtype and mine[name].shape == other[name].shape
        for batch in (mine, other):
            rows = len(batch) // (n_negatives + (model == "NeuMF"))
            parts = batch["user_id"].view(-1, rows)
            assert (parts == parts[0]).all()
            if model == "NeuMF":
                assert torch.equal(mine["label"], other["label"])
            else:
                parts = batch["item_id"].view(-1, rows)
                assert (parts == parts[0]).all()


# --- users ----------------------------------------------------------------------------------


def users_of(stream):
    return [user for batch in stream for user in batch["user"].tolist()]


def test_user_batches_hold_every_user_once_in_a_new_order_each_epoch():
    stream = batches("users", batch_size=4)
    assert len(stream) == 2 and [len(batch) for batch in stream] == [4, 2]
    epochs = [users_of(stream) for _ in range(4)]
    assert [sorted(epoch) for epoch in epochs] == [[1, 2, 3, 4, 5, 6]] * 4
    assert len(set(map(tuple, epochs))) > 1
    assert next(iter(stream)).columns == ["user"]


def test_user_batches_leave_absent_users_out_and_repeat_drawn_ones():
    assert sorted(users_of(batches("users", present=EVEN))) == [2, 4, 6]
    drawn = np.array([0, 1, 0, 3, 1, 0, 2])
    stream = batches("users", batch_size=4, user_draws=lambda rng: drawn)
    assert sorted(users_of(stream)) == [1, 3, 3, 3, 4, 6, 6]


# --- sampled triplets -----------------------------------------------------------------------


def drawn_users(stream, n_epochs):
    """Times that each user was drawn, and each interaction."""
    rows = [row[:2] for _ in range(n_epochs) for row in triplets(stream)]
    return np.bincount([user for user, _ in rows], minlength=7), Counter(rows)


def test_sampling_users_is_uniform_over_users_and_then_over_their_items():
    # 60 000 rows: each user 10 000 times (sd 91); user u's items 10 000 / u times (sd < 100)
    stream = batches(batch_size=600, sampled_by="user")
    users, rows = drawn_users(stream, 100)
    assert users[0] == 0 and users[1:] == pytest.approx([10_000] * 6, abs=4 * 91)
    for (user, _), times in rows.items():
        assert times == pytest.approx(10_000 / user, abs=4 * 100)
    assert set(rows) == set(POSITIVES)


def test_sampling_interactions_is_uniform_over_interactions():
    # 42 000 rows over 21 interactions: 2000 each, standard deviation 44
    stream = batches(batch_size=600, sampled_by="interaction")
    _, rows = drawn_users(stream, 70)
    assert set(rows) == set(POSITIVES)
    assert list(rows.values()) == pytest.approx([2000] * 21, abs=4.5 * 44)


@pytest.mark.parametrize("sampled_by", ["user", "interaction"])
def test_sampled_epochs_are_one_batch_and_the_same_for_every_mix(sampled_by):
    everyone = batches(batch_size=50, sampled_by=sampled_by)
    some = batches(batch_size=50, sampled_by=sampled_by, present=EVEN)
    assert len(everyone) == 1
    seen = []
    for _ in range(3):
        rows = triplets(everyone)
        assert len(rows) == 50 and all(row[::2] not in POSITIVES for row in rows)
        assert triplets(some) == [row for row in rows if EVEN[row[0]]]
        seen.append(tuple(rows))
    assert len(set(seen)) == 3


DRAWN = np.array([0, 1, 0, 3, 1, 0, 2])


@pytest.mark.parametrize("drawn", [None, DRAWN])
@pytest.mark.parametrize("sampled_by", ["user", "interaction"])
def test_sampled_epochs_are_the_draws_of_their_stream_in_order(sampled_by, drawn):
    times = np.ones(7, dtype=int) if drawn is None else drawn
    rng = stream(SHUFFLE, 1, 0, 0)  # key (1, 0), epoch 0
    if sampled_by == "user":
        pool = np.repeat(np.arange(1, 7), times[1:])
        users = sorted(pool[rng.integers(len(pool), size=40)])
        # user u's u items begin at u
        items = [user + int(part * user) for user, part in zip(users, rng.random(40), strict=True)]
    else:
        pool = np.repeat(np.arange(21), times[USERS])
        rows = sorted(pool[rng.integers(len(pool), size=40)])
        users, items = USERS[rows].tolist(), ITEMS[rows].tolist()
    draws = None if drawn is None else lambda rng: drawn
    sampled = triplets(batches(batch_size=40, sampled_by=sampled_by, user_draws=draws))
    assert [row[:2] for row in sampled] == list(zip(users, items, strict=True))


# --- Eq. 7 ----------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [4096, 5])
def test_drawn_users_bring_all_their_interactions_as_often_as_they_were_drawn(batch_size):
    stream = batches(batch_size=batch_size, user_draws=lambda rng: DRAWN)
    rows = Counter(row[:2] for row in triplets(stream))
    assert rows == {pair: DRAWN[pair[0]] for pair in POSITIVES if DRAWN[pair[0]]}


def test_each_epoch_draws_anew_and_by_its_key():
    draws = []

    def draw(rng):
        draws.append(rng.integers(0, 3, 7))
        return draws[-1]

    for key in ((1, 0), (1, 0), (2, 0)):
        stream = batches(key=key, user_draws=draw)
        for _ in range(2):
            list(stream)
    first, second, again, _, other, _ = (tuple(drawn) for drawn in draws)
    assert first == again and first != second and first != other


def test_the_number_of_drawn_users_does_not_change_the_negatives():
    plain = {row[:2]: row[2] for row in triplets(batches())}
    rows = triplets(batches(user_draws=lambda rng: DRAWN))
    assert {row[2] == plain[row[:2]] for row in rows} == {True}


@pytest.mark.parametrize(
    ("sampled_by", "shares"),
    [
        # one of the 7 drawn users, then one of his items
        ("user", DRAWN / 7),
        # one of their 1 * 1 + 3 * 3 + 1 * 4 + 2 * 6 = 26 interactions
        ("interaction", DRAWN * COUNTS / 26),
    ],
)
def test_sampled_triplets_come_from_the_drawn_multiset(sampled_by, shares):
    stream = batches(batch_size=600, sampled_by=sampled_by, user_draws=lambda rng: DRAWN)
    users, rows = drawn_users(stream, 50)
    error = np.sqrt(30_000 * shares * (1 - shares))
    assert (np.abs(users - 30_000 * shares) <= 4 * error).all()
    of_user_6 = [times for (user, _), times in rows.items() if user == 6]
    assert of_user_6 == pytest.approx([users[6] / 6] * 6, rel=0.12)


def test_eq_7_takes_the_target_once_and_the_others_with_replacement(tiny):
    # alpha_B n_aug = 0.3 * 0.7 * 22 = 4.62, alpha_C n_aug = 0.7 * 0.7 * 22 = 10.78
    ex = experiment(tiny, weighting="sample")
    part = ex.part(0)
    weights = user_weights(ex, job(ex, "own", Mix({"B": 0.3, "C": 0.7}, 0.7), 0, 0, 1))
    draw = user_draws(ex.groups, "A", part.users, weights)
    rng = np.random.default_rng(0)
    drawn = np.array([draw(rng) for _ in range(4000)])
    of = {name: drawn[:, ex.groups.users(name)] for name in "ABC"}
    assert (of["A"] == 1).all() and (drawn[:, 0] == 0).all()
    for name, expected in (("B", 4.62), ("C", 10.78)):
        totals = of[name].sum(axis=1)
        assert set(totals) == {int(expected), int(expected) + 1}
        # a mean of 0/1 with variance p (1 - p) < 1/4 over 4000 draws: standard error < 0.008
        assert totals.mean() == pytest.approx(expected, abs=4 * 0.008)
        share = expected / of[name].shape[1]
        assert of[name].mean(axis=0) == pytest.approx(np.full(of[name].shape[1], share), rel=0.1)
    assert of["C"].max() > 2  # with replacement


# --- formats --------------------------------------------------------------------------------


def config_with(tiny, model="BPR", **sampling):
    values = {"train_neg_sample_args": {"distribution": "uniform", "sample_num": 1, **sampling}}
    return GroupMixConfig(model, "tiny", values, folder=tiny / "tiny")


def test_the_format_is_read_from_the_configuration(tiny):
    config = config_with(tiny, sample_num=3)
    config["train_batch_size"] = 77
    expected = BatchFormat("pairwise", "user_id", "item_id", "neg_item_id", "label", 3, 77)
    assert BatchFormat.of_config(config, False) == expected
    assert BatchFormat.of_config(config_with(tiny, "NeuMF"), False).kind == "pointwise"
    assert BatchFormat.of_config(config_with(tiny, "MultiVAE"), True).kind == "users"


@pytest.mark.parametrize(
    "sampling", [{"distribution": "popularity"}, {"dynamic": True, "candidate_num": 5}]
)
def test_other_negatives_than_uniform_ones_are_refused(tiny, sampling):
    with pytest.raises(ValueError, match=r"train_neg_sample_args .* not supported.*uniform"):
        BatchFormat.of_config(config_with(tiny, **sampling), False)


def test_a_loss_without_negatives_is_refused(tiny):
    for config in (config_with(tiny, sample_num=0), config_with(tiny, distribution="None")):
        with pytest.raises(ValueError, match="needs at least one per positive"):
            BatchFormat.of_config(config, False)
        assert BatchFormat.of_config(config, True).kind == "users"  # these need none
