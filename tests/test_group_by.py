"""Groups that are made from the training rows: quantiles of users by mainstream or activity."""

import numpy as np
import pytest
from command import call, run_arguments, run_folder
from helpers import experiment, interactions, write_data_set, write_tiny

import recbole_groupmix
from recbole_groupmix.core.groups.binning import activity, quantile_groups
from recbole_groupmix.core.groups.mainstream import mainstream_scores
from recbole_groupmix.reproduce import command as reproduce
from recbole_groupmix.reproduce.plan import Grid
from recbole_groupmix.search.identity import run_folder as named_folder
from recbole_groupmix.settings.identity import configuration
from recbole_groupmix.settings.merge import merge_settings

BY = {"group_field": None, "group_by": "mainstream", "target": "L"}


def write_pairs(folder, **parts):
    """Write pairs of user and item as a data set without a .user file, or as a given split."""
    for part, (users, items) in parts.items():
        columns = {
            "user_id:token": [f"u{user}" for user in users],
            "item_id:token": [f"i{item}" for item in items],
        }
        suffix = "inter" if part == "all" else f"{part}.inter"
        write_data_set(folder, "tiny", columns, suffix=suffix)
    return folder


@pytest.mark.parametrize("how", ["mainstream", "activity"])
@pytest.mark.parametrize("bins", [2, 5])
def test_groups_are_quantiles_of_the_training_rows_without_a_user_file(tmp_path, how, bins):
    target = "Q1" if bins == 2 else "L"
    folder = write_pairs(tmp_path, all=interactions())
    ex = experiment(folder, **{**BY, "group_by": how, "bins": bins, "target": target})
    users, items = ex.users[~ex.is_test], ex.items[~ex.is_test]
    scores = activity(users, ex.shape[0]) if how == "activity" else mainstream_scores(
        users, items, *ex.shape
    )  # fmt: skip
    np.testing.assert_array_equal(ex.groups.of_user, quantile_groups(scores, bins).codes)
    assert ex.groups.names == (("Q1", "Q2") if bins == 2 else ("L", "ML", "M", "MH", "H"))
    assert ex.groups.field == ex.settings.group_field == how
    sizes = ex.n_users.values()
    assert sum(sizes) == 32 and max(sizes) - min(sizes) <= 1
    means = [scores[ex.groups.of_user == code].mean() for code in range(bins)]
    assert means == sorted(means) and means[0] < means[-1]


@pytest.mark.parametrize("how", ["mainstream", "activity"])
def test_test_rows_change_no_group_and_users_without_a_training_row_have_none(tmp_path, how):
    users, items = interactions()
    held_out = np.arange(len(users)) % 4 == 0
    train, test = (users[~held_out], items[~held_out]), (users[held_out], items[held_out])
    other = (np.append(test[0][5:], [99, 99]), np.append(test[1][5:][::-1], [1, 2]))
    found = []
    for place, held in (("one", test), ("two", other)):
        folder = write_pairs(tmp_path / place, train=train, test=held)
        settings = {**BY, "group_by": how, "benchmark_filename": ["train", "test"]}
        found.append(experiment(folder, **settings))
    one, two = (
        {str(name): ex.groups.of_user[i] for i, name in enumerate(ex.dataset.field2id_token["user_id"])}
        for ex in found
    )  # fmt: skip
    assert two.pop("u99") == -1 and one == two
    assert not [note for note in found[0].notes if "no group" in note]
    note = f"1 user has no interaction in train, and so no group by {how}"
    assert note in found[1].notes
    assert sum(found[1].groups.n_users(found[1].users).values()) == 32


def test_a_run_goes_all_the_way_and_its_files_are_read_again(undrawn, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = write_pairs(tmp_path / "data", all=interactions())
    status, out, err = call(*run_arguments(folder, **{**BY, "bins": 3, "target": "Q1"}))
    assert status == 0, err
    assert "target Q1 of mainstream" in out
    status, out, err = call("report", run_folder())
    assert status == 0, err
    page = next(tmp_path.rglob("*.html")).read_text(encoding="utf-8")
    assert "Groups by mainstream" in page and ".user" not in page
    config, _, dataset = recbole_groupmix.load_run(run_folder())
    assert config["group_by"] == "mainstream" and config["bins"] == 3
    assert dataset.user_feat is None


@pytest.mark.parametrize(
    "command", ["check", "influence", "shapley", "profile", "gradient", "tune"]
)
def test_every_command_takes_such_groups(undrawn, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    folder = write_pairs(tmp_path / "data", all=interactions())
    own = {
        "check": ["--max_d=2", "--influence=false", "--relabellings=20"],
        "tune": ["--learning_rates=0.01", "--reg_weights=0.01", "--folds=2", "--epochs=2"],
        "influence": [],
        "shapley": ["--reg_weight=20"],
        "profile": ["--target=Q2"],
        "gradient": ["--target=Q2", "--folds=2"],
    }[command]
    asked = ["--dataset=tiny", f"--data_path={folder}", "--group_by=activity", "--bins=2"]
    size = ["--topk=[5]", "--embedding_size=2"]
    status, out, err = call(command, *asked, *size, *own)
    assert status == 0, err
    if command in ("check", "influence", "gradient"):
        assert "Q2" in out, out
    if command == "check":
        said = " ".join((out + err).split())
        assert "groups are made by activity, and relabellings" in said
    if command == "gradient":
        assert "--group_by=activity --bins=2 --target=Q2" in out + err


def test_a_reproduction_checks_the_groups_of_its_runs(tmp_path, monkeypatch):
    """The check that its page shows beside the runs has to be of the same groups."""
    folder = write_pairs(tmp_path / "data", all=interactions())
    seen = []

    def checked(settings, *_, **__):
        seen.append(settings)
        raise ValueError("enough")

    monkeypatch.setattr(reproduce, "check_command", checked)
    keys = {"data_path": str(folder), "group_by": "activity", "bins": 2}
    grid = Grid(["tiny"], ["EASE"], [4], [], ["paper"], keys)
    reproduce._check_data_set("tiny", grid, tmp_path, print)
    assert [(each.group_by, each.bins) for each in seen] == [("activity", 2)]


def test_all_targets_are_the_bins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = write_pairs(tmp_path / "data", all=interactions())
    asked = {**BY, "bins": 2, "target": "all", "model": "EASE", "trials": 1}
    status, out, err = call(*run_arguments(folder, **asked, embedding_size=None))
    assert status == 0, err
    assert "all targets of mainstream" in out and "Q1" in out and "Q2" in out


def test_the_name_of_a_run_tells_such_groups_apart_and_leaves_others_alone(tmp_path):
    write_tiny(tmp_path)
    plain = experiment(tmp_path)
    assert not {"group_by", "bins"} & set(named_folder(plain, {})[1]["configuration"])
    settings = [
        {**BY},
        {**BY, "bins": 4, "target": "Q1"},
        {**BY, "group_by": "activity"},
    ]
    kept = [
        named_folder(experiment(tmp_path, **each), {})[1]["configuration"] for each in settings
    ]
    assert [each["group_by"] for each in kept] == ["mainstream", "mainstream", "activity"]
    assert [each.get("bins") for each in kept] == [None, 4, None]  # a default is left out
    assert len({named_folder(experiment(tmp_path, **each), {})[0].path for each in settings}) == 3


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"group_by": "mainstrem"}, "'mainstrem' .*mainstream, activity; did you mean 'mainstream'"),
        ({"group_by": "mainstream", "bins": 1}, "bins is 1 .*>= 2"),
        ({"group_by": "mainstream", "bins": 33}, "bins is 33 .*32 users of 'tiny'"),
        ({"group_by": "mainstream", "bins": 2.5}, "bins is 2.5 .*whole number"),
        ({"group_by": "mainstream", "group_field": "group"}, "group_field is 'group' .*give one"),
        ({"group_by": "mainstream", "target": "A"}, "'A' .*not a group in group_by mainstream"),
        ({"group_by": "mainstream", "target": None}, "Groups of group_by mainstream of 'tiny': L"),
        ({}, "--group_field, or make groups from the interactions by --group_by"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_in_one_line(tmp_path, given, says):
    write_tiny(tmp_path)
    with pytest.raises(ValueError, match=says) as refused:
        experiment(tmp_path, **{"group_field": None, "target": "L", **given})
    assert "\n" not in str(refused.value)


def test_keys_without_effect_are_noted():
    keys = {"dataset": "blockmix", "target": "A"}
    (note,) = merge_settings({**keys, "bins": 3}).notes
    assert note.startswith("bins is 3 ") and "no effect" in note
    (note,) = merge_settings({**keys, "group_by": "activity", "empty_group": "keep"}).notes
    assert note.startswith("empty_group is 'keep' ") and "no effect" in note
    plain = merge_settings(keys)
    assert configuration(plain.values)["group_field"] == "group"  # of the data set's own file
    assert merge_settings({**keys, "group_by": "activity"}).group_field == "activity"
