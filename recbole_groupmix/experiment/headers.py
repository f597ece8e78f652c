"""Checks the headers and id columns of the atomic files before RecBole loads them.

RecBole itself fails while it loads, and its errors name neither the file nor the way out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recbole.config import Config
from recbole.utils import ModelType

from recbole_groupmix.adapters.atomic_header import FileError, Header, read_header
from recbole_groupmix.adapters.config import OF_GRAPH
from recbole_groupmix.settings.settings import Settings

_IDS = {
    "inter": ("USER_ID_FIELD", "ITEM_ID_FIELD"),
    "user": ("USER_ID_FIELD",),
    "item": ("ITEM_ID_FIELD",),
    **OF_GRAPH,
}
#: Parts of names that ids have.
_LIKELY = {
    "USER_ID_FIELD": ("user", "customer", "uid", "reviewer"),
    "ITEM_ID_FIELD": ("item", "article", "product", "movie", "iid", "asin"),
}


@dataclass(frozen=True)
class AtomicFile:
    """An atomic file of a data set, with the columns that RecBole loads.

    Attributes
    ----------
    source : str
        RecBole's name of its kind: "inter", "user", "item" or a suffix of the user's own.
    header : Header
        Its columns.
    loaded : frozenset of str
        The columns that are loaded; none if the file is left alone.
    """

    source: str
    header: Header
    loaded: frozenset[str]


def read_files(settings: Settings, config: Config) -> list[AtomicFile]:
    """Return the atomic files of a data set, after a look at their first lines.

    Parameters
    ----------
    settings : Settings
        The run's settings, which know where values came from.
    config : Config
        RecBole's configuration of the same run.

    Raises
    ------
    ValueError
        For a file that is not there or cannot be read, an id column that is absent, not loaded or
        no token; with the way out.
    """
    folder, name = Path(config["data_path"]), config["dataset"]
    _check_load_col(settings, config)
    files = []
    for source, path in _paths(settings, config, folder, name):
        try:
            header = read_header(path, config["field_separator"], config["encoding"])
        except FileError as error:
            if not _is_loaded(source, config):
                continue  # RecBole does not read it
            if error.key in settings.given:
                raise ValueError(f"{settings.describe(error.key)}, but {error}") from error
            raise
        loaded = frozenset(_loaded(source, header, config))
        files.append(AtomicFile(source, header, loaded))
    for file in files:
        if file.loaded or file.source == "inter":
            _check_ids(settings, config, file)
            twice = [column for column in file.header.twice if column in file.loaded]
            if twice:
                raise ValueError(
                    f"{file.header.file}, line 1: column {twice[0]!r} appears twice; rename or "
                    "remove one of them"
                )
    return files


def _paths(
    settings: Settings, config: Config, folder: Path, name: str
) -> Iterator[tuple[str, Path]]:
    """Yield kind and path of the files of a data set; raise ``ValueError`` if one is missing."""
    parts = config["benchmark_filename"]
    for part in parts or [None]:
        path = folder / (f"{name}.{part}.inter" if part else f"{name}.inter")
        if not path.is_file():
            there = [file.name for file in sorted(folder.glob(f"{name}.*inter"))]
            raise ValueError(
                f"{settings.describe('benchmark_filename')}, but there is no {path.name} in "
                f"{folder}; the files there are {', '.join(there) or 'none'}"
            )
        yield "inter", path
    user, field = folder / f"{name}.user", settings.group_field
    uid = config["USER_ID_FIELD"]
    if user.is_file():
        yield "user", user
    elif settings.group_by is None:
        raise ValueError(
            f"{settings.describe('group_field')}, but there is no {user.name} in {folder}, the file "
            f"that says which group each user is in; write one with the columns {uid}:token and "
            f"{field}:token, or make groups from the interactions by --group_by"
        )
    if (folder / f"{name}.item").is_file():
        yield "item", folder / f"{name}.item"
    for suffix in OF_GRAPH if config["MODEL_TYPE"] == ModelType.KNOWLEDGE else ():
        path = folder / f"{name}.{suffix}"
        if not path.is_file():
            raise ValueError(_no_graph(settings, config, path))
        yield suffix, path
    for suffix in config["additional_feat_suffix"] or ():
        path = folder / f"{name}.{suffix}"
        if not path.is_file():
            raise ValueError(
                f"{settings.describe('additional_feat_suffix')}, but there is no {path.name} in "
                f"{folder}"
            )
        yield suffix, path


def _no_graph(settings: Settings, config: Config, path: Path) -> str:
    """Return the message for a file of the knowledge graph that is not there."""
    columns = ", ".join(f"{config[key]}:token" for key in OF_GRAPH[path.suffix[1:]])
    holds = "the triples of its graph" if path.suffix == ".kg" else "the entity of each item"
    return (
        f"{settings.describe('model')}, which learns from a knowledge graph, but there is no "
        f"{path.name} in {path.parent}, the file that says {holds}; write one with the columns "
        f"{columns} (docs/models.md makes one from the .item file), or choose another model"
    )


def _check_load_col(settings: Settings, config: Config) -> None:
    """Check the keys of loaded columns, and that the group column is loaded."""
    known = [
        "inter",
        "user",
        "item",
        "kg",
        "link",
        "net",
        *(config["additional_feat_suffix"] or ()),
    ]
    for key in ("load_col", "unload_col"):
        for source in config[key] or ():
            if source not in known:
                raise ValueError(
                    f"{settings.describe(key)}; {source!r} is not a kind of file; these are "
                    f"{', '.join(known)}"
                )
    left_out, field = config["unload_col"] or {}, settings.group_field
    for column in (field, config["USER_ID_FIELD"]):
        if column in left_out.get("user", ()) and settings.group_by is None:
            raise ValueError(
                f"{settings.describe('unload_col')}, which leaves out {column!r} of the .user file, "
                "without which no user has a group; take it out of that list"
            )
    both = [source for source in left_out if (config["load_col"] or {}).get(source, "*") != "*"]
    if both:
        raise ValueError(
            f"{settings.describe('unload_col')}, but load_col, which is {config['load_col']}, "
            f"already names the columns of {both[0]!r} to load; leave out unload_col, or write "
            "--load_col=~ to load all columns but those"
        )


def _is_loaded(source: str, config: Config) -> bool:
    wanted = config["load_col"]
    return wanted is None or bool(wanted.get(source))


def _loaded(source: str, header: Header, config: Config) -> Iterator[str]:
    wanted, left_out = config["load_col"], (config["unload_col"] or {}).get(source, ())
    if not _is_loaded(source, config):
        return
    for column, _ in header.columns:
        named = wanted is None or wanted[source] == "*" or column in wanted[source]
        if named and column not in left_out:
            yield column


def _check_ids(settings: Settings, config: Config, file: AtomicFile) -> None:
    """Check that a file has its id columns, that they are loaded, and that they are tokens."""
    keys = _IDS.get(file.source, ())
    for key in keys:
        column = config[key]
        if column not in file.header.types:
            raise ValueError(_no_id(settings, config, file, keys, key))
        kind = file.header.types[column]
        if kind != "token":
            raise ValueError(
                f"{file.header.file}, line 1: the id column {column!r} has type {kind!r}; ids are "
                f"tokens: write {column}:token"
            )
        if column not in file.loaded:
            raise ValueError(
                f"{describe_key(settings, config, 'load_col')}, so that {column} of "
                f"{file.header.file} is not loaded; write {load_col_with(config, file.source, column)}"
            )


def _no_id(
    settings: Settings, config: Config, file: AtomicFile, keys: tuple[str, ...], key: str
) -> str:
    """Return the message for an id column that is not in a file."""
    types, column = file.header.types, config[key]
    missing = [id_key for id_key in keys if config[id_key] not in types]
    taken = {config[id_key] for id_key in keys}
    tokens = [name for name, kind in types.items() if kind == "token" and name not in taken]
    message = (
        f"{file.header.file} has no column {column!r} ({describe_key(settings, config, key)}); "
        f"columns are {', '.join(types)}"
    )
    if file.source in OF_GRAPH:
        return f"{message}; rename a column, or name it by --{key}"
    if file.source != "inter":
        return f"{message}; give the column of ids the name that it has in the .inter file"
    guessed: dict[str, str] = {}
    for id_key in missing:
        likely = [t for t in tokens if any(word in t.lower() for word in _LIKELY[id_key])]
        rest = [token for token in [*likely, *tokens] if token not in guessed.values()]
        if rest:
            guessed[id_key] = rest[0]
    cure = " ".join(f"--{id_key}={name}" for id_key, name in guessed.items())
    return f"{message}; write {cure}" if cure else f"{message}; one of type token must hold ids"


def describe_key(settings: Settings, config: Config, key: str) -> str:
    """Return "key is value (origin)" for a key that may have RecBole's own default."""
    if key in settings.given:
        return settings.describe(key)
    return f"{key} is {config[key]!r} (the default)"


def load_col_with(config: Config, source: str, column: str) -> str:
    """Return the option that loads one more column."""
    wanted: Mapping[str, Any] = config["load_col"] or {}
    ids = [config[key] for key in _IDS.get(source, ())]
    columns = list(dict.fromkeys([*ids, *wanted.get(source, ()), column]))
    value = repr({**wanted, source: columns}).replace(", ", ",").replace(": ", ":")
    return f'--load_col="{value}"'
