"""``--target=all``: shared models give each target what a run of its own gives."""

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command import call, run_arguments, run_folder, tree
from finished_runs import check_reproduced, timeless
from helpers import experiment, job, write_data_set, write_tiny
from killing import cut

from recbole_groupmix import load_run, run_groupmix
from recbole_groupmix.all_targets.shared_jobs import SharedJobs
from recbole_groupmix.all_targets.shared_trials import SharedTrial, draw_shared_trials
from recbole_groupmix.compare import compare, read_runs
from recbole_groupmix.core.budget_law import parse
from recbole_groupmix.core.mix import Mix, group_weights
from recbole_groupmix.core.samplers import SAMPLERS, sample_trial
from recbole_groupmix.core.statistics.bootstrap import holm
from recbole_groupmix.record.finished_run import read_folders
from recbole_groupmix.rivals.recipe import First, Recipe
from recbole_groupmix.training.closed_form import back_end as closed_form
from recbole_groupmix.training.job import Fit, Job
from recbole_groupmix.training.joint import Joint
from recbole_groupmix.training.validation_curve import EarlyStopping, ValidationCurve

N_USERS = {"A": 10, "B": 14, "C": 8}
UNTRAINED = {"model": "EASE", "epochs": None, "eval_step": None, "repeats": None}
TRAINED = {"model": "BPR", "epochs": 10, "repeats": 2}
KINDS = {"solved": UNTRAINED, "trained": TRAINED}


def ran(data_path, *more, **options):
    """Run all targets; return the folder, the index, and the folder of every target."""
    options = {"target": "all", "trials": 7, **options}
    status, out, err = call(*run_arguments(data_path, **options), *more)
    assert status == 0, err
    folder = run_folder(options.get("output_dir", "runs"))
    index = json.loads((folder / "index.json").read_text())
    return folder, index, {name: folder / t["folder"] for name, t in index["targets"].items()}, out


def records(folder, name="trials.jsonl"):
    found = [json.loads(line) for line in (folder / name).read_text().splitlines()]
    return {(record["name"], record["fold"]): record for record in found}


def alone(data_path, folder, **options):
    """Run one target; return its folder."""
    status, _, err = call(*run_arguments(data_path, **options), f"--output_dir={folder}")
    assert status == 0, err
    return run_folder(folder)


@pytest.fixture(scope="module")
def solved(tiny, tmp_path_factory):
    place = tmp_path_factory.mktemp("solved")
    return ran(tiny, output_dir=place / "runs", **UNTRAINED)


@pytest.fixture(scope="module")
def trained(tiny, tmp_path_factory):
    place = tmp_path_factory.mktemp("trained")
    return ran(tiny, output_dir=place / "runs", **TRAINED)


# --- the pool ------------------------------------------------------------------------------------


def test_targets_take_turns_after_each_round_of_samplers():
    pool = draw_shared_trials(7, 20, N_USERS, ["A", "B", "C"])
    assert [w.drawn_for for w in pool] == [*"AAABBBCCC" * 2, "A", "A"]
    assert [w.sampler for w in pool] == [SAMPLERS[i % 3] for i in range(20)]
    assert pool[:8] == draw_shared_trials(7, 8, N_USERS, ["A", "B", "C"])


def test_a_vector_is_the_trial_of_the_target_it_was_drawn_for():
    for trial, weights in enumerate(draw_shared_trials(7, 9, N_USERS, ["A", "B", "C"])):
        sampler, mix = sample_trial(7, trial, N_USERS, weights.drawn_for)
        candidate = weights.candidate(N_USERS, weights.drawn_for)
        assert (candidate.name, candidate.source) == (f"trial-{trial}", sampler)
        assert candidate.mix.alpha == pytest.approx(mix.alpha, abs=1e-12)
        assert candidate.mix.alpha_aug == pytest.approx(mix.alpha_aug)


def test_the_mix_of_another_target_by_hand():
    # weights 1, 2 and 0.5 for A, B, C: to B, whose users weigh 2, A's weigh 0.5 and C's 0.25, so
    # n_aug = 10 * 0.5 + 8 * 0.25 = 7 of 18 users, of which A has 5/7
    weights = SharedTrial("trial-0", "dirichlet", "A", {"A": 1.0, "B": 2.0, "C": 0.5})
    mix = weights.candidate(N_USERS, "B").mix
    assert mix.alpha == pytest.approx({"A": 5 / 7, "C": 2 / 7})
    assert mix.alpha_aug == pytest.approx(7 / 18)
    assert group_weights(mix, N_USERS, "B") == pytest.approx({"A": 0.5, "B": 1.0, "C": 0.25})


def test_a_vector_without_a_target_is_no_mix_of_it():
    weights = SharedTrial("trial-0", "dirichlet", "A", {"A": 1.0, "B": 0.0, "C": 2.0})
    assert weights.candidate(N_USERS, "B") is None
    assert weights.candidate(N_USERS, "C").mix.alpha == pytest.approx({"A": 1.0, "B": 0.0})


# --- the bridge ----------------------------------------------------------------------------------


def test_a_shared_closed_form_has_the_score_of_each_targets_own_run(solved, tiny):
    """The same vector, divided by the target's weight, with lambda divided by it as well."""
    _, index, folders, _ = solved
    vectors = {entry["name"]: entry["weights"] for entry in index["pool"]}
    compared = 0
    for target, folder in folders.items():
        ex = experiment(tiny, model="EASE", target=target, topk=[5, 10], folds=2)
        for (name, fold), record in records(folder).items():
            mix = Mix(record["alpha"], record["alpha_aug"])
            own = vectors[name][target] if name in vectors else 1.0
            for tried, lam in zip(record["tried"], (100, 300, 1000), strict=True):
                assert tried["options"]["reg_weight"] == pytest.approx(lam / own)
                asked = job(ex, name, mix, fold + 1, options=tried["options"])
                (fit,) = closed_form.ClosedForms().train(ex, [asked])
                assert tried["score"] == fit.curve.means(target)[0]
                compared += 1
            assert record["score"] == max(tried["score"] for tried in record["tried"])
    assert compared == sum(len(records(folder)) * 3 for folder in folders.values()) > 150


def test_a_run_of_its_own_of_the_selected_mix_has_the_same_folds_and_test(solved, tiny):
    _, index, folders, _ = solved
    entry, folder = index["targets"]["C"], folders["C"]
    (Path("mine.yaml")).write_text(json.dumps({"name": "mine", **entry["mix"]}))
    options = {**UNTRAINED, "target": "C", "trials": 0, "mix": "mine.yaml"}
    own = alone(tiny, "own", reg_weight=entry["options"]["reg_weight"], **options)
    result = json.loads((own / "result.json").read_text())
    assert result["search"]["cv"]["mine"] == entry["best_cv"]
    shared = json.loads((folder / "result.json").read_text())
    for group, rows in shared["test_by_group"].items():
        assert rows["data_mix"] == result["test_by_group"][group]["mine"]


@pytest.mark.parametrize(
    ("options", "targets"),
    [
        ({}, "AB"),
        ({"model": "LightGCN", "rivals": ["fine_tuned"]}, "B"),
        ({"backend": "torch", "epochs": 6}, "B"),
        ({"early_stopping": False, "loss_norm": "weight"}, "B"),
    ],
)
def test_a_shared_model_has_the_score_of_the_targets_own_run(tiny, options, targets):
    """Bit for bit where the target's users weigh 1: baselines, and trials that were drawn for it."""
    options = {**TRAINED, "epochs": 12, "stopping_step": 2, "trials": 6, "repeats": 1, **options}
    _, index, folders, _ = ran(tiny, **options)
    drawn = {entry["name"]: entry["drawn_for"] for entry in index["pool"]}
    assert list(drawn.values()) == list("AAABBB")
    for target in targets:
        own = alone(tiny, f"own-{target}", **{**options, "target": target})
        shared, mine = records(folders[target]), records(own)
        curves, own_curves = (records(f, "curves.jsonl") for f in (folders[target], own))
        same = [key for key in mine if drawn.get(key[0], target) == target]
        assert len(same) == (3 + 3 + ("rivals" in options)) * 2
        for key in same:
            for field in ("score", "epochs", "source"):
                assert shared[key][field] == mine[key][field]
            # Proportional goes on for other targets, but not the curve of this one; another mix may
            # be the searched one, which is trained for longer
            n = min(len(curves[key]["curve"]), len(own_curves[key]["curve"]))
            assert n and (n == len(own_curves[key]["curve"]) or key[0].startswith("trial"))
            for field in ("curve", "scores"):
                assert curves[key][field][:n] == own_curves[key][field][:n]


def test_shared_trials_follow_the_law_of_budgets():
    law = parse("log_uniform(0.05, 0.1)")
    for trial in draw_shared_trials(7, 9, N_USERS, ["A", "B", "C"], law):
        mix = trial.candidate(N_USERS, trial.drawn_for).mix
        assert law.low <= mix.alpha_aug * (1 + 1e-12) and mix.alpha_aug <= law.high * (1 + 1e-12)


def test_a_shared_model_scores_like_the_mixes_of_other_targets(tiny):
    """Without the divisor's help: Adam does not see a factor of the loss, up to its epsilon."""
    shared = experiment(
        tiny, epochs=6, learning_rate=0.03, regularizer="weighted", init="normal(0.1)"
    )
    for vector in draw_shared_trials(1, 6, shared.n_users, ["A", "B", "C"]):
        asked = Job("shared", Recipe(vector.weights), 1, 0, 6)
        (fit,) = Joint().train(shared, [asked])
        for target in "ABC":
            view = shared.for_target(target)
            found = vector.candidate(shared.n_users, target)
            (own,) = Joint().train(view, [job(view, "own", found.mix, 1, 0, 6)])
            for name, values in own.model.state_dict().items():
                np.testing.assert_allclose(fit.model.state_dict()[name], values, atol=2e-4)


# --- what is shared ------------------------------------------------------------------------------


def test_each_model_is_made_once(tiny, monkeypatch):
    made = []
    original = closed_form._solve
    monkeypatch.setattr(
        closed_form, "_solve", lambda *args: made.append(args[1]) or original(*args)
    )
    ran(tiny, **UNTRAINED, trials=6, reg_weight=50)
    on_folds = Counter((job.name, job.part) for job in made if job.part)
    # Proportional and six vectors once a fold, the other two baselines once for each target
    once = ["proportional", *(f"trial-{i}" for i in range(6))]
    # the forecast, which solves the first alone, twice, and then all beside each other
    on_folds["proportional", 1] -= 2
    on_folds.subtract((name, 1) for name in ("proportional", "stratified", "no_augmentation"))
    assert all(on_folds[name, part] == 1 for name in once for part in (1, 2))
    assert all(
        on_folds[name, part] == 3 for name in ("stratified", "no_augmentation") for part in (1, 2)
    )
    assert sum(on_folds.values()) == (7 + 6) * 2
    # forecast apart: Proportional, which has one lambda, is solved and measured once for all
    assert sum(job.targets == ("A", "B", "C") for job in made if not job.part) == 1


def test_jobs_are_one_model_where_nothing_but_the_target_differs(tiny):
    ex = experiment(tiny)
    views = {name: ex.for_target(name) for name in "AB"}
    base = job(ex, "mine", Mix({"B": 14 / 22, "C": 8 / 22}, 1.0), 0, 0, 3)  # everybody weighs 1
    others = [
        replace(base, recipe=replace(base.recipe, first=First(base.recipe, 3))),
        replace(base, repeat=1),
        replace(base, epochs=4),
        replace(base, part=1),
        replace(base, recipe=replace(base.recipe, options={"learning_rate": 0.1})),
        replace(base, recipe=Recipe({"A": 2.0, "B": 2.0, "C": 2.0})),
    ]
    same = replace(base, name="theirs", recipe=Recipe({"A": 1.0, "B": 1.0, "C": 1.0}))
    shared = SharedJobs(views, {"A": [base, *others], "B": [same]})
    assert len(shared.jobs) == 7
    (both,) = [job for job in shared.jobs if job.targets == ("A", "B")]
    assert both.weights == {"A": 1.0, "B": 1.0, "C": 1.0} and both.epochs == 3
    read = list(shared.read(Fit(both, lambda: None, 3, seconds=5.0)))
    assert [(name, fit.job, fit.seconds) for name, fit in read] == [
        ("A", base, 2.5),
        ("B", same, 2.5),
    ]


def test_one_training_is_read_at_the_end_of_every_job(tiny):
    ex = experiment(tiny, init="normal(0.1)", learning_rate=0.03)
    mix = Mix({"B": 0.3, "C": 0.7}, 0.8)
    jobs = [job(ex, f"to-{epochs}", mix, 0, 0, epochs) for epochs in (5, 2, 5, 9)]
    seen = []
    fits = list(Joint().train(ex, jobs, lambda label, done, most: seen.append((label, done))))
    assert seen == [("1 models, repeat 0", epoch) for epoch in range(1, 10)]
    assert [fit.job.name for fit in fits] == ["to-2", "to-5", "to-5", "to-9"]
    for fit in fits:
        (own,) = Joint().train(ex, [fit.job])
        for name, values in own.model.state_dict().items():
            assert np.array_equal(fit.model.state_dict()[name], values)


def test_the_curve_of_a_target_ends_when_its_patience_is_over(tiny):
    ex = experiment(tiny)
    curve = ValidationCurve(ex, ex.part(1), ("A", "C"))
    stopping = EarlyStopping(curve, updates_per_epoch=100, evaluations=1, eval_step=2)
    names = np.array(list("ABC"))[ex.groups.of_user[curve.held_out.users]]

    def record(epoch, **means):
        curve.record(np.array([{"B": 0.0, **means}[name] for name in names]), epoch)
        return stopping.is_over()

    # a point stands alone in its window up to epoch 9; two epochs are the least patience, and half
    # of the best epoch once that is more
    assert not record(2, A=0.5, C=0.1)
    assert not record(4, A=0.4, C=0.2)  # A has not risen for two epochs: its curve ends here
    assert not record(6, A=0.9, C=0.3)
    assert not record(8, A=0.3, C=0.2)  # C: two epochs, but half of 6 are three
    assert record(10, A=0.3, C=0.2)
    assert curve.ends == {"A": 2, "C": 5}


# --- what is written -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_target_has_an_ordinary_run_folder(kind, request, tiny):
    _, index, folders, _ = request.getfixturevalue(kind)
    options = {**KINDS[kind], "trials": 7}
    single = alone(tiny, "single", target="A", **options)
    expected = json.loads((single / "result.json").read_text())
    assert list(folders) == ["A", "B", "C"]
    for target, folder in folders.items():
        result = json.loads((folder / "result.json").read_text())
        assert result["target"] == target and set(result) == set(expected)
        assert list(result["test"]) == list(expected["test"])
        assert set(result["search"]) == set(expected["search"])
        names = [
            {f.name for f in place.iterdir() if not f.name.startswith("model-")}
            for place in (folder, single)
        ]
        assert names[0] == names[1]
        assert result["search"]["trials"] == index["targets"][target]["candidates"] <= 7
        trial = next(
            r for (name, _), r in records(folder).items() if name == result["search"]["selected"]
        )
        assert result["mixes"]["data_mix"] == {k: trial[k] for k in ("alpha", "alpha_aug")}
        one, two = (pd.read_parquet(f / "metrics.parquet") for f in (folder, single))
        pd.testing.assert_series_equal(one.dtypes, two.dtypes)
        keys = ["user_id", "group", "mix", "repeat", "metric", "k"]
        pd.testing.assert_frame_equal(one[keys], two[keys])
        config, model, _ = load_run(folder)
        assert type(model).__name__ == options["model"] and config["target"] == target
        check_reproduced(folder, "data_mix", tiny)
    assert [run.target for run in read_folders(list(folders.values()))] == ["A", "B", "C"]
    compare(read_runs([folders["A"]]), metrics=["recall@10"], n_boot=50, n_permutations=50)


def test_proportional_is_the_same_model_for_every_target(solved, tiny):
    """Where each chose the same lambda; here one is fixed."""
    _, _, folders, _ = ran(tiny, **UNTRAINED, trials=0, reg_weight=50)
    frames = [pd.read_parquet(folder / "metrics.parquet") for folder in folders.values()]
    mine = [f[f["mix"] == "proportional"].reset_index(drop=True) for f in frames]
    for other in mine[1:]:
        pd.testing.assert_frame_equal(mine[0], other)
    results = [json.loads((folder / "result.json").read_text()) for folder in folders.values()]
    assert all(
        list(r["mixes"]) == ["proportional", "stratified", "no_augmentation"] for r in results
    )
    assert all(r["search"]["selected"] is None for r in results)


def test_the_index_tells_what_the_runs_found(trained):
    folder, index, folders, out = trained
    assert index["schema_version"] == 2 and index["trials"] == 7 and index["left_out"] == {}
    assert [entry["name"] for entry in index["pool"]] == [f"trial-{i}" for i in range(7)]
    results = {t: json.loads((f / "result.json").read_text()) for t, f in folders.items()}
    p_values = []
    for target, entry in index["targets"].items():
        result = results[target]
        assert entry["test"] == result["test"] and entry["n_users"] == N_USERS[target]
        assert entry["selected"] == result["search"]["selected"]
        assert entry["best_cv"] == result["search"]["best_cv"]
        assert entry["mix"] == result["mixes"]["data_mix"]
        for mix, row in entry["change"].items():
            written = dict(result["change"][mix]["ndcg@5"])
            p_values.append((written["p"], row["ndcg@5"]["p_holm"]))
            written.pop("p_holm")
            assert {k: v for k, v in row["ndcg@5"].items() if k != "p_holm"} == written
    raw, corrected = zip(*p_values, strict=True)  # over the rows of all targets
    assert holm([np.nan if p is None else p for p in raw]) == pytest.approx(
        [np.nan if p is None else p for p in corrected], nan_ok=True
    )
    for stage in ("search", "test"):
        parts = [result["seconds"][stage] for result in results.values()]
        assert index["seconds"][stage] == pytest.approx(sum(parts))
    lines = out.splitlines()
    assert lines[0].startswith("tiny, all targets of group, BPR: ")
    assert lines[-1] == str(folder)
    rows = {line.split()[0] for line in lines[4:16] if not line.startswith(" ")}
    assert rows == {"A", "B", "C"}
    assert sum("reference" in line for line in lines) == 3
    value = index["targets"]["C"]["test"]["data_mix"]["precision@10"]
    assert any("data_mix" in line and f"{value:.4f}" in line for line in lines)


def test_the_python_call(tiny):
    given = {"data_path": str(tiny), "group_field": "group", "trials": 3, "folds": 2, "topk": [5]}
    result = run_groupmix("EASE", "tiny", "all", config_dict=given)
    place = Path(result.pop("run_folder"))
    assert json.loads((place / "index.json").read_text()) == result


# --- resumed -------------------------------------------------------------------------------------


def without_times(index):
    entries = {t: timeless(entry) for t, entry in index["targets"].items()}
    return {**timeless(index), "targets": entries}


@pytest.mark.parametrize(
    ("what", "after", "kind"),
    [
        ("trials.jsonl", 20, "solved"),
        ("curves.jsonl", 7, "trained"),
        ("repeats", 4, "trained"),
    ],
)
def test_a_killed_run_goes_on(tiny, request, what, after, kind):
    _, other, others, _ = request.getfixturevalue(kind)  # the undisturbed run
    options = {**KINDS[kind], "target": "all", "trials": 7}
    arguments = run_arguments(tiny, **options)
    cut(*arguments, folder="cut", what=what, after=after)
    before = {f: f.read_text() for f in run_folder("cut").glob("*/trials.jsonl")}
    _, index, folders, _ = ran(tiny, **{**options, "output_dir": "cut"})
    for file, text in before.items():
        whole = text[: text.rfind("\n") + 1]
        assert file.read_text().startswith(whole)
    assert without_times(index) == without_times(other)
    for target, folder in folders.items():
        assert len((folder / "trials.jsonl").read_text().splitlines()) == len(records(folder))
        one, two = (pd.read_parquet(f / "metrics.parquet") for f in (folder, others[target]))
        pd.testing.assert_frame_equal(one, two)


def test_more_trials_continue_and_the_same_command_trains_nothing(tiny, monkeypatch):
    _, first, folders, _ = ran(tiny, **UNTRAINED, trials=2)
    before = {target: (folder / "trials.jsonl").read_text() for target, folder in folders.items()}
    ran(tiny, **UNTRAINED, trials=5)
    for target, folder in folders.items():
        assert (folder / "trials.jsonl").read_text().startswith(before[target])
    monkeypatch.setattr(closed_form, "_solve", lambda *args: pytest.fail("solved again"))
    _, again, _, _ = ran(tiny, **UNTRAINED, trials=5)
    assert again["pool"][:2] == first["pool"] and len(again["pool"]) == 5


# --- which groups are targets, and what is refused ---------------------------------------------


def refused(data_path, **options):
    options = {"target": "all", **options}
    status, _, err = call(*run_arguments(data_path, **options))
    assert status == 2 and err.splitlines()[-1].startswith("groupmix: "), err
    assert tree() == {}
    return " ".join(err.split())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"regularizer": "unweighted"}, "regularizer is 'unweighted' .* only a weighted L2 term"),
        ({"regularizer": "rows"}, "regularizer is 'rows' .* --regularizer=weighted"),
        ({"protocol": "paper"}, "regularizer is 'unweighted' .in properties/paper.yaml."),
        ({"weighting": "sample"}, "weighting is sample; run the targets one by one"),
        ({"model": "NeuMF"}, "only BPR and LightGCN are trained jointly, not NeuMF"),
        ({"backend": "recbole"}, "backend is recbole, which trains models one by one"),
        ({"learner": "sgd"}, "the optimiser is not plain Adam"),
        ({"mix": "mine.yaml"}, "mix is .*cannot stand beside --target=all"),
        ({"model": "EASE", "lambdas": "[0]"}, "lambda must be > 0"),
    ],
)
def test_settings_under_which_targets_cannot_share(tiny, options, message):
    assert re.search(message, refused(tiny, **options))


def test_without_an_l2_term_its_weights_do_not_matter(tiny):
    _, index, _, _ = ran(
        tiny, **TRAINED, trials=3, regularizer="unweighted", reg_weight=0.0, loss_norm="weight"
    )
    assert list(index["targets"]) == ["A", "B", "C"]


@pytest.mark.parametrize(
    ("n_items", "why"),
    [
        (
            2,
            "holds no interaction of target 'D'",
        ),  # one is tested, the other is in one of two folds
        (10, "1 of the 1 users of target 'D' can be measured on test"),
    ],
)
def test_groups_that_cannot_be_targets_are_left_out_and_named(tmp_path, n_items, why):
    write_tiny(tmp_path, sizes={"A": 10, "B": 14, "C": 8})
    place = tmp_path / "few"
    users = pd.read_csv(tmp_path / "tiny" / "tiny.user", sep="\t")
    inter = pd.read_csv(tmp_path / "tiny" / "tiny.inter", sep="\t")
    items = [f"i{item + 1}" for item in range(n_items)]
    more = pd.DataFrame({"user_id:token": "d1", "item_id:token": items})
    inter = pd.concat([inter, more])
    users.loc[len(users)] = ["d1", "D"]
    write_data_set(
        tmp_path,
        "few",
        {c: inter[c].tolist() for c in inter},
        {c: users[c].tolist() for c in users},
    )
    assert place.is_dir()
    _, index, _, out = ran(tmp_path, **UNTRAINED, dataset="few", trials=0)
    assert list(index["targets"]) == ["A", "B", "C"]
    assert why in index["left_out"]["D"]
    assert "Left out: D" in out


@pytest.mark.parametrize("options", [UNTRAINED, TRAINED])
def test_with_two_groups_stratified_is_proportional(tmp_path, options):
    write_tiny(tmp_path, sizes={"A": 10, "B": 22})
    _, index, folders, _ = ran(tmp_path, **options, trials=3)
    for target, folder in folders.items():
        found = records(folder)
        # trained once for both rows
        assert len(found) == (2 + index["targets"][target]["candidates"]) * 2
        assert not any(name == "stratified" for name, _ in found)
        assert index["targets"][target]["same_mix"] == {"stratified": "proportional"}
        change = index["targets"][target]["change"]["stratified"]["recall@10"]
        assert change["mean"] == 0.0


def test_a_group_of_that_name_is_a_group(tmp_path):
    write_tiny(tmp_path, sizes={"all": 10, "B": 14, "C": 8})
    status, out, err = call(*run_arguments(tmp_path, target="all", trials=0, **UNTRAINED))
    assert status == 0, err
    assert "tiny, target all of group, EASE" in out
