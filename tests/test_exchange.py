"""Tables of tried mixes to and from other programs: ``groupmix export`` and ``groupmix fit``."""

import json
import math
import shutil

import numpy as np
import pytest
import yaml
from command import call, run_arguments, run_folder
from made_runs import USERS, write_run

from recbole_groupmix.core.mix import Mix, group_weights
from recbole_groupmix.core.samplers import sample_trial
from recbole_groupmix.exchange.fit import TARGET, fit_table
from recbole_groupmix.exchange.mix_table import MixTable, read_mix_table
from recbole_groupmix.exchange.tried import tried_mixes
from recbole_groupmix.search.proposers.optuna_sampler import OptunaProposer
from recbole_groupmix.surface.coordinates import clip_to_box
from recbole_groupmix.surface.history import History

SIZES = {"B": 20, "C": 12}


@pytest.fixture
def alone(tmp_path):
    """A folder that holds a run's trials.jsonl, one of whose mixes diverged, and nothing else."""
    run = write_run(tmp_path / "whole", trials=6, diverged=["trial-2"])
    folder = tmp_path / "run"
    folder.mkdir()
    shutil.copy(run / "trials.jsonl", folder)
    with open(folder / "trials.jsonl", "a") as lines:
        left = {"name": "left", "source": "gp", "fold": 0, "score": 0.2, "epochs": 1}
        lines.write(json.dumps({**left, "seconds": 1, "alpha": {"B": 1, "C": 0}, "alpha_aug": 1}))
        lines.write("\n")
        rival = {**left, "name": "fine_tuned", "source": "rival", "seconds": 1}
        lines.write(json.dumps(rival) + "\n")
    return folder


def test_weights_follow_from_the_shares_of_proportional(alone):
    mixes = {mix.name: mix for mix in tried_mixes(alone)}
    assert "fine_tuned" not in mixes
    assert mixes["proportional"].weights == pytest.approx({"B": 1, "C": 1})
    assert mixes["no_augmentation"].weights == {"B": 0, "C": 0}
    for trial in range(6):
        mine = mixes[f"trial-{trial}"]
        _, mix = sample_trial(2020, trial, USERS, "A")
        expected = group_weights(mix, USERS, "A")
        assert mine.weights == pytest.approx({g: expected[g] for g in "BC"})
        assert mine.score == (None if trial == 2 else pytest.approx(mine.scores[0]))
    assert mixes["left"].score is None and not mixes["left"].complete


def test_of_several_options_the_best_count(tmp_path):
    of = {"name": "proportional", "source": "baseline", "epochs": 1, "seconds": 1}
    of |= {"alpha": {"B": 0.5, "C": 0.5}, "alpha_aug": 1.0}
    scores = {0.01: (0.3, 0.1), 0.1: (0.2, 0.3), 1.0: (0.9,)}
    lines = [
        json.dumps({**of, "fold": fold, "score": score, "options": {"reg_weight": value}})
        for value, by_fold in scores.items()
        for fold, score in enumerate(by_fold)
    ]
    (tmp_path / "trials.jsonl").write_text("\n".join(lines) + "\n")
    (mix,) = tried_mixes(tmp_path)
    assert mix.options == {"reg_weight": 0.1} and mix.score == pytest.approx(0.25)
    assert mix.seconds == 5


def test_a_table_goes_out_and_in(alone, tmp_path):
    status, out, err = call("export", alone, f"--to={tmp_path / 'trials.csv'}")
    assert (status, out.strip()) == (0, str(tmp_path / "trials.csv")), err
    table, mixes = read_mix_table(tmp_path / "trials.csv"), tried_mixes(alone)
    assert table.groups == ("B", "C") and table.names == tuple(mix.name for mix in mixes)
    for row, mix in enumerate(mixes):
        assert dict(zip("BC", table.weights[row], strict=True)) == mix.weights
        score = table.scores[row]
        assert math.isnan(score) if mix.score is None else score == mix.score


def test_the_storage_is_what_optuna_reads(alone, tmp_path):
    optuna = pytest.importorskip("optuna")
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    file = tmp_path / "optuna.log"
    for _ in range(2):  # an earlier one is replaced, not added to
        status, _, err = call("export", alone, f"--to={file}")
        assert status == 0, err
    assert not list(tmp_path.glob("*.part")) and not list(tmp_path.glob("*.lock"))
    study = optuna.load_study(
        study_name="run", storage=JournalStorage(JournalFileBackend(str(file)))
    )
    assert study.direction.name == "MAXIMIZE"
    mixes = tried_mixes(alone)
    assert len(study.trials) == len(mixes)
    for trial, mix in zip(study.trials, mixes, strict=True):
        assert set(trial.params) == {"log_w[B]", "log_w[C]"}
        for group, weight in mix.weights.items():
            low = trial.distributions[f"log_w[{group}]"].low
            expected = math.log(weight) if weight > 0 else low
            assert trial.params[f"log_w[{group}]"] == pytest.approx(expected)
        attributes = trial.user_attrs
        assert attributes["alpha"] == mix.alpha and attributes["alpha_aug"] == mix.alpha_aug
        assert attributes["fold_scores"] == list(mix.scores.values())
        assert attributes["weights"] == mix.weights and attributes["name"] == mix.name
        assert trial.value == mix.score
        state = {"trial-2": "FAIL", "left": "PRUNED"}.get(mix.name, "COMPLETE")
        assert trial.state.name == state
        assert trial.duration.total_seconds() == pytest.approx(mix.seconds)
    best = max((mix for mix in mixes if mix.score is not None), key=lambda mix: mix.score)
    assert study.best_trial.user_attrs["name"] == best.name
    study.add_trial(study.trials[0])  # it can go on


@pytest.mark.parametrize(
    ("folder", "to", "message"),
    [
        ("nowhere", "a.csv", "trials.jsonl is missing"),
        ("run", "a.db", "allowed are .log, .csv"),
        ("bare", "a.csv", "lacks proportional"),
    ],
)
def test_what_cannot_be_exported_is_one_line(alone, tmp_path, folder, to, message):
    bare = tmp_path / "bare"
    bare.mkdir()
    lines = (alone / "trials.jsonl").read_text().splitlines(keepends=True)
    kept = [line for line in lines if '"proportional"' not in line]
    (bare / "trials.jsonl").write_text("".join(kept))
    status, out, err = call("export", tmp_path / folder, f"--to={tmp_path / to}")
    assert (status, out) == (2, "") and message in err.splitlines()[-1]
    assert not (tmp_path / to).exists()


def test_without_optuna_the_way_out_is_named(alone, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    status, _, err = call("export", alone, f"--to={tmp_path / 'optuna.log'}")
    assert status == 2 and "recbole-groupmix[optuna]" in err and "--to=trials.csv" in err


# --- fit


def drawn(n, seed=0, noise=0.0, sign=1.0):
    """Mixes whose score is largest at weight .5 of B and, less, at 2 of C."""
    rng = np.random.default_rng(seed)
    weights = np.vstack([np.ones((3, 2)), np.exp(rng.uniform(-2.5, 1.4, (n, 2)))])
    logs = np.log(weights)
    scores = 10 - (logs[:, 0] - math.log(0.5)) ** 2 - 0.3 * (logs[:, 1] - math.log(2)) ** 2
    scores = sign * (scores + noise * rng.standard_normal(len(scores)))
    return MixTable(tuple(f"m{i}" for i in range(len(weights))), ("B", "C"), weights, scores)


@pytest.mark.parametrize("lower", [False, True])
def test_the_proposal_lies_where_the_scores_are_best(lower):
    table = drawn(40, noise=0.02, sign=-1.0 if lower else 1.0)
    found = fit_table(table, lower=lower)
    (weights,) = found.proposed
    assert 0.3 < weights[0] < 0.8 and 1.0 < weights[1] < 4
    assert found.gains[0] > 0.03 and found.belief.rank_correlation > 0.8
    best = int(np.nanargmax(found.belief.mean))
    assert np.abs(np.log(table.weights[best]) - np.log([0.5, 2])).max() < 1


def test_shares_and_budgets_say_the_same_as_weights(tmp_path):
    table, sizes = drawn(12), np.array([20, 12])
    header, rows = "name,alpha_aug,B,C,score", []
    for name, row, score in zip(table.names, table.weights, table.scores, strict=True):
        mass = row * sizes
        alpha = mass / mass.sum()
        budget = mass.sum() / sizes.sum()
        rows.append(f"{name},{budget:.6g},{alpha[0]:.6g},{alpha[1]:.6g},{score}")
    file = tmp_path / "shares.csv"
    file.write_text("\n".join([header, *rows]) + "\n")
    shares = read_mix_table(file)
    assert shares.user_weights(SIZES) == pytest.approx(table.user_weights(SIZES), rel=1e-4)
    found = fit_table(shares, sizes=SIZES).history
    assert found.reference.sum() == 3 and found.weights == pytest.approx(table.weights, rel=1e-4)
    file.write_text(f"{header}\nx,1,0.5,0.6,1\n")
    with pytest.raises(ValueError, match=r"row 2: the shares of the groups sum to 1\.1"):
        read_mix_table(file)


def test_fit_as_a_command(tmp_path):
    table, file = drawn(25), tmp_path / "mine.csv"
    rows = ["B,loss,C"]
    rows += [
        f"{b},{-score},{c}" for (b, c), score in zip(table.weights, table.scores, strict=True)
    ]
    file.write_text("\n".join([*rows, "1.5,,1"]) + "\n")
    options = ["--score=loss", "--lower", "--sizes=B:20,C:12,target:30", "--n=2"]
    status, out, err = call("fit", file, *options, f"--out={tmp_path / 'next.yaml'}")
    assert status == 0, err
    assert "28 mixes with a score, 3 of them the data as they are" in " ".join(out.split())
    lines = out.splitlines()
    following = next(at for at, line in enumerate(lines) if line.startswith("to try next"))
    b, c = (float(cell) for cell in lines[following + 2].split()[1:3])
    content = yaml.safe_load((tmp_path / "next.yaml").read_text())
    assert content.pop("name") == "fit"
    weights = group_weights(Mix.from_dict(content), {"A": 30, **SIZES}, "A")
    assert [weights["B"], weights["C"]] == pytest.approx([b, c], rel=0.01)
    again = call("fit", file, *options)[1]
    assert again == out.rpartition("\n\n")[0] + "\n"


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (["B,C"], (), "holds no mix"),
        (["B,scores", "1,1"], (), "no column 'score' of scores"),
        (["name,score", "a,1"], (), "no column of a group"),
        (["B,B,score", "1,1,1"], (), "two columns 'B'"),
        (["B,score", "1,1", "-1,1"], (), "row 3, column B is '-1'; it must be a weight >= 0"),
        (["B,score", "1,1", "2,nan"], (), "row 3, column score is 'nan'; it must be a number"),
        (["B,score", "1,1", "2"], (), "row 3 has 1 cells and the header 2"),
        (["B,score", "2,1", "3,1"], (), "no row with a score in which every weight is 1"),
        (["B,score", "1,1", "3,1"], (), "1 mixes with a score besides"),
        (["B,score", "1,1"], ("--sizes=D:3",), "names 'D', which is no group"),
        (["B,score", "1,1"], ("--sizes=B",), "write GROUP:N"),
        ([f"B,{TARGET},score", "1,1,1"], (), "column 'target'"),
    ],
)
def test_a_table_that_cannot_be_fitted_is_one_line(tmp_path, rows, options, message):
    file = tmp_path / "mine.csv"
    file.write_text("\n".join(rows) + "\n")
    status, out, err = call("fit", file, *options)
    assert (status, out) == (2, "")
    assert message in err and len(err.splitlines()) == 1


def test_one_run_and_one_table_are_named():
    for command in ("export", "fit"):
        status, _, err = call(command)
        assert status == 2 and "0 are named" in err


# --- Optuna's samplers as proposers


def tried(n=12, seed=0):
    """A table of tried mixes, some of which leave a group out; one diverged."""
    rng = np.random.default_rng(seed)
    weights = np.exp(rng.uniform(-2.5, 1.4, (n, 2)))
    weights[0], weights[1, 0] = 1.0, 0.0
    scores = 1 - (np.log(weights[:, 1]) - 0.7) ** 2 / 10
    scores[-1] = math.nan
    users = {"A": 30, **SIZES}
    of = np.repeat((scores - scores[0])[:, None], 4, axis=1)
    return History(("B", "C"), users, "A", weights, scores, of, np.arange(n) == 0)


@pytest.mark.parametrize("sampler", ["TPESampler", "GPSampler", "RandomSampler"])
def test_a_sampler_proposes_a_wave_that_follows_from_table_and_seed(sampler):
    pytest.importorskip("optuna")
    propose, history = OptunaProposer(sampler), tried()
    waves = [propose(history, 5, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert waves[0] == waves[1] != waves[2]
    assert len(set(waves[0])) == 5
    for mix in waves[0]:
        weights = group_weights(mix, history.n_users, "A")
        sizes = np.array([20, 12])
        row = np.array([[weights["B"], weights["C"]]])
        assert clip_to_box(row, sizes) == pytest.approx(row)


def test_a_run_searches_by_a_sampler_and_exports(tiny, tmp_path):
    pytest.importorskip("optuna")
    options = {"search": "optuna:TPESampler", "trials": 6, "output_dir": tmp_path / "runs"}
    status, _, err = call(
        *run_arguments(tiny, model="EASE", epochs=None, eval_step=None, **options)
    )
    assert status == 0, err
    folder = run_folder(tmp_path / "runs")
    result = json.loads((folder / "result.json").read_text())
    assert result["search"]["waves"]["proposer"] == "optuna:TPESampler"
    mixes = tried_mixes(folder)
    assert any(mix.name.startswith("trial-") for mix in mixes)


@pytest.mark.parametrize("name", ["TPE", "TPESample", "PartialFixedSampler", ""])
def test_a_sampler_that_optuna_lacks_is_one_line(tiny, name):
    pytest.importorskip("optuna")
    status, out, err = call(*run_arguments(tiny, search=f"optuna:{name}"))
    assert (status, out) == (2, "")
    assert "TPESampler" in err.splitlines()[-1] and "Traceback" not in err
