"""``groupmix export RUN_FOLDER``: the chosen mix for use elsewhere."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command import call, run_arguments, run_folder

from recbole_groupmix.core.mix import Mix, group_weights
from recbole_groupmix.settings.yaml_files import read_mix_file

FILES = ["mix.yaml", "user_weights.csv", "user_weights.parquet", "train.py"]


@pytest.fixture(scope="module")
def ran(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ran")
    options = {"output_dir": folder, "repeats": 1, "epochs": 2}
    status, _, err = call(*run_arguments(tiny, **options))
    assert status == 0, err
    return run_folder(folder)


def exported(ran, *options):
    status, out, err = call("export", ran, *options)
    assert status == 0, err
    return [line for line in out.splitlines() if line]


def test_files_hold_the_weights_of_equation_8(ran, tiny, tmp_path):
    written = exported(ran, "--row=stratified", f"--to={tmp_path / 'mine'}")
    assert written == [str(tmp_path / "mine" / name) for name in FILES]
    name, mix = read_mix_file(written[0])
    assert name == "chosen_stratified"

    table = pd.read_csv(written[1], dtype={"user_id": str})
    pd.testing.assert_frame_equal(table, pd.read_parquet(written[2]))
    users = pd.read_csv(tiny / "tiny" / "tiny.user", sep="\t", dtype=str)
    group_of = dict(zip(users["user_id:token"], users["group:token"], strict=True))
    assert table["group"].tolist() == [group_of[user] for user in table["user_id"]]
    sizes = table.groupby("group").size().to_dict()
    others = [group for group in sizes if group != "A"]
    assert mix == Mix(dict.fromkeys(others, 1 / len(others)), 1.0)
    # Eq. 8 by hand: a group's users share alpha_j * alpha_aug * (n - n_0) among them
    added = sum(sizes[group] for group in others)
    expected = {group: added / len(others) / sizes[group] for group in others} | {"A": 1.0}
    assert group_weights(mix, sizes, "A") == pytest.approx(expected)
    np.testing.assert_allclose(table["weight"], [expected[g] for g in table["group"]])


def test_the_chosen_mix_goes_into_the_run_folder(ran):
    written = exported(ran)
    assert written == [str(ran / "export" / name) for name in FILES]
    assert read_mix_file(written[0])[0] == "chosen_data_mix"


def test_a_run_takes_the_mix_file(ran, tiny, tmp_path):
    file = exported(ran, "--row=stratified", f"--to={tmp_path}")[0]
    options = {"model": "EASE", "epochs": None, "eval_step": None, "embedding_size": None}
    arguments = run_arguments(tiny, mix=file, trials=0, output_dir=tmp_path / "runs", **options)
    status, out, err = call(*arguments)
    assert status == 0, err
    assert "chosen_stratified" in out


@pytest.mark.parametrize("model", [None, "AMPCF", "WL"])
def test_the_script_trains(ran, tiny, tmp_path, model):
    if model is not None:  # of this package, the second fed with users
        options = {"model": model, "trials": 0, "output_dir": tmp_path / "runs", "epochs": 2}
        assert call(*run_arguments(tiny, **options))[0] == 0
        ran = run_folder(tmp_path / "runs")
    script = exported(ran, f"--to={tmp_path}")[-1]
    code = Path(script).read_text(encoding="utf-8")
    code = code.replace("config_dict=place", 'config_dict={**place, "epochs": 1}')
    done = subprocess.run(
        [sys.executable, "-c", f"__file__ = {script!r}\n{code}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "recall@10" in done.stdout


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--row=nothing"], "its mixes are proportional, stratified"),
        (["--row=stratified", "--to=x.csv"], "--row names a mix"),
        (["--to=x.txt"], "allowed are .log, .csv"),
    ],
)
def test_what_cannot_be_exported_is_said(ran, options, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = call("export", ran, *options)
    assert (status, out) == (2, "")
    assert says in err.splitlines()[-1]


def test_a_rival_is_no_mix(ran, tmp_path, tiny):
    options = {"model": "EASE", "epochs": None, "eval_step": None, "embedding_size": None}
    given = {**options, "fine_tune": None, "rivals": "fine_tuned", "output_dir": tmp_path}
    assert call(*run_arguments(tiny, **given))[0] == 0
    status, _, err = call("export", run_folder(tmp_path), "--row=fine_tuned")
    assert status == 2 and "it is a rival" in err
