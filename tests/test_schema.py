"""The fields of a run's files: written down once, checked when read, and documented as they are."""

import json
import re
import runpy
import types
import typing
from fnmatch import fnmatch
from typing import Annotated, Any, TypedDict

import pandas as pd
import pytest
import yaml
from command import call, run_arguments, run_folder
from helpers import groups_of_users, interactions, write_data_set

from recbole_groupmix.evaluation.report import GroupReport
from recbole_groupmix.record.check_schema import CheckRecord
from recbole_groupmix.record.field_checks import check_of
from recbole_groupmix.record.fold_schema import CurveRecord, FoldRecord, FoldUsers, LeftRecord
from recbole_groupmix.record.result_schema import Index, Result
from recbole_groupmix.record.schema import Config, MetricsRow, ModelFile, RepeatRow, UserRow
from recbole_groupmix.record.study_cell import (
    CountsMeasured,
    PenaltyMeasured,
    StudyCellFile,
    TallMeasured,
)
from recbole_groupmix.reproduce.costs import CostsFile
from recbole_groupmix.reproduce.finished_cells import CellFile
from recbole_groupmix.reproduce.studies import unfairness
from recbole_groupmix.search import choice, finish, race
from recbole_groupmix.search.proposers import known
from recbole_groupmix.surface.coordinates import sampled

RUNS = ("run", "waves", "all", "tune")
STUDIES = ("mixing", "tall", "unfairness")
#: Fields that no file of these runs has: those of what ``run_groupmix`` returns.
RETURNED = {("Result", "run_folder"), ("Index", "run_folder")}


def _draws(history, n, rng):
    """A proposer that draws from the paper's samplers and learns nothing."""
    return history.mixes(sampled(n, rng, history.n_users, history.target, history.groups))


@pytest.fixture(scope="module")
def page(repository):
    return runpy.run_path(str(repository / "docs" / "run_folder_tables.py"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A trained run, a search in waves, one of all targets, a tuning, a check and cells of each
    reproduction, by their folders."""
    place = tmp_path_factory.mktemp("made")
    users, items = interactions()
    write_data_set(
        place,
        "tiny",
        {"user_id:token": [f"u{u}" for u in users], "item_id:token": [f"i{i}" for i in items]},
        {"user_id:token": [f"u{u}" for u in range(1, 33)], "group:token": groups_of_users()},
        {
            "item_id:token": [f"i{i}" for i in range(1, 41)],
            "genre:token": ["xyz"[i % 3] for i in range(40)],
        },
    )
    some = {"user_inter_num_interval": "[7,inf)", "class_field": "genre", "budget_curve": True}

    def ran(name, command="run", **options):
        options = {"output_dir": place / name, **some, **options}
        status, _, err = call(command, *run_arguments(place, **options)[1:])
        assert status == 0, err

    labels = "{'group': {'A': 'the first'}}"
    rivals = {"fine_tune": None, "rivals": "fine_tuned,group_dro"}
    with pytest.MonkeyPatch.context() as patch:  # whatever the scores are, rivals are models
        for module in (choice, finish):
            patch.setattr(module, "is_better", lambda name, cv: True)
        ran(
            "run",
            model="BPR",
            log_tensorboard=True,
            rank_items="target",
            group_labels=labels,
            **rivals,
        )
    solved = {"lambdas": "[10,100]", "epochs": None, "eval_step": None}
    ran("all", model="EASE", target="all", rank_items="target", **solved)
    with pytest.MonkeyPatch.context() as patch:  # whatever the scores are, mixes leave
        patch.setattr(race, "LEVEL", 2)
        patch.setattr(race, "FEW_USERS", 0)
        known.register("drawn", _draws)
        ran("waves", model="EASE", search="drawn", trials=4, least_gain=0, hours=9, **solved)
        known.unregister("drawn")
    own = {"learning_rates": "0.01,0.1", "out": place / "best.yaml", "budget_curve": None}
    ran("tune", "tune", model="BPR", trials=None, fine_tune=None, **own)
    status, _, err = call(
        *("check", "--dataset=tiny", f"--data_path={place}", "--group_field=group"),
        *("--class_field=genre", "--relabellings=2", f"--out={place / 'check'}"),
    )
    assert status == 0, err
    small = {
        "mixing": [*("--models=EASE", "--targets=A", "--protocols=converged", "--trials=1"),
                   *("--folds=2", "--repeats=2", "--group_field=group", "--topk=[5,10]")],
        "tall": ["--quick", "--models=uniform", "--epochs=1", "--train_batch_size=16"],
        "unfairness": ["--quick", "--epochs=2", "--datasets=ml-100k"],
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unfairness, "FITS", unfairness.FITS[:1])
        for study, options in small.items():
            of_tiny = [*("--datasets=tiny", f"--data_path={place}")]
            options = [*options, *(of_tiny if study != "unfairness" else [])]
            status, _, err = call("reproduce", study, *options, f"--out={place / study}")
            assert status == 0, err
    others = {name: place / name for name in ("check", *STUDIES)}
    return {name: run_folder(place / name) for name in RUNS} | others


def files_of(folder):
    """Paths of the files of a run folder, with those of the targets of an index as their own."""
    for path in sorted(folder.rglob("*")):
        inside = next((p for p in path.parents if (p / "config.yaml").is_file()), folder)
        if path.is_file():
            yield path, path.relative_to(inside).as_posix()


def documented(repository, section="The files of a run folder"):
    """Patterns of the table of files of a section."""
    text = (repository / "docs" / "run_folder.md").read_text(encoding="utf-8")
    (part,) = (p for p in re.split(r"^#+ ", text, flags=re.M) if p.startswith(f"{section}\n"))
    return re.findall(r"^\| `([^`]+)` \|", part, flags=re.M)


def contents(made):
    """Yield what is in the files of the runs, with the type that it has."""
    lines = {
        "trials.jsonl": FoldRecord,
        "curves.jsonl": CurveRecord,
        "fold_users.jsonl": FoldUsers,
        "races.jsonl": LeftRecord,
    }
    for name in RUNS:
        for path, _ in files_of(made[name]):
            text = path.read_text(encoding="utf-8") if path.suffix in (".json", ".yaml") else ""
            if path.name in lines:
                kind = lines[path.name]
                yield from ((json.loads(line), kind) for line in path.read_text().splitlines())
            elif path.suffix == ".json" and not path.name.endswith(".schedule.json"):
                yield json.loads(text), {"result.json": Result, "index.json": Index}[path.name]
            elif path.suffix == ".yaml":
                kind = {"config.yaml": Config, "model.yaml": ModelFile}[path.name]
                yield yaml.safe_load(text), kind
            elif path.suffix == ".parquet":
                frame = pd.read_parquet(path)
                kind = MetricsRow if path.name == "metrics.parquet" else RepeatRow
                yield frame.iloc[0].to_dict(), kind
    yield json.loads((made["check"] / "check.json").read_text()), CheckRecord
    yield json.loads((made["mixing"] / "costs.json").read_text()), CostsFile
    for name in STUDIES:
        for file in (made[name] / "cells").iterdir():
            cell = json.loads(file.read_text())
            yield cell, CellFile if name == "mixing" else StudyCellFile
            if name == "tall":
                yield cell["measured"], TallMeasured
            if name == "unfairness":
                yield (
                    cell["measured"],
                    (CountsMeasured if "table" in cell["given"] else PenaltyMeasured),
                )


def walk(value, kind):
    """Yield (record, field) of every field in a value, an unknown one as (record, field, None)."""
    if typing.get_origin(kind) is Annotated:
        kind = typing.get_args(kind)[0]
    inner = [arg for arg in typing.get_args(kind) if arg is not types.NoneType]
    if value is None or kind is Any:
        return
    if typing.is_typeddict(kind):
        hints = typing.get_type_hints(kind, include_extras=True)
        for field, item in value.items():
            if field in hints:
                yield kind.__name__, field
                yield from walk(item, hints[field])
            elif kind.__name__ not in ("_ModelSettings", "_Given"):  # the few that are read
                yield kind.__name__, field, None
    elif typing.get_origin(kind) is list:
        for item in value:
            yield from walk(item, inner[0])
    elif typing.get_origin(kind) is dict:
        for item in value.values():
            yield from walk(item, inner[1])
    elif len(inner) == 1:
        yield from walk(value, inner[0])


def test_every_file_of_a_run_folder_is_documented_and_there(made, repository):
    patterns, used = documented(repository), set()
    for name in RUNS:
        for _, path in files_of(made[name]):
            fitting = [pattern for pattern in patterns if fnmatch(path, pattern)]
            assert fitting or path == "index.json", path
            used |= set(fitting)
    # groupmix run's page and groupmix export write these
    assert set(patterns) - used == {"report/*", "export/*"}


def test_every_file_of_a_reproduction_is_documented_and_there(made, repository):
    patterns, used = documented(repository, "Folders of `groupmix reproduce`"), set()
    for name in STUDIES:
        for path in made[name].rglob("*"):
            if path.is_file():
                file = path.relative_to(made[name]).as_posix()
                (fitting,) = [pattern for pattern in patterns if fnmatch(file, pattern)]
                used.add(fitting)
    assert set(patterns) == used


def test_every_field_in_a_file_is_known_and_every_known_field_is_in_a_file(made, page):
    found = {place for value, kind in contents(made) for place in walk(value, kind)}
    assert [place for place in found if len(place) == 3] == []
    records = page["RECORDS"].items()
    known = {
        (name, field)
        for name, record in records
        if not name.startswith("_")
        and name not in ("FoldSummary", "UserRow", "Uncorrected", "Tries", "Options", "OfMix")
        for field in typing.get_type_hints(record)
    }
    assert known - found == RETURNED


def test_what_runs_write_passes_the_checks_that_read_it(made):
    for value, kind in contents(made):
        if kind not in (MetricsRow, RepeatRow):
            check_of(kind)(value, "it")


def test_the_page_has_the_fields_as_they_are_in_the_code(page, repository):
    text = (repository / "docs" / "run_folder.md").read_text(encoding="utf-8")
    assert page["filled"](text) == text, "run docs/run_folder_tables.py"
    shown = {place[1] for place in page["PLACE"].findall(text)}
    # in memory, and parts of others
    inner = {"FoldSummary", "Uncorrected", "Tries", "Options", "OfMix"}
    assert shown == {name for name in page["RECORDS"] if not name.startswith("_")} - inner


def test_the_evaluator_writes_its_own_format(tmp_path):
    table = pd.DataFrame(
        [["ndcg@5", group, 1, 0, 0.5, None, None] for group in ("A", "overall")],
        columns=["metric", "group", "n_users", "n_undefined", "value", "ci_low", "ci_high"],
    )
    per_user = pd.DataFrame({"user_id": ["u1"], "group": ["A"], "ndcg@5": [0.5]})
    table[["ci_low", "ci_high"]] = 0.5
    GroupReport(table, per_user, "group", {"A": 1}).save(tmp_path)
    frame = pd.read_parquet(tmp_path / "per_user.parquet")
    assert list(frame.columns) == list(UserRow.__annotations__)


# --- checks from types ---------------------------------------------------------------------------


class Point(TypedDict):
    x: Annotated[int, ">= 1"]


class Shape(Point, total=False):
    share: Annotated[float | None, ">= 0"]
    loose: Annotated[float, "or NaN"]
    flag: bool
    names: Annotated[list[str], ">= 1"]
    inner: dict[str, Point | None]
    other: Any


GOOD = {
    "x": 1,
    "share": None,
    "loose": float("nan"),
    "flag": True,
    "names": ["a"],
    "inner": {"a": {"x": 2}, "b": None},
    "other": object,
    "unknown": 3,
}


def test_a_value_of_the_type_passes():
    check_of(Shape)(GOOD, "it")
    check_of(Shape)({"x": 1}, "it")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": 0}, r"'x' of it is 0 and must be a whole number >= 1$"),
        ({"x": True}, "'x' of it is True"),
        ({"x": 1.0}, "'x' of it is 1.0"),
        ({"share": -0.1}, "a number >= 0 or null"),
        ({"share": float("nan")}, "'share' of it is nan"),
        ({"loose": float("inf")}, None),
        ({"loose": "1"}, "must be a number"),
        ({"flag": 1}, "true or false"),
        ({"names": []}, "a list of 1 or more"),
        ({"names": [1]}, "item 1 of 'names' of it is 1 and must be text"),
        ({"inner": {"a": {}}}, "'a' of 'inner' of it has no 'x'"),
        ({"inner": []}, "keys and values"),
    ],
)
def test_another_value_is_refused_with_its_place(change, message):
    if message is None:
        check_of(Shape)(GOOD | change, "it")
        return
    with pytest.raises(ValueError, match=message):
        check_of(Shape)(GOOD | change, "it")


def test_a_type_without_a_check_is_a_mistake_of_ours():
    with pytest.raises(TypeError, match="no check is known for"):
        check_of(set[str])
