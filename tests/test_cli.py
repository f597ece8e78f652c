"""The command line: helps, precedence, progress, and what is printed."""

import inspect
import io
import json
import re
import shlex
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from command import call, process, run_arguments, run_folder, tree
from helpers import write_data_set

from recbole_groupmix import __version__
from recbole_groupmix.cli import prepare
from recbole_groupmix.cli.main import COMMANDS, main, parser_of
from recbole_groupmix.prepare import DATA_SETS
from recbole_groupmix.reproduce.controls import chosen_controls
from recbole_groupmix.search import progress


def options_of(folder):
    """Return the resolved settings that a run has written."""
    return yaml.safe_load((Path(folder) / "config.yaml").read_text())["configuration"]


# --- helps ---------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["help"]])
def test_help_is_one_line_per_command(arguments):
    status, out, err = call(*arguments)
    assert (status, err) == (0, "")
    _, table = out.split("\ncommands:\n")
    assert [line.split()[0] for line in table.splitlines()] == list(COMMANDS)
    assert all(len(line) <= 80 and line.endswith(".") for line in table.splitlines())


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_is_about_it_alone(name):
    status, out, err = call(name, "--help")
    assert (status, err) == (0, "")
    assert call(name, "--force", "-h") == call("help", name) == (0, out, "")
    assert out.startswith(f"usage: groupmix {name} ") and "\nexamples:\n" in out
    assert max(map(len, out.splitlines())) <= 80
    examples = re.findall(r"^  groupmix (\S+)", out, re.MULTILINE)
    assert set(examples) == {name}
    assert {other for other in COMMANDS if f"usage: groupmix {other} " in out} == {name}


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_of_a_help_can_be_read(name):
    for example in COMMANDS[name].EXAMPLES:
        program, command, *arguments = shlex.split(example)
        assert (program, command) == ("groupmix", name)
        own, settings = parser_of(name).read(arguments)
        assert set(settings) <= parser_of(name).settings
        assert len(own) + len(settings) > 0 or not arguments


@pytest.mark.parametrize("name", COMMANDS)
def test_a_help_shows_what_the_command_takes_and_nothing_else(name, monkeypatch):
    """Every option of the help is read; and every parameter of the function behind is an option."""
    help_of = parser_of(name).format_help()
    shown = set(re.findall(r"^  (?:-\w \S+, )?--(\w+)", help_of, re.MULTILINE)) - {"help"}
    actions = {a.dest for a in parser_of(name)._actions if a.option_strings} - {"help"}
    assert shown == actions
    for key in shown:
        values = (f"--{key}=3", f"--{key}=true", f"--{key}=shares")
        taken = [value for value in values if _is_read(name, key, value)]
        assert taken, key


def _is_read(name, key, option):
    try:
        own, settings = parser_of(name).read([option])
    except ValueError as error:
        assert str(error).startswith(f"--{key} is "), error
        return False
    return [*own, *settings] == [key]


@pytest.mark.parametrize(
    ("name", "function", "not_options"),
    [
        ("check", "check.command.check_command", ()),
        ("influence", "exact.influence_command.influence_command", ()),
        ("shapley", "exact.shapley.command.shapley_command", ()),
        ("gradient", "exact.gradient_command.gradient_command", ()),
        ("profile", "exact.profile_command.profile_command", ()),
        ("tune", "search.tune.tune", ("params_file",)),
    ],
)
def test_options_and_their_defaults_are_those_of_the_function(name, function, not_options):
    module, _, called = f"recbole_groupmix.{function}".rpartition(".")
    parameters = inspect.signature(getattr(import_module(module), called)).parameters
    options = {p.name: p.default for p in parameters.values()}
    for action in parser_of(name)._actions:
        key = action.dest
        if key in {"help", *not_options, *parser_of(name).settings}:
            continue
        said = re.search(r"\(default (\S+)\)", action.help.replace(", or the rest", ""))
        if options.pop(key) is not None and said and key != "out":
            default = inspect.signature(getattr(import_module(module), called)).parameters[key]
            listed = isinstance(default.default, tuple)
            text = list(default.default) if listed else default.default
            assert parser_of(name).read([f"--{key}={said.group(1)}"])[0][key] == text
    assert set(options) - {"every"} == {"settings", "say"}  # check: the grid alone sets it


def test_controls_and_data_sets_that_helps_name_exist():
    assert set(re.findall(r"^  (\w\S*)  ", prepare.TEXT, re.MULTILINE)) == set(DATA_SETS)
    controls = next(a for a in parser_of("reproduce")._actions if a.dest == "controls")
    named = re.search(r"\((.*), \.\.\.\)", controls.help).group(1).split(", ")
    assert chosen_controls(named)


def test_version_help_and_errors_of_syntax_load_neither_torch_nor_numpy(tmp_path):
    code = """
import sys
from recbole_groupmix.cli.main import COMMANDS, main
for arguments in (
    ["--help"], ["--version"], ["nothing"], *([name, "--help"] for name in COMMANDS),
    ["run", "x"], ["run", "--target"], ["compare", "--what=3"], ["check", "--max_d=x"],
    ["tune", "--learning_rates=x"], ["profile", "--reach=0"], ["run", "--a=1", "--a=2"],
):
    print(main(arguments), file=sys.stderr)
print(sorted({"torch", "recbole", "numpy", "pandas", "numba"} & set(sys.modules)), file=sys.stderr)
"""
    done = process(cwd=tmp_path, code=code)
    *lines, loaded = done.stderr.splitlines()
    statuses = [line for line in lines if not line.startswith("groupmix: ")]
    assert statuses == ["0", "0", "2", *["0"] * len(COMMANDS), *["2"] * 7]
    assert loaded == "[]"


def test_arguments_of_the_process_are_the_default(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["groupmix", "--version"])
    assert main() == 0
    assert capsys.readouterr().out == f"groupmix {__version__}\n"


# --- what is misspelt ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["rnu"], "unknown command 'rnu'; did you mean run? Commands are prepare, "),
        (["search"], "unknown command 'search'; commands are prepare, "),
        (["x" * 9999], "unknown command 'xxx"),
        (["--target=25"], "command '--target=25'; options come after a command, such as run; "),
        (["profile", "--pionts=3"], "key 'pionts' on the command line; did you mean --points?"),
        (["reproduce", "--modles=EASE"], "did you mean --models?"),
        (["check", "--influense=no", "--dataset=blockmix"], "did you mean --influence?"),
        (["compare", "a.csv", "--metrics=x"], "takes --reference, --metric, --group, "),
        (["compare", "a.csv", "--metrics=x"], "; did you mean --metric?"),
        (["report", "x", "--ouf=y"], "report takes --out, --force; did you mean --out?"),
        (["prepare", "ml-1m", "--dataset=y"], "prepare takes --source, --out, --force"),
        (["prepare"], "name a data set to prepare: blockmix"),
        (["prepare", "ml-1m", "ml-100k"], "name a data set to prepare: blockmix"),
        (["run", "--learning_rat=3"], "did you mean --learning_rates?"),
    ],
)
def test_what_is_misspelt_is_refused_with_what_is_near(arguments, says):
    status, out, err = call(*arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    if arguments[0] == "run":  # those of tune are no options of run
        assert says not in err and "did you mean 'learning_rate'?" in err
    else:
        assert says in err
    assert len(err) < 1000


def test_a_key_of_recbole_is_no_misspelt_option():
    own, settings = parser_of("check").read(["--neg_sampling=x"])
    assert (own, settings) == ({}, {"neg_sampling": "x"})
    assert parser_of("influence").read(["--metrics=x"]) == ({}, {"metrics": "x"})
    with pytest.raises(ValueError, match="did you mean --budget"):
        parser_of("check").read(["--budgett=1"])


# --- RecBole's spellings -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [name for name in COMMANDS if "model" in parser_of(name).settings]
)
@pytest.mark.parametrize(
    "arguments",
    [["-m", "EASE", "-d", "tiny"], ["-mEASE", "-d=tiny"], ["--model=EASE", "-d", "tiny"]],
)
def test_letters_of_recbole(name, arguments):
    assert parser_of(name).read(arguments) == ({}, {"model": "EASE", "dataset": "tiny"})


def test_letters_are_refused_where_they_have_no_meaning():
    for arguments in (["reproduce", "-m", "BPR"], ["report", "-d", "x"]):
        status, _, err = call(*arguments)
        assert status == 2 and "-" in err
    status, _, err = call("run", "-d", "blockmix", "--dataset=ml-1m")
    assert status == 2 and "--dataset is given twice: 'blockmix' and 'ml-1m'" in err


# --- target tokens -------------------------------------------------------------------------------

TOKENS = ["25", "007", "no", "1-5", "NA", "1e3", "true", "null", "0.50", "[1]", "2020-01-01"]


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """Folder of a data set whose groups have names that programs like to read as other things."""
    folder = tmp_path_factory.mktemp("odd")
    users = [f"u{number}" for number in range(3 * len(TOKENS))]
    pairs = [(user, f"i{(n + k) % 12}") for n, user in enumerate(users) for k in range(6)]
    write_data_set(
        folder,
        "odd",
        {"user_id:token": [u for u, _ in pairs], "item_id:token": [i for _, i in pairs]},
        {"user_id:token": users, "group:token": TOKENS * 3},
    )
    return folder


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("how", ["equals", "space", "yaml"])
def test_target_is_the_text_that_was_written(odd, monkeypatch, token, how):
    asked = []
    monkeypatch.setattr(
        "recbole_groupmix.run.forecast",
        lambda run, *rest: asked.append(run.experiment.target) or _stop(),
    )
    quoted = f'"{token}"' if token in ("null", "[1]") else token  # those are no text in YAML
    Path("target.yaml").write_text(f"target: {quoted}\n")
    given = {
        "equals": [f"--target={token}"],
        "space": ["--target", token],
        "yaml": ["--config_files=target.yaml"],
    }[how]
    arguments = run_arguments(odd, dataset="odd", target=None)
    status, _, err = call(*arguments, *given)
    assert (asked, status) == ([token], 2), err


def _stop():
    raise ValueError("far enough")


def test_groups_of_a_mix_file_are_the_text_that_was_written(odd):
    others = [token for token in TOKENS if token not in ("25", "[1]", "null")]
    alpha = ", ".join(f"{token}: 0.125" for token in others)
    Path("mix.yaml").write_text(
        f'name: mine\nalpha: {{{alpha}, "[1]": 0, "null": 0}}\nalpha_aug: 0.5\n'
    )
    arguments = run_arguments(odd, dataset="odd", target="25", trials=0, epochs=1, topk=5)
    status, _, err = call(*arguments, "--mix=mix.yaml")
    assert status == 0, err
    alpha = json.loads((run_folder() / "result.json").read_text())["mixes"]["mine"]["alpha"]
    assert alpha == {**dict.fromkeys(others, 0.125), "[1]": 0.0, "null": 0.0}


# --- precedence ----------------------------------------------------------------------------------


def test_command_line_over_files_over_properties(tiny):
    Path("one.yaml").write_text("seed: 1\nrepeats: 2\nlearning_rate: 0.5\n")
    Path("two.yaml").write_text("seed: 2\nfolds: 4\n")
    arguments = run_arguments(
        tiny, trials=0, epochs=1, seed=3, folds=None, repeats=None, embedding_size=None
    )
    status, _, err = call(*arguments, "--config_files=one.yaml two.yaml")
    assert status == 0, err
    options = options_of(run_folder())
    # seed: everywhere; folds: second file; repeats: first; learning_rate: file over
    # properties/converged/BPR.yaml; the others: properties/ alone
    assert (options["seed"], options["folds"], options["repeats"]) == (3, 4, 2)
    assert (options["learning_rate"], options["reg_weight"]) == (0.5, 0.01)
    assert (options["embedding_size"], options["init"]) == (64, "normal(0.1)")


def test_a_whole_yaml_file_of_recbole(tiny):
    Path("recbole.yaml").write_text(
        """\
# environment
gpu_id: ''
use_gpu: False
seed: 7
state: INFO
reproducibility: True
show_progress: False
checkpoint_dir: 'saved'
# data
data_path: nowhere
field_separator: "\\t"
USER_ID_FIELD: user_id
ITEM_ID_FIELD: item_id
load_col:
    inter: [user_id, item_id]
    user: [user_id, group]
user_inter_num_interval: "[2,inf)"
rm_dup_inter: first
# training
epochs: 2
train_batch_size: 64
learner: adam
learning_rate: 1e-2
train_neg_sample_args:
    distribution: uniform
    sample_num: 1
eval_step: 1
stopping_step: 3
weight_decay: 0.0
# evaluation
eval_args:
    split: {'RS': [0.8, 0.1, 0.1]}
    order: RO
    group_by: user
    mode: full
metrics: ["Recall", "NDCG"]
topk: 5
valid_metric: NDCG@5
metric_decimal_place: 4
# model and ours
embedding_size: 8
model: BPR
dataset: tiny
group_field: group
target: B
trials: 1
folds: 2
repeats: 1
"""
    )
    status, out, err = call("run", "--config_files=recbole.yaml", f"--data_path={tiny}")
    assert status == 0, err
    options = options_of(run_folder())
    assert (options["seed"], options["learning_rate"], options["topk"]) == (7, 0.01, [5])
    assert (options["valid_metric"], options["target"]) == ("ndcg@5", "B")
    assert "eval_args" not in err  # obeyed
    assert "metrics (in recbole.yaml) has no effect" in err
    assert "tiny, target B of group, BPR" in out
    assert {path.split("/")[0] for path in tree()} == {"recbole.yaml", "runs"}  # no log, no saved


def test_a_config_file_option_of_either_name(tiny):
    Path("one.yaml").write_text("trials: -1\n")
    for name in ("config_file", "config_files"):
        status, _, err = call(*run_arguments(tiny, trials=None), f"--{name}=one.yaml")
        assert status == 2 and "trials is -1 (in one.yaml)" in err


# --- what is printed -----------------------------------------------------------------------------


@pytest.mark.smoke
def test_output_of_a_process_from_another_folder(tiny, tmp_path):
    """Table and folder on one stream, a few lines of progress on the other, nothing else."""
    _, *arguments = run_arguments(tiny, target="C", model="LightGCN", backend="recbole")
    done = process(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = run_folder(tmp_path / "runs").relative_to(tmp_path)
    lines = done.stderr.splitlines()
    # 3 baselines and 2 trials on 2 folds; 3 baselines and the data mix on all of train
    assert lines[:2] == ["measuring how long an epoch takes", f"run folder {folder}"]
    says = "10 models on folds, up to 2 again for longer and 4 on all of train, at most 6 epochs"
    assert lines[2].startswith(says)
    assert [re.sub(r"[\d.]+ s$", "", line) for line in lines[3:]] == [
        "folds, proportional: 2 of 2 models in ",
        "folds: 8 of 8 models in ",
        *(["folds, own length: 2 of 2 models in "] * (len(lines) == 7)),
        "test: 4 of 4 models in ",
    ]
    out = done.stdout.splitlines()
    assert out[0].startswith("tiny, target C of group, LightGCN")
    assert out[2].split()[:3] == ["mix", "alpha_aug", "precision@10"]
    rows = [line.split()[0] for line in out[4:8]]
    assert rows == ["proportional", "stratified", "no_augmentation", "data_mix"]
    assert out[-1] == str(folder)
    assert {path.split("/")[0] for path in tree(tmp_path)} == {"runs"}


def test_warnings_of_recbole_become_notes(tiny):
    """Here: two L2 terms at once, of which RecBole's trainer warns whenever it is made."""
    arguments = run_arguments(
        tiny, search=None, trials=0, epochs=1, weight_decay=0.1, backend="recbole"
    )
    status, _, err = call(*arguments)
    assert status == 0, err
    notes = [line for line in err.splitlines() if line.startswith("note")]
    assert len(notes) == 1
    assert notes[0].startswith("note from RecBole: The parameters [weight_decay] and [reg_weight]")


def test_a_finished_run_has_nothing_left_to_do(tiny):
    arguments = run_arguments(tiny)
    first = call(*arguments)
    assert first[0] == 0, first[2]
    again = call(*arguments)
    assert again[0] == 0 and "nothing left to train" in again[2]
    assert again[1] == first[1]


@pytest.mark.parametrize(
    ("option", "bars", "lines"),
    [(None, False, True), ("true", True, False), ("false", False, False)],
)
def test_progress_without_a_terminal(tiny, option, bars, lines):
    status, _, err = call(*run_arguments(tiny, show_progress=option))
    assert status == 0, err
    assert ("model/s]" in err or "s/model]" in err) is bars
    assert ("folds: 8 of 8 models in" in err) is lines


def test_progress_on_a_terminal_is_bars(tiny, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    bars = progress.Progress("folds", 2, 0, 5, None)
    bars.epoch("2 models, fold 0", 5, 5)
    bars.model()
    bars.close()
    assert "folds:  50%" in sys.stderr.getvalue()
    assert "models in" not in sys.stderr.getvalue()


def test_sparse_lines_say_what_is_left(monkeypatch, capsys):
    clock = iter([0.0, 10.0, 40.0, 50.0, 80.0, 90.0])
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    lines = progress.Progress("folds", 7, 3, 5, None)
    for _ in range(4):
        lines.model()
    lines.close()
    # after 40 s 2 of the 4 models are done, 20 s each; a line at most every 30 s
    assert capsys.readouterr().err.splitlines() == [
        "folds: 5 of 7 models, about 40 s left",
        "folds: 7 of 7 models in 90 s",
    ]


# --- prepare -------------------------------------------------------------------------------------


def test_prepare_writes_a_data_set():
    status, out, err = call("prepare", "blockmix", "--out", "data")
    assert (status, err) == (0, "")
    assert out.splitlines()[-1] == "data/blockmix"
    assert sorted(tree("data/blockmix")) == [
        "SOURCE.md",
        "blockmix.inter",
        "blockmix.item",
        "blockmix.user",
    ]
