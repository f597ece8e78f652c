"""The page that ``groupmix run`` leaves in its folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from recbole_groupmix.report.write import write_report


def page_of_run(
    folder: str | Path, of_targets: Sequence[str], say: Callable[[str], None]
) -> Path | None:
    """Write the page of a run that has just ended, in the place of an earlier one.

    The result stands in the folder whatever happens here: a page that cannot be written is a note.

    Parameters
    ----------
    folder : path
        The run's folder.
    of_targets : sequence of str
        Folders of the runs of all targets below it, which share one page; empty for one run.
    say : callable
        Prints lines for people.

    Returns
    -------
    pathlib.Path or None
        The page; None where it cannot be written.
    """
    place = Path(folder)
    runs = [place / name for name in of_targets] or [place]
    try:
        return write_report(runs, place / "report", force=True)
    except (OSError, ValueError) as error:
        say(f"note: the page of the run is not written: {error}")
        return None
