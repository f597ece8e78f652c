"""The steps of ``groupmix reproduce``: plan, costs, checks, runs, page."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from recbole_groupmix.check.command import check_command
from recbole_groupmix.files.output_paths import out_folder
from recbole_groupmix.report.paper.check_file import CHECK, read_check
from recbole_groupmix.reproduce.controls import FOLDS, TRIALS, chosen_controls
from recbole_groupmix.reproduce.costs import Timings, cost_of
from recbole_groupmix.reproduce.finished_cells import RUNS, is_finished, record
from recbole_groupmix.reproduce.page import check_folder, check_page, write_page
from recbole_groupmix.reproduce.plan import (
    NO_RIVALS,
    Cell,
    Grid,
    cells_of,
    targets_of,
    without_target,
)
from recbole_groupmix.run import run
from recbole_groupmix.search.confirm import Ask, confirm_long_run
from recbole_groupmix.settings.merge import merge_settings
from recbole_groupmix.settings.search_rows import RANDOM
from recbole_groupmix.settings.settings import Settings
from recbole_groupmix.text.numbers import duration
from recbole_groupmix.text.untrusted import error_text

_DEFAULTS: dict[str, Any] = {
    "datasets": ["ml-1m"],
    "models": ["BPR", "LightGCN", "EASE"],
    "dims": [4, 64],
    "targets": [],
    "protocols": ["paper", "converged"],
}
#: The same path in about three minutes.
_QUICK = {
    **_DEFAULTS,
    "datasets": ["ml-100k"],
    "models": ["BPR", "EASE"],
    "dims": [4, 16],
    "targets": ["25"],
}
#: Keys of all runs that say what the groups are, and so matter to their discrepancies.
_OF_CHECK = (
    "data_path",
    "group_field",
    "group_by",
    "bins",
    "seed",
    "benchmark_filename",
    "eval_args",
    "empty_group",
)
_QUICK_KEYS = {"trials": 8, "folds": 2, "repeats": 2, **NO_RIVALS, "budget_curve": False}


def reproduce_command(
    keys: Mapping[str, Any],
    say: Callable[[str], None],
    show: Callable[[str], None] = print,
    ask: Ask | None = None,
    *,
    controls: Sequence[str] | None = None,
    quick: bool = False,
    plan: bool = False,
    out: str | Path = "reproduction",
    force: bool = False,
    yes: bool = False,
    **axes: Sequence[Any],
) -> int:
    """Plan a grid, say what it costs, run it, and write its page.

    Parameters
    ----------
    keys : mapping
        Keys of all runs.
    say, show : callable
        Print a line of progress, and a line of the answer.
    ask : callable, optional
        Asks the user before more than a day of work.
    controls : sequence of str, optional
        Names of settings that are also changed one by one; empty for all of them.
    quick : bool
        Whether the default grid is a small one.
    plan : bool
        Whether only the plan is shown.
    out : path
        Folder of the runs and the page.
    force : bool
        Whether to replace a page that was changed by hand.
    yes : bool
        Whether the user has agreed to more than a day of work.
    **axes : sequence
        Those of the grid that are not as by default: ``datasets``, ``models``, ``dims``,
        ``targets``, ``protocols``.

    Returns
    -------
    int
        Exit status: 1 if a cell failed.

    Raises
    ------
    ValueError
        For options that cannot be used, before anything is run.
    """
    grid = _grid(axes, controls, quick, keys)
    place = out_folder(out)
    check_page(place, force)
    timings = Timings(place, say)
    groups = {given["dataset"]: timings.groups(given) for given in without_target(grid)}
    targets = targets_of(grid, groups)
    timings.keep()  # nothing is written before this line
    cells = cells_of(grid, targets)
    left = [cell for cell in cells if not is_finished(place, cell, say)]
    seconds = _show_plan(cells, left, place, timings, show)
    if plan:
        return 0
    confirm_long_run(sum(seconds[cell.name] for cell in left), yes, say, ask)
    for dataset in dict.fromkeys(grid.datasets):
        _check_data_set(dataset, grid, place, say)
    failed = _run_cells(_cheapest_first(left, seconds), place, say)
    page = write_page(place, cells, list(failed), force)
    for words, why in failed.items():
        show(f"failed: {words}: {why}")
    if failed:
        show(
            f"{len(failed)} of {len(cells)} cells failed; run the same command again to retry them"
        )
    if page is not None:
        show(str(page))
    return 1 if failed else 0


def _grid(
    axes: Mapping[str, Sequence[Any]],
    controls: Sequence[str] | None,
    quick: bool,
    keys: Mapping[str, Any],
) -> Grid:
    # given, so that no cell has a default limit in time and all have the paper's search
    defaults: dict[str, Any] = {"search": RANDOM, "trials": Settings.trials.default}
    if quick:
        defaults |= _QUICK_KEYS
    elif controls is not None:
        defaults |= {"trials": TRIALS, "folds": FOLDS}
    all_keys = {**defaults, **keys}
    if all_keys["trials"] == 0 and "search" not in keys:
        del all_keys["search"]  # which has no effect then
    grid = Grid(
        **{**(_QUICK if quick else _DEFAULTS), **axes},
        keys=all_keys,
        controls=chosen_controls(controls) if controls is not None else None,
    )
    grid.check()
    return grid


def _show_plan(
    cells: Sequence[Cell],
    left: Sequence[Cell],
    out: Path,
    timings: Timings,
    show: Callable[[str], None],
) -> dict[str, float]:
    """Show every cell with what it takes at most, and return these seconds by name."""
    seconds: dict[str, float] = {}
    at_most = False
    for cell in cells:
        cost = cost_of(cell, timings, cell.settings(str(out / RUNS)))
        seconds[cell.name] = cost.seconds
        at_most |= cost.stops_early
        if cell not in left:
            show(f"{cell.words}: finished")
            continue
        bound = "at most about" if cost.stops_early else "about"
        show(f"{cell.words}: {cost.work}, {bound} {duration(cost.seconds)}")
    total = sum(seconds[cell.name] for cell in left)
    bound = "at most about" if at_most else "about"
    show(
        f"{len(left)} of {len(cells)} cells to run, {bound} {duration(total)}"
        + ("; models stop earlier" if at_most else "")
        + "; interrupted cells are resumed, which is not counted"
    )
    return seconds


def _cheapest_first(cells: Sequence[Cell], seconds: Mapping[str, float]) -> list[Cell]:
    return sorted(cells, key=lambda cell: seconds[cell.name])


def _check_data_set(dataset: str, grid: Grid, out: Path, say: Callable[[str], None]) -> None:
    """Compute the discrepancies of the groups, once; a failure only leaves figures out.

    As in the paper, whose groups are "fully observed" there, they are of all interactions.
    """
    folder = check_folder(out, dataset)
    if (folder / CHECK).is_file():
        try:
            if read_check(folder).every:
                return
            say(
                "note: the check is of the training part, not of all interactions; it is made again"
            )
        except ValueError as error:
            say(f"note: {error}; it is computed again")
    given = {key: grid.keys[key] for key in _OF_CHECK if key in grid.keys}
    settings = merge_settings({"dataset": dataset, **given}, where="in groupmix reproduce")
    say(f"discrepancies of the groups of {dataset}")
    try:
        check_command(settings, say, out=folder, influence=False, every=True)
    except ValueError as error:
        say(f"note: Figures 4 and 7a are left out, since discrepancies failed: {error}")


def _run_cells(left: Sequence[Cell], out: Path, say: Callable[[str], None]) -> dict[str, str]:
    """Run the cells that are not finished; return the reasons of failures by cell."""
    failed: dict[str, str] = {}
    started = time.perf_counter()
    for place, cell in enumerate(left, start=1):
        say(f"[{place}/{len(left)}] {cell.words}")
        try:
            result = run(cell.settings(str(out / RUNS)), _indented(say))
        except OSError:  # a full disk stops the grid, which the same command resumes
            raise
        except Exception as error:
            failed[cell.words] = error_text(error)
            say(f"failed: {failed[cell.words]}")
            continue
        record(out, cell, result["run_folder"])
    if left:
        say(f"{len(left)} cells in {duration(time.perf_counter() - started)}")
    return failed


def _indented(say: Callable[[str], None]) -> Callable[[str], None]:
    return lambda line: say(f"  {line}")
