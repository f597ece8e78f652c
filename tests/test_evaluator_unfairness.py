"""Unfairness of models between groups, from RecBole's own loaders, against brute force."""

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import groups_of_users, interactions, write_data_set
from recbole.data import create_dataset, data_preparation
from recbole.model.abstract_recommender import GeneralRecommender
from recbole.utils import InputType, get_model, init_seed

from recbole_groupmix import GroupEvaluator
from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.config import GroupMixConfig

VALUE = {
    "load_col": {"inter": ["user_id", "item_id", "rating"], "user": ["user_id", "group"]},
    "LABEL_FIELD": "rating",
    "metrics": ["RMSE", "MAE"],
    "valid_metric": "RMSE",
    "train_neg_sample_args": None,
    "eval_args": {"split": {"RS": [0.5, 0.0, 0.5]}, "mode": "labeled"},
}
RANKING = {
    "load_col": {"inter": ["user_id", "item_id"], "user": ["user_id", "group"]},
    "metrics": ["Recall", "Hit"],
    "topk": [3, 5],
    "valid_metric": "Hit@5",
    "eval_args": {"split": {"RS": [0.6, 0.1, 0.3]}, "mode": "full"},
}


class _Ratings(GeneralRecommender):
    """Predicts ratings from biases and factors, as a project's own model would."""

    input_type = InputType.POINTWISE

    def __init__(self, config, dataset):
        super().__init__(config, dataset)
        generator = torch.Generator().manual_seed(5)
        self.users = torch.nn.Parameter(torch.randn(self.n_users, 3, generator=generator))
        self.items = torch.nn.Parameter(torch.randn(self.n_items, 3, generator=generator))

    def predict(self, interaction):
        users, items = interaction[self.USER_ID], interaction[self.ITEM_ID]
        return 3 + (self.users[users] * self.items[items]).sum(dim=1)


def _project(folder, settings, **more):
    users, items = interactions()
    rng = np.random.default_rng(3)
    inter = {
        "user_id:token": [f"u{user}" for user in users],
        "item_id:token": [f"i{item}" for item in items],
        "rating:float": rng.integers(1, 6, len(users)),
    }
    groups = groups_of_users()
    user = {"user_id:token": [f"u{i + 1}" for i in range(len(groups))], "group:token": groups}
    write_data_set(folder, "tiny", inter, user)
    given = {"data_path": str(folder), "embedding_size": 8, **settings, **more}
    config = GroupMixConfig("BPR", "tiny", given)
    init_seed(7, True)
    with recbole_compat():
        loaders = data_preparation(config, create_dataset(config))
        model = _Ratings if settings is VALUE else get_model("BPR")
        net = model(config, loaders[0]._dataset)
    return config, loaders, net


def _rows(loader, net):
    """Every evaluated row: group of the user, item, prediction, rating."""
    dataset = loader._dataset
    users, items = (dataset.inter_feat[name].numpy() for name in ("user_id", "item_id"))
    u, i = net.users.detach().numpy(), net.items.detach().numpy()
    tokens = dataset.field2id_token["user_id"]
    group = {f"u{n + 1}": name for n, name in enumerate(groups_of_users())}
    return pd.DataFrame(
        {
            "group": [group[tokens[user]] for user in users],
            "item": items,
            "score": 3 + (u[users] * i[items]).sum(axis=1).astype(np.float64),
            "rating": dataset.inter_feat["rating"].numpy().astype(np.float64),
        }
    )


def _brute_force(rows, variant, missing):
    """Measures between the rows marked True in ``first`` and the others, by loops."""
    found = {"value": [], "absolute": [], "underestimation": [], "overestimation": []}
    for item in sorted(set(rows["item"])):
        sides = []
        for side in (True, False):
            mine = rows[(rows["item"] == item) & (rows["first"] == side)]
            errors = [
                score - rating for score, rating in zip(mine.score, mine.rating, strict=True)
            ]
            if not errors:
                sides.append(None if missing == "skip" else (0.0, 0.0, 0.0, 0.0))
                continue
            mean = sum(errors) / len(errors)
            if variant == "paper":
                sides.append((mean, abs(mean), max(0, -mean), max(0, mean)))
            else:
                sides.append(
                    (
                        mean,
                        sum(abs(e) for e in errors) / len(errors),
                        sum(max(0, -e) for e in errors) / len(errors),
                        sum(max(0, e) for e in errors) / len(errors),
                    )
                )
        if None not in sides:
            for name, one, other in zip(found, *sides, strict=True):
                found[name].append(abs(one - other))
    wanted = {name: np.mean(gaps) for name, gaps in found.items()}
    means = [rows[rows["first"] == side]["score"].mean() for side in (True, False)]
    return {**wanted, "parity": abs(means[0] - means[1]), "n_items_used": len(found["value"])}


@pytest.mark.parametrize("variant", ["paper", "code"])
@pytest.mark.parametrize("missing", ["skip", "zero"])
def test_unfairness_of_ratings_equals_brute_force(tmp_path, variant, missing):
    config, loaders, net = _project(tmp_path, VALUE)
    evaluator = GroupEvaluator(config, loaders[2], "group")
    rows = _rows(loaders[2], net)
    options = {"variant": variant, "missing": missing}
    pairs = evaluator.unfairness(net, **options)
    assert list(zip(pairs["first"], pairs["second"], strict=True)) == [
        ("A", "B"), ("A", "C"), ("B", "C"),
    ]  # fmt: skip
    table = pd.concat(
        [
            pairs,
            evaluator.unfairness(net, "B", **options),
            evaluator.unfairness(net, "C", "A", **options),
        ]
    )
    assert table["second"].tolist() == ["B", "C", "C", "rest", "A"]
    for _, row in table.iterrows():
        mine = rows if row["second"] == "rest" else rows[rows.group.isin(row[["first", "second"]])]
        wanted = _brute_force(mine.assign(first=mine.group == row["first"]), variant, missing)
        for measure, value in wanted.items():
            assert row[measure] == pytest.approx(value, abs=1e-5), measure  # scores are float32
        assert row["n_items"] == mine["item"].nunique()
        if missing == "skip":
            assert row["n_items_used"] < row["n_items"]
    if variant == "paper":
        sums = table["underestimation"] + table["overestimation"]
        np.testing.assert_allclose(table["value"], sums, rtol=1e-12)
    pd.testing.assert_frame_equal(evaluator.unfairness(net, **options), pairs)  # not grown
    # its report is RecBole's: the items that are kept beside the scores change nothing
    errors = rows["score"] - rows["rating"]
    assert evaluator.evaluate(net).overall["mae"] == pytest.approx(errors.abs().mean(), abs=1e-5)


def _lists(loader, net):
    """Top items, best first, and relevant items of every evaluated user, by internal id."""
    dataset = loader._dataset
    relevant = {}
    for user, item in zip(*(dataset.inter_feat[f].tolist() for f in ("user_id", "item_id"))):  # noqa: B905
        relevant.setdefault(user, set()).add(item)
    top = {}
    for user, mine in relevant.items():
        scores = net.full_sort_predict({"user_id": torch.tensor([user])}).detach().numpy()
        scores[[0, *(loader._sampler.used_ids[user] - mine)]] = -np.inf
        top[user] = np.argsort(-scores, kind="stable").tolist()
    return top, relevant


def _ranking_brute_force(top, relevant, first, second, n_items, missing):
    exposure, hit_gaps, surplus = [], [], []
    overall = []
    for side in (first, second):
        pairs = [(user, item) for user in side for item in relevant[user]]
        overall.append(np.mean([item in top[user] for user, item in pairs]))
    for item in range(1, n_items):
        shown = [np.mean([item in top[user] for user in side]) for side in (first, second)]
        wanted = [np.mean([item in relevant[user] for user in side]) for side in (first, second)]
        if not any(shown) and not any(wanted):
            continue
        exposure.append(abs(shown[0] - shown[1]))
        surplus.append([shown[0] - wanted[0], shown[1] - wanted[1]])
        served = [
            [item in top[user] for user in side if item in relevant[user]]
            for side in (first, second)
        ]
        if missing == "zero" and any(served):
            served = [side or [True] for side in served]  # as if fully served
        if all(served):
            hit_gaps.append(abs(np.mean(served[0]) - np.mean(served[1])))
    a, b = np.array(surplus).T
    return {
        "hit_rate_gap": np.mean(hit_gaps),
        "overall_hit_rate_gap": abs(overall[0] - overall[1]),
        "surplus_gap": np.abs(a - b).mean(),
        "miscalibration_gap": np.abs(np.abs(a) - np.abs(b)).mean(),
        "undersupply_gap": np.abs(np.maximum(-a, 0) - np.maximum(-b, 0)).mean(),
        "oversupply_gap": np.abs(np.maximum(a, 0) - np.maximum(b, 0)).mean(),
        "exposure_gap": np.mean(exposure),
        "n_hit_items": len(hit_gaps),
        "n_items": len(exposure),
    }


@pytest.mark.parametrize(  # one user at a time, all at once
    ("eval_batch_size", "missing"), [(1, "skip"), (10**6, "skip"), (10**6, "zero")]
)
def test_unfairness_of_rankings_equals_brute_force(
    tmp_path, monkeypatch, eval_batch_size, missing
):
    if eval_batch_size == 1:
        monkeypatch.setattr("recbole_groupmix.evaluation.scoring.users_per_batch", lambda *_: 1)
    config, loaders, net = _project(tmp_path, RANKING, eval_batch_size=eval_batch_size)
    evaluator = GroupEvaluator(config, loaders[2], "group")
    top, relevant = _lists(loaders[2], net)
    of_user = {user: evaluator.groups.names[evaluator.groups.of_user[user]] for user in relevant}
    table = pd.concat(
        [
            evaluator.ranking_unfairness(net, missing=missing),
            evaluator.ranking_unfairness(net, "C", k=2, missing=missing),
            evaluator.ranking_unfairness(net, "B", "A", k=[1, 8], missing=missing),
        ]
    )
    shape = [(row.k, row.first, row.second) for row in table.itertuples()]
    assert shape == [
        (3, "A", "B"), (3, "A", "C"), (3, "B", "C"), (5, "A", "B"), (5, "A", "C"), (5, "B", "C"),
        (2, "C", "rest"), (1, "B", "A"), (8, "B", "A"),
    ]  # fmt: skip
    for _, row in table.iterrows():
        first = [user for user, name in of_user.items() if name == row["first"]]
        second = [
            user for user, name in of_user.items()
            if name == row["second"] or (row["second"] == "rest" and name != row["first"])
        ]  # fmt: skip
        short = {user: items[: row["k"]] for user, items in top.items()}
        n_items = loaders[2]._dataset.item_num
        wanted = _ranking_brute_force(short, relevant, first, second, n_items, missing)
        for measure, value in wanted.items():
            assert row[measure] == pytest.approx(value, abs=1e-12), (row["k"], measure)
    again = evaluator.ranking_unfairness(net, missing=missing)
    pd.testing.assert_frame_equal(again, table.iloc[:6])


def test_places_without_a_candidate_are_empty(tmp_path):
    # one sampled candidate per relevant item: a user with n of them has 2n candidates, and with
    # so large a k all of them are in his list, and every relevant pair is a hit
    settings = {**RANKING["eval_args"], "mode": "uni1"}
    config, loaders, net = _project(tmp_path, RANKING, eval_args=settings)
    evaluator = GroupEvaluator(config, loaders[2], {"u1": "x", "u2": "y"})
    (row,) = evaluator.ranking_unfairness(net, k=1000).itertuples()  # more than there are items
    assert (row.overall_hit_rate_gap, row.undersupply_gap) == (0, 0)
    relevant = loaders[2]._dataset.inter_feat
    users = torch.from_numpy(np.flatnonzero(evaluator.groups.of_user >= 0))
    mine = relevant["item_id"][torch.isin(relevant["user_id"], users)]
    n_relevant = len(mine.unique())
    assert n_relevant < row.n_items <= n_relevant + len(mine) < loaders[2]._dataset.item_num


def test_what_has_no_unfairness_is_nan_or_refused(tmp_path):
    config, loaders, net = _project(tmp_path, VALUE)
    evaluator = GroupEvaluator(config, loaders[2], {"u1": "x", "u2": "y", "nobody": "z"})
    table = evaluator.unfairness(net).set_index(["first", "second"])
    empty = table.loc[("x", "z")]  # no user of z is evaluated
    assert empty[["value", "absolute", "parity"]].isna().all()
    assert empty["n_items_used"] == 0 and empty["n_items"] > 0
    assert np.isfinite(table.loc[("x", "y"), "parity"])
    with pytest.raises(ValueError, match="'q' is not a group"):
        evaluator.unfairness(net, "q")
    with pytest.raises(ValueError, match="first and second are both 'x'"):
        evaluator.unfairness(net, "x", "x")
    with pytest.raises(ValueError, match="second is 'x' without a first"):
        evaluator.unfairness(net, second="x")
    with pytest.raises(ValueError, match="variant is 'code2'"):
        evaluator.unfairness(net, variant="code2")
    with pytest.raises(ValueError, match="missing is 'drop'"):
        evaluator.unfairness(net, "x", missing="drop")
    with pytest.raises(ValueError, match=r"rankings needs an evaluation of rankings"):
        evaluator.ranking_unfairness(net)
    with pytest.raises(ValueError, match="single group x"):
        GroupEvaluator(config, loaders[2], {"u1": "x"}).unfairness(net)
    config, loaders, net = _project(tmp_path / "b", RANKING)
    evaluator = GroupEvaluator(config, loaders[2], "group")
    with pytest.raises(ValueError, match=r"needs an evaluation of values: .*LABEL_FIELD"):
        evaluator.unfairness(net)
    for k in (0, []):
        with pytest.raises(ValueError, match=r"cut-offs are whole numbers >= 1"):
            evaluator.ranking_unfairness(net, k=k)
