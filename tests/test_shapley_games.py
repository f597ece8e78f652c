"""Games of groups against models solved anew, what is said of them, and the command."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command import call, one_line
from helpers import experiment, interactions, write_data_set
from shapley_orders import by_orders

from recbole_groupmix.adapters.closed_form import EASE, WeightedSVD
from recbole_groupmix.adapters.held_out import user_metrics
from recbole_groupmix.core.shapley import shapley_values
from recbole_groupmix.exact.shapley.effects import effects
from recbole_groupmix.exact.shapley.games import Game, games, sharing, with_fraction
from recbole_groupmix.exact.shapley.plan import plan, work
from recbole_groupmix.exact.shapley.sentences import sentences
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.settings.merge import merge_settings
from recbole_groupmix.training.validation_curve import ValidationCurve

GRID = [2.0, 20.0, 200.0]


def solved(ex, targets, permutations=None):
    ((first, views),) = sharing(ex, targets)
    planned = plan(ex.groups.names, targets, permutations, ex.settings.seed)
    return games(first, views, planned.unions), planned


# --- the unions


def test_all_unions_serve_all_targets():
    names = tuple("ABCD")
    every = plan(names, names, None, 0)
    assert every.orders is None and len(set().union(*every.unions.values())) == 15
    one = plan(names, ["B"], None, 0)
    assert one.unions == {"B": tuple(u for u in range(16) if u & 2)}


def test_beyond_eight_groups_orders_are_sampled_for_all_targets_at_once():
    names = tuple(map(str, range(9)))
    sampled = plan(names, names, None, 0)
    assert sampled.orders is not None and len(sampled.orders) == 32
    for index, target in enumerate(names):
        orders, own = sampled.orders_of(index), 1 << index
        assert (np.sort(orders) == np.arange(8)).all()
        others = [name for name in names if name != target]
        asked = {
            own | sum(1 << names.index(others[p]) for p in order[:k])
            for order in orders
            for k in range(9)
        }
        assert asked <= set(sampled.unions[target])
        assert {own | 1 << j for j in range(9)} <= set(sampled.unions[target])
        assert {511 ^ 1 << j for j in range(9) if j != index} <= set(sampled.unions[target])


# --- games of groups


@pytest.fixture(scope="module")
def tiny_games(tiny):
    ex = experiment(tiny, model="EASE", lambdas=GRID, valid_metric="recall@5", folds=2)
    return ex, solved(ex, list("ABC"))[0]


def value_of(ex, net_class, part, target, members, lam):
    """Recall@5 of a target's users by a model of the users of some groups, solved anew."""
    if lam is not None:
        ex.config["reg_weight"] = lam
    where = ex.part(part)
    net = net_class(ex.config, ex.dataset_of(where))
    net.fit(np.isin(np.array([*ex.groups.names, ""])[ex.groups.of_user], members).astype(float))
    held_out = ex.for_target(target).target_held_out(where)
    return user_metrics(net, held_out, [5], ["recall"])["recall@5"]


def test_every_set_has_the_lambda_of_its_folds_and_the_values_of_a_model_solved_anew(tiny_games):
    ex, found = tiny_games
    chosen = set()
    for target, game in found.items():
        assert game.players == tuple(name for name in "ABC" if name != target)
        for at in range(4):
            members = [target, *(p for i, p in enumerate(game.players) if at >> i & 1)]
            means = [
                np.mean([value_of(ex, EASE, f, target, members, lam).mean() for f in (1, 2)])
                for lam in GRID
            ]
            lam = GRID[int(np.argmax(means))]
            assert game.lambdas[at] == lam
            chosen.add(lam)
            expected = value_of(ex, EASE, 0, target, members, lam)
            np.testing.assert_array_equal(game.values["recall@5"][at], expected)
    assert len(chosen) > 1


def test_weighted_svd_needs_no_folds(tiny):
    ex = experiment(tiny, model="WeightedSVD", embedding_size=3, valid_metric="recall@5")
    (game,) = solved(ex, ["B"])[0].values()
    assert set(game.lambdas.values()) == {None}
    for at, members in enumerate(["B", "AB", "BC", "ABC"]):
        expected = value_of(ex, WeightedSVD, 0, "B", list(members), None)
        np.testing.assert_array_equal(game.values["recall@5"][at], expected)
    assert work(ex, {"B": range(4)}).on_folds == 0


def test_values_of_every_user_add_up_and_equal_brute_force_on_blockmix():
    given = {"dataset": "blockmix", "target": "A", "model": "EASE", "lambdas": [30, 300]}
    more = {"topk": [10], "valid_metric": "recall@10", "folds": 2}
    ex = Experiment(merge_settings({**given, **more}))
    found, _ = solved(ex, list(ex.groups.names))
    for game in found.values():
        values = np.stack([game.values["recall@10"][m] for m in range(8)])
        of_users = shapley_values(values)
        np.testing.assert_allclose(of_users, by_orders(values, 3), atol=1e-12)
        np.testing.assert_allclose(of_users.sum(axis=0), values[-1] - values[0], atol=1e-9)
        said = effects([game], "recall@10", seed=0, n_boot=50)
        means = [effect.change.mean for effect in said.shapley]
        np.testing.assert_allclose(means, of_users.mean(axis=1) / values[-1].mean(), atol=1e-12)
        assert sum(means) == pytest.approx(said.together.change.mean, abs=1e-9)
        total = said.proportional - said.none
        assert said.together.change.mean * said.proportional == pytest.approx(total, abs=1e-12)


def write_apart(folder, more):
    """Groups A and B share items; D has items of its own, and `more` adds pairs of user and item.

    Users are many enough that no two items of A have the same ones: rounding would rank these.
    """
    users, items = interactions(sizes={"A": 30, "B": 24})
    rng = np.random.default_rng(5)
    pairs = list(zip(users.tolist(), items.tolist(), strict=True))
    pairs += [(55 + u, 41 + i) for u in range(9) for i in rng.choice(12, 6, replace=False)]
    pairs += more
    groups = ["A"] * 30 + ["B"] * 24 + ["D"] * 9
    write_data_set(
        folder,
        "tiny",
        {
            "user_id:token": [f"u{u}" for u, _ in pairs],
            "item_id:token": [f"i{i}" for _, i in pairs],
        },
        {"user_id:token": [f"u{u}" for u in range(1, 64)], "group:token": groups},
    )
    return folder


def test_a_group_that_shares_no_item_with_the_others_gets_nothing(tmp_path):
    """Lambda is chosen for every set of groups, and all items are ranked."""
    ex = experiment(write_apart(tmp_path, []), model="EASE", lambdas=GRID, valid_metric="recall@5")
    found, _ = solved(ex, ["A", "B"])
    columns = ex.dataset_of(ex.part(0), ex.groups.of_user == 0).inter_matrix().toarray().T
    columns = columns[columns.any(axis=1)]
    assert len(np.unique(columns, axis=0)) == len(columns)
    for game in found.values():
        apart = 1 << game.players.index("D")
        for at in range(4):
            assert game.lambdas[at] == game.lambdas[at | apart]
        for metric in game.values:
            of_users = shapley_values(np.stack([game.values[metric][m] for m in range(4)]))
            assert (of_users[game.players.index("D")] == 0).all()
            assert of_users.any()
    said = effects([found["A"]], "recall@5", seed=0, n_boot=50)
    change = next(e.change for e in said.shapley if e.groups == ("D",))
    assert (change.mean, change.ci_low, change.ci_high) == (0, 0, 0)


def test_a_chain_of_groups_lets_a_stranger_in(tmp_path):
    """D shares no item with A, but B's users have items of both: then D matters where B does."""
    between = {(u, 41 + (u * k + k * k) % 12) for u in range(31, 55) for k in range(4)}
    folder = write_apart(tmp_path, sorted(between))
    ex = experiment(folder, model="EASE", reg_weight=0.5, topk=[5])
    (game,) = solved(ex, ["A"])[0].values()
    values = game.values["ndcg@5"]
    np.testing.assert_array_equal(values[0b10], values[0])  # D beside A alone
    rows = [ex.items[ex.groups.of_user[ex.users] == i] for i in (0, 2)]
    assert not np.intersect1d(*rows).size
    assert (values[0b11] != values[0b01]).any()


def test_held_out_test_rows_change_no_lambda(tiny, tiny_games):
    _, found = tiny_games
    ex = experiment(tiny, model="EASE", lambdas=GRID, valid_metric="recall@5", folds=2)
    part = ex.part(0)
    turned = part.held_out.relevant[:, np.roll(np.arange(ex.shape[1]), 7)]
    ex._parts[0] = replace(part, held_out=replace(part.held_out, relevant=turned))
    other, _ = solved(ex, list("ABC"))
    for target, game in other.items():
        assert game.lambdas == found[target].lambdas
        assert any(
            (game.values["recall@5"][m] != found[target].values["recall@5"][m]).any()
            for m in range(4)
        )


def test_a_share_of_the_target_trains_and_all_of_it_is_measured(tiny):
    ex = experiment(tiny, model="EASE", reg_weight=20.0, valid_metric="recall@5", target="B")
    kept = []
    for share in (0.3, 0.6, 1.0):
        smaller = with_fraction(ex, share)
        of = np.flatnonzero(smaller.groups.of_user == 1)
        kept.append(set(of))
        assert len(of) == round(share * 14)
        (game,) = games(smaller, {"B": smaller}, {"B": [2, 7]}).values()
        whole = ex.target_held_out(ex.part(0))
        np.testing.assert_array_equal(game.users, whole.users)
        net = EASE(ex.config, ex.dataset_of(ex.part(0)))
        for at, others in ((0, ()), (3, (0, 2))):
            net.reg_weight.fill_(20.0)
            net.fit(
                (np.isin(ex.groups.of_user, others) | np.isin(np.arange(33), of)).astype(float)
            )
            expected = user_metrics(net, whole, [5], ["recall"])["recall@5"]
            np.testing.assert_array_equal(game.values["recall@5"][at], expected)
    assert kept[0] < kept[1] < kept[2]
    assert kept[0] != set(np.flatnonzero(with_fraction(ex, 0.3, draw=1).groups.of_user == 1))


def test_sampled_orders_estimate_the_exact_values(tiny_games):
    ex, found = tiny_games
    sampled, planned = solved(ex, ["B"], permutations=20)
    orders = planned.orders_of(1)
    exact = effects([found["B"]], "recall@5", seed=0, n_boot=50)
    near = effects([sampled["B"]], "recall@5", seed=0, n_boot=50, orders=orders)
    for one, other, error in zip(exact.shapley, near.shapley, near.errors, strict=True):
        assert one.change.mean == pytest.approx(other.change.mean, abs=1e-9)  # of 2 players: exact
        assert error < 1e-12
    assert near.pairs == [] and exact.pairs


# --- what is said


def made(values, users=200):
    """Effects of a game of three groups beside a target, with little noise of users."""
    noise = np.random.default_rng(0).normal(0, 0.02, (8, users))
    base = np.random.default_rng(1).normal(0.4, 0.05, users)
    of = {m: base + v + noise[m] for m, v in enumerate(values)}
    return effects(
        [Game("t", ("x", "y", "z"), np.arange(users), {"m@5": of}, {})], "m@5", seed=0, n_boot=500
    )


def test_sentences_name_the_smallest_set_and_the_interaction():
    members = [[m >> i & 1 for i in range(3)] for m in range(8)]
    one = " ".join(sentences(made([0.1 * (x or y) for x, y, _ in members])))
    assert "x alone does what all 3 others do" in one or "y alone does what all 3" in one
    assert "interaction is that of x and y" in one and "stand in for each other" in one
    two = " ".join(sentences(made([0.1 * (x and z) for x, _, z in members])))
    assert "x and z do what all 3 others do" in two and "no smaller set does" in two
    assert "x and z" in two.split("largest interaction")[1] and "makes the other useful" in two
    harm = " ".join(sentences(made([-0.1 * (x or y) for x, y, _ in members])))
    assert "own data alone do better, as far as" in harm
    assert (
        "interaction is that of x and y" in harm
        and "beside one of them the other harms less" in harm
    )
    more = " ".join(sentences(made([-0.1 * (x and z) for x, _, z in members])))
    assert "beside one of them the other harms more" in more
    mixed = " ".join(sentences(made([0.1 * x - 0.1 * y + 0.1 * (x and y) for x, y, _ in members])))
    assert "each is worth more beside the other" in mixed
    mixed = " ".join(sentences(made([0.2 * x - 0.1 * (x and y) for x, y, _ in members])))
    assert "each is worth less beside the other" in mixed
    none = " ".join(sentences(made([0.0] * 8)))
    assert "own data alone do as well" in none and "No interaction of two groups" in none


# --- the command


def test_the_command_writes_its_files(tiny, tmp_path):
    given = ["--dataset=tiny", f"--data_path={tiny}", "--group_field=group", "--topk=[5]"]
    asked = ["--targets=A,C", "--folds=2", "--target_fraction=[.5,1]", "--draws=2"]
    out = tmp_path / "out"
    status, shown, err = call("shapley", *given, *asked, "--lambdas=[2,20]", f"--out={out}")
    assert status == 0, err
    assert "6 unions of groups: 24 solutions on folds (2 folds x 2 lambdas)" in err
    assert "for 1 smaller shares" in err and "16 unions of groups" in err
    assert "Who pays for whom" in shown and "best of 2, 20" in shown
    content = json.loads((out / "shapley.json").read_text(encoding="utf-8"))
    assert content["lambdas"] == [2, 20] and len(content["sets"]) == 6
    assert {len(of) for of in content["lambda"].values()} == {4}
    table = pd.read_csv(out / "shapley.csv")
    of_a = table[(table["target"] == "A") & (table["metric"] == "recall@5")]
    for _, rows in of_a.groupby("target_fraction"):
        kinds = rows.groupby("kind")["mean"].sum()
        assert kinds["shapley"] == pytest.approx(kinds["together"], abs=1e-9)
        assert set(rows[rows["kind"] == "shapley"]["group"]) == {"B", "C"}
    assert sorted(of_a["target_fraction"].unique()) == [0.5, 1]
    assert {p.name for p in out.iterdir()} == {
        *("shapley.json", "shapley.csv", "shapley.png", "fractions.png", "folds.jsonl")
    }


def test_the_command_samples_orders(tiny, tmp_path):
    given = ["--dataset=tiny", f"--data_path={tiny}", "--group_by=activity", "--bins=9"]
    asked = ["--targets=Q2", "--permutations=4", "--reg_weight=20", "--topk=[20]"]
    status, shown, err = call("shapley", *given, *asked, f"--out={tmp_path / 'out'}")
    assert status == 0, err
    assert "4 sampled orders of 9 groups" in err and "unions of groups, each solved once" in err
    assert "estimates from 4 orders" in shown and "interaction" not in shown
    table = pd.read_csv(tmp_path / "out" / "shapley.csv").groupby(["metric", "kind"])
    sums = table["mean"].sum().unstack()
    np.testing.assert_allclose(sums["shapley"], sums["together"], atol=1e-9)
    assert (table["sampling_error"].max().unstack()["shapley"] > 0).all()


def test_targets_with_training_rows_of_their_own_share_no_model(tiny, monkeypatch):
    ex = experiment(tiny, model="EASE", reg_weight=20.0)
    assert [list(views) for _, views in sharing(ex, list("ABC"))] == [["A", "B", "C"]]
    shared, whole = ex.for_target, ex.part(0)

    def own_rows(target):
        view = shared(target)
        view._parts = {0: replace(whole, rows=whole.rows[1:] if target == "B" else whole.rows)}
        return view

    monkeypatch.setattr(ex, "for_target", own_rows)
    assert [list(views) for _, views in sharing(ex, list("ABC"))] == [["A", "C"], ["B"]]


def test_a_curve_of_targets_measures_their_users_alone(tiny):
    ex = experiment(tiny, model="EASE", reg_weight=20.0)
    curve = ValidationCurve(ex, ex.part(1), ["A", "C"])
    assert set(ex.groups.of_user[curve.held_out.users]) == {0, 2}


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("--target_fraction=[0,1]", "--target_fraction is [0.0, 1.0]; shares"),
        ("--target_fraction=2", "--target_fraction is [2.0]; shares"),
        ("--target_fraction=x", "--target_fraction is 'x'; give numbers"),
        ("--permutations=3", "--permutations is 3; it must be an even number"),
        ("--targets=A,Q", "'Q' is not a group"),
        ("--model=BPR", "one that is solved in closed form: EASE, WeightedSVD"),
        ("--draws=0", "--draws is '0'"),
        ("--targets=Q", "target 'Q' (in --targets) is not a group"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(tiny, tmp_path, option, says):
    given = ["--dataset=tiny", f"--data_path={tiny}", "--group_field=group", "--topk=[5]"]
    status, shown, err = call("shapley", *given, "--folds=2", f"--out={tmp_path / 'o'}", option)
    assert not one_line(status, shown, err) and says in err
    assert not Path(tmp_path / "o").exists()


def test_users_who_do_not_train_need_the_graph_of_all(tiny, tmp_path):
    given = ["--dataset=tiny", f"--data_path={tiny}", "--group_field=group", "--topk=[5]"]
    status, _, err = call(
        "shapley", *given, "--target_fraction=.5", "--graph=positive", f"--out={tmp_path / 'o'}"
    )
    assert status == 2 and "use --graph=all" in err
    svd = ["--model=WeightedSVD", "--embedding_size=6", "--target_fraction=.3"]
    status, _, err = call("shapley", *given, *svd, f"--out={tmp_path / 'o'}")
    assert status == 2 and "embedding_size is 6" in err and "0.3 of the users" in err
