"""Calibrated re-ranking as a rival: one training, the rows of a part alone, and a run with it."""

import json
import re

import numpy as np
import pytest
from command import call, run_arguments, run_folder
from helpers import SIZES, SMALL, groups_of_users, interactions, write_data_set

from recbole_groupmix.adapters.held_out import scores_of_all_items, user_metrics
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.rivals.calibrated import RIVAL, TRADE_OFF
from recbole_groupmix.rivals.recipe import Recipe
from recbole_groupmix.rivals.rival import Reference
from recbole_groupmix.settings.merge import merge_settings
from recbole_groupmix.training.closed_form.back_end import ClosedForms
from recbole_groupmix.training.fine_tuning import FineTuning
from recbole_groupmix.training.job import Job
from recbole_groupmix.training.joint import Joint
from recbole_groupmix.training.one_by_one import OneByOne
from recbole_groupmix.training.reranking import Reranking

REFERENCE = Reference(2, {})
GENRES = ("war", "love", "crime", "")


def _write(folder, seed=0):
    users, items = interactions(seed)
    genre = [" ".join(dict.fromkeys([GENRES[i % 4], GENRES[i % 3]])).strip() for i in range(41)]
    write_data_set(
        folder,
        "classed",
        {"user_id:token": [f"u{u}" for u in users], "item_id:token": [f"i{i}" for i in items]},
        {
            "user_id:token": [f"u{u}" for u in range(1, sum(SIZES.values()) + 1)],
            "group:token": groups_of_users(),
        },
        {"item_id:token": [f"i{i}" for i in range(1, 41)], "genre:token_seq": genre[1:]},
    )
    return folder


@pytest.fixture(scope="module")
def classed(tmp_path_factory):
    return _write(tmp_path_factory.mktemp("classed"))


def _experiment(data, **given):
    values = {"dataset": "classed", "data_path": str(data), "group_field": "group", "target": "A"}
    values |= {"class_field": "genre", "init": "normal(0.1)"}
    return Experiment(merge_settings({**SMALL, **values, **given}))


def _jobs(ex, part, epochs=2, reference=REFERENCE, eval_step=1):
    """One job without a re-ranking, and two points of the rival."""
    points = RIVAL.points(ex, reference)[:2]
    recipes = [RIVAL.recipe(ex, part, point, reference) for point in points]
    plain = Recipe(recipes[0].weights, options=recipes[0].options)
    return [
        Job("plain", plain, part, 0, epochs, eval_step=eval_step),
        *(
            Job("calibrated", recipe, part, 0, epochs, dict(point), eval_step=eval_step)
            for recipe, point in zip(recipes, points, strict=True)
        ),
    ]


def _top(model, held_out, ex, k=10):
    scores = scores_of_all_items(model, held_out.users, ex.shape[1]).detach().numpy().copy()
    scores[held_out.left_out()] = -np.inf
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


class _Counting:
    """A back end that remembers its jobs."""

    def __init__(self, back_end):
        self.back_end, self.calls = back_end, []

    def train(self, experiment, jobs, on_epoch=None):
        self.calls.append(list(jobs))
        yield from self.back_end.train(experiment, self.calls[-1], on_epoch)


@pytest.mark.parametrize(
    ("model", "back_end"),
    [
        ("BPR", OneByOne()),
        ("BPR", Joint()),
        ("NeuMF", OneByOne()),  # without full_sort_predict
        ("EASE", ClosedForms()),
    ],
)
@pytest.mark.parametrize("part", [ALL_OF_TRAIN, 1])
def test_points_share_the_training_of_proportional(classed, model, back_end, part):
    ex = _experiment(classed, model=model)
    reference = Reference(2, {"reg_weight": 20.0} if model == "EASE" else {})
    counting = _Counting(back_end)
    plain, *points = _jobs(ex, part, 1 if model == "EASE" else 2, reference, int(part > 0))
    fits = {
        repr(fit.job.options): fit
        for fit in Reranking(FineTuning(counting)).train(ex, [*points, plain])
    }
    assert [job.name for call in counting.calls for job in call] == ["plain"]
    held_out = ex.part(part).held_out
    as_is = fits["{}"]
    top = _top(as_is.model, held_out, ex)
    for job in points:
        fit = fits[repr(job.options)]
        assert fit.job == job and fit.epochs == as_is.epochs
        assert fit.model.state_dict().keys() == as_is.model.state_dict().keys()
        assert not np.array_equal(_top(fit.model, held_out, ex), top)
        if part == ALL_OF_TRAIN:
            assert fit.curve is None
            continue
        wanted = user_metrics(fit.model, ex.target_held_out(ex.part(part)), [10], ["recall"])
        assert fit.curve.epochs == [fit.epochs]
        assert fit.curve.means("A") == pytest.approx([wanted["recall@10"].mean()], abs=1e-12)


def test_points_alone_are_one_training_without_measurements(classed):
    ex = _experiment(classed)
    counting = _Counting(OneByOne())
    _, *points = _jobs(ex, 1)
    fits = list(Reranking(counting).train(ex, points))
    ((only,),) = counting.calls
    assert only.eval_step == 0 and only.recipe.rerank is None
    assert [fit.job for fit in fits] == points
    assert [len(fit.curve) for fit in fits] == [1, 1]


def test_a_training_with_early_stopping_serves_no_fixed_length(classed):
    ex = _experiment(classed)
    plain, *points = _jobs(ex, 1)
    counting = _Counting(OneByOne())
    stopped = Job("plain", plain.recipe, 1, 0, None, eval_step=1)
    assert len(list(Reranking(counting).train(ex, [stopped, *points]))) == 3
    assert [[job.epochs for job in call] for call in counting.calls] == [[None], [2]]
    endless = Job("calibrated", points[0].recipe, 1, 0, None, eval_step=1)
    with pytest.raises(ValueError, match="has no length"):
        list(Reranking(OneByOne()).train(ex, [endless]))


def test_without_weight_it_is_proportional_to_the_bit(classed):
    ex = _experiment(classed)
    plain, job, _ = _jobs(ex, ALL_OF_TRAIN, eval_step=0)
    point = {**job.options, TRADE_OFF: 0.0}
    recipe = RIVAL.recipe(ex, ALL_OF_TRAIN, point, REFERENCE)
    job = Job("calibrated", recipe, ALL_OF_TRAIN, 0, 2, point)
    a, b = (fit.model for fit in Reranking(OneByOne()).train(ex, [plain, job]))
    held_out = ex.part(ALL_OF_TRAIN).held_out
    assert np.array_equal(_top(a, held_out, ex, 30), _top(b, held_out, ex, 30))


@pytest.mark.parametrize("part", [ALL_OF_TRAIN, 1])
def test_held_out_rows_change_no_list(classed, part):
    """Every held-out row gets another item; scores that no training makes are ranked alike."""
    ex, other = _experiment(classed), _experiment(classed)
    rows = other.is_test if part == ALL_OF_TRAIN else (other.folds == part - 1) | other.is_test
    assert rows.sum() > 30
    other.items = np.where(rows, other.items % 40 + 1, other.items)
    assert not np.array_equal(
        ex.part(part).held_out.relevant.indices, other.part(part).held_out.relevant.indices
    )
    users = np.arange(1, ex.shape[0])
    scores = np.random.default_rng(0).normal(size=(len(users), ex.shape[1]))
    for point in RIVAL.points(ex, REFERENCE):
        a, b = (RIVAL.recipe(e, part, point, REFERENCE).rerank for e in (ex, other))
        assert np.array_equal(a(scores, users), b(scores, users))


def test_training_items_and_padding_are_not_listed(classed):
    ex = _experiment(classed)
    left_out = ex.part(1).held_out.left_out()
    users = ex.part(1).held_out.users
    scores = np.where(left_out, 2.0, np.random.default_rng(0).random(left_out.shape))
    for point in RIVAL.points(ex, REFERENCE):
        changed = RIVAL.recipe(ex, 1, point, REFERENCE).rerank(scores, users) != scores
        assert (changed.sum(axis=1) == ex.settings.topk[-1]).all()
        assert not changed[left_out].any()


def test_every_point_is_a_recipe_of_its_own(classed):
    ex = _experiment(classed)
    points = RIVAL.points(ex, REFERENCE)
    assert len(points) == 16
    keys = {RIVAL.recipe(ex, 1, point, REFERENCE).identity for point in points}
    assert len(keys) == len(points)
    of_b = RIVAL.recipe(ex.for_target("B"), 1, points[1], REFERENCE)
    assert of_b.identity not in keys  # shares of another target are another list


def test_no_rival_without_classes(classed, tmp_path):
    assert RIVAL.why_not(_experiment(classed)) is None
    assert "--class_field" in RIVAL.why_not(_experiment(classed, class_field=None))
    wrong = RIVAL.why_not(_experiment(classed, class_field="gender"))
    assert "gender" in wrong and "\n" not in wrong


def test_a_run_with_the_rival(classed, tmp_path):
    arguments = run_arguments(
        classed, "classed", class_field="genre", rivals="calibrated", output_dir=tmp_path
    )
    status, _, err = call(*arguments)
    assert status == 0, err
    folder = run_folder(tmp_path)
    assert "calibrated" in json.loads((folder / "result.json").read_text())["change"]
    lines = [json.loads(line) for line in (folder / "trials.jsonl").read_text().splitlines()]
    tried = [line["options"] for line in lines if line["name"] == "calibrated"]
    assert tried and all(TRADE_OFF in options for options in tried)
    # its points share a model on each of 2 folds, in the forecast and in the bars
    assert "2 more for rivals (calibrated)" in err and len(tried) > 2
    bars = re.findall(r"(.*): (\d+) of (\d+) models", err)
    assert all(done == of for _, done, of in bars)
    assert [of for title, _, of in bars if "rivals" in title] == ["2"]
