"""Input that cannot be used: one line, exit status 2, and nothing written.

The line names the value, where it came from, what is allowed and what to do about it.
"""

import errno
import json
import os
import tempfile
import zipfile
from pathlib import Path

import pytest
import yaml
from command import REPOSITORY, call, process, run_arguments, run_folder, tree
from helpers import write_data_set, write_tiny

from recbole_groupmix import run_groupmix
from recbole_groupmix.settings.merge import merge_settings


@pytest.fixture
def refused(tiny):
    """Run the command on the tiny data set and check that it is refused as it must be."""

    def check(*more, says, data_path=tiny, **options):
        return refused_command(*run_arguments(data_path, **options), *more, says=says)

    return check


def refused_command(*arguments, says):
    before = tree()
    status, out, err = call(*arguments)
    *before_it, line = err.splitlines()  # notes and the forecast may have been said
    assert (status, out) == (2, "")
    assert line.startswith("groupmix: ") and "groupmix: " not in "".join(before_it)
    assert [part for part in says if part not in line] == [], line
    assert tree() == before
    return line


def write_groups(group_of_user, per_user=8, column="group:token", name="own"):
    """Write a data set below ``own/``: a user has ``per_user`` items, or as many as told."""
    users = [f"u{number}" for number in range(len(group_of_user))]
    counts = [per_user] * len(users) if isinstance(per_user, int) else per_user
    pairs = [(u, f"i{(n + k) % 20}") for n, u in enumerate(users) for k in range(counts[n])]
    inter = {"user_id:token": [u for u, _ in pairs], "item_id:token": [i for _, i in pairs]}
    write_data_set(Path("own"), name, inter, {"user_id:token": users, column: group_of_user})
    return "own"


# --- data sets -----------------------------------------------------------------------------------


def test_unknown_data_set(refused):
    refused(
        dataset="nosuch",
        says=["'nosuch'", "nosuch.inter", "--data_path", "blockmix", "groupmix prepare", "tiny"],
    )


def test_unknown_data_set_with_a_near_name(refused):
    refused(dataset="ml-100", says=["did you mean 'ml-100k'?"])
    refused(dataset="tini", says=["did you mean 'tiny'?"])


def test_data_set_that_has_to_be_prepared(refused):
    refused(dataset="lastfm-asia", says=["`groupmix prepare lastfm-asia --source FILE_OR_FOLDER`"])


def test_data_set_as_a_path(refused, tiny):
    folder = tiny / "tiny"
    for given in (folder, folder / "tiny.inter"):
        for more in ({}, {"data_path": None}):
            refused(
                dataset=given,
                **more,
                says=["which is a path", f"write --data_path={folder} --dataset=tiny"],
            )
    refused(dataset=tiny / "none" / "x", says=["which is a path", "--dataset takes a name"])


def test_data_path_that_is_no_folder(refused, tiny):
    for file, way_out in (("tiny.inter", f"--data_path={tiny / 'tiny'}"), ("tiny.user", "holds")):
        refused(data_path=tiny / "tiny" / file, says=["data_path is the file", way_out])
    refused(
        data_path="/nonexistent",
        says=["'/nonexistent', which does not exist", "an existing folder"],
    )
    refused(dataset="blockmix", data_path="/nonexistent", says=["comes with the plugin"])
    refused(dataset="blockmix", says=["make it by `groupmix prepare blockmix`"])


def test_no_data_set():
    refused_command("run", "--target=A", says=["no data set given", "--dataset=ml-100k"])


# --- groups --------------------------------------------------------------------------------------


def test_unknown_target_lists_the_groups_with_sizes(refused):
    line = refused(
        target="D", says=["target 'D' (on the command line) is not a group", "'group'", "'tiny'"]
    )
    assert "A (10 users" in line and "B (14 users" in line and "C (8 users" in line


def test_empty_target(refused):
    refused(target="", says=["no target group given", "--target", "A (10 users", "C (8 users"])


def test_no_target(refused):
    refused(target=None, says=["no target group given", "--target", "A (10 users", "C (8 users"])


def test_target_whose_users_have_no_interaction(refused):
    folder = write_groups(["A"] * 6 + ["B"] * 6 + ["C"] * 2, [8] * 12 + [0, 0])
    refused(dataset="own", data_path=folder, target="C", says=["has no user with an interaction"])


def test_many_groups_are_cut_short(refused):
    folder = write_groups([f"g{n}" for n in range(40)])
    refused(dataset="own", data_path=folder, says=["(1 user, 8 interactions)", "10 smaller ones"])


def test_missing_group_column(refused):
    refused(
        group_field="gruop",
        says=[
            "group_field is 'gruop' (on the command line)",
            "tiny.user",
            "columns there: group (did you mean 'group'?)",
            "--group_field",
        ],
    )


def test_user_id_as_group_column(refused):
    refused(group_field="user_id", says=["'user_id'", "columns there: group"])


def test_no_user_file(refused):
    write_data_set(Path("own"), "own", {"user_id:token": ["u"], "item_id:token": ["i"]})
    refused(
        dataset="own", data_path="own", says=["'group'", "there is no own.user", "group:token"]
    )


def test_no_group_column_known(refused):
    refused(group_field=None, says=["'tiny'", "tiny.user", "--group_field"])


@pytest.mark.parametrize("kind", ["float", "token_seq"])
def test_group_column_of_another_type(refused, kind):
    folder = write_groups(["1", "2"] * 6, column=f"group:{kind}")
    refused(dataset="own", data_path=folder, says=[f"has type '{kind}'", "group:token", "header"])


def test_users_without_a_group_are_counted(refused):
    folder = write_groups(["A"] * 6 + ["B"] * 6 + [""] * 3)
    refused(
        dataset="own",
        data_path=folder,
        says=["3 of 15 users", "'group'", "own.user", "--empty_group=keep"],
    )


def test_users_without_a_group_can_be_kept():
    folder = write_groups(["A"] * 6 + ["B"] * 6 + [""] * 3)
    arguments = run_arguments(folder, dataset="own", trials=0, empty_group="keep", epochs=1)
    status, out, err = call(*arguments)
    assert status == 0, err
    assert "(empty)" in out


def test_a_single_group(refused):
    folder = write_groups(["A"] * 8)
    refused(
        dataset="own",
        data_path=folder,
        says=["'group'", "own.user", "single group A", "at least one other", "--group_field"],
    )


def test_a_target_of_one_measured_user(refused):
    folder = write_groups(["A"] + ["B"] * 8)
    refused(
        dataset="own",
        data_path=folder,
        says=["1 of the 1 users of target 'A'", "interval over users needs 2", "larger group"],
    )
    folder = write_groups(["A"] * 2 + ["B"] * 8, [8, 1] + [8] * 8)
    refused(dataset="own", data_path=folder, says=["1 of the 2 users of target 'A'"])


def test_a_user_who_has_every_item_is_named_as_in_the_files(refused):
    folder = write_groups(["A", "B"] * 6, [20] + [8] * 11)
    Path("own/own/own.train.inter").write_text(Path("own/own/own.inter").read_text())
    Path("own/own/own.test.inter").write_text(
        "user_id:token\titem_id:token\nu2\ti19\nu4\ti19\nu6\ti19\nu8\ti19\n"
    )
    line = refused(
        dataset="own",
        data_path=folder,
        benchmark_filename="['train','test']",
        says=["user u0 of 'own' has all 20 items"],
    )
    assert "internal" not in line


# --- keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "near"),
    [("trails", "trials"), ("learning_rat", "learning_rate"), ("tail_ration", "tail_ratio")],
)
def test_unknown_key_on_the_command_line(refused, key, near):
    refused(f"--{key}=3", says=[f"'{key}' on the command line", f"did you mean '{near}'?"])


def test_unknown_key_in_a_file(refused):
    Path("mine.yaml").write_text("learning_rate: 0.1\nembeding_size: 8\n")
    refused(
        "--config_files=mine.yaml",
        says=["'embeding_size' in mine.yaml", "did you mean 'embedding_size'?"],
    )


@pytest.mark.parametrize("key", ["tail_ratio", "mlp_hidden_size", "reg_weights", "val_interval"])
def test_keys_that_recbole_reads_somewhere_are_known(key):
    merge_settings({"dataset": "tiny", key: None})


def test_the_same_option_twice(refused):
    refused("--target=B", says=["--target is given twice", "'A'", "'B'"])


def test_an_option_without_a_value():
    refused_command("run", "--target", says=["--target needs a value", "--target=VALUE"])


def test_a_word_that_is_no_option(refused):
    refused("ml-100k", says=["'ml-100k'", "--key=value"])


def test_an_unknown_command():
    refused_command("search", says=["'search'", "run", "prepare"])


# --- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("- a\n- b\n", "`key: value`"),
        ("just words", "`key: value`"),
        ("trials: [1\n", "is not valid YAML"),
        ("? [a, b]\n: c\n", "`key: value`"),
        ("trials: 3\ntrials: 4\n", "gives 'trials' twice"),
        ("learning_rate: !!python/object:os.system 1\n", "key learning_rate"),
        ("epochs: !!int abc\n", "key epochs"),
        ("config_files: [other.yaml]\n", "on the command line only"),
    ],
)
def test_settings_files_that_hold_no_settings(refused, content, says):
    Path("mine.yaml").write_text(content)
    refused("--config_files=mine.yaml", says=["mine.yaml", says])


def test_missing_settings_file(refused):
    refused("--config_files=none.yaml", says=["none.yaml", "No such file"])


def test_settings_file_that_is_a_folder(refused):
    Path("folder.yaml").mkdir()
    refused("--config_files=folder.yaml", says=["folder.yaml", "a folder, not a regular file"])


# --- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("protocol", "foo", "converged, paper"),
        ("weighting", "foo", "loss, sample"),
        ("backend", "gpu", "auto, cpu, torch, recbole"),
        ("user_loss", "max", "sum, mean"),
        ("regularizer", "none", "weighted, unweighted, rows"),
        ("graph", "some", "positive, all"),
        ("triplets", "few", "all, sampled"),
        ("loss_norm", "x", "count, weight"),
        ("empty_group", "drop", "refuse, keep"),
        ("early_stopping", "1", "true, false"),
        ("show_progress", "3", "true, false"),
        ("learner", "adma", "adam, adamw"),
        ("trials", "-1", "whole number >= 0"),
        ("trials", "abc", "whole number >= 0"),
        ("trials", "1.5", "whole number >= 0"),
        ("trials", "true", "whole number >= 0"),
        ("folds", "1", "whole number >= 2"),
        ("repeats", "0", "whole number >= 1"),
        ("seed", "-1", "whole number >= 0"),
        ("epochs", "0", "whole number >= 1"),
        ("eval_step", "0", "whole number >= 1"),
        ("stopping_step", "0", "whole number >= 1"),
        ("train_batch_size", "0", "whole number >= 1"),
        ("embedding_size", "abc", "whole number >= 1"),
        ("learning_rate", "fast", "number > 0"),
        ("learning_rate", "0", "number > 0"),
        ("reg_weight", "-0.1", "number >= 0"),
        ("weight_decay", "1e999", "number >= 0"),
        ("topk", "[0]", "[10,20]"),
        ("topk", "ten", "[10,20]"),
        ("topk", "[]", "[10,20]"),
        ("topk", "[5,1.5]", "[10,20]"),
        ("valid_metric", "recall@7", "recall@10"),
        ("valid_metric", "gauc", "precision, recall, ndcg"),
        ("valid_metric", "auc", "needs mode labeled"),
        ("valid_metric", "RMSE", "less is better"),
        ("init", "normal(x)", "normal(0.1)"),
        ("init", "normal(-1)", "normal(0.1)"),
        ("init", "normal(nan)", "normal(0.1)"),
        ("init", "uniform", "normal(0.1)"),
        ("budgets", "uniform(2, 0.5)", "log_uniform(0.05, 4)"),
        ("budgets", "log_uniform(0, 4)", "log_uniform(0.05, 4)"),
        ("budgets", "uniform(0, 1e9)", "HIGH <= 1e+06"),
        ("budgets", "0.5", "log_uniform(0.05, 4)"),
        ("benchmark_filename", "train", "['train','test']"),
        ("benchmark_filename", "['test']", "['train','test']"),
        ("mix", "", "YAML files"),
        ("output_dir", "", "give it a value"),
        ("data_path", "", "give it a value"),
        ("model", "", "give it a value"),
    ],
)
def test_values_out_of_range(refused, key, value, says):
    refused(**{key: value}, says=[f"{key} is ", "(on the command line)", says])


def test_the_file_of_a_value_is_named(refused):
    Path("mine.yaml").write_text("repeats: 0\n")
    refused("--config_files=mine.yaml", repeats=None, says=["repeats is 0 (in mine.yaml)"])


def test_cut_off_beyond_the_number_of_items(refused):
    refused(topk="[5,41]", says=["topk is [5, 41] (on the command line)", "40 items", "'tiny'"])


def test_default_cut_offs_on_a_data_set_with_few_items(refused):
    folder = write_groups(["A", "B"] * 3, per_user=3)  # users 0 to 5 have items i0 to i7
    refused(
        dataset="own",
        data_path=folder,
        topk=None,
        says=["topk is [5, 10, 20] (the default)", "8 items"],
    )


# --- models --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("bpr", "did you mean 'BPR'?"),
        ("lightgcn", "did you mean 'LightGCN'?"),
        ("sasrec", "did you mean 'SASRec'?"),
        ("Foo", "not a recommender of RecBole"),
        ("abstract_recommender", "not a recommender of RecBole"),
        ("ADMMSLIM", "closed form"),
        ("SimpleX", "--weighting=sample"),
        ("DGCF", "--weighting=sample"),
    ],
)
def test_models_that_cannot_be_trained(refused, model, says):
    refused(model=model, says=[f"model is '{model}' (on the command line)", says])


def test_a_back_end_that_cannot_train_the_model(refused):
    refused(model="NeuMF", backend="cpu", says=["backend cpu", "NeuMF", "--backend=recbole"])


# --- values that RecBole takes without a check -----------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("load_col", "3", "load_col is 3"),
        ("load_col", "{'inter':['user_id']}", "load_col is {"),
        ("USER_ID_FIELD", "uid", "USER_ID_FIELD is 'uid'"),
        ("field_separator", ";", "field_separator is ';'"),
        ("threshold", "{'rating':3}", "threshold is {'rating': 3}"),
        ("user_inter_num_interval", "[500,inf)", "user_inter_num_interval is '[500,inf)'"),
        ("train_neg_sample_args", "3", "train_neg_sample_args is 3"),
        ("train_neg_sample_args", "None", "train_neg_sample_args"),
        ("train_neg_sample_args", "{'distribution':'popularity'}", "uniform"),
        ("eval_args", "3", "eval_args is 3"),
        ("local_rank", "0", "leave it out"),
        ("learner", "sparse_adam", "learner is 'sparse_adam'"),
        ("clip_grad_norm", "3", "clip_grad_norm is 3"),
    ],
)
def test_values_that_recbole_chokes_on(refused, key, value, says):
    refused(backend="recbole", **{key: value}, says=[says])


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
@pytest.mark.parametrize("backend", ["cpu", "recbole"])
def test_training_that_diverges_from_the_start(refused, backend):
    refused(learning_rate="1e38", backend=backend, says=["learning_rate"])


# --- mixes ---------------------------------------------------------------------------------------

GOOD = "name: mine\nalpha: {B: 0.5, C: 0.5}\nalpha_aug: 1\n"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("name: mine\nalpha: {B: -0.5, C: 1.5}\nalpha_aug: 1\n", ["'B'", "-0.5", ">= 0"]),
        ("name: mine\nalpha: {B: .nan, C: 1}\nalpha_aug: 1\n", ["'B'", "nan", "finite"]),
        ("name: mine\nalpha: {B: .inf, C: 1}\nalpha_aug: 1\n", ["'B'", "inf", "finite"]),
        ("name: mine\nalpha: {B: 0.5, C: 0.6}\nalpha_aug: 1\n", ["sums to 1.1", "sum to 1"]),
        ("name: mine\nalpha: {B: 0.5, D: 0.5}\nalpha_aug: 1\n", ["'D'", "'B', 'C'"]),
        ("name: mine\nalpha: {B: 1}\nalpha_aug: 1\n", ["leaves out 'C'", "share 0"]),
        ("name: mine\nalpha: {A: 0, B: 0.5, C: 0.5}\nalpha_aug: 1\n", ["target group 'A'"]),
        ("name: mine\nalpha: {B: 0.5, B: 0, C: 0.5}\nalpha_aug: 1\n", ["'B' twice"]),
        ("name: mine\nalpha: {B: 0.5, C: half}\nalpha_aug: 1\n", ["'C'", "'half'"]),
        ("name: mine\nalpha: [0.5, 0.5]\nalpha_aug: 1\n", ["alpha", "`key: value`"]),
        ("name: mine\nalpha: {B: 0.5, C: 0.5}\nalpha_aug: -1\n", ["alpha_aug is -1", ">= 0"]),
        ("name: mine\nalpha: {B: 0.5, C: 0.5}\nalpha_aug: .nan\n", ["alpha_aug is nan"]),
        ("name: mine\nalpha: {B: 0.5, C: 0.5}\nalpha_aug: much\n", ["alpha_aug is 'much'"]),
        ("name: mine\nalpha: {B: 0.5, C: 0.5}\n", ["name, alpha;", "exactly", "alpha_aug"]),
        (GOOD + "budget: 2\n", ["budget", "exactly name, alpha and alpha_aug"]),
        (GOOD.replace("mine", "proportional"), ["'proportional'", "choose another"]),
        (GOOD.replace("mine", "trial-0"), ["'trial-0'", "choose another"]),
        (GOOD.replace("mine", "a/b"), ["'a/b'", "letters, digits"]),
        (GOOD.replace("mine", "[a]"), ["name must be a text"]),
        ("", ["none", "exactly name, alpha and alpha_aug"]),
        ("- mine\n", ["`key: value`"]),
    ],
)
def test_mixes_that_are_none(refused, content, says):
    Path("mine.yaml").write_text(content)
    refused("--mix=mine.yaml", says=["mix file mine.yaml", *says])


def test_missing_mix_file(refused):
    refused("--mix=none.yaml", says=["mix file none.yaml", "No such file"])


def test_two_mixes_of_one_name(refused):
    for name in ("one.yaml", "two.yaml"):
        Path(name).write_text(GOOD)
    refused("--mix=one.yaml two.yaml", says=["two.yaml", "'mine'", "choose another"])


# --- folds ---------------------------------------------------------------------------------------


def test_a_fold_without_a_held_out_interaction_of_the_target(refused):
    # the target's one user has 2 items, one of which is tested: one fold of 2 stays empty
    folder = write_groups(["A"] + ["B"] * 10, [2] + [8] * 10)
    refused(
        dataset="own", data_path=folder, says=["of 2 holds no interaction of target 'A'", "fewer"]
    )


def test_a_test_part_without_the_target(refused):
    # users with one interaction have no test part
    folder = write_groups(["A"] * 4 + ["B"] * 10, [1] * 4 + [8] * 10)
    refused(
        dataset="own",
        data_path=folder,
        trials=0,
        early_stopping="false",
        says=["the test part holds no interaction of target 'A'"],
    )


def test_a_fold_that_takes_all_of_a_group(refused):
    # C's one training interaction is held out in one of the folds
    folder = write_groups(["A"] * 6 + ["B"] * 6 + ["C"], [8] * 12 + [2])
    refused(
        dataset="own",
        data_path=folder,
        says=["of 2 leaves no training interaction of group 'C'", "user_inter_num_interval"],
    )


# --- sources -------------------------------------------------------------------------------------


@pytest.fixture
def archive():
    """A zip archive that opens, with one damaged file in it."""
    with zipfile.ZipFile("ml-1m.zip", "w") as out:
        for name in ("ratings.dat", "users.dat", "movies.dat"):
            out.writestr(f"ml-1m/{name}", "1::1::5::1\n" * 500)
    return Path("ml-1m.zip")


def prepare_refused(*arguments, says):
    return refused_command("prepare", *arguments, says=says)


def test_source_archive_with_a_wrong_checksum(archive):
    content = bytearray(archive.read_bytes())
    content[60] ^= 0xFF  # inside the first file, after its header
    archive.write_bytes(content)
    prepare_refused("ml-1m", f"--source={archive}", says=["ml-1m.zip", "download it again"])


def test_source_archive_that_is_cut_off(archive):
    archive.write_bytes(archive.read_bytes()[:-40])
    prepare_refused("ml-1m", f"--source={archive}", says=["ml-1m.zip", "not a readable zip"])


def test_source_that_is_no_archive():
    Path("ml-1m.zip").write_text("<html>404</html>")
    prepare_refused("ml-1m", "--source=ml-1m.zip", says=["ml-1m.zip", "not a readable zip"])


def test_source_of_another_data_set(archive):
    prepare_refused(
        "lastfm-asia", f"--source={archive}", says=["ml-1m.zip", "lastfm_asia_features.json"]
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], ["ml-100k", "lastfm-asia"]),
        (["ml-10k"], ["'ml-10k'", "did you mean"]),
        (["ml-1m"], ["needs a source", "--source FILE_OR_FOLDER"]),
        (["ml-1m", "--source=nowhere"], ["nowhere", "does not exist"]),
        (["ml-1m", "--sauce=x"], ["--sauce", "--source"]),
        (["blockmix", "--out=file/x"], ["file", "not a folder"]),
    ],
)
def test_prepare_arguments(arguments, says):
    Path("file").write_text("")
    prepare_refused(*arguments, says=says)


# --- run folders ---------------------------------------------------------------------------------


@pytest.fixture
def finished(tiny):
    """Arguments of a run that has been done, and its folder."""
    arguments = run_arguments(tiny, trials=0, epochs=1)
    status, _, err = call(*arguments)
    assert status == 0, err
    return arguments, run_folder()


def test_run_folder_of_another_configuration(finished):
    arguments, folder = finished
    file = folder / "config.yaml"
    content = yaml.safe_load(file.read_text())
    content["configuration"]["learning_rate"] = 0.5
    file.write_text(yaml.safe_dump(content))
    refused_command(
        *arguments,
        says=[str(folder), "another configuration", "learning_rate was 0.5", "--output_dir"],
    )


@pytest.mark.parametrize("content", ["", "- a\n", "configuration: 3\ndata: 4\n", "a: [\n"])
def test_run_folder_with_an_unreadable_configuration(finished, content):
    arguments, folder = finished
    (folder / "config.yaml").write_text(content)
    refused_command(*arguments, says=["config.yaml", "--output_dir"])


def test_run_folder_without_a_configuration(finished):
    arguments, folder = finished
    (folder / "config.yaml").unlink()
    refused_command(*arguments, says=[str(folder), "no config.yaml", "--output_dir"])


def test_run_folder_of_other_data():
    write_tiny(Path("data"))
    arguments = run_arguments("data", trials=0, epochs=1)
    assert call(*arguments)[0] == 0
    lines = Path("data/tiny/tiny.inter").read_text().splitlines(keepends=True)
    Path("data/tiny/tiny.inter").write_text("".join(lines[:-1]))
    refused_command(*arguments, says=["other data", "n_interactions was", "--output_dir"])


@pytest.mark.parametrize("line", ["{'name': 1}", "3", "{}", '{"name": "x"}'])
def test_trials_with_a_broken_line_in_the_middle(finished, line):
    arguments, folder = finished
    file = folder / "trials.jsonl"
    good = file.read_text().splitlines()
    file.write_text("\n".join([good[0], line, *good[1:]]) + "\n")
    refused_command(*arguments, says=["trials.jsonl, line 2", "remove the line"])


# --- output folders ------------------------------------------------------------------------------


def test_output_below_a_file(refused):
    Path("file").write_text("")
    refused(
        "--output_dir=file/runs", says=["file/runs/tiny-A-BPR", "not a folder", "--output_dir"]
    )


def test_output_below_a_device(refused):
    refused("--output_dir=/dev/full/runs", says=["/dev/full/runs", "--output_dir"])


def test_output_where_nothing_can_be_made(refused):
    refused("--output_dir=/proc/runs", says=["/proc/runs", "--output_dir"])


def test_output_folder_that_is_read_only(refused, monkeypatch):
    def read_only(self, *args, **kwargs):
        raise PermissionError(errno.EROFS, "Read-only file system", str(self))

    Path("results").mkdir()
    monkeypatch.setattr(Path, "mkdir", read_only)
    refused("--output_dir=results", says=["results/tiny-A-BPR", "Read-only file system"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_output_folder_without_permission(refused):
    Path("results").mkdir(mode=0o555)
    refused("--output_dir=results", says=["results/tiny-A-BPR", "no permission"])


def test_output_folder_without_permission_whoever_runs_it(refused, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    refused("--output_dir=results", says=["results/tiny-A-BPR", "no permission"])


@pytest.mark.parametrize("where", ["fsync", "write"])
def test_full_disk(refused, monkeypatch, where):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    if where == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    else:
        monkeypatch.setattr(tempfile, "TemporaryFile", full)
    refused("--output_dir=a/b", says=["a/b/tiny-A-BPR", "No space left on device"])


def test_full_disk_in_a_folder_that_was_there(refused, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    Path("a").mkdir()
    Path("a/note").write_text("mine")
    monkeypatch.setattr(os, "fsync", full)
    refused("--output_dir=a", says=["No space left on device"])


# --- through a process of its own, from another folder ---------------------------------------------


#: Several commands after each other, with a line between what they say; the last as users start it.
SEVERAL = """
import json, runpy, sys
from recbole_groupmix.cli.main import main
script, commands = sys.argv[1], json.loads(sys.argv[2])
*others, last = commands
for arguments in others:
    print(main(arguments), flush=True)
    print("---", file=sys.stderr, flush=True)
sys.argv = [script, *last[1:]]
runpy.run_path(script, run_name="__main__")
"""


def test_as_a_process(tiny, tmp_path):
    (tmp_path / "mine.yaml").write_text("trails: 3\n")
    (tmp_path / "file").write_text("")
    before = tree(tmp_path)
    told = [
        ({"config_files": "mine.yaml"}, ["'trails' in mine.yaml", "did you mean 'trials'?"]),
        ({"output_dir": "file"}, ["file/tiny-A-BPR", "--output_dir"]),
        ({"target": "D"}, ["'D'", "A (10 users"]),
    ]
    commands = json.dumps([run_arguments(tiny, **options) for options, _ in told])
    script = str(REPOSITORY / "run_groupmix.py")
    done = process(script, commands, cwd=tmp_path, code=SEVERAL)
    assert (done.returncode, done.stdout) == (2, "2\n2\n"), done.stderr
    for err, (_, says) in zip(done.stderr.split("---\n"), told, strict=True):
        line = err.removesuffix("\n")
        assert line.startswith("groupmix: ") and "\n" not in line
        assert [part for part in says if part not in line] == [], line
    assert tree(tmp_path) == before


# --- from Python ---------------------------------------------------------------------------------


def test_python_raises_the_same(tiny):
    with pytest.raises(ValueError, match=r"trials is -1 \(in config_dict\)"):
        run_groupmix(
            dataset="tiny", target="A", config_dict={"data_path": str(tiny), "trials": -1}
        )
    with pytest.raises(ValueError, match=r"nope.*tiny\.user"):
        run_groupmix(
            dataset="tiny",
            target="A",
            config_dict={"data_path": str(tiny), "group_field": "nope", "topk": 5},
        )
    assert tree() == {}
