"""Tables of per-user values in files: Parquet, CSV and run folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from recbole_groupmix.files.output_paths import out_file
from recbole_groupmix.files.paths import user_path
from recbole_groupmix.files.quoted_cells import check_quotes
from recbole_groupmix.record.read import read_frame, read_version, read_yaml
from recbole_groupmix.record.schema import Config
from recbole_groupmix.record.versions import FIRST, READ, Made, check_one_rule
from recbole_groupmix.text.untrusted import error_text

#: Files of per-user values in the folder of a run and in that of a saved ``GroupReport``.
FOLDER_FILES = ("metrics.parquet", "per_user.parquet")
_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_INPUTS = (".parquet", *_SEPARATORS)
_OUTPUTS = (".csv", ".md", ".parquet")


def read_runs(paths: Sequence[str | Path]) -> dict[str, pd.DataFrame]:
    """Read tables, named after their files.

    A name is the file's without its suffix; the folder of a run or of a saved report, and its
    ``metrics.parquet`` or ``per_user.parquet``, is named after the folder. Equal names get the
    folder above before them.

    Parameters
    ----------
    paths : sequence of path
        ``.parquet``, ``.csv`` and ``.tsv`` files, and folders of runs and reports.

    Returns
    -------
    dict of str to pandas.DataFrame
        Input of :func:`recbole_groupmix.compare.compare`, in the order of `paths`. All columns of
        text files are text.

    Raises
    ------
    ValueError
        If a path is given twice, does not exist, or is not a table, or some are runs by the first
        rules (:mod:`recbole_groupmix.record.versions`) and others are not.
    """
    files = [_file(Path(user_path(path, f"cannot read {path}"))) for path in paths]
    places = [file.resolve() for file in files]
    check_one_rule([made for file in files if (made := _made(file)) is not None])
    check_same_items(files)
    for place, file in zip(places, files, strict=True):
        if places.count(place) > 1:
            raise ValueError(f"{file} is given twice; a comparison needs different runs")
    return {name: _read(file) for name, file in zip(_names(places), files, strict=True)}


def check_same_items(files: Sequence[Path]) -> None:
    """Raise ``ValueError`` if run folders rank their users over different items.

    That is what ``rank_items`` and ``eval_args`` of their ``config.yaml`` say: metrics over other
    items have other levels, so that their ratio says nothing about the models. Tables that are no
    run's say nothing of it.
    """
    known = [(file.parent, _ranks(file)) for file in files]
    told = [(folder, ranks) for folder, ranks in known if ranks]
    for folder, ranks in told[1:]:
        first, of_first = told[0]
        for key, value in ranks.items():
            if value != of_first[key]:
                raise ValueError(
                    f"{folder} was measured with {key} {value} and {first} with {of_first[key]}, so "
                    "that their users are ranked over different items; compare runs that agree in it"
                )


def _ranks(file: Path) -> dict[str, str]:
    """Return how the run of a table ranks, by key; empty for a table that is not a run's."""
    config = file.parent / "config.yaml"
    if file.name != FOLDER_FILES[0] or not config.is_file():
        return {}
    asked = read_yaml(config, Config)["configuration"]
    mode = (asked.get("eval_args") or {}).get("mode", "full")
    test = mode.get("test", "full") if isinstance(mode, dict) else mode
    return {"rank_items": str(asked.get("rank_items", "all")), "mode (of eval_args)": str(test)}


def check_output(path: str | Path, what: str = "--out") -> Path:
    """Return `path` if a comparison can be saved there.

    Raises
    ------
    ValueError
        If the suffix is not ``.csv``, ``.md`` or ``.parquet``, or the folder does not exist or
        cannot be written to.
    """
    return out_file(path, what, _OUTPUTS)


def _file(path: Path) -> Path:
    if path.is_dir():
        files = [path / name for name in FOLDER_FILES if (path / name).is_file()]
        if not files:
            raise ValueError(
                f"{path} does not hold a finished run or a report: it has no "
                f"{' or '.join(FOLDER_FILES)}"
            )
        return files[0]
    if not path.is_file():
        raise ValueError(f"file or run folder {path} does not exist")
    if path.suffix.lower() not in _INPUTS:
        raise ValueError(
            f"{path} is not a readable table; allowed are {', '.join(_INPUTS)} and run folders"
        )
    return path


def _made(file: Path) -> Made | None:
    """Return by which rules the run of a table was made; None for a table that is not a run's."""
    result = file.parent / "result.json"
    if file.name != FOLDER_FILES[0] or not result.is_file():
        return None
    return Made(file.parent, read_version(result, dict[str, Any], READ)["schema_version"] == FIRST)


def _names(places: Sequence[Path]) -> list[str]:
    """Return a unique name per file, with as many folders before it as needed."""
    parts = [
        place.parent.parts if place.name in FOLDER_FILES else (*place.parent.parts, place.stem)
        for place in places
    ]
    for depth in range(1, max(map(len, parts), default=0) + 1):
        names = ["/".join(part[-depth:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return [str(place) for place in places]


def _read(file: Path) -> pd.DataFrame:
    try:
        if file.suffix.lower() == ".parquet":
            return read_frame(file, set(), "give another table")
        separator = _SEPARATORS[file.suffix.lower()]
        check_quotes(file, separator)
        frame = pd.read_csv(file, sep=separator, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:  # pandas' and pyarrow's own are ValueErrors
        raise ValueError(f"{file} cannot be read as a table: {error_text(error)}") from error
    unnamed = [column for column in frame.columns if str(column).startswith("Unnamed: ")]
    return frame.drop(columns=unnamed)  # the index that pandas writes
