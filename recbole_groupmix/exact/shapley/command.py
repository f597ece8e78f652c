"""``groupmix shapley``: solves the unions of groups, prints who pays for whom and writes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from recbole_groupmix.exact.shapley.figure import draw_bars, draw_lines
from recbole_groupmix.exact.shapley.files import (
    fractions_text,
    rows_of,
    sets_of,
    to_text,
)
from recbole_groupmix.exact.shapley.kept_scores import KeptScores
from recbole_groupmix.exact.shapley.sentences import sentences
from recbole_groupmix.exact.shapley.study import Study, shapley_study, usable_targets
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.notes import say_notes
from recbole_groupmix.files.output_paths import given_folder
from recbole_groupmix.files.whole import write_whole
from recbole_groupmix.models import CLOSED_FORM, RIDGE
from recbole_groupmix.settings.settings import Settings
from recbole_groupmix.text.numbers import defined, finite
from recbole_groupmix.text.untrusted import csv_safe, safe_file_name

#: File of the scores on folds, from which a command that was stopped resumes.
SCORES = "folds.jsonl"
#: Lambdas of which every set of groups takes the best: few rows need small ones.
LAMBDAS = [10.0, 30.0, 100.0, 300.0, 1000.0]


def shapley_command(
    settings: Settings,
    say: Callable[[str], None],
    *,
    targets: Sequence[str] | None = None,
    target_fraction: Sequence[float] | None = None,
    draws: int = 1,
    permutations: int | None = None,
    out: str | Path | None = None,
) -> tuple[str, Path]:
    """Compute Shapley values, write their files, and return the text and their folder.

    Parameters
    ----------
    settings : Settings
        Merged settings of a run with a closed-form model. Where the user gave neither
        ``reg_weight`` nor ``lambdas``, EASE has `LAMBDAS`.
    say : callable
        Prints a line for people.
    targets : sequence of str, optional
        Target groups; default that of the settings, or every group.
    target_fraction : sequence of float, optional
        Shares of a target's users who train.
    draws : int
        How often each share below 1 is drawn.
    permutations : int, optional
        Orders of groups to sample in place of all unions.
    out : path, optional
        Folder to write to; default one in ``output_dir``.

    Raises
    ------
    ValueError
        For an option or a setting that cannot be used.
    """
    if not settings.is_solved:
        raise ValueError(
            f"{settings.describe('model')}; Shapley values take a model for every union of groups, "
            f"so they need one that is solved in closed form: {', '.join(CLOSED_FORM)}"
        )
    if settings.model in RIDGE and not {"reg_weight", "lambdas"} & set(settings.given):
        settings = settings.with_values(lambdas=LAMBDAS)
    folder = given_folder(out, settings.output_dir)
    wanted = list(dict.fromkeys(targets or ()))
    if wanted:  # the first stands for all where the settings need a target
        origin = {**settings.origin, "target": "in --targets"}
        settings = replace(settings.with_values(target=wanted[0]), origin=origin)
    one = settings.target not in (None, "", "all")
    experiment = Experiment(settings, all_users=not one)
    if one and not wanted:
        wanted = [experiment.target]
    usable, notes = usable_targets(experiment, wanted or None)
    say_notes(experiment, say, notes)
    place = "-".join(["shapley", settings.dataset, settings.model, *(usable if wanted else [])])
    folder = folder or Path(settings.output_dir) / safe_file_name(place)
    study = shapley_study(
        experiment,
        usable,
        say,
        fractions=target_fraction or (),
        draws=draws,
        permutations=permutations,
        kept=KeptScores(folder / SCORES),
    )
    folder.mkdir(parents=True, exist_ok=True)
    return _written(experiment, study, folder), folder


def _written(experiment: Experiment, study: Study, folder: Path) -> str:
    """Write the files of a study and return its text."""
    settings, names = experiment.settings, experiment.groups.names
    every = [found for of_target in study.by_target for found in of_target]
    smaller = [found for shares in study.by_fraction for found in shares[:-1]]
    rows = [
        row for found in [*every, *smaller, *study.others_by_fraction] for row in rows_of(found)
    ]
    table = csv_safe(pd.DataFrame(rows)).to_csv(index=False, lineterminator="\n")
    write_whole(folder / "shapley.csv", table)
    grid = list(settings.lambdas or ())
    content: dict[str, Any] = {
        "schema_version": 1,
        "dataset": settings.dataset,
        "model": settings.model,
        "group_field": experiment.groups.field,
        "groups": list(names),
        "metric": study.by_target[0][0].metric,
        "lambdas": grid,
        "folds": int(settings.folds) if len(grid) > 1 else 0,
        "permutations": 0 if study.plan.orders is None else len(study.plan.orders),
        "rows": finite(rows),
        "sets": finite([row for of in study.by_target for row in sets_of(of[0])]),
        "lambda": {
            game.target: [
                {"groups": list(game.members(at)), "lambda": lam}
                for at, lam in sorted(game.lambdas.items())
            ]
            for game in study.games
        },
        "sentences": {of[0].target: sentences(of[0], of[1:]) for of in study.by_target},
    }
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    write_whole(folder / "shapley.json", text)
    title = f"Shapley values of groups: {settings.dataset}, {settings.model}"
    draw_bars([of_target[0] for of_target in study.by_target], title, folder / "shapley.png")
    shown = to_text(study.by_target, names, _lines(study, grid, settings.folds))
    if study.by_fraction:
        draw_lines(study.by_fraction, title, folder / "fractions.png")
        of_shares = [found for shares in study.by_fraction for found in shares]
        shown += "\n\n" + fractions_text(of_shares, names)
    return shown


def _lines(study: Study, grid: list[float], folds: int) -> list[str]:
    """Return what is to be said of how lambda was chosen and orders were sampled."""
    lines = []
    if len(grid) > 1:
        chosen = [lam for game in study.games for lam in game.lambdas.values()]
        listed = ", ".join(f"{lam:g}" for lam in grid)
        lines.append(
            f"Every set of groups has its own lambda, the best of {listed} on the target's {folds} "
            f"folds; of {len(chosen)} choices {chosen.count(grid[0])} are the least of these and "
            f"{chosen.count(grid[-1])} the largest."
        )
    if study.plan.orders is not None:
        errors = [error for of in study.by_target for error in of[0].errors if defined(error)]
        lines.append(
            f"Values are estimates from {len(study.plan.orders)} orders of groups, each with its "
            f"reverse; their standard errors by the choice of orders are at most {max(errors, default=0):.2%}."
        )
    lines.append(
        "Sets and pairs that are named are the best of many on these users and their test items: they "
        "explain, and a choice by them would have to be tested on others."
    )
    return lines
