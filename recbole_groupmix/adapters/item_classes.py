"""Classes of items, such as genres, from a column of the ``.item`` file."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from recbole.data.dataset import Dataset
from recbole.utils import FeatureType

from recbole_groupmix.adapters.atomic_header import read_header
from recbole_groupmix.adapters.duplicate_ids import conflicting_ids, describe_conflicts
from recbole_groupmix.adapters.read_table import read_table
from recbole_groupmix.core.spelling import did_you_mean

_KINDS = (FeatureType.TOKEN.value, FeatureType.TOKEN_SEQ.value)


def read_item_classes(dataset: Dataset, field: str, key: str = "class_field") -> list[list[str]]:
    """Read the classes of every item of a loaded data set.

    The column need not be among those that RecBole loads.

    Parameters
    ----------
    dataset : Dataset
        A loaded data set.
    field : str
        Column of the ``.item`` file: of type ``token`` (one class) or ``token_seq`` (several).
    key : str
        The setting that names the column, for messages.

    Returns
    -------
    list of list of str, length n_items
        By RecBole's internal item id; empty for the padding id 0 and for items without a class.

    Raises
    ------
    ValueError
        If the file or the column does not exist, the column is of another type, or the lines of an
        item differ in their classes.
    """
    what, held = (
        ("item class column", "classes") if key == "class_field" else ("item column", "names")
    )
    path = Path(dataset.dataset_path) / f"{dataset.dataset_name}.item"
    if not path.is_file():
        raise ValueError(f"{what} {field!r}: {path.name} does not exist beside the data")
    separator, encoding = dataset.config["field_separator"], dataset.config["encoding"]
    kinds = read_header(path, separator, encoding).types
    known = [name for name, kind in kinds.items() if name != dataset.iid_field and kind in _KINDS]
    if field not in known:
        hint = did_you_mean(field, known, " ({})")
        why = f"has type {kinds[field]!r}" if field in kinds else "is not there"
        raise ValueError(
            f"{what} {field!r} of {path.name} {why}; columns that can hold {held}: "
            f"{', '.join(known) or 'none'}{hint}. Name one by --{key}"
        )
    columns = {f"{name}:{kinds[name]}": name for name in (dataset.iid_field, field)}
    table = read_table(
        pd.read_csv,
        path,
        delimiter=separator,
        usecols=list(columns),
        dtype=dict.fromkeys(columns, str),
        encoding=encoding,
        engine="python",
    ).rename(columns=columns)
    conflicts = conflicting_ids(table, dataset.iid_field)
    if conflicts:
        where = describe_conflicts(conflicts, path, separator, encoding)
        raise ValueError(f"{path.name} holds item {where}; keep one line of each item")
    several = kinds[field] == FeatureType.TOKEN_SEQ.value
    classes: list[list[str]] = [[] for _ in range(dataset.item_num)]
    ids = dataset.field2token_id[dataset.iid_field]
    for token, text in zip(table[dataset.iid_field], table[field].fillna(""), strict=True):
        if token in ids:
            names = text.split(dataset.config["seq_separator"]) if several else [text]
            classes[ids[token]] = [name for name in names if name]
    return classes
