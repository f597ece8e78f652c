"""Long tables joined as categories hold and write what plain ones do, in less memory."""

import io
import tracemalloc

import numpy as np
import pandas as pd
import pytest

from recbole_groupmix.record import long_table
from recbole_groupmix.record.changes import changes
from recbole_groupmix.record.changes import test_means as means_of
from recbole_groupmix.record.long_table import TEXTS, joined, write_long


def frame(mix, repeat=0, n_users=40, seed=0):
    rng = np.random.default_rng([seed, repeat])
    users = np.array([f"u{n}" for n in rng.permutation(n_users)])
    groups = np.array([f"g{int(user[1:]) % 3}" for user in users])
    cells = [(metric, k) for metric in ("recall", "ndcg") for k in (5, 10)]
    return pd.DataFrame(
        {
            "user_id": np.tile(users, len(cells)),
            "group": np.tile(groups, len(cells)),
            "mix": mix,
            "repeat": repeat,
            "metric": np.repeat([metric for metric, _ in cells], n_users),
            "k": np.repeat([k for _, k in cells], n_users),
            "value": rng.random(n_users * len(cells)),
        }
    )


def frames(**sizes):
    mixes = ("proportional", "stratified", "data_mix")
    return [frame(mix, r, seed=s, **sizes) for s, mix in enumerate(mixes) for r in (0, 1)]


def test_a_joined_table_holds_the_same_rows():
    plain, small = pd.concat(frames(), ignore_index=True), joined(frames())
    back = small.astype(dict.fromkeys(TEXTS, object))
    pd.testing.assert_frame_equal(back, plain)
    assert all(list(small[n].cat.categories) == sorted(set(plain[n])) for n in TEXTS)
    assert joined([]) is None


@pytest.mark.parametrize("rows", [7, 100, 2**20])
def test_the_file_is_that_of_the_plain_table(tmp_path, monkeypatch, rows):
    monkeypatch.setattr(long_table, "_ROWS_OF_A_BLOCK", rows)
    plain, file = pd.concat(frames(), ignore_index=True), io.BytesIO()
    write_long(joined(frames()), file)
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(file.getvalue())), plain)
    plain.to_parquet(tmp_path / "plain.parquet", index=False, row_group_size=rows)
    assert file.getvalue() == (tmp_path / "plain.parquet").read_bytes()


def test_means_and_changes_are_equal_to_the_bit():
    plain, small = pd.concat(frames(), ignore_index=True), joined(frames())
    assert changes(small, "g1", 3) == changes(plain, "g1", 3)
    for group in ("g0", "g1", "g2"):
        assert means_of(small, group) == means_of(plain, group)
    # the target's rows alone are enough for its changes
    of_target = joined([each[each["group"] == "g1"] for each in frames()])
    assert changes(of_target, "g1", 3) == changes(plain, "g1", 3)


def held(work):
    tracemalloc.start()
    result = work()
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(result)
    return kept / len(result)


def test_a_joined_table_takes_little_memory():
    # 24 bytes of numbers, 7 of categories (4 of users), and users' names, here under a byte a row
    assert held(lambda: joined(frames(n_users=40_000))) < 36
