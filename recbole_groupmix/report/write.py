"""``groupmix report``: check, read, draw, and only then write."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from recbole_groupmix.files.output_paths import out_folder
from recbole_groupmix.files.whole import PART, write_whole
from recbole_groupmix.record.finished_run import read_folders
from recbole_groupmix.report.page import PAGE, report_files
from recbole_groupmix.report.paper.check_file import CHECK, read_check
from recbole_groupmix.report.run.splits import splits_sections, splits_text
from recbole_groupmix.text.untrusted import error_text

_STEM = 40  # characters of a folder's name that its temporary folder repeats


def write_report(
    folders: Sequence[str | Path],
    out: str | Path | None = None,
    *,
    force: bool = False,
    show: Callable[[str], None] | None = None,
) -> Path:
    """Write a page about finished runs, with its figures and tables beside it.

    Parameters
    ----------
    folders : sequence of path
        Run folders, at least one, and folders of ``groupmix check`` about their data sets.
    out : path, optional
        Folder of the report; by default ``report`` in the run folder, or ``groupmix-report``
        where the command runs, for several runs.
    force : bool
        Whether files of an earlier report in that folder are replaced.
    show : callable, optional
        Prints the table of runs that differ in their seed alone, pooled over their splits.

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    ValueError
        If a folder does not hold a finished run that can be read, or the report cannot be
        written there.
    """
    if not folders:
        raise ValueError("name the run folders to report on")
    place = _default(folders) if out is None else out_folder(out)
    check_place(place, force)
    checks = [folder for folder in folders if is_check(folder)]
    runs = read_folders([folder for folder in folders if folder not in checks])
    if not runs:
        raise ValueError("name run folders to report on, besides the folder of groupmix check")
    splits = splits_sections(runs)
    files = report_files(runs, [read_check(folder) for folder in checks], splits)
    if force:
        write_files(place, files)
    else:
        write_new(place, files)
    if show and splits:
        show(f"{splits_text(splits)}\n")
    return place / PAGE


def is_check(folder: str | Path) -> bool:
    """Whether a folder is one of ``groupmix check`` and not of a run."""
    place = Path(folder)
    return (place / CHECK).is_file() and not (place / "config.yaml").is_file()


def write_files(place: Path, files: Mapping[str, bytes]) -> None:
    """Write files below a folder, each whole or not at all.

    Raises
    ------
    ValueError
        If a file cannot be written.
    """
    try:
        for name, content in files.items():
            target = place / name
            target.parent.mkdir(parents=True, exist_ok=True)
            write_whole(target, content)
    except OSError as error:
        raise _unusable(place, error) from error


def write_new(place: Path, files: Mapping[str, bytes]) -> None:
    """Write files to a folder that is missing or empty: all of them, or none.

    They are written into a hidden folder beside it, which is renamed at the end. What an
    interrupted call leaves of that folder is replaced by the next call.

    Raises
    ------
    ValueError
        If a file cannot be written.
    """
    staging = place.with_name(f".{place.name[:_STEM]}{PART}")
    try:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        write_files(staging, files)
        if place.is_dir():
            place.rmdir()
        staging.rename(place)
    except (OSError, ValueError) as error:
        cause = error.__cause__ or error if isinstance(error, ValueError) else error
        raise _unusable(place, cause) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _unusable(place: Path, error: BaseException) -> ValueError:
    return ValueError(
        f"cannot write the report in {place}: {error_text(error)}; choose another place by --out"
    )


def _default(folders: Sequence[str | Path]) -> Path:
    return Path(folders[0]) / "report" if len(folders) == 1 else Path("groupmix-report")


def check_place(place: Path, force: bool) -> None:
    """Raise ``ValueError`` if a report cannot go to a folder, or would replace what is there."""
    out_folder(place)
    if place.is_dir() and any(place.iterdir()) and not force:
        raise ValueError(
            f"{place} is not empty; choose another place by --out, or replace the report in it "
            "by --force"
        )
