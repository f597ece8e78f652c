"""Checks that the columns which settings name or need are in the files and are loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from recbole.config import Config

from recbole_groupmix.adapters.config import learns_labels, splits_in_time
from recbole_groupmix.core.spelling import did_you_mean
from recbole_groupmix.experiment.headers import AtomicFile, describe_key, load_col_with
from recbole_groupmix.settings.eval_args import described
from recbole_groupmix.settings.settings import Settings

#: Keys whose columns RecBole needs loaded from some file; of ``threshold`` from ``.inter``.
_NAMING = (
    "val_interval",
    "threshold",
    "normalize_field",
    "numerical_features",
    "discretization",
    "preload_weight",
    "alias_of_user_id",
    "alias_of_item_id",
)

#: RecBole's default, which many settings files write out for data without such a column.
_NAME_OF_LABEL = "label"


def check_named_columns(settings: Settings, config: Config, files: Sequence[AtomicFile]) -> None:
    """Raise ``ValueError`` for a setting that names a missing column or one that is not loaded.

    Parameters
    ----------
    settings, config
        The run's settings and RecBole's configuration.
    files : sequence of AtomicFile
        The files of the data set, loaded or not.
    """
    for key in _NAMING:
        if key == "val_interval" and config["benchmark_filename"] is not None:
            continue  # RecBole filters no given split
        for column in _columns(key, config[key]):
            where = [file for file in files if key != "threshold" or file.source == "inter"]
            _check_loaded(settings, config, key, column, where)
    _check_label(settings, config, files)
    _check_time(settings, config, files)
    for key in ("load_col", "unload_col"):
        if key in settings.given:
            _check_listed(settings, config, key, files)
    for column in _columns("threshold", config["threshold"]):
        for file in files:
            kind = file.header.types.get(column)
            if file.source == "inter" and kind != "float":
                raise ValueError(
                    f"{settings.describe('threshold')}, but {column} of {file.header.file} has type "
                    f"{kind!r}; a threshold is for numbers: write {column}:float"
                )


def _columns(key: str, value: Any) -> Iterator[str]:
    """Yield the columns that the value of a key names; none if it has an unknown form."""
    if isinstance(value, Mapping):
        named = [*value, *(value.values() if key == "preload_weight" else ())]
    else:
        named = list(value) if isinstance(value, (list, tuple)) else []
    yield from (column for column in named if isinstance(column, str))


def _check_loaded(
    settings: Settings, config: Config, key: str, column: str, files: Sequence[AtomicFile]
) -> None:
    described = describe_key(settings, config, key)
    holding = [file for file in files if column in file.header.types]
    if not holding:
        raise ValueError(
            f"{described}, but no file has a column {column!r}{_near(column, files)}; columns are "
            f"{_listed(files)}"
        )
    file = holding[0]
    parts = [other for other in files if other.source == file.source]
    lacking = [other for other in parts if column not in other.header.types]
    if lacking:
        raise ValueError(
            f"{described}, but {column!r} is in {file.header.file} and not in {lacking[0].header.file}"
        )
    if any(column in other.loaded for other in holding):
        return
    if column in (config["unload_col"] or {}).get(file.source, ()):
        cure = f"take it out of unload_col, which is {config['unload_col']}"
    else:
        cure = f"write {load_col_with(config, file.source, column)}"
    raise ValueError(
        f"{described}, but {column} is in {file.header.file} and is not loaded; {cure}"
    )


def _check_label(settings: Settings, config: Config, files: Sequence[AtomicFile]) -> None:
    """Refuse a label column that is needed and is not there, or is there and not loaded."""
    label, needed = config["LABEL_FIELD"], learns_labels(config)
    if config["threshold"] is not None or not (needed or "LABEL_FIELD" in settings.given):
        return
    inter = [file for file in files if file.source == "inter"]
    if label != _NAME_OF_LABEL or any(label in file.header.types for file in inter):
        _check_loaded(settings, config, "LABEL_FIELD", label, inter)
    elif needed:
        raise ValueError(
            f"{settings.describe('train_neg_sample_args')}, so that {settings.model} learns labels, "
            f"but {inter[0].header.file} has no column {label!r} (LABEL_FIELD) of them; give the least "
            "value of a positive interaction, such as --threshold=\"{'rating':4}\", or leave "
            "train_neg_sample_args out to draw negatives"
        )


def _check_time(settings: Settings, config: Config, files: Sequence[AtomicFile]) -> None:
    """Refuse a split in time without a column of times that is loaded and holds numbers."""
    if not splits_in_time(config):
        return
    column = config["TIME_FIELD"]
    for file in files:
        if file.source == "inter" and file.header.types.get(column) != "float":
            kind = file.header.types.get(column)
            but = f"has type {kind!r}; write {column}:float" if kind else "is not there"
            raise ValueError(
                f"{described(settings, 'order TO')} needs the time of each interaction, but column "
                f"{column!r} of {file.header.file} {but}; TIME_FIELD names it"
                f"{_near(column, [file])}; columns are {_listed([file])}"
            )
    _check_loaded(
        settings, config, "TIME_FIELD", column, [f for f in files if f.source == "inter"]
    )


def _check_listed(
    settings: Settings, config: Config, key: str, files: Sequence[AtomicFile]
) -> None:
    """Refuse columns to load of a file that is not there, and one that its file lacks."""
    there = {file.source for file in files}
    for source, columns in (settings[key] or {}).items():
        if source not in there and source in ("user", "item") and key == "load_col" and columns:
            raise ValueError(
                f"{settings.describe(key)}, but there is no {config['dataset']}.{source} in "
                f"{config['data_path']}; take {source} out of {key}, or write the file"
            )
    for file in files:
        columns = (settings[key] or {}).get(file.source, ())
        for column in () if columns == "*" else columns:
            if column not in file.header.types:
                raise ValueError(
                    f"{settings.describe(key)}, but {file.header.file} has no column {column!r}"
                    f"{_near(column, [file])}; columns are {_listed([file])}"
                )


def _near(column: str, files: Sequence[AtomicFile]) -> str:
    names = {name for file in files for name in file.header.types}
    return did_you_mean(column, names, " ({})")


def _listed(files: Sequence[AtomicFile]) -> str:
    return "; ".join(
        f"of {file.header.file} {', '.join(file.header.types)}"
        if len(files) > 1
        else ", ".join(file.header.types)
        for file in files
    )
