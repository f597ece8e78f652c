"""Commands given what no one should give them: one line, exit status 2, nothing written, at once.

And names of groups that are refused nowhere, because data sets have what they have.
"""

import json
import os
import zipfile
from pathlib import Path

import pytest
from command import call, run_arguments, run_folder, tree
from helpers import groups_of_users, interactions, write_data_set

from recbole_groupmix.prepare import sources

BLOCKMIX = ("--dataset=blockmix", "--target=A")


def refused(*arguments, says):
    before = tree()
    status, out, err = call(*arguments)
    assert (status, out) == (2, ""), err
    line = err.removesuffix("\n")
    assert line.startswith("groupmix: ") and "\n" not in line and len(line) < 1500
    assert [part for part in says if part not in line] == [], line
    assert tree() == before
    return line


# --- flags ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["x", "", "tru", "2"])
@pytest.mark.parametrize(
    ("command", "key"),
    [
        (("reproduce",), "plan"),
        (("reproduce", "--datasets=blockmix"), "quick"),
        (("reproduce",), "force"),
        (("prepare", "blockmix"), "force"),
        (("report", "nowhere"), "force"),
    ],
)
def test_a_flag_that_is_no_boolean(command, key, value):
    refused(*command, f"--{key}={value}", says=[f"--{key} is '{value}'", "true, yes, 1"])


@pytest.mark.parametrize("value", ["True", "yes", "1"])
def test_a_plan_is_only_a_plan(monkeypatch, value):
    from recbole_groupmix.reproduce import command

    monkeypatch.setattr(command, "run", lambda *_: pytest.fail("a run was started"))
    monkeypatch.setattr(command, "_check_data_set", lambda *_: pytest.fail("a check was started"))
    keys = ("--datasets=blockmix", "--models=EASE", "--protocols=paper", "--targets=A")
    status, out, err = call("reproduce", f"--plan={value}", *keys, "--trials=1")
    assert status == 0, err
    assert "1 of 1 cells to run" in out


def test_a_flag_of_report_may_stand_before_the_folders():
    refused("report", "--force", "nowhere", says=["run folder nowhere does not exist"])


# --- files ---------------------------------------------------------------------------------------


def test_files_of_settings_and_mixes_are_regular_and_short(tiny):
    os.mkfifo("pipe")
    Path("zero").symlink_to("/dev/zero")
    Path("long.yaml").write_text("#" * 2**20 + "\n\n")
    Path("deep.yaml").write_text("topk: " + "[" * 20_000)
    Path("digits.yaml").write_text("seed: " + "9" * 5000)
    bomb = "\n".join(
        f"k{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9) if n else 1}]" for n in range(10)
    )
    Path("bomb.yaml").write_text(f"topk:\n{bomb}".replace("\n", "\n  "))
    for file, says in {
        "pipe": "a pipe, not a regular file",
        "zero": "a device, not a regular file",
        "/dev/stdin": "not a regular file",
        "long.yaml": "more than 1,048,576 bytes",
        "deep.yaml": "50 levels",
        "bomb.yaml": "aliases expanded",
    }.items():
        refused(*run_arguments(tiny, topk=None), f"--config_files={file}", says=[file, says])
        refused(*run_arguments(tiny), f"--mix={file}", says=[file, says])
    refused(*run_arguments(tiny), "--config_files=digits.yaml", says=["seed", "4,300 digits"])
    refused("compare", "pipe", "zero", says=["file or run folder pipe does not exist"])


def _lastfm(features):
    target = "id,target\n" + "".join(f"{n},0\n" for n in range(9))
    Path("source").mkdir()
    Path("source/lastfm_asia_features.json").write_text(features)
    Path("source/lastfm_asia_target.csv").write_text(target)


@pytest.mark.parametrize(
    ("features", "says"),
    [
        ('{"0": ' + "[" * 200_000, "nested too deep"),
        ('{"0": [' + "9" * 5000 + "]}", "4,300 digits"),
        ('{"0": [1], "1": [2], "0": [3]}', "'0' occurs in it twice"),
    ],
)
def test_json_of_a_source(features, says):
    _lastfm(features)
    refused("prepare", "lastfm-asia", "--source=source", says=["lastfm_asia_features.json", says])


@pytest.mark.parametrize("how", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_that_is_larger_than_any_known(monkeypatch, how):
    monkeypatch.setattr(sources, "MOST_BYTES", 100_000)
    with zipfile.ZipFile("bomb.zip", "w", how) as archive:
        for name in ("ratings.dat", "users.dat", "movies.dat"):
            archive.writestr(f"ml-1m/{name}", b"0" * 3_000_000)
    refused("prepare", "ml-1m", "--source=bomb.zip", says=["more than 100,000 bytes"])
    # the archive's own word is not believed
    monkeypatch.setattr(zipfile.ZipFile, "getinfo", lambda *_: zipfile.ZipInfo("small"))
    with zipfile.ZipFile("bomb.zip") as archive, pytest.raises(ValueError, match="more than"):
        sources._unpacked(archive, archive.infolist()[0])


@pytest.mark.parametrize("kind", ["pipe", "zero"])
def test_what_is_no_file_in_a_source(kind):
    Path("source").mkdir()
    for name in ("ratings.dat", "users.dat", "movies.dat"):
        if kind == "pipe":
            os.mkfifo(f"source/{name}")
        else:
            Path("source", name).symlink_to("/dev/zero")
    refused("prepare", "ml-1m", "--source=source", says=["not a regular file"])
    refused("prepare", "ml-1m", "--source=source/users.dat", says=["not a regular file"])


# --- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("trials", "10000000"),
        ("trials", "9" * 5000),
        ("trials", "0x" + "f" * 9000),
        ("repeats", "1000000000"),
        ("folds", "100000"),
        ("epochs", "9" * 20),
        ("embedding_size", "9" * 20),
        ("seed", "9" * 50),
        ("train_batch_size", "9" * 20),
        ("learning_rate", "9" * 400),
        ("reg_weight", "1e300"),
        ("max_memory", "1e300"),
        ("lambdas", "9" * 400),
        ("topk", "[" * 150 + "]" * 150),
        ("gpu_id", "abc"),
        ("valid_metric", ""),
    ],
)
def test_a_setting_beyond_its_bounds(tiny, key, value):
    more = {"model": "EASE"} if key == "lambdas" else {}
    refused(
        *run_arguments(tiny, **{key: value}, **more), says=[f"{key} is ", "on the command line"]
    )


@pytest.mark.parametrize(
    ("command", "option", "says"),
    [
        ("check", "relabellings=1000000", "at most 10,000"),
        ("check", "max_d=100000", "--max_d is 100000, but the interactions of group"),
        ("check", "item_clusters=99999", "--item_clusters is 99999, but the interactions"),
        (
            "check",
            "budget=1e300",
            "--budget is '1e300'; a budget ratio is a number >= 0 and at most",
        ),
        ("check", "budget=inf", "--budget is 'inf'"),
        ("check", "influence_lambda=1e300", "--influence_lambda is '1e300'"),
        ("influence", "d=100000", "--d is 100000, but the interactions of group"),
        ("gradient", "most=0", "--most is '0'; it must be a whole number >= 1"),
        ("gradient", "most=1000000", "at most 10,000"),
        ("gradient", "follow=9", "--follow is '9'; it must be at most 3: that is the number"),
        ("profile", "points=1000001", "--points is '1000001'; it must be at most 999"),
        ("profile", "points=4", "--points is 4; it must be odd"),
        (
            "profile",
            "reach=abc",
            "--reach is 'abc'; the largest factor of a weight is a number > 1",
        ),
        ("profile", "reach=1e300", "--reach is '1e300'"),
        ("profile", "reach=" + "9" * 5000, "--reach is '999"),
    ],
)
def test_an_option_beyond_its_bounds_is_named_as_it_was_given(command, option, says):
    refused(command, *BLOCKMIX, f"--{option}", says=[says])


@pytest.mark.parametrize("key", ["n_boot", "n_permutations", "seed"])
def test_draws_of_a_comparison(key):
    for value in ("1" + "0" * 60, "9" * 5000):
        refused("compare", "a.csv", "b.csv", f"--{key}={value}", says=[f"--{key} is ", "at most"])


def test_a_budget_of_a_mix_file(tiny):
    Path("mix.yaml").write_text("name: x\nalpha: {B: 0.5, C: 0.5}\nalpha_aug: 1.0e+300\n")
    refused(*run_arguments(tiny), "--mix=mix.yaml", says=["alpha_aug is 1e+300", "at most 1e+06"])


def test_memory_that_is_not_there_is_one_line(monkeypatch):
    import numpy as np

    monkeypatch.setattr("recbole_groupmix.cli.compare.call", lambda *_: np.empty(2**50))
    status, _, err = call("compare")
    assert status == 1 and err.count("\n") == 1
    assert "more memory than is free (Unable to allocate" in err


# --- what was taken without a word ---------------------------------------------------------------


def test_empty_places_and_values_given_twice():
    refused("prepare", "blockmix", "--out=", says=["--out is ''", "leave it out"])
    refused("prepare", "ml-1m", "--source=", says=["--source is ''", "leave it out"])
    refused("tune", *BLOCKMIX, "--out=", says=["--out is ''"])
    refused("reproduce", "--controls=graph,graph", says=["--controls names 'graph' twice"])
    line = refused("reproduce", "--models=Nope", says=["model 'Nope' is not one that RecBole"])
    assert "module" not in line


def test_targets_that_are_no_groups_leave_no_file():
    status, _, err = call("reproduce", "--datasets=blockmix", "--models=EASE", "--targets=Q")
    assert status == 2 and "--targets names 'Q'" in err
    assert tree() == {}


def test_a_gpu_that_is_not_there_is_said(tiny, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    status, _, err = call(*run_arguments(tiny, trials=0), "--gpu_id=99")
    assert status == 0, err
    assert "note: gpu_id is 99 (on the command line), but no such GPU is found" in err


# --- places --------------------------------------------------------------------------------------


def test_the_home_folder_in_settings(tiny, monkeypatch):
    home = Path("home").resolve()
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    (home / "data").symlink_to(tiny)
    (home / "mix.yaml").write_text("name: mine\nalpha: {B: 0.5, C: 0.5}\nalpha_aug: 1\n")
    (home / "more.yaml").write_text("output_dir: ~/runs\ndata_path: ~/data\n")
    arguments = run_arguments(None, trials=0)
    status, _, err = call(*arguments, "--config_files=~/more.yaml", "--mix=~/mix.yaml")
    assert status == 0, err
    made = run_folder(home / "runs")
    assert "mine" in json.loads((made / "result.json").read_text())["mixes"]
    assert not Path("~").exists()
    # the same run as by a path that is written out
    status, _, err = call(
        *run_arguments(tiny, trials=0), f"--output_dir={home / 'runs'}", f"--mix={home}/mix.yaml"
    )
    assert status == 0 and "nothing left to train" in err
    assert call("prepare", "blockmix", "--out=~/made")[0] == 0
    assert (home / "made" / "blockmix" / "blockmix.inter").is_file() and not Path("~").exists()


@pytest.mark.parametrize(
    ("place", "says"),
    [("a\0b", "NUL"), ("\udcff", "not UTF-8"), ("~nobody-at-all/x", "no home folder")],
)
def test_places_that_cannot_be_written(tiny, place, says):
    refused(*run_arguments(tiny), f"--output_dir={place}", says=["output_dir is", says])
    refused("prepare", "blockmix", f"--out={place}", says=["--out is", says])


def test_a_name_too_long_for_a_file(tiny):
    refused(*run_arguments(tiny, dataset="x" * 300), says=["data set 'xxx"])
    Path("mix.yaml").write_text(f"name: {'n' * 300}\nalpha: {{B: 0.5, C: 0.5}}\nalpha_aug: 1\n")
    refused(*run_arguments(tiny), "--mix=mix.yaml", says=["too long for names of files"])


# --- names of groups -----------------------------------------------------------------------------

NAMES = ["$25k-$50k", "=cmd|'/C calc'!A0", "<script>alert(1)</script>", "a\x1b[31mRED", "L" * 300]


@pytest.fixture
def hostile():
    """Folder of a data set whose groups have names that steer programs."""
    sizes = dict(zip(NAMES, (8, 7, 7, 7, 7), strict=True))
    users, items = interactions(sizes=sizes)
    write_data_set(
        Path("data"),
        "hostile",
        {"user_id:token": [f"u{u}" for u in users], "item_id:token": [f"i{i}" for i in items]},
        {
            "user_id:token": [f"u{n + 1}" for n in range(sum(sizes.values()))],
            "group:token": groups_of_users(sizes),
        },
    )
    return "data"


@pytest.mark.parametrize("pictures", ["drawn", "undrawn"])  # once, since they show all names
def test_groups_of_any_name_are_run_and_shown_harmlessly(hostile, pictures, request):
    target = NAMES[0] if pictures == "drawn" else NAMES[4]
    if pictures == "undrawn":
        request.getfixturevalue(pictures)
    arguments = run_arguments(hostile, dataset="hostile", target=target, trials=1, repeats=1)
    status, out, err = call(*arguments)
    assert status == 0, err
    assert "\x1b" not in out + err and "a\\x1b[31mRED" in out
    folder = run_folder()
    assert len(folder.name.encode()) <= 200 and not set(folder.name) & set("<>$'|")
    result = json.loads((folder / "result.json").read_text())
    assert result["target"] == target  # data keep names as they are
    assert sorted(group["name"] for group in result["groups"]) == sorted(NAMES)
    status, _, err = call("report", folder)
    assert (status, err) == (0, "")
    tables = (folder / "report" / "tables.md").read_text()
    assert "<script>" not in tables and "\x1b" not in tables
    cells = "\n".join(file.read_text() for file in folder.rglob("figures/*.csv"))
    assert "'=cmd" in cells and "\n=cmd" not in cells and ",=cmd" not in cells
    assert call(*arguments)[0] == 0  # resumes in the same folder


def test_a_check_of_groups_of_any_name(hostile):
    given = ("--dataset=hostile", f"--data_path={hostile}", "--group_field=group")
    status, out, err = call("check", *given, "--max_d=2", "--relabellings=2", "--influence=false")
    assert (status, err) == (0, "")
    assert "\x1b" not in out and "a\\x1b[31mRED" in out and NAMES[0] in out
