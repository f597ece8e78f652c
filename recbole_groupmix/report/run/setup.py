"""The question of a run, its groups, settings, versions and times."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from recbole_groupmix import __version__
from recbole_groupmix.record.finished_run import FinishedRun
from recbole_groupmix.record.schema import Group, RemovedStep
from recbole_groupmix.record.search_sentences import trials_asked
from recbole_groupmix.report.frame.blocks import Cell, Section, Table, number, text
from recbole_groupmix.text import numbers

#: The most important settings, first in the table.
FIRST = (
    "dataset",
    "group_field",
    "target",
    "model",
    "embedding_size",
    "protocol",
    "weighting",
    "trials",
    "folds",
    "repeats",
    "valid_metric",
    "topk",
    "rank_items",
    "train_items",
    "seed",
    "learning_rate",
    "reg_weight",
    "regularizer",
    "user_loss",
    "triplets",
    "loss_norm",
    "graph",
    "init",
    "epochs",
    "early_stopping",
    "stopping_step",
    "eval_step",
    "backend",
)


def question_section(run: FinishedRun) -> Section:
    """Return the question and the groups."""
    result = run.result
    size = result["embedding_size"]
    dimension = "" if size is None else f" with embedding size {size}"
    final = f"final training with {numbers.count(result['repeats'], 'training seed')}"
    if result.get("closed_form"):
        final = "solved in closed form, so that the training seed has no effect"
    question = (
        f"Which mix of the other groups' data ({', '.join(map(run.label, run.others))}) trains the "
        f"{result['model']}{dimension} that serves the users with {result['group_field']} "
        f"{run.target_label} of {result['dataset']} best? Protocol {result['protocol']}, weighting "
        f"{result['weighting']}; {numbers.count(result['search']['trials'], 'searched mix', 'es')} on "
        f"{numbers.count(result['search']['folds'], 'fold')}, {final}. Every change is against "
        "proportional: training on all data as they are."
    )
    counted = all("n_measured" in group for group in result["groups"])  # older runs did not count
    rows = [
        [
            text(run.label(group["name"])),
            text("target" if group["name"] == run.target else "augmentation"),
            number(group["n_users"], ",d"),
            number(group["n_interactions"], ",d"),
            number(group["n_interactions"] / max(group["n_users"], 1), ".1f"),
            *([text(measured(group))] if counted else []),
        ]
        for group in result["groups"]
    ]
    table = Table(
        "sizes",
        f"Groups by {result['group_field']} in the training data",
        ("group", "role", "users", "interactions", "interactions per user")
        + (("measured on test",) if counted else ()),
        rows,
        _unmeasured(result["groups"]),
    )
    removed = result["data"]["removed"] if "data" in result else []
    left_out = [_removed(step) for step in removed]
    items = [f"{sentence}." for sentence in result.get("items", [])]
    return Section("asked", "What was asked", [question, *items, *left_out], (), [table])


def measured(group: Group) -> str:
    """Return how many of a group's users were measured on test: "16 of 20"."""
    return f"{group['n_measured']:,} of {group['n_in_data']:,}"


def _unmeasured(groups: Sequence[Group]) -> str:
    """Return why users of the groups are not measured; empty if all are, or in older runs."""
    reasons: dict[str, int] = {}
    for group in groups:
        for reason, n in (group.get("not_measured") or {}).items():
            reasons[reason] = reasons.get(reason, 0) + n
    listed = "; ".join(f"{reason}: {numbers.count(n, 'user')}" for reason, n in reasons.items())
    return f"Not measured on test: {listed}." if listed else ""


def _removed(step: RemovedStep) -> str:
    return (
        f"Removed when the data were read, {step['step']}: {step['n_rows']:,} of "
        f"{step['of_rows']:,} interactions, with them {step['n_users']:,} of {step['of_users']:,} "
        f"users and {step['n_items']:,} of {step['of_items']:,} items; {step['keep']}."
    )


def setup_section(run: FinishedRun) -> Section:
    """Return configuration, data, versions and times."""
    configuration = {**run.config["configuration"], "trials": trials_asked(run.result)}
    first = [key for key in FIRST if key in configuration]
    tables = [
        _keys("settings", "Settings", {key: configuration[key] for key in first}),
        _keys("times", "Times, versions and data", _facts(run)),
        _keys(
            "configuration",
            "The whole configuration",
            {key: configuration[key] for key in sorted(configuration)},
            folded=True,
        ),
    ]
    return Section("setup", "Settings, versions, times", (), (), tables)


def _facts(run: FinishedRun) -> dict[str, Any]:
    seconds = run.result["seconds"]
    names = {
        "search": "training on folds",
        "test": "final training",
        "this_call": "last call of groupmix run",
    }
    facts: dict[str, Any] = {
        f"time, {names.get(stage, stage)}": numbers.duration(value)
        for stage, value in seconds.items()
    }
    versions = run.result.get("versions") or {}
    facts.update({f"version of {name}": value for name, value in versions.items()})
    if not versions:
        facts["versions in the run"] = "not kept in the run folder"
    facts["version of recbole-groupmix that made this page"] = __version__
    facts.update({f"data, {name}": value for name, value in run.config["data"].items()})
    return facts


def _keys(name: str, title: str, values: dict[str, Any], folded: bool = False) -> Table:
    rows = [[text(key), Cell(_written(value))] for key, value in values.items()]
    return Table(name, title, ("key", "value"), rows, folded=folded)


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
