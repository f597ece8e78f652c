"""The steps of ``groupmix reproduce tall`` and ``unfairness``: plan, costs, cells, page."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from recbole_groupmix.files.opened import note_opened
from recbole_groupmix.files.output_paths import out_folder
from recbole_groupmix.record.study_cell import CELLS, read_cell, write_cell
from recbole_groupmix.report.page import grid_files
from recbole_groupmix.report.studies import tall as tall_page
from recbole_groupmix.report.studies import unfairness as unfairness_page
from recbole_groupmix.reproduce.page import check_page, write_files_of_page
from recbole_groupmix.reproduce.studies.study import Study, StudyCell
from recbole_groupmix.search.confirm import Ask, confirm_long_run
from recbole_groupmix.text.numbers import duration
from recbole_groupmix.text.untrusted import error_text

#: Studies by name: what reads the cells of a data set, and the title of its page.
_PAGES = {
    "tall": (tall_page.sections, "TALL and its baselines"),
    "unfairness": (unfairness_page.sections, "unfairness as a penalty"),
}


def study_command(
    name: str,
    keys: Mapping[str, Any],
    say: Callable[[str], None],
    show: Callable[[str], None] = print,
    ask: Ask | None = None,
    *,
    quick: bool = False,
    plan: bool = False,
    out: str | Path | None = None,
    force: bool = False,
    yes: bool = False,
    **axes: Sequence[Any],
) -> int:
    """Plan the cells of a study, say what they cost, make those that are missing, write the page.

    Parameters
    ----------
    name : str
        ``"tall"`` or ``"unfairness"``.
    keys : mapping
        Keys of the study.
    say, show : callable
        Print a line of progress, and a line of the answer.
    ask : callable, optional
        Asks the user before more than a day of work.
    quick : bool
        Whether the defaults are small ones.
    plan : bool
        Whether only the plan is shown.
    out : path, optional
        Folder of the cells and the page; default ``reproduction-NAME``.
    force : bool
        Whether to replace a page that was changed by hand.
    yes : bool
        Whether the user has agreed to more than a day of work.
    **axes : sequence
        ``datasets``, and for TALL ``models``.

    Returns
    -------
    int
        Exit status: 1 if a cell failed.

    Raises
    ------
    ValueError
        For options that cannot be used, before anything is trained.
    """
    place = out_folder(out or f"reproduction-{name}")
    check_page(place, force)
    study = study_of(name, keys, quick, axes)
    cells = study.cells()
    left = [cell for cell in cells if not _is_finished(place, cell, say)]
    seconds = study.seconds(left)
    for cell in cells:
        known = f"at most about {duration(seconds[cell.name])}" if cell in left else "finished"
        show(f"{cell.words}: {known}")
    total = sum(seconds.values())
    show(f"{len(left)} of {len(cells)} cells to make, at most about {duration(total)} of one core")
    if plan:
        return 0
    confirm_long_run(total, yes, say, ask)
    failed = _make(study, left, place, say)
    if len(failed) < len(cells):
        show(str(_write_page(name, place, cells, failed, force)))
    for words, why in failed.items():
        show(f"failed: {words}: {why}")
    return 1 if failed else 0


def study_of(
    name: str, keys: Mapping[str, Any], quick: bool, axes: Mapping[str, Sequence[Any]]
) -> Study:
    """Return a study with its settings.

    Parameters
    ----------
    name : str
        ``"tall"`` or ``"unfairness"``.
    keys : mapping
        Keys of the study.
    quick : bool
        Whether the defaults are small ones.
    axes : mapping of str to sequence
        Options of ``groupmix reproduce`` that list names.

    Raises
    ------
    ValueError
        For an option, a key or a value that the study does not take.
    """
    taken = ("datasets", "models") if name == "tall" else ("datasets",)
    for axis in axes:
        if axis not in taken:
            raise ValueError(
                f"--{axis} belongs to groupmix reproduce mixing; {name} takes "
                f"{' and '.join(f'--{axis}' for axis in taken)}"
            )
    if name == "tall":
        from recbole_groupmix.reproduce.studies.tall import TallStudy

        return TallStudy(keys, quick, **axes)
    from recbole_groupmix.reproduce.studies.unfairness import UnfairnessStudy

    return UnfairnessStudy(keys, quick, **axes)


def _file(out: Path, cell: StudyCell) -> Path:
    return out / CELLS / f"{cell.name}.json"


def _is_finished(out: Path, cell: StudyCell, say: Callable[[str], None]) -> bool:
    """Whether a cell was made with exactly these settings; `say` tells of a damaged file."""
    file = _file(out, cell)
    if not file.is_file():
        return False
    try:
        return bool(read_cell(file)["given"] == json.loads(json.dumps(cell.given)))
    except ValueError as error:
        say(f"note: {error}")
        return False


def _make(
    study: Study, left: Sequence[StudyCell], out: Path, say: Callable[[str], None]
) -> dict[str, str]:
    """Make the cells that are not finished; return the reasons of failures by cell."""
    failed: dict[str, str] = {}
    note_opened(out)
    for place, cell in enumerate(left, start=1):
        say(f"[{place}/{len(left)}] {cell.words}")
        started = time.process_time()
        try:
            measured = study.measured(cell, say)
        except OSError:  # a full disk stops the study, which the same command resumes
            raise
        except Exception as error:
            failed[cell.words] = error_text(error)
            continue
        write_cell(_file(out, cell), cell.given, time.process_time() - started, measured)
    return failed


def _write_page(
    name: str, out: Path, cells: Sequence[StudyCell], failed: Mapping[str, str], force: bool
) -> Path:
    """Write the page about the finished cells of a plan, read from their files."""
    sections, title = _PAGES[name]
    made = [read_cell(_file(out, cell)) for cell in cells if cell.words not in failed]
    datasets = dict.fromkeys(str(cell["given"]["dataset"]) for cell in made)
    parts = {}
    for dataset in datasets:
        lead, found = sections([cell for cell in made if cell["given"]["dataset"] == dataset])
        parts[dataset] = ([*lead, *(f"Left out: {words}." for words in failed)], found)
    return write_files_of_page(out, grid_files(parts, title), force)
