"""``groupmix report``: check, read, draw, and only then write."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from recbole_groupmix.report.check_file import CHECK, read_check
from recbole_groupmix.report.page import PAGE, report_files
from recbole_groupmix.report.run_files import read_folders


def write_report(
    folders: Sequence[str | Path], out: str | Path | None = None, *, force: bool = False
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

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    ValueError
        If a folder holds no finished run that can be read, or the report cannot be written
        there.
    """
    if not folders:
        raise ValueError("name the run folders to report on")
    place = Path(out) if out is not None else _default(folders)
    check_place(place, force)
    checks = [folder for folder in folders if is_check(folder)]
    runs = read_folders([folder for folder in folders if folder not in checks])
    if not runs:
        raise ValueError("name run folders to report on beside the folder of groupmix check")
    write_files(place, report_files(runs, [read_check(folder) for folder in checks]))
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
        If one cannot be written.
    """
    try:
        for name, content in files.items():
            target = place / name
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_name(f".{target.name}.part")
            temporary.write_bytes(content)
            os.replace(temporary, target)
    except OSError as error:
        raise ValueError(
            f"cannot write the report in {place}: {error.strerror or error}; choose another "
            "place by --out"
        ) from error


def _default(folders: Sequence[str | Path]) -> Path:
    return Path(folders[0]) / "report" if len(folders) == 1 else Path("groupmix-report")


def check_place(place: Path, force: bool) -> None:
    """Raise ``ValueError`` if a report cannot go to a folder, or would replace what is there."""
    if os.path.lexists(place) and not place.is_dir():
        raise ValueError(f"cannot write the report in {place}, which is no folder")
    if place.is_dir() and any(place.iterdir()) and not force:
        raise ValueError(
            f"{place} is not empty; choose another place by --out, or replace the report in it "
            "by --force"
        )
