import json
import math
import os
import re

import numpy as np
import pandas as pd
import pytest

from recbole_groupmix.cli.main import main
from recbole_groupmix.compare import Comparison, compare, read_runs
from recbole_groupmix.core.statistics.bootstrap import holm, relative_change
from recbole_groupmix.core.statistics.effect import effect_size
from recbole_groupmix.core.statistics.permutation import permutation_test

GROUPS = ("A", "A", "B", "C")  # of users u0, u1, ... in turn
FAST = {"n_boot": 200, "n_permutations": 199}


def long_table(n_users=24, repeats=(0,), mixes=("only",), metrics=("recall", "ndcg"), seed=0):
    """What ``metrics.parquet`` holds: a row per user, mix, repeat, metric and cut-off."""
    rng = np.random.default_rng(seed)
    rows = [
        {
            "user_id": f"u{user}",
            "group": GROUPS[user % 4],
            "mix": mix,
            "repeat": repeat,
            "metric": metric,
            "k": k,
            "value": rng.integers(1, 8) / 8,
        }
        for mix in mixes
        for repeat in repeats
        for metric in metrics
        for k in (5, 20)
        for user in rng.permutation(n_users)
    ]
    return pd.DataFrame(rows)


def wide_table(n_users=8, seed=0, **more):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {"user_id": [str(u) for u in range(n_users)], "ndcg@10": rng.random(n_users)} | more
    )


def array_of(table, metric, k, users=None):
    """(n_repeats, n_users) of a long table, users by name."""
    mine = table[(table["metric"] == metric) & (table["k"] == k)]
    wide = mine.pivot(index="repeat", columns="user_id", values="value")
    return wide[sorted(wide) if users is None else users].to_numpy()


# --- what the rows hold ----------------------------------------------------------------------


def test_rows_are_those_of_the_core():
    a, b = long_table(seed=1, repeats=(0, 1)), long_table(seed=2, repeats=(0, 1))
    order = a["user_id"][:24].tolist()  # resamples are drawn by place: that of the first run
    found = compare({"a": a, "b": b}, seed=3, **FAST)
    frame = found.to_frame()
    keys = list(zip(frame["group"], frame["metric"], frame["run"], strict=True))
    assert keys == [
        (group, metric, "b")
        for group in ("overall", "A", "B", "C")
        for metric in ("recall@5", "recall@20", "ndcg@5", "ndcg@20")
    ]
    row = frame.iloc[keys.index(("A", "ndcg@20", "b"))]
    users = [u for u in order if GROUPS[int(u[1:]) % 4] == "A"]
    values, baseline = (array_of(t, "ndcg", 20, users) for t in (b, a))
    change = relative_change(values, baseline, seed=3, n_boot=200)
    assert row[["change", "ci_low", "ci_high", "p_interval"]].tolist() == pytest.approx(
        [change.mean, change.ci_low, change.ci_high, change.p], abs=1e-12
    )
    by_signs = permutation_test(values, baseline, seed=3, n_permutations=199)
    assert row["p_permutation"] == by_signs
    assert row["p"] == max(by_signs, change.p)
    effect = effect_size(values, baseline)
    assert {key: row[key] for key in vars(effect)} == pytest.approx(vars(effect))
    assert [row["n_users"], row["n_undefined"], row["n_repeats"]] == [12, 0, 2]
    assert row["mean"] == pytest.approx(values.mean())
    assert row["reference_mean"] == pytest.approx(baseline.mean())
    assert row["difference"] == pytest.approx(values.mean() - baseline.mean())
    assert frame["p_holm"].tolist() == pytest.approx(holm(frame["p"].tolist()))
    everybody = (array_of(t, "ndcg", 20, order) for t in (b, a))  # too many to go through
    p = permutation_test(*everybody, seed=3, n_permutations=199)
    assert frame["p_permutation"][keys.index(("overall", "ndcg@20", "b"))] == p


def test_users_are_aligned_by_id():
    # user 7 gains .1, user 8 loses .2, user 9 keeps, whatever the order and the type of the ids
    a = {"user_id": [7, 8, 9], "recall": [0.2, 0.5, 0.3]}
    for ids in ([9, 7, 8], ["9", "7", "8"], [9.0, 7.0, 8.0]):
        found = compare({"a": a, "b": {"user_id": ids, "recall": [0.3, 0.3, 0.3]}}, **FAST)
        (row,) = found.to_frame().to_dict("records")
        assert row["difference"] == pytest.approx(-0.1 / 3)
        assert (row["gain"], row["lose"], row["tie"]) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
        assert row["change"] == pytest.approx(0.9 / 1.0 - 1)


def test_text_ids_stay_text():
    a = wide_table(2).assign(user_id=["007", "7"])
    assert compare({"a": a, "b": a}, **FAST).to_frame()["n_users"].tolist() == [2]


def test_wide_and_long_form_say_the_same():
    table = long_table(seed=1)
    other = long_table(seed=2)
    columns = table["metric"] + "@" + table["k"].astype(str)
    wide = (
        table.assign(column=columns)
        .pivot(index=["user_id", "group"], columns="column", values="value")
        .reset_index()
    )
    plain = long_table(seed=1).drop(columns=["mix", "repeat"]).assign(metric=columns)
    kinds = [table, wide, plain.drop(columns="k"), dict(wide)]
    frames = [
        compare({"o": other.drop(columns="repeat"), "t": kind}, seed=1, **FAST).to_frame()
        for kind in [table.drop(columns="repeat"), *kinds[1:]]
    ]
    for frame in frames[1:]:
        pd.testing.assert_frame_equal(frame, frames[0])


def test_a_pyarrow_table_is_a_table():
    import pyarrow as pa

    table = wide_table()
    frame = compare({"a": table, "b": pa.Table.from_pandas(table)}, **FAST).to_frame()
    assert frame[["tie", "p"]].to_numpy().tolist() == [[1, 1]]


def test_mixes_of_a_table_are_runs():
    table = long_table(mixes=("proportional", "data_mix"))
    found = compare({"r": table}, metrics=["recall@5"], groups=["overall"], **FAST)
    assert found.reference == "r:proportional"
    assert found.to_frame()["run"].tolist() == ["r:data_mix"]
    turned = compare({"r": table}, "data_mix", ["recall@5"], groups=["overall"], **FAST)
    assert turned.to_frame()["run"].tolist() == ["r:proportional"]
    assert turned.to_frame()["difference"].item() == -found.to_frame()["difference"].item()
    # one mix more in another table
    other = long_table(mixes=("x",), seed=5)
    found = compare({"r": table, "o": other}, **FAST)
    assert list(dict.fromkeys(found.to_frame()["run"])) == ["r:data_mix", "o"]
    assert "| r:data_mix |" in found.to_markdown()  # in full, since not all are of one table


def test_holm_is_over_the_rows_of_the_table():
    # everybody gains: p is the least there is, 1/200, in every row
    a = long_table(seed=1)
    b = a.assign(value=a["value"] + 0.01 * (1 + np.arange(len(a)) % 7))
    one = compare({"a": a, "b": b}, metrics=["recall@5"], groups=["overall"], **FAST).to_frame()
    assert one["p_holm"].tolist() == one["p"].tolist() == [1 / 200]
    four = compare({"a": a, "b": b}, groups=["overall"], **FAST).to_frame()
    assert four["p_holm"].tolist() == pytest.approx([4 / 200] * 4)
    assert four["mark"].tolist() == ["*"] * 4
    assert one["mark"].tolist() == ["*"]
    # p is 1/40, below the level, but 4/40 is not
    least = compare({"a": a, "b": b}, groups=["overall"], n_boot=200, n_permutations=39).to_frame()
    assert least["p"].tolist() == [1 / 40] * 4
    assert least["mark"].tolist() == [""] * 4
    same = compare({"a": a, "b": a}, **FAST).to_frame()
    assert set(same["mark"]) == {""}


def test_too_few_permutations_for_the_rows_are_said():
    a, b = long_table(seed=1), long_table(seed=2)
    many = compare({"a": a, "b": b}, n_boot=20, n_permutations=199)  # 16 rows, 16 / 200 > .05
    assert "16 rows are too many for 199 permutations" in many.to_markdown()
    few = compare({"a": a, "b": b}, n_boot=20, n_permutations=999)  # 16 / 1000 < .05
    assert "too many" not in few.to_markdown()


def test_a_mark_wants_both_tests():
    # every user gains in every repeat but by an amount that is the repeat's own, mostly of one
    users = np.arange(30)
    gains = np.array([0.9, 0.001, 0.001, 0.001, 0.001])
    frames = []
    for sign in (0, 1):
        for repeat, gain in enumerate(gains):
            value = 1 + sign * gain * (1 - 2 * (repeat > 0)) + 0.001 * users
            frames.append(
                pd.DataFrame({"user_id": users, "repeat": repeat, "hit": value, "mix": str(sign)})
            )
    (row,) = compare({"r": pd.concat(frames)}, **FAST).to_frame().to_dict("records")
    assert row["interval"] == "users, repeats"
    assert row["p_permutation"] < 0.05
    assert row["ci_low"] < 0 < row["ci_high"]
    assert row["p_holm"] == row["p"] == row["p_interval"] > 0.05
    assert row["mark"] == ""


def test_a_run_under_two_names_is_one_comparison():
    a, b, c = (wide_table(20) for _ in range(3))
    b["ndcg@10"] += np.linspace(-0.02, 0.05, 20)
    c["ndcg@10"] += np.linspace(-0.04, 0.06, 20)
    alone = compare({"a": a, "b": b, "c": c}, **FAST).to_frame()
    frame = compare({"a": a, "b": b, "c": c, "again": b, "as a": a}, **FAST).to_frame()
    p = frame.set_index("run")["p_holm"]
    assert p[["b", "c"]].tolist() == alone["p_holm"].tolist()
    assert 0 < p["b"] < 0.5
    assert p["again"] == p["b"]
    assert p["as a"] == 1
    # nor does a group of all users count beside all users
    grouped = [table.assign(group="all") for table in (a, b, c)]
    both = compare(dict(zip("abc", grouped, strict=True)), **FAST).to_frame()
    assert both["p_holm"].tolist() == [*alone["p_holm"], *alone["p_holm"]]


def test_an_unbounded_interval_says_so():
    a = pd.DataFrame({"user_id": range(9), "hit@5": [1.0, 0, 0, 0, 0, 0, 0, 0, 0]})
    b = a.assign(**{"hit@5": [1.0, 1, 0, 0, 0, 0, 0, 0, 0]})
    found = compare({"a": a, "b": b}, **FAST)
    assert found.to_frame()["ci_high"].tolist() == [math.inf]
    assert "+100.0% [-100.0%, unbounded]" in found.to_markdown()


# --- undefined values, users and repeats that differ -------------------------------------------


def test_nan_is_counted_and_left_out_pairwise():
    users = [str(u) for u in range(5)]
    a = {"user_id": users, "gauc": [0.1, 0.2, np.nan, 0.4, 0.5]}
    b = {"user_id": users, "gauc": [np.nan, 0.3, 0.3, 0.5, 0.7]}
    c = {"user_id": users, "gauc": [0.2, 0.4, 0.6, 0.8, 1.0]}
    found = compare({"a": a, "b": b, "c": c}, **FAST)
    frame = found.to_frame()
    assert frame[["run", "n_users", "n_undefined"]].to_numpy().tolist() == [
        ["b", 3, 2],
        ["c", 4, 1],
    ]
    assert frame["reference_mean"].tolist() == pytest.approx([1.1 / 3, 1.2 / 4])
    assert frame["change"].tolist() == pytest.approx([1.5 / 1.1 - 1, 1.0])
    assert "left out of a row: up to 2" in found.to_markdown()


def test_a_row_that_is_not_there_is_undefined():
    a, b = long_table(seed=1), long_table(seed=2)
    gone = (b["user_id"] == "u3") & (b["metric"] == "ndcg")
    frame = compare({"a": a, "b": b[~gone]}, groups=["overall"], **FAST).to_frame()
    assert frame["n_undefined"].tolist() == [0, 0, 1, 1]


def test_a_group_with_fewer_than_two_users_is_nan():
    a, b = wide_table(8), wide_table(8, seed=1)
    a["group"] = ["x"] * 6 + ["one", None]
    found = compare({"a": a, "b": b}, **FAST)
    frame = found.to_frame().set_index("group")
    assert frame["n_users"].to_dict() == {"overall": 8, "one": 1, "x": 6}
    assert frame.loc["one", "mean"] == b["ndcg@10"][6]
    assert frame.loc["one", ["change", "ci_low", "p", "p_holm", "d", "gain"]].isna().all()
    assert frame.loc["one", "mark"] == ""
    assert "nan" not in found.to_markdown()
    # Holm does not count it
    assert frame["p_holm"].drop("one").tolist() == pytest.approx(
        holm(frame["p"].drop("one").tolist())
    )


def test_users_that_differ_are_refused_and_named():
    a, b = wide_table(12), wide_table(8, seed=1)
    b.loc[0, "user_id"] = "new"
    with pytest.raises(ValueError, match="users differ between the runs") as caught:
        compare({"a": a, "b": b})
    text = str(caught.value)
    assert "5 of 12 users of a (0, 8, 9, 10, 11)" in text
    assert "1 of 8 users of b (new)" in text
    assert "the 7 common users by how='inner'" in text
    a = wide_table(14)
    with pytest.raises(ValueError, match=r"7 of 14 users of a \(0, 8, 9, 10, 11, \.\.\.\)"):
        compare({"a": a, "b": b})


def test_inner_leaves_them_out_of_every_row():
    a, b, c = wide_table(12), wide_table(8, seed=1), wide_table(10, seed=2)
    found = compare({"a": a, "b": b, "c": c}, how="inner", **FAST)
    assert found.to_frame()["n_users"].tolist() == [8, 8]
    assert found.to_frame()["mean"].tolist() == pytest.approx(
        [b["ndcg@10"].mean(), c["ndcg@10"][:8].mean()]
    )
    (note,) = found.notes
    assert "4 of 12 users of a (8, 9, 10, 11); 2 of 10 users of c (8, 9)" in note
    assert "4 of 12 users" in found.to_markdown()


def test_common_repeats_are_paired():
    a, b = long_table(seed=1, repeats=(0, 1, 2)), long_table(seed=2, repeats=(2, 3, 1))
    found = compare({"a": a, "b": b}, metrics=["ndcg@5"], groups=["overall"], **FAST)
    (row,) = found.to_frame().to_dict("records")
    assert row["n_repeats"] == 2
    expected = array_of(b, "ndcg", 5)[[0, 1]].mean() - array_of(a, "ndcg", 5)[[1, 2]].mean()
    assert row["difference"] == pytest.approx(expected)  # rows are 1, 2, 3 and 0, 1, 2
    assert "share 2 repeats; 2 others are left out" in found.to_markdown()


def test_repeats_in_another_order_are_paired_by_label():
    a = long_table(seed=1, repeats=(0, 1, 2, 3, 4))
    shuffled = a.iloc[::-1]
    frame = compare({"a": a, "b": shuffled}, **FAST).to_frame()
    assert (frame["tie"] == 1).all()
    assert (frame[["ci_low", "ci_high"]] == 0).all(axis=None)


def test_without_common_repeats_each_is_averaged():
    a, b = long_table(seed=1, repeats=(0, 1, 2, 3, 4)), long_table(seed=2, repeats=(7, 8))
    found = compare({"a": a, "b": b}, metrics=["ndcg@5"], groups=["overall"], **FAST)
    (row,) = found.to_frame().to_dict("records")
    assert [row["n_repeats"], row["interval"]] == [1, "users"]
    users = list(dict.fromkeys(a["user_id"]))
    means = [array_of(t, "ndcg", 5, users).mean(axis=0) for t in (b, a)]
    assert row["mean"] == pytest.approx(means[0].mean())
    assert row["p"] == permutation_test(*means, seed=0, n_permutations=199)
    assert "share no repeat: each is averaged over its own (2 and 5)" in found.to_markdown()
    # nor has a table without the column a repeat in common with one that has it
    plain = long_table(seed=2).drop(columns="repeat")
    assert "share no repeat" in compare({"a": a, "b": plain}, **FAST).to_markdown()
    assert not compare({"a": plain, "b": plain}, groups=["overall"], **FAST).notes


def test_fewer_than_five_repeats_are_marked():
    for n_repeats, interval in [(1, "users"), (4, "users"), (5, "users, repeats")]:
        tables = {s: long_table(seed=s, repeats=range(n_repeats)) for s in (1, 2)}
        found = compare({str(s): t for s, t in tables.items()}, **FAST)
        assert set(found.to_frame()["interval"]) == {interval}
        assert ("fewer than 5 paired repeats" in found.to_markdown()) == (n_repeats < 5)


def test_metrics_that_not_all_have():
    a, b = long_table(seed=1), long_table(seed=2, metrics=("ndcg", "hit"))
    found = compare({"a": a, "b": b}, **FAST)
    assert set(found.to_frame()["metric"]) == {"ndcg@5", "ndcg@20"}
    assert found.notes == ("Left out, not in every run: recall@5, recall@20, hit@5, hit@20.",)


def test_groups_of_one_run_serve_all():
    a, b = long_table(seed=1), long_table(seed=2).drop(columns="group")
    frames = [compare(runs, **FAST).to_frame() for runs in ({"a": a, "b": b}, {"b": b, "a": a})]
    assert [list(dict.fromkeys(f["group"])) for f in frames] == [["overall", "A", "B", "C"]] * 2


# --- what is refused ---------------------------------------------------------------------------

OK = wide_table()


@pytest.mark.parametrize(
    ("runs", "options", "message"),
    [
        ({}, {}, "at least 2 runs; there is 0"),
        ({"a": OK}, {}, r"at least 2 runs; there is 1 \(a\)"),
        ({"a": OK, "b": OK}, {"reference": "c"}, "reference 'c' is not a run; runs are a, b"),
        ({"a": OK, "b": OK}, {"metrics": ["x"]}, "run 'a' has no metric 'x', only ndcg@10"),
        ({"a": OK, "b": OK}, {"metrics": "x"}, "metrics is 'x'; allowed are a list"),
        ({"a": OK, "b": OK}, {"metrics": []}, r"metrics is \[\]; allowed are a list"),
        ({"a": OK, "b": OK}, {"groups": []}, r"groups is \[\]; allowed are a list"),
        (
            {"a": OK, "b": OK},
            {"groups": ["x"]},
            r"group 'x' does not exist; allowed are overall \(no run",
        ),
        ({"a": OK, "b": OK}, {"how": "outer"}, "how is 'outer'"),
        ({"a": OK, "b": OK}, {"seed": -1}, "seed is -1"),
        ({"a": OK, "b": OK.rename(columns={"ndcg@10": "x"})}, {}, r"in common \(a: ndcg@10; b: x"),
        ({"a": OK, "b": OK.assign(user_id=list("abcdefgh"))}, {}, "no user in common.*'0', 'a'"),
        ({"a": OK, "b": pd.concat([OK, OK[2:3]])}, {}, "2 values of ndcg@10 for user '2'; a user"),
        (
            {"a": OK, "b": pd.concat([OK, OK[2:3]]).assign(repeat=4)},
            {},
            "'b' has 2 values of ndcg@10 for user '2' in repeat 4",
        ),
        ({"a": OK, "b": OK[:0]}, {}, "run 'b' has no rows"),
        ({"a": OK, "b": OK[["user_id"]]}, {}, "'b' has no column of a metric, only user_id"),
        ({"a": OK, "b": OK[["ndcg@10"]]}, {}, "'b' has no column user_id, only ndcg@10"),
        ({"a": OK, "b": 3}, {}, "run 'b' is not a table"),
        ({"a": OK, "b": {"user_id": [1, 2], "x": [1]}}, {}, "run 'b' is not a table.*length"),
        ({"a": OK, "b": OK.assign(metric="x")}, {}, "a column metric but none named value"),
        (
            {"a": OK, "b": OK.assign(sex="F")},
            {},
            "'b' has 'F' in column sex, which is not a number",
        ),
        ({"a": OK, "b": OK.assign(**{"ndcg@10": np.inf})}, {}, "infinite ndcg@10 for user '0'"),
        ({"a": OK, "b": OK.assign(user_id=[None, *"1234567"])}, {}, "no user_id in row 1 of 8"),
        ({"a": OK, "b": OK.assign(group="overall")}, {}, "a group is named 'overall'"),
        ({"a": OK.assign(group="x"), "b": OK.assign(group="y")}, {}, "'x' in run 'a' but in 'y'"),
    ],
)
def test_refusals(runs, options, message):
    with pytest.raises(ValueError, match=message):
        compare(runs, **options, **FAST)


def test_a_user_in_two_groups_is_refused():
    table = long_table(seed=1)
    table.loc[30, "group"] = "Z"
    with pytest.raises(ValueError, match=r"has user 'u\d+' in 2 groups, ., .; a user has"):
        compare({"a": long_table(), "b": table})


def test_two_runs_of_one_name_are_refused():
    with pytest.raises(ValueError, match="two runs are named 'a:m'"):
        compare({"a": long_table(mixes=("m", "n")), "a:m": long_table()})


def test_a_reference_that_fits_two_runs_is_refused():
    table = long_table(mixes=("m", "n"))
    with pytest.raises(ValueError, match="'m' is not unique; runs are a:m, a:n, b:m, b:n"):
        compare({"a": table, "b": table}, reference="m")


# --- files -----------------------------------------------------------------------------------


def test_csv_is_read_as_it_is_written(tmp_path):
    ids = ["007", "NA", "1e3", "4"]
    (tmp_path / "a.csv").write_text("user_id,group,auc\n007,no,0.1\nNA,NA,\n1e3,no,nan\n4,no,.5\n")
    (tmp_path / "b.tsv").write_text("user_id\tauc\n" + "".join(f"{u}\t0.25\n" for u in ids))
    runs = read_runs([tmp_path / "a.csv", tmp_path / "b.tsv"])
    frame = compare(runs, **FAST).to_frame().set_index("group")
    assert frame["n_users"].to_dict() == {"overall": 2, "no": 2, "NA": 0}
    assert frame["n_undefined"].to_dict() == {"overall": 2, "no": 1, "NA": 1}
    assert frame.loc["no", "reference_mean"] == pytest.approx(0.3)


def test_numbers_with_leading_zeros_are_text_in_csv(tmp_path):
    (tmp_path / "a.csv").write_text("user_id,auc\n007,0.1\n7,0.2\n")
    assert read_runs([tmp_path / "a.csv"])["a"]["user_id"].tolist() == ["007", "7"]


def test_the_index_that_pandas_writes_is_no_metric(tmp_path):
    OK.to_csv(tmp_path / "a.csv")
    assert list(read_runs([tmp_path / "a.csv"])["a"].columns) == ["user_id", "ndcg@10"]


def test_a_metric_without_a_cut_off_has_none_in_its_name(tmp_path):
    # beside a gap pandas keeps and writes cut-offs as 20.0
    kinds = {"metric": ["recall", "gauc"], "k": [20, None]}
    table = pd.DataFrame({"user_id": ["1", "1", "2", "2"], "value": [0.1, 0.2, 0.3, 0.4]}).assign(
        **{name: two * 2 for name, two in kinds.items()}
    )
    table.to_csv(tmp_path / "a.csv", index=False)
    assert "20.0" in (tmp_path / "a.csv").read_text()
    frame = compare(read_runs([tmp_path / "a.csv"]) | {"b": table}, **FAST).to_frame()
    assert frame["metric"].tolist() == ["recall@20", "gauc"]


def test_values_survive_csv(tmp_path):
    OK.to_csv(tmp_path / "a.csv", index=False)
    OK.to_parquet(tmp_path / "b.parquet", index=False)
    frame = compare(read_runs([tmp_path / "a.csv", tmp_path / "b.parquet"]), **FAST).to_frame()
    assert frame["mean"].tolist() == frame["reference_mean"].tolist()
    assert frame["tie"].tolist() == [1]


def test_a_folder_of_a_report_is_read(tmp_path):
    (tmp_path / "bpr").mkdir()
    OK.melt(["user_id"], var_name="metric").to_parquet(tmp_path / "bpr" / "per_user.parquet")
    OK.to_csv(tmp_path / "other.csv", index=False)
    runs = read_runs([tmp_path / "bpr", tmp_path / "other.csv"])
    frame = compare(runs, **FAST).to_frame()
    assert frame[["reference", "run", "tie"]].to_numpy().tolist() == [["bpr", "other", 1]]


def test_names_tell_files_apart(tmp_path):
    for folder in ("x/run", "y/run", "z"):
        (tmp_path / folder).mkdir(parents=True)
        OK.to_parquet(tmp_path / folder / "metrics.parquet")
    OK.to_parquet(tmp_path / "z" / "bpr.parquet")
    place = tmp_path.__truediv__
    assert list(read_runs([place("x/run"), place("z/bpr.parquet")])) == ["run", "bpr"]
    found = list(read_runs([place("x/run"), place("y/run/metrics.parquet"), place("z")]))
    assert [name.split("/")[-2:] for name in found[:2]] == [["x", "run"], ["y", "run"]]


@pytest.mark.parametrize("suffix", [".csv", ".md", ".parquet"])
def test_save(tmp_path, suffix):
    found = compare({"a": long_table(seed=1), "b": long_table(seed=2)}, **FAST)
    file = tmp_path / f"table{suffix}"
    file.write_text("before")
    found.save(file)
    assert os.listdir(tmp_path) == [file.name]
    if suffix == ".md":
        assert file.read_text() == found.to_markdown() + "\n"
        return
    read = pd.read_parquet(file) if suffix == ".parquet" else pd.read_csv(file)
    pd.testing.assert_frame_equal(
        read.drop(columns="mark"), found.to_frame().drop(columns="mark"), check_dtype=False
    )


def test_to_frame_is_a_copy():
    found = compare({"a": OK, "b": OK}, **FAST)
    frame = found.to_frame()
    frame["p"] = -1.0
    assert found.to_frame()["p"].tolist() == [1]


def test_markdown_is_one_table_and_what_it_means():
    a, b = wide_table(40), wide_table(40)
    b["ndcg@10"] += 0.1 + 0.01 * np.arange(40) / 40
    text = compare({"a": a, "b|x": b}, **FAST).to_markdown()
    header, rule, row, empty, *below = text.split("\n")
    bars = [re.sub(r"\\\|", "", line).count("|") for line in (header, rule, row)]
    assert bars == [13, 13, 13]
    assert len({len(header), len(rule), len(row)}) == 1
    assert re.search(r"\+\d+\.\d% \[\+\d+\.\d%, \+\d+\.\d%\] \* ", row)
    assert "  100% / 0% |" in row
    assert "b\\|x" in row
    assert empty == ""
    assert below[0].startswith("- change: of the mean against a, with 95 % intervals; * marks")
    assert max(map(len, below)) <= 99


# --- the command -------------------------------------------------------------------------------


@pytest.fixture
def two_runs(tmp_path):
    for seed, name in ((1, "first"), (2, "second")):
        (tmp_path / name).mkdir()
        table = long_table(seed=seed, repeats=(0, 1), mixes=("proportional", "data_mix"))
        table.to_parquet(tmp_path / name / "metrics.parquet", index=False)
    return tmp_path


def few(*arguments):
    return main(["compare", *arguments, "--n_boot=200", "--n_permutations", "199"])


def test_a_group_may_be_named_by_an_interval(tmp_path, capsys):
    """As `binned_groups` names it; a comma inside its brackets separates nothing."""
    ages = ["[0, 25)"] * 5 + ["[25, inf)"] * 5
    for seed, name in enumerate("ab"):
        wide_table(10, seed, group=ages).to_csv(tmp_path / f"{name}.csv", index=False)
    tables = [str(tmp_path / f"{name}.csv") for name in "ab"]
    assert few(*tables, "--group=overall,[25, inf)") == 0
    out = capsys.readouterr().out
    assert "[25, inf)" in out and "[0, 25)" not in out


def test_the_command_compares_run_folders(two_runs, capsys):
    status = few(
        "first", "second", "--reference=second:data_mix", "--metric", "recall@20,ndcg@5",
        "--group=A,overall", "--out=table.csv", "--seed=4",
    )  # fmt: skip
    shown, error = capsys.readouterr()
    assert (status, error) == (0, "")
    expected = compare(
        read_runs(["first", "second"]),
        reference="second:data_mix",
        metrics=["recall@20", "ndcg@5"],
        groups=["A", "overall"],
        seed=4,
        **FAST,
    )
    assert shown == f"{expected.to_markdown()}\n\ntable.csv\n"
    assert len(pd.read_csv("table.csv")) == 2 * 2 * 3  # metrics, groups, other runs


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"rank_items": "target"}, "rank_items target and .*first with all"),
        ({"eval_args": {"mode": "uni100"}}, r"mode \(of eval_args\) uni100 and .* with full"),
        ({"eval_args": {"mode": {"test": "pop9", "valid": "full"}}}, "pop9 and .* with full"),
        ({"eval_args": {"mode": {"test": "full", "valid": "full"}}, "seed": 3}, None),
    ],
)
def test_runs_that_rank_other_items_are_refused(two_runs, asked, words):
    for name, keys in (("first", {}), ("second", asked)):
        made = {"configuration": {"target": "A", **keys}, "data": {}}
        (two_runs / name / "config.yaml").write_text(json.dumps(made))
    folders = [two_runs / "first", two_runs / "second"]
    if words is None:
        assert len(read_runs(folders)) == 2
        return
    with pytest.raises(ValueError, match=words):
        read_runs(folders)


def test_the_command_compares_mixes_of_one_run(two_runs, capsys):
    assert few("--metric", "ndcg@5", "--group", "B", "first/metrics.parquet") == 0
    shown = capsys.readouterr().out
    assert "| B     | ndcg@5 | data_mix |" in shown  # without the name that all would have
    assert "against first:proportional" in shown


def test_the_command_compares_files_of_others(two_runs, capsys):
    wide_table(8).to_csv("mine.csv", index=False)
    wide_table(9, seed=1).to_parquet("theirs.parquet")
    assert few("mine.csv", "theirs.parquet") == 2
    error = capsys.readouterr().err
    assert "1 of 9 users of theirs (8) are not in every run" in error
    assert "--how=inner" in error
    assert few("mine.csv", "theirs.parquet", "--how=inner") == 0
    assert "| overall | ndcg@10 | theirs |     8 |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name the tables to compare"),
        (["first", "nowhere"], "file or run folder nowhere does not exist"),
        (["first", "."], "does not hold a finished run or a report: it has no metrics.parquet"),
        (["first", "first/../first/metrics.parquet"], "is given twice"),
        (["first", "notes.txt"], "notes.txt is not a readable table; allowed are .parquet"),
        (["first", "bad.parquet"], "bad.parquet cannot be read as a table"),
        (["first", "bad.csv"], "bad.csv cannot be read as a table"),
        (["first", "empty.csv"], "empty.csv cannot be read as a table"),
        (["first", "text.csv"], "run 'text' has 'high' in column recall@5, which is not a number"),
        (["first", "--metric=auc"], "no metric 'auc', only recall@5, recall@20"),
        (["first", "--group=25"], "group '25' does not exist; allowed are overall, A, B, C"),
        (["first", "--reference=x"], "reference 'x' is not a run"),
        (["first", "--what=x"], "unknown option --what; compare takes --reference, --metric"),
        (["first", "--metric"], "option --metric needs a value"),
        (["first", "--seed=-1"], "--seed is '-1'; it must be a whole number >= 0"),
        (["first", "--how=outer"], "how is 'outer'"),
        (
            ["first", "--out=table.txt"],
            "--out is 'table.txt', whose suffix does not say the format; allowed are .csv",
        ),
        (["first", "--out=none/table.csv"], "folder none does not exist"),
        (["first", "--out=dir.csv"], "--out is 'dir.csv', which is a folder"),
    ],
)
def test_what_the_command_cannot_use_is_one_line(two_runs, capsys, arguments, message):
    for name in ("notes.txt", "bad.parquet"):
        (two_runs / name).write_text("no table")
    (two_runs / "bad.csv").write_bytes(b"user_id,x\n\xff\xfe,1\n")
    (two_runs / "empty.csv").write_text("")
    (two_runs / "text.csv").write_text("user_id,recall@5\nu0,0.5\nu1,high\n")
    (two_runs / "dir.csv").mkdir()
    before = sorted(two_runs.rglob("*"))
    assert main(["compare", *arguments]) == 2
    shown, error = capsys.readouterr()
    assert shown == ""
    assert error.startswith("groupmix: ")
    assert message in error
    assert error.count("\n") == 1
    assert sorted(two_runs.rglob("*")) == before


def test_a_comparison_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    found = compare({"a": OK, "b": OK}, **FAST)
    assert isinstance(found, Comparison)

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ValueError, match=r"cannot write .*t\.md: No space left on device"):
        found.save(tmp_path / "t.md")
    assert os.listdir(tmp_path) == []


def test_a_baseline_of_zero_has_a_test_but_no_ratio():
    a = OK.assign(**{"ndcg@10": 0.0})
    found = compare({"a": a, "b": OK}, **FAST)
    (row,) = found.to_frame().to_dict("records")
    assert math.isnan(row["change"])
    assert row["p"] == row["p_permutation"] == 2 / 2**8
    assert row["mark"] == "*"
    assert "nan" not in found.to_markdown()
