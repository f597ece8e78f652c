"""Writing a prepared data set to its folder atomically."""

import filecmp
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from recbole_groupmix.files.output_paths import existing_above
from recbole_groupmix.files.staging import staging_beside
from recbole_groupmix.files.whole import write_whole
from recbole_groupmix.prepare.atomic import Columns, write_atomic
from recbole_groupmix.text.untrusted import error_text, safe_file_name, short_repr

Tables = Mapping[str, Columns]
"""A data set: suffix (``"inter"``, ``"user"``, ``"item"``) -> table.

A suffix such as ``"train.inter"`` is a part of a given split, as ``benchmark_filename`` reads it.
"""

_FEATURES = ("item", "user")
_NOTE = "SOURCE.md"


def check_name(name: str) -> None:
    """Raise ``ValueError`` unless files everywhere can have the name of a data set."""
    if not name or safe_file_name(name) != name or name.startswith("."):
        raise ValueError(
            f"name is {short_repr(name, 40)}, which cannot be the name of files everywhere; take "
            f"letters, digits, _ and -"
        )


def check_writable(folder: Path) -> None:
    """Raise unless the folder, or the nearest one above that exists, can be written to.

    Nothing is created.

    Parameters
    ----------
    folder : pathlib.Path
        The output folder; it need not exist.

    Raises
    ------
    ValueError
        If a file lies where a folder is needed, or the permissions forbid writing.
    """
    try:
        existing_above(folder)
    except PermissionError as error:
        raise ValueError(
            f"cannot write to {folder}: {error}, or it is mounted read-only; choose another folder"
        ) from error
    except OSError as error:
        raise ValueError(
            f"cannot write to {folder}: {error_text(error)}; choose another"
        ) from error


def publish(
    folder: Path,
    name: str,
    tables: Tables | Callable[[Path], None],
    source_text: str,
    *,
    force: bool = False,
) -> None:
    """Write a data set's atomic files and its SOURCE.md into a folder.

    Everything is first written into a hidden folder beside it, then renamed into place. Other
    files in the folder stay.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the data set; made where it is missing.
    name : str
        Name of the data set, the stem of its files.
    tables : mapping from str to mapping, or callable
        Suffix -> columns, as `write_atomic` takes them; or a function that writes the files
        ``<name>.<suffix>`` into the folder that it is given.
    source_text : str
        Text of SOURCE.md.
    force : bool
        Whether to replace atomic files of other content. Files of the same content, and
        SOURCE.md, are replaced without it.

    Raises
    ------
    ValueError
        If the folder holds other data of that name and `force` is False, or if it cannot be
        written to.
    """
    folder = Path(folder)
    check_writable(folder)
    try:
        with staging_beside(folder) as staging:
            if callable(tables):
                tables(staging)
            else:
                for suffix, columns in tables.items():
                    write_atomic(staging, name, suffix, columns)
            write_whole(staging / _NOTE, source_text)
            try:
                staging.rename(folder)  # fails if the folder exists, perhaps made meanwhile
            except OSError:
                if not folder.is_dir():
                    raise
                _merge(staging, folder, name, force=force)
    except OSError as error:
        raise ValueError(
            f"cannot write data set {name} to {folder}: {error_text(error)}; choose a "
            f"folder that can be written to and has room"
        ) from error


def _merge(staging: Path, folder: Path, name: str, *, force: bool) -> None:
    interactions = {
        file.name
        for place in (staging, folder)
        for file in place.glob("*.inter")
        if file.name.startswith(f"{name}.")
    }
    # the interactions last, parts of a split before the whole: they make a folder complete
    files = [
        *(f"{name}.{suffix}" for suffix in _FEATURES),
        *sorted(interactions - {f"{name}.inter"}),
        f"{name}.inter",
    ]
    new = [file for file in files if (staging / file).exists()]
    other = [
        file
        for file in files
        if (folder / file).exists()
        and not (file in new and filecmp.cmp(staging / file, folder / file, shallow=False))
    ]
    if other and not force:
        raise ValueError(
            f"{folder} already holds another version of {name} ({', '.join(other)} would change); "
            f"nothing was written. Move it away, choose another folder, or overwrite it with "
            f"force=True (--force)"
        )
    for file in reversed(
        other
    ):  # the interactions first, so that a partly replaced folder does not look complete
        (folder / file).unlink()
    for file in [_NOTE, *new]:
        os.replace(staging / file, folder / file)
