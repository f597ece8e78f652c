"""``groupmix export``: the mixes that a run has tried, for other programs."""

from __future__ import annotations

from pathlib import Path

from recbole_groupmix.exchange.mix_table import csv_of
from recbole_groupmix.exchange.optuna_log import optuna_log
from recbole_groupmix.exchange.tried import tried_mixes
from recbole_groupmix.files.output_paths import out_file
from recbole_groupmix.files.whole import write_whole
from recbole_groupmix.text.untrusted import error_text

SUFFIXES = (".log", ".csv")


def export(folder: str | Path, to: str | Path) -> Path:
    """Write the mixes of a run folder to a file, atomically, and return the file.

    Parameters
    ----------
    folder : path
        A run folder, finished or not; nothing but ``trials.jsonl`` is read.
    to : path
        ``.log`` for a storage of Optuna, ``.csv`` for a table that ``groupmix fit`` reads.

    Raises
    ------
    ValueError
        If the folder or the file cannot be used, or Optuna is not installed.
    """
    file = out_file(to, "--to", SUFFIXES)
    mixes = tried_mixes(folder)
    content = csv_of(mixes) if file.suffix.lower() == ".csv" else optuna_log(folder, mixes)
    try:
        write_whole(file, content)
    except OSError as error:
        raise ValueError(f"cannot write {file}: {error_text(error)}") from error
    return file
