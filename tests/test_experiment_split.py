"""Folds inside train follow the order of the split."""

import numpy as np
import pytest
from helpers import experiment, write_timed, write_tiny

from recbole_groupmix.core.split import NEVER, fold_of_interaction, test_mask

FOLDS = 3


def timed(tmp_path, **eval_args):
    write_timed(tmp_path)
    return experiment(tmp_path, folds=FOLDS, eval_args=eval_args)


def times(ex):
    return ex.dataset.inter_feat["timestamp"].numpy()


def parts(ex):
    return [ex.split.rows_of(index) for index in range(1, FOLDS + 1)]


def test_the_default_is_the_split_it_was(tmp_path):
    ex = experiment(write_tiny(tmp_path), seed=3)
    assert np.array_equal(ex.is_test, test_mask(ex.users, 3))
    train = ~ex.is_test
    assert np.array_equal(ex.folds[train], fold_of_interaction(ex.users[train], 2, 3))
    assert (ex.folds[ex.is_test] == -1).all()


def test_random_rows_are_dealt_and_a_fold_trains_on_all_others(tmp_path):
    ex = timed(tmp_path, split={"RS": [0.6, 0.2, 0.2]})
    train = ~ex.is_test
    held = sum(held.astype(int) for _, held in parts(ex))
    assert np.array_equal(held == 1, train)
    for trained, out in parts(ex):
        assert np.array_equal(trained, train & ~out)
    # validation rows are among the dealt ones
    assert np.array_equal(ex.folds[train], fold_of_interaction(ex.users[train], FOLDS, 2020))


@pytest.mark.parametrize("group_by", ["user", "none"])
def test_a_fold_in_time_holds_out_a_later_block_and_trains_on_all_before(tmp_path, group_by):
    ex = timed(tmp_path, order="TO", group_by=group_by, split={"RS": [0.7, 0.1, 0.2]})
    whose = ex.users if group_by == "user" else np.zeros_like(ex.users)
    seen = np.zeros(len(ex.users), dtype=bool)
    latest = dict.fromkeys(whose.tolist(), -np.inf)
    for trained, out in parts(ex):
        assert not (trained & out).any() and not ((trained | out) & ex.is_test).any()
        assert out.any() and not (out & seen).any()
        seen |= out
        for one in np.unique(whose[out]):
            first = times(ex)[out & (whose == one)].min()
            assert times(ex)[trained & (whose == one)].max() <= first
            assert first >= latest[one]
            latest[one] = first
    n_never = (ex.folds == NEVER).sum()
    half = [(whose[~ex.is_test] == one).sum() for one in np.unique(whose)]
    assert n_never == sum((n + 1) // 2 for n in half)
    assert np.array_equal(seen | (ex.folds == NEVER), ~ex.is_test)
    grown = [trained.sum() for trained, _ in parts(ex)]
    assert grown == sorted(grown) and grown[0] < grown[-1]


def test_last_rows_are_left_out_one_by_one(tmp_path):
    ex = timed(tmp_path, order="TO", split={"LS": "valid_and_test"})
    order = {user: [] for user in ex.users.tolist()}
    for row in [*ex.split.train, *ex.split.test]:
        order[ex.users[row]].append(row)
    for user, rows in order.items():
        assert np.array_equal(times(ex)[rows], np.sort(times(ex)[ex.users == user]))
        assert ex.is_test[rows].tolist() == [False] * (len(rows) - 1) + [True]
        for fold, (trained, out) in enumerate(parts(ex), start=1):
            assert np.flatnonzero(out & (ex.users == user)).tolist() == [rows[-1 - fold]]
            assert set(np.flatnonzero(trained & (ex.users == user))) == set(rows[: -1 - fold])


def test_the_first_fold_of_leave_out_is_recboles_validation(tmp_path):
    ex = timed(tmp_path, order="TO", split={"LS": "valid_and_test"})
    valid = ex.split.train[-len(ex.split.test) :]
    assert np.array_equal(np.sort(valid), np.flatnonzero(ex.split.rows_of(1)[1]))


def test_parts_count_only_what_they_train_on(tmp_path):
    ex = timed(tmp_path, order="TO", group_by="none")
    trained, out = ex.split.rows_of(1)
    part = ex.part(1)
    assert np.array_equal(np.sort(part.rows), np.flatnonzero(trained))
    assert sum(part.n_users.values()) == len(np.unique(ex.users[trained]))
    assert set(part.held_out.users) <= set(ex.users[out])
