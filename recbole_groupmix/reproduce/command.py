"""``groupmix reproduce`` as a whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from recbole_groupmix.check.command import check_command
from recbole_groupmix.files.places import out_folder
from recbole_groupmix.report.paper.check_file import CHECK, read_check
from recbole_groupmix.reproduce.controls import FOLDS, TRIALS, chosen_controls
from recbole_groupmix.reproduce.costs import Timings, cost_of
from recbole_groupmix.reproduce.finished import RUNS, is_finished, record
from recbole_groupmix.reproduce.page import check_folder, check_page, write_page
from recbole_groupmix.reproduce.plan import Cell, Grid, cells_of, targets_of, without_target
from recbole_groupmix.run import run
from recbole_groupmix.search.consent import Ask, agree
from recbole_groupmix.settings.merge import merge_settings
from recbole_groupmix.text.numbers import duration

#: Options that are no keys of a run.
OPTIONS = ("datasets", "models", "dims", "targets", "protocols", "controls", "out")
FLAGS = ("plan", "quick", "force")
_DEFAULTS = {
    "datasets": "ml-1m",
    "models": "BPR,LightGCN,EASE",
    "dims": "4,64",
    "targets": "",
    "protocols": "paper,converged",
}
#: The same path in about three minutes.
_QUICK = {
    "datasets": "ml-100k",
    "models": "BPR,EASE",
    "dims": "4,16",
    "targets": "25",
    "protocols": "paper,converged",
}
_QUICK_KEYS = {"trials": 8, "folds": 2, "repeats": 2, "fine_tune": False}
_ALL = ("", "true", "all")
_OUT = "reproduction"


def reproduce_command(
    options: Mapping[str, str],
    keys: Mapping[str, Any],
    say: Callable[[str], None],
    show: Callable[[str], None] = print,
    ask: Ask | None = None,
) -> int:
    """Plan a grid, say what it costs, run it, and write its page.

    Parameters
    ----------
    options : mapping of str to str
        Some of `OPTIONS` as text, and of `FLAGS`.
    keys : mapping
        Keys of all runs.
    say, show : callable
        Print a line of progress, and a line of the answer.
    ask : callable, optional
        Asks the user before more than a day of work.

    Returns
    -------
    int
        Exit status: 1 if a cell failed.

    Raises
    ------
    ValueError
        For options that cannot be used, before anything is run.
    """
    of_runs, yes = dict(keys), keys.get("yes", False)
    if of_runs.pop("yes", False) not in (True, False):
        raise ValueError(f"--yes is {yes!r}; allowed are true and false")
    grid, out = _grid(options, of_runs), out_folder(options.get("out", _OUT))
    force = options.get("force") == "true"
    check_page(out, force)
    timings = Timings(out, say)
    groups = {given["dataset"]: timings.groups(given) for given in without_target(grid)}
    targets = targets_of(grid, groups)
    timings.keep()  # nothing is written before this line
    cells = cells_of(grid, targets)
    left = [cell for cell in cells if not is_finished(out, cell, say)]
    seconds = _show_plan(cells, left, out, timings, show)
    if options.get("plan") == "true":
        return 0
    agree(sum(seconds[cell.name] for cell in left), yes, say, ask)
    for dataset in dict.fromkeys(grid.datasets):
        _check_data_set(dataset, grid, out, say)
    failed = _run_cells(_cheapest_first(left, seconds), out, say)
    page = write_page(out, cells, list(failed), force)
    for words, why in failed.items():
        show(f"failed: {words}: {why}")
    if failed:
        show(f"{len(failed)} of {len(cells)} cells failed; the same command tries them again")
    if page is not None:
        show(str(page))
    return 1 if failed else 0


def _grid(options: Mapping[str, str], keys: Mapping[str, Any]) -> Grid:
    quick = options.get("quick") == "true"
    texts = {
        **(_QUICK if quick else _DEFAULTS),
        **{k: options[k] for k in options if k in OPTIONS},
    }
    lists = {axis: [v.strip() for v in texts[axis].split(",") if v.strip()] for axis in _DEFAULTS}
    dims = lists.pop("dims")
    if not all(d.isdecimal() and int(d) > 0 for d in dims):
        raise ValueError(f"--dims is {texts['dims']!r}; give whole numbers above 0, such as 4,64")
    controls = None
    if "controls" in options:
        wanted = options["controls"]
        names = [] if wanted in _ALL else [v.strip() for v in wanted.split(",") if v.strip()]
        controls = chosen_controls(names)
    defaults: dict[str, Any] = dict(_QUICK_KEYS) if quick else {}
    if controls is not None and not quick:
        defaults = {"trials": TRIALS, "folds": FOLDS}
    if controls is not None:
        defaults["fine_tune"] = False  # no result of the paper is about it
    grid = Grid(**lists, dims=[int(d) for d in dims], keys={**defaults, **keys}, controls=controls)
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
        + "; interrupted cells go on where they were, which is not counted"
    )
    return seconds


def _cheapest_first(cells: Sequence[Cell], seconds: Mapping[str, float]) -> list[Cell]:
    return sorted(cells, key=lambda cell: seconds[cell.name])


def _check_data_set(dataset: str, grid: Grid, out: Path, say: Callable[[str], None]) -> None:
    """Compute the discrepancies of the groups, once; a failure only leaves figures out."""
    folder = check_folder(out, dataset)
    if (folder / CHECK).is_file():
        try:
            read_check(folder)
            return
        except ValueError as error:
            say(f"note: {error}; now")
    kept = ("data_path", "group_field", "seed", "benchmark_filename", "empty_group")
    given = {key: grid.keys[key] for key in kept if key in grid.keys}
    settings = merge_settings({"dataset": dataset, **given}, where="in groupmix reproduce")
    say(f"discrepancies of the groups of {dataset}")
    try:
        check_command(settings, {"out": str(folder), "influence": "false"}, say)
    except ValueError as error:
        say(f"note: no discrepancies, so no Figures 4 and 7a: {error}")


def _run_cells(left: Sequence[Cell], out: Path, say: Callable[[str], None]) -> dict[str, str]:
    """Run what is not finished; return why cells failed, by their words."""
    failed: dict[str, str] = {}
    started = time.perf_counter()
    for place, cell in enumerate(left, start=1):
        say(f"[{place}/{len(left)}] {cell.words}")
        try:
            result = run(cell.settings(str(out / RUNS)), _indented(say))
        except OSError:  # a full disk stops the grid, and the same command goes on
            raise
        except Exception as error:
            failed[cell.words] = " ".join(str(error).split()) or type(error).__name__
            say(f"failed: {failed[cell.words]}")
            continue
        record(out, cell, result["run_folder"])
    if left:
        say(f"{len(left)} cells in {duration(time.perf_counter() - started)}")
    return failed


def _indented(say: Callable[[str], None]) -> Callable[[str], None]:
    return lambda line: say(f"  {line}")
