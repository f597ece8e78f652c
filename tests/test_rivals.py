"""Rivals of mixing: which a run has, what the folds choose, and that changing nothing is exact."""

import json
from dataclasses import replace

import numpy as np
import pytest
from command import call, run_arguments, run_folder
from helpers import experiment, write_tiny

from recbole_groupmix.mixes.candidates import reference_candidate
from recbole_groupmix.record.rival_sentences import against_rival_sentence
from recbole_groupmix.rivals.candidate import carried_rivals, named_rivals, rival_candidates
from recbole_groupmix.rivals.focused import RIVAL as FOCUSED
from recbole_groupmix.rivals.known import known_rivals, register, unregister
from recbole_groupmix.rivals.recipe import Recipe
from recbole_groupmix.rivals.rival import Reference
from recbole_groupmix.rivals.tuned_lambda import RIVAL as TUNED
from recbole_groupmix.search.choice import choose
from recbole_groupmix.search.jobs import job_of
from recbole_groupmix.search.workload import planned
from recbole_groupmix.settings.merge import merge_settings
from recbole_groupmix.training.job import Job
from recbole_groupmix.training.joint import Joint
from recbole_groupmix.training.one_by_one import OneByOne

REFERENCE = Reference(3)
BACK_ENDS = [OneByOne(), Joint(), Joint(on_torch=True)]


class Stronger:
    """A toy: Proportional with a larger learning rate."""

    name = "stronger"
    says = "all data as they are, with steps that are larger"
    advice = "take larger steps (stronger)"
    source = "this test"
    costs_little = False
    own_length = False

    def most_points(self, settings):
        return 1

    def why_not(self, experiment):
        return "EASE takes no steps" if experiment.settings.is_solved else None

    def points(self, experiment, reference):
        return [{"learning_rate": 0.2}]

    def recipe(self, experiment, part, point, reference):
        return reference.recipe(experiment, options=dict(point))

    def implied_mix(self, experiment, point):
        return None


@pytest.fixture
def toy():
    register(Stronger())
    yield
    unregister("stronger")


def _tables(experiment, train, job):
    (fit,) = train.train(experiment, [job])
    return [w.detach().numpy().copy() for w in fit.model.parameters()]


# --- which rivals a run has ----------------------------------------------------------------------


def test_every_rival_says_what_it_is(tiny):
    settings = experiment(tiny).settings
    for name, rival in known_rivals().items():
        assert rival.name == name and name in rival.advice, name
        assert not rival.says.endswith(".") and not rival.advice.endswith("."), name
        assert rival.source and rival.most_points(settings) > 0, name


def test_default_all_none_and_names(tiny):
    def names(**given):
        return [rival.name for rival in named_rivals(experiment(tiny, **given).settings)]

    assert names() == ["fine_tuned", "tuned_lambda"]
    assert set(names(rivals="all")) == set(known_rivals()) > {"focused", "adaptive"}
    assert names(rivals="none") == names(fine_tune=False) == []
    assert names(rivals="focused, fine_tuned,focused") == ["focused", "fine_tuned"]
    assert names(rivals=["focused"], fine_tune=False) == ["focused"]


def test_a_registered_rival_is_a_row_like_any_other(tiny, tmp_path, toy):
    arguments = run_arguments(tiny, output_dir=tmp_path, rivals="stronger")
    status, out, err = call(*arguments)
    assert status == 0, err
    assert (
        "stronger" in err and "stronger: all data as they are, with steps that are larger" in out
    )
    result = json.loads((run_folder(tmp_path) / "result.json").read_text())
    assert list(result["rivals"]) == ["stronger"] and list(result["rows"])[-1] == "stronger"
    assert result["trainings"]["rivals"] == {"stronger": 2}
    with pytest.raises(ValueError, match="there is a rival 'stronger' already"):
        register(Stronger())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("fine_tunde", "there is no rival 'fine_tunde'; did you mean 'fine_tuned'?"),
        ("nothing", "tuned_lambda: all data as they are, with the L2 weight"),
        ("all,focused", "all stands alone"),
        ("[]", "it must be a list of names"),
    ],
)
def test_what_is_no_rival_is_one_line(tiny, tmp_path, given, words):
    status, out, err = call(*run_arguments(tiny, output_dir=tmp_path, rivals=given))
    assert status == 2 and out == "" and not any(tmp_path.iterdir())
    assert words in err.splitlines()[-1].replace(" (", " ", 1) or words in err


def test_what_a_model_cannot_carry_is_a_note_where_it_was_asked_for(tiny):
    solved = experiment(tiny, model="EASE", epochs=None, embedding_size=None, rivals="all")
    carried, notes = carried_rivals(solved, True)
    assert {"fine_tuned", "mainstream_weights"} <= {rival.name for rival in carried}
    assert "rival focused is left out: EASE has no L2 term by user" in notes
    quiet = experiment(tiny, model="EASE", epochs=None, embedding_size=None)
    assert carried_rivals(quiet, True)[1] == []
    assert "chosen on folds" in carried_rivals(quiet, False)[1][0]
    rows = experiment(tiny, regularizer="rows", rivals="focused")
    assert "counts embeddings and not users" in carried_rivals(rows, True)[1][0]


def test_the_name_of_a_rival_is_no_name_of_a_mix(tiny, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("name: fine_tuned\nalpha: {B: 0.5, C: 0.5}\nalpha_aug: 1\n")
    status, _, err = call(*run_arguments(tiny, output_dir=tmp_path / "runs", mix=file))
    assert status == 2 and "fine_tuned" in err.splitlines()[-1]


def test_no_rival_has_more_points_than_there_are_mixes(tiny):
    ex = experiment(tiny, reg_weight=0.01)
    found = rival_candidates(ex, [FOCUSED, TUNED], REFERENCE, 3)
    assert [len(candidate.points) for candidate in found] == [3, 3]
    assert found[0].points == FOCUSED.points(ex, REFERENCE)[:3]


# --- what the folds choose -----------------------------------------------------------------------


@pytest.mark.parametrize(("score", "changes"), [(0.31, True), (0.3, False), (np.nan, False)])
def test_a_rival_that_is_no_better_on_the_folds_is_proportional(tiny, score, changes):
    ex = experiment(tiny, rivals="tuned_lambda")
    mixes = [reference_candidate(ex.n_users, "A")]
    rivals = rival_candidates(ex, [TUNED], REFERENCE, 9)
    summary = {"scores": [], "epochs": 3, "own": 3, "at_cap": False, "options": {}}
    cv = {"proportional": {**summary, "score": 0.3}}
    cv["tuned_lambda"] = {**summary, "score": score, "options": {"reg_weight": 0.03}}
    chosen = choose(ex, mixes, cv, {}, rivals)
    assert list(chosen.rows) == ["proportional", "tuned_lambda"]
    assert (chosen.rows["tuned_lambda"] is rivals[0]) == changes
    assert dict(chosen.duplicates) == ({} if changes else {"tuned_lambda": "proportional"})
    assert chosen.trainings == {"mixes": 2, "rivals": {"tuned_lambda": 8}}


def test_a_run_says_mix_against_rival(tiny, tmp_path):
    arguments = run_arguments(tiny, output_dir=tmp_path, rivals="tuned_lambda,focused", folds=2)
    status, out, err = call(*arguments)
    assert status == 0, err
    result = json.loads((run_folder(tmp_path) / "result.json").read_text())
    assert {row["kind"] for row in result["rows"].values()} == {"mix", "rival"}
    scores = {n: r["score"] for n, r in result["rivals"].items() if not r["changes_nothing"]}
    for name, record in result["rivals"].items():
        reference = result["search"]["cv"]["proportional"]
        assert record["changes_nothing"] == (record["score"] <= reference)
        same = result["test"][name] == result["test"]["proportional"]
        assert same == record["changes_nothing"]
    found = result["against_rival"]
    cv, selected = result["search"]["cv"], result["search"]["selected"]
    mixes = {n: cv[selected if n == "data_mix" else n] for n in result["mixes"]}
    mixes = {
        n: score for n, score in mixes.items() if n not in ("proportional", *result["same_mix"])
    }
    assert found["mix"] == max(mixes, key=mixes.get)
    assert found["rival"] == max(scores, key=scores.get)
    test, key = result["test"], "precision@10"
    wanted = test[found["mix"]][key] / test[found["rival"]][key] - 1
    assert found["change"][key]["mean"] == pytest.approx(wanted)
    assert "Mixing against rivals, each chosen on the folds" in out
    # the same command again has nothing left to train
    assert "nothing left to train" in call(*arguments)[2]


def _result(mean, p, repeats=5):
    change = {"mean": mean, "ci_low": mean - 0.01, "ci_high": mean + 0.01, "p": p, "p_holm": p}
    rival = {"changes_nothing": False}
    return {
        "rivals": {"r": rival},
        "repeats": repeats,
        "embedding_size": 4,
        "change": {"data_mix": {"k@1": change}, "r": {"k@1": change}},
        "against_rival": {"mix": "data_mix", "rival": "r", "change": {"k@1": change}},
    }


@pytest.mark.parametrize(
    ("mean", "p", "words"),
    [
        (0.02, 0.001, "mixing is ahead of it"),
        (-0.02, 0.001, "mixing is behind it"),
        (0.02, 0.2, "mixing is not told apart from it by both tests"),
        (0.005, 0.2, "mixing cannot be told apart from it"),
    ],
)
def test_the_sentence_tells_who_is_ahead(mean, p, words):
    assert words in against_rival_sentence(_result(mean, p), "k@1")
    few = against_rival_sentence(_result(mean, p, repeats=3), "k@1")
    assert ("not established" in few) == (p < 0.05)


def test_another_verdict_at_the_own_length_is_a_doubt():
    result = _result(0.02, 0.001)
    own = {**result["against_rival"]["change"]["k@1"], "p": 0.3}
    result["against_rival"]["own_length"] = {"k@1": own}
    said = against_rival_sentence(result, "k@1")
    assert "not established (at the length of the mix's own curve it is +2.0%" in said
    result["against_rival"]["own_length"]["k@1"]["p"] = 0.01
    assert "not established" not in against_rival_sentence(result, "k@1")


def test_without_a_better_rival_the_sentence_says_so():
    nothing = {"rivals": {"r": {"changes_nothing": True}}, "against_rival": None}
    assert "no rival was better than proportional" in against_rival_sentence(nothing, "k@1")
    assert against_rival_sentence({}, "k@1") == ""


# --- what they train -----------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["BPR", "LightGCN"])
@pytest.mark.parametrize("train", BACK_ENDS)
def test_equal_l2_weights_are_proportional_bit_for_bit(tiny, model, train):
    ex = experiment(tiny, model=model, reg_weight=0.01, init="normal(0.1)")
    plain = Job("p", REFERENCE.recipe(ex), 1, 0, 3)
    equal = replace(plain, recipe=replace(plain.recipe, l2=dict.fromkeys("ABC", 1.0)))
    for a, b in zip(_tables(ex, train, plain), _tables(ex, train, equal), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("regularizer", ["weighted", "unweighted"])
@pytest.mark.parametrize("model", ["BPR", "LightGCN"])
def test_back_ends_agree_on_l2_weights_and_on_factors_of_users(tiny, model, regularizer):
    ex = experiment(tiny, model=model, reg_weight=0.3, regularizer=regularizer, init="normal(0.1)")
    factors = np.linspace(0.2, 2.0, ex.shape[0])
    weights = {"A": 1.0, "B": 0.5, "C": 2.0}
    recipe = Recipe(weights, l2={"A": 5.0, "B": 1.0, "C": 0.1}, by_user=factors, key=("u",))
    wanted, *others = [_tables(ex, t, Job("m", recipe, 1, 0, 4)) for t in BACK_ENDS]
    for without in (replace(recipe, l2=None), replace(recipe, by_user=None, key=())):
        moved = _tables(ex, Joint(), Job("m", without, 1, 0, 4))
        assert any(np.abs(a - b).max() > 1e-3 for a, b in zip(moved, wanted, strict=True))
    for got in others:
        for a, b in zip(got, wanted, strict=True):
            np.testing.assert_allclose(a, b, atol=2e-4)


def test_factors_constant_in_groups_are_the_weights_of_groups(tiny):
    ex = experiment(tiny, reg_weight=0.1, init="normal(0.1)")
    by_group = {"A": 1.0, "B": 0.5, "C": 2.0}
    by_user = ex.groups.weights_of_users(by_group)
    recipe = REFERENCE.recipe(ex, by_user=by_user, key=("u",))
    wanted = _tables(ex, Joint(), Job("m", Recipe(by_group), 1, 0, 4))
    for a, b in zip(_tables(ex, Joint(), Job("m", recipe, 1, 0, 4)), wanted, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_a_point_of_tuned_lambda_is_that_l2_weight(tiny):
    ex = experiment(tiny, reg_weight=0.01, init="normal(0.1)")
    points = TUNED.points(ex, REFERENCE)
    assert sorted(p["reg_weight"] for p in points) == [0.001, 0.00333333, 0.03, 0.1]
    (candidate,) = rival_candidates(ex, [TUNED], REFERENCE, 1)
    got = _tables(ex, Joint(), job_of(ex, candidate, 1, 0, 3, points[0]))
    own = experiment(tiny, reg_weight=0.03, init="normal(0.1)")
    wanted = _tables(own, Joint(), Job("p", REFERENCE.recipe(own), 1, 0, 3))
    for a, b in zip(got, wanted, strict=True):
        assert np.array_equal(a, b)


def test_focused_weighs_the_target_and_others_or_each_group_as_a_mix(tiny):
    ex = experiment(tiny, reg_weight=0.01)
    pair, of_mix = {"l2_target": 3.0, "l2_others": 1.0}, {"l2_of_mix": 2.0}
    assert FOCUSED.recipe(ex, 1, pair, REFERENCE).l2 == {"A": 3.0, "B": 1.0, "C": 1.0}
    sampled = FOCUSED.recipe(ex, 1, of_mix, REFERENCE).l2
    assert sampled["A"] == 1.0 and set(sampled) == set("ABC") and sampled["B"] != sampled["C"]


# --- nothing held out is looked at ---------------------------------------------------------------


def _with_other_items(place, ex, rows):
    """Write the data set of an experiment with the items of some rows permuted among them."""
    file = place / "tiny" / "tiny.inter"
    header, *lines = file.read_text().splitlines()
    items = [line.split("\t")[1] for line in lines]
    moved = np.roll([items[row] for row in rows], 1)
    for row, item in zip(rows, moved, strict=True):
        lines[row] = f"{lines[row].split(chr(9))[0]}\t{item}"
    file.write_text("\n".join([header, *lines]) + "\n")


@pytest.mark.parametrize("name", sorted(known_rivals()))
def test_held_out_rows_change_no_recipe(tmp_path, name):
    """Recipes of part 1 follow from its training rows: other items on fold 0 or test, same recipes."""
    given = {"reg_weight": 0.01, "rivals": [name]}
    write_tiny(tmp_path)
    ex = experiment(tmp_path, **given)
    rival = known_rivals()[name]
    if rival.why_not(ex):
        pytest.skip("needs classes of items; tests/test_calibrated.py has it")
    part = ex.part(1)
    held_out = np.setdiff1d(np.arange(len(ex.users)), part.rows)
    points = list(rival.points(ex, REFERENCE))
    before = [rival.recipe(ex, 1, point, REFERENCE) for point in points]
    _with_other_items(tmp_path, ex, held_out)
    other = experiment(tmp_path, **given)
    assert not np.array_equal(
        np.sort(other.users * 1000 + other.items), np.sort(ex.users * 1000 + ex.items)
    )
    assert list(rival.points(other, REFERENCE)) == points
    for point, earlier in zip(points, before, strict=True):
        later = rival.recipe(other, 1, point, REFERENCE)
        assert later.identity == earlier.identity
        if earlier.by_user is not None:
            np.testing.assert_array_equal(later.by_user, earlier.by_user)


def test_a_plan_counts_models_and_not_the_points_that_share_one():
    given = {"dataset": "tiny", "group_field": "group", "target": "A", "model": "BPR"}
    given |= {"trials": 30, "folds": 3, "budget_curve": False}
    work = planned(merge_settings({**given, "rivals": "calibrated"}), ["proportional"])
    assert (work.rivals_on_folds, work.rivals) == (3, ("calibrated",))
    more = planned(merge_settings({**given, "rivals": "focused"}), ["proportional"])
    assert more.rivals_on_folds > 3
