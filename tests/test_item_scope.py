"""``rank_items`` and ``train_items``: catalogues and training rows of parts, and what is said of them."""

import json

import numpy as np
import pytest
from command import call, one_line, run_arguments, run_folder
from helpers import experiment, groups_of_users, interactions, job, write_data_set
from hypothesis import given, settings
from hypothesis import strategies as st
from recbole.trainer import Trainer
from recbole_project import project

from recbole_groupmix import GroupEvaluator, load_test_data
from recbole_groupmix.adapters.compat import recbole_compat, without_folders
from recbole_groupmix.adapters.held_out import HeldOut, scores_of_all_items, user_metrics
from recbole_groupmix.core.mix import Mix
from recbole_groupmix.core.user_metrics import per_user_metrics
from recbole_groupmix.exact.gradient import gradient_search
from recbole_groupmix.exact.loss_influence import LossProblem
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.item_notes import item_notes, items_outside
from recbole_groupmix.experiment.measured_users import NOT_KEPT, OUTSIDE, measured_users
from recbole_groupmix.rivals.calibrated import RIVAL
from recbole_groupmix.rivals.rival import Reference
from recbole_groupmix.settings.merge import merge_settings
from recbole_groupmix.training.closed_form.back_end import ClosedForms
from recbole_groupmix.training.joint import Joint
from recbole_groupmix.training.one_by_one import OneByOne

MIX = Mix({"B": 0.5, "C": 0.5}, 1.0)


@pytest.fixture(scope="module")
def markets(tmp_path_factory):
    """The tiny data set in which items 31 to 40 are of group C alone, with columns of offers."""
    users, items = interactions()
    group = np.array(groups_of_users())[users - 1]
    items = np.where((items > 30) & (group != "C"), items - 30, items)
    items = np.where((group == "C") & (users % 2 == 0), items % 10 + 31, items)
    users, items = np.unique(np.stack([users, items]), axis=1)
    folder = tmp_path_factory.mktemp("markets")
    names = groups_of_users()
    write_data_set(
        folder,
        "tiny",
        {
            "user_id:token": [f"u{user}" for user in users],
            "item_id:token": [f"i{item}" for item in items],
        },
        {
            "user_id:token": [f"u{user}" for user in range(1, len(names) + 1)],
            "group:token": names,
        },
        {
            "item_id:token": [f"i{item}" for item in range(1, 41)],
            "offered:token_seq": ["A B" if item <= 20 else "B C" for item in range(1, 41)],
            "to_few:token": ["A" if item <= 3 else "B" for item in range(1, 41)],
            "not_to_a:token": ["B"] * 40,
            "shelf:token": ["x" if item % 2 else "y" for item in range(1, 41)],
        },
    )
    return folder


def _catalogue(ex, part, name):
    """Items of a group's catalogue, from the rows themselves."""
    if ex.settings.rank_items == "offered":
        tokens = ex.dataset.id2token("item_id", np.arange(ex.shape[1]))
        number = [0 if token == "[PAD]" else int(str(token)[1:]) for token in tokens]
        low, high = {"A": (1, 20), "B": (1, 40), "C": (21, 40)}[name]
        return {item for item, n in enumerate(number) if low <= n <= high}
    mine = ex.groups.of_user[part.users] == ex.groups.index(name)
    return set(part.items[mine].tolist())


def _brute(ex, part, scores, k):
    """Hits and numbers of relevant items of users, each sorted over its group's catalogue."""
    held = ex.is_test if part.index == 0 else ex.folds == part.index - 1
    hits, n_relevant = {}, {}
    for user in np.unique(part.users):
        mine = _catalogue(ex, part, ex.groups.names[ex.groups.of_user[user]])
        seen = set(part.items[part.users == user].tolist())
        wanted = (set(ex.items[held & (ex.users == user)].tolist()) - seen) & mine
        if wanted:
            order = sorted(mine - seen, key=lambda i: (-scores[user, i], i))[:k]
            found = [i in wanted for i in order]
            hits[user] = found + [False] * (k - len(found))
            n_relevant[user] = len(wanted)
    return hits, n_relevant


@pytest.mark.parametrize("rank_items", ["target", "offered"])
@pytest.mark.parametrize(
    ("model", "back_end"),
    [
        ("BPR", Joint(on_torch=False)),
        ("BPR", Joint(on_torch=True)),
        ("BPR", OneByOne()),
        ("EASE", ClosedForms()),
        ("WeightedSVD", ClosedForms()),
    ],
)
def test_every_back_end_ranks_the_catalogue(markets, rank_items, model, back_end):
    size = {"embedding_size": 4} if model != "EASE" else {}
    ex = experiment(markets, model=model, rank_items=rank_items, topk=[3, 5], **size)
    asked = job(ex, "own", MIX, 1, epochs=None if ex.settings.is_solved else 2, eval_step=1)
    (fit,) = back_end.train(ex, [asked])
    part = ex.part(1)
    scores = scores_of_all_items(fit.model, np.arange(ex.shape[0]), ex.shape[1]).detach().numpy()
    values = fit.curve.values_of("A").counts[-1]  # of closed forms the last lambda's
    hits, n_relevant = _brute(ex, part, scores, 5)
    mine = [user for user in hits if ex.groups.of_user[user] == ex.groups.index("A")]
    assert fit.curve.values_of("A").users.tolist() == mine
    found = per_user_metrics(
        np.array([hits[user] for user in mine]),
        np.array([n_relevant[user] for user in mine]),
        [5],
        ["recall"],
    )["recall@5"]
    counts = np.rint(found * [n_relevant[user] for user in mine])
    assert values.tolist() == counts.tolist() and counts.any()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), rank_items=st.sampled_from(["target", "offered"]))
def test_all_users_of_all_parts_rank_their_groups_catalogue(markets, seed, rank_items):
    ex = experiment(markets, rank_items=rank_items, topk=[3, 5], seed=seed % 7)
    scores = np.random.default_rng(seed).normal(size=ex.shape).astype(np.float32)
    for index in (0, 1, 2):
        part = ex.part(index)
        hits, n_relevant = _brute(ex, part, scores, 5)
        assert part.held_out.users.tolist() == list(hits)
        found = user_metrics(_Fixed(scores), part.held_out, [5])
        wanted = per_user_metrics(
            np.array([*hits.values()]), np.array([*n_relevant.values()]), [5]
        )
        assert {k: v.tolist() for k, v in found.items()} == {
            k: v.tolist() for k, v in wanted.items()
        }


class _Fixed:
    """A model of given scores, as far as it is ranked."""

    USER_ID, ITEM_ID = "user", "item"

    def __init__(self, scores):
        import torch

        self.scores = torch.tensor(scores)

    def parameters(self):
        return iter([self.scores])

    def eval(self):
        return self

    def full_sort_predict(self, interaction):
        return self.scores[interaction["user"]].flatten().clone()


@pytest.mark.parametrize("key", ["rank_items", "train_items"])
def test_held_out_rows_decide_nothing(markets, key):
    """Other held-out items of a fold leave its catalogues and its training rows as they were."""
    ex, other = (experiment(markets, topk=[3, 5], **{key: "target"}) for _ in range(2))
    assert (ex.folds == other.folds).all()
    held = other.folds == 0
    new = sorted(set(range(1, ex.shape[1])) - _catalogue(ex, ex.part(1), "A"))
    other.items = other.items.copy()
    other.items[held] = np.resize(new, held.sum())  # items that the target does not train on
    one, two = ex.part(1), other.part(1)
    assert one.rows.tolist() == two.rows.tolist()
    if key == "rank_items":
        assert np.array_equal(one.catalogues.ranked, two.catalogues.ranked)


@pytest.mark.parametrize("index", [0, 1])
def test_other_groups_train_on_the_target_s_items_only(markets, index):
    whole, ex = experiment(markets), experiment(markets, train_items="target")
    part, every = ex.part(index), whole.part(index)
    mine = whole.groups.of_user[every.users] == whole.groups.index("A")
    kept = mine | np.isin(every.items, every.items[mine])
    assert part.rows.tolist() == every.rows[kept].tolist() and not kept.all()
    assert part.n_users == whole.groups.n_users(every.users[kept])
    assert part.n_users["C"] < every.n_users["C"] and part.n_users["A"] == every.n_users["A"]


def test_ease_on_the_target_s_items_is_ease_of_these_items(markets):
    ex = experiment(markets, model="EASE", train_items="target", lambdas=[7.0], topk=[3, 5])
    (fit,) = ClosedForms().train(ex, [job(ex, "own", MIX, 1)])
    part, weights = ex.part(1), job(ex, "own", MIX, 1).weights
    x = np.zeros(ex.shape)
    x[part.users, part.items] = 1
    used = np.flatnonzero(x.any(axis=0))
    w = ex.groups.weights_of_users(weights)
    gram = (x[:, used].T * w) @ x[:, used]
    inverse = np.linalg.inv(gram + 7.0 * np.eye(len(used)))
    b = -inverse / np.diag(inverse)
    np.fill_diagonal(b, 0)
    wanted = np.zeros(ex.shape)
    wanted[:, used] = x[:, used] @ b
    users = np.unique(part.users)
    found = scores_of_all_items(fit.model, users, ex.shape[1]).detach().numpy()
    np.testing.assert_allclose(found, wanted[users], atol=1e-5)
    assert len(used) < ex.shape[1] - 1


def test_who_is_not_measured_and_why(markets):
    ex = experiment(markets, rank_items="offered", train_items="target", topk=[3, 5])
    measured = measured_users(ex)
    whole = measured_users(experiment(markets, topk=[3, 5]))
    assert measured["C"].not_measured[NOT_KEPT] > 0
    assert measured["A"].not_measured[OUTSIDE] > 0
    for name, of in measured.items():
        assert of.n_in_data == whole[name].n_in_data
        assert of.n_measured + sum(of.not_measured.values()) == of.n_in_data
    ranked, trained = item_notes(ex)
    assert "column offered offers to their group" in ranked and "20 of 40" in ranked
    part, held = ex.part(0), ex.is_test
    target = ex.groups.of_user == 0
    pairs = (part.users, part.items), (ex.users[held], ex.items[held])
    new = HeldOut.of_pairs(*pairs, ex.shape).of_users(target).relevant.sum()
    left = new - part.held_out.of_users(target).relevant.sum()
    assert f"{left} of their {new} test items lie outside" in ranked and left > 0
    others = part.users[~target[part.users]]
    assert f"{len(others)} of" in trained and f"of {len(np.unique(others))} of" in trained
    assert item_notes(experiment(markets)) == []
    given = {"dataset": "tiny", "data_path": str(markets), "group_field": "group", "target": "all"}
    every = Experiment(merge_settings({**given, "rank_items": "target"}), all_users=True)
    (note,) = item_notes(every)
    outside, new = (counts.sum() for counts in items_outside(every))
    assert f"all 3 groups); {outside} of their {new} test items" in note


def test_calibrated_lists_hold_items_of_the_catalogue(markets):
    ex = experiment(markets, rank_items="offered", class_field="shelf", topk=[3, 5])
    recipe = RIVAL.recipe(ex, 1, {"trade_off": 0.3, "of_group": 0.0}, Reference(1, {}))
    users = ex.part(1).held_out.users
    scores = np.random.default_rng(0).normal(size=(len(users), ex.shape[1])).astype(np.float32)
    raised = recipe.rerank(scores, users) > scores.max(axis=1, keepdims=True)
    assert raised.any(axis=1).all()
    assert not (raised & ex.part(1).catalogues.left_out(users)).any()


def test_the_held_out_loss_of_influence_and_gradient_is_that_of_the_catalogue(markets):
    ex = experiment(markets, model="EASE", rank_items="offered", lambdas=[7.0], topk=[3, 5])
    part = ex.part(1)
    x = np.zeros(ex.shape)
    x[part.users, part.items] = 1
    inverse = np.linalg.inv(x.T @ x + 7.0 * np.eye(ex.shape[1]))
    scores = x - x @ inverse / np.diag(inverse)
    held_out = part.held_out
    wanted = []
    for row, user in enumerate(held_out.users):
        mine = _catalogue(ex, part, ex.groups.names[ex.groups.of_user[user]])
        ranked = sorted(mine - set(part.items[part.users == user].tolist()))
        shares = np.exp(10 * scores[user]) / np.exp(10 * scores[user, ranked]).sum()
        wanted.append(-np.log(shares[held_out.relevant[row].indices]).mean())
    found = LossProblem(ex, 1).changes(dict.fromkeys("ABC", 7.0))
    np.testing.assert_allclose(found.before, wanted, rtol=1e-4)
    (start,) = gradient_search(ex, 7.0, free=10**9, folds=1, starts=["proportional"], most=1)
    of_target = np.array(wanted)[ex.target_users(held_out)].mean()
    assert start.optimum.loss_at_start == pytest.approx(of_target, rel=1e-4)


def test_another_target_has_training_rows_of_its_own(markets):
    """Where rows depend on the target; else the parts are shared."""
    ex, whole = experiment(markets, train_items="target"), experiment(markets)
    first = ex.part(1)
    second = ex.for_target("C").part(1)
    wanted = experiment(markets, train_items="target", target="C").part(1)
    assert second.rows.tolist() == wanted.rows.tolist() != first.rows.tolist()
    assert whole.for_target("C").part(1) is whole.part(1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rank_items": "offred"}, ["item column 'offred' of tiny.item is not there", "offered"]),
        ({"rank_items": "traget"}, ["neither all nor target", "did you mean 'target'"]),
        ({"rank_items": "shelf"}, ["holds the name of no group", "'x', 'y'", "A, B, C"]),
        ({"rank_items": "not_to_a"}, ["leaves no item for the users of target 'A' on test"]),
        ({"rank_items": "to_few"}, ["beyond the 3 items that users of target 'A'", "topk is"]),
        ({"rank_items": "target", "topk": "[40]"}, ["beyond the", "on test", "rank_items is"]),
        ({"train_items": "some"}, ["train_items is 'some'", "allowed are all, target"]),
        ({"train_items": "target", "target": "all"}, ["needs one target", "--target=GROUP"]),
    ],
)
def test_bad_input_is_one_line_before_training(markets, tmp_path, monkeypatch, options, words):
    monkeypatch.chdir(tmp_path)
    answer = call(*run_arguments(markets, **{"topk": "[3,5]", **options}))
    assert not one_line(*answer)
    for word in words:
        assert word in answer[2]
    assert not list(tmp_path.glob("runs/*/folds.jsonl"))


def test_a_catalogue_of_a_fold_can_be_too_small(markets):
    n_items = len(_catalogue(ex := experiment(markets), ex.part(0), "A"))
    assert n_items > len(_catalogue(ex, ex.part(1), "A"))
    ex = experiment(markets, rank_items="target", topk=[n_items])
    with pytest.raises(ValueError, match=r"beyond the .* items .* on fold 1 of 2"):
        ex.check_parts(2)


def test_a_run_says_which_items_were_ranked(undrawn, markets, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = {"rank_items": "offered", "train_items": "target", "topk": "[3,5]", "model": "EASE"}
    status, out, err = call(*run_arguments(markets, **options))
    assert status == 0, err
    assert "note: rank_items offered: users are ranked over" in err + out
    result = json.loads((run_folder() / "result.json").read_text())
    assert [text.split(":")[0] for text in result["items"]] == [
        "rank_items offered",
        "train_items target",
    ]
    assert "train_items target: of other groups" in " ".join(out.split())
    status, out, err = call("report", str(run_folder()))
    assert status == 0, err
    page = next(run_folder().rglob("*.html")).read_text()
    assert "column offered offers to their group" in page
    _load_and_evaluate(run_folder())


def _load_and_evaluate(folder):
    """RecBole's own trainer on the run's test data obeys the catalogues."""
    from recbole_groupmix import load_run

    config, model, _ = load_run(folder)
    loader = load_test_data(folder)
    values = json.loads((folder / "result.json").read_text())["test_by_group"]
    report = GroupEvaluator(config, loader, "group", metrics=["Recall"], topk=[3, 5])
    for name, means in report.evaluate(model).by_group.iterrows():
        if name not in values:  # overall
            continue
        row = values[name].get("data_mix", values[name]["proportional"])
        assert means["recall@5"] == pytest.approx(row["recall@5"], abs=1e-6)


@pytest.mark.parametrize("rank_items", ["target", "group_of_item"])
def test_the_evaluator_and_recbole_s_trainer_rank_the_catalogue(tmp_path, rank_items):
    config, (train, _, test), net = project(tmp_path, metrics=["Recall"], topk=[2, 3])
    users = train._dataset.inter_feat["user_id"].numpy()
    items = train._dataset.inter_feat["item_id"].numpy()
    names = {f"i{item}": "A B" if item <= 25 else "B C" for item in range(1, 41)}
    write_item_file(tmp_path, names)
    options = {"train_data": train} if rank_items == "target" else {}
    evaluator = GroupEvaluator(config, test, "group", rank_items=rank_items, **options)
    groups, tokens = evaluator.groups, test._dataset.field2id_token["item_id"]
    scores = scores_of_all_items(net.eval(), np.arange(len(groups.of_user)), len(tokens))
    scores, held = scores.detach().numpy(), test._dataset.inter_feat
    per_user = evaluator.evaluate(net).per_user.set_index("user_id")["recall@3"]
    by_hand = {}
    for user in np.unique(held["user_id"].numpy()):
        group = groups.names[groups.of_user[user]]
        if rank_items == "target":
            mine = set(items[np.isin(users, groups.users(group))].tolist())
        else:
            mine = {i for i, t in enumerate(tokens) if group in names.get(str(t), "").split()}
        history = set(test.uid2history_item[user].tolist())
        wanted = set(held["item_id"].numpy()[held["user_id"].numpy() == user].tolist()) & mine
        if wanted:
            order = sorted(mine - history, key=lambda i: -scores[user, i])[:3]
            by_hand[test._dataset.field2id_token["user_id"][user]] = sum(
                i in wanted for i in order
            ) / len(wanted)
    assert per_user.to_dict() == pytest.approx(by_hand)
    with recbole_compat(), without_folders():
        trained = Trainer(config, net).evaluate(evaluator.data, load_best_model=False)
    assert trained["recall@3"] == pytest.approx(per_user.mean())
    plain = GroupEvaluator(config, test, "group").evaluate(net)
    assert plain.overall["recall@3"] != pytest.approx(per_user.mean())


def write_item_file(folder, names):
    lines = ["item_id:token\tgroup_of_item:token_seq", *(f"{i}\t{n}" for i, n in names.items())]
    (folder / "tiny" / "tiny.item").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "mode", "message"),
    [
        ({"rank_items": "target"}, "full", "train_data=train_data"),
        ({"rank_items": "offers"}, "full", "neither all nor target; .* tiny.item does not exist"),
        ({"rank_items": "target"}, "uni5", "does not rank all items"),
        ({"rank_items": "target", "topk": 40}, "full", "beyond the .* items that users of 'A'"),
    ],
)
def test_refusals_of_the_evaluator(tmp_path, options, mode, message):
    config, loaders, _ = project(tmp_path, metrics=["Recall"], mode=mode)
    more = {"train_data": loaders[0]} if "train_data" not in message else {}
    with pytest.raises(ValueError, match=message):
        GroupEvaluator(config, loaders[2], "group", **options, **more)
