"""A finished cell of a study: one training with what was measured, in one small file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypedDict

from recbole_groupmix.files.whole import write_whole
from recbole_groupmix.record.field_checks import check_of
from recbole_groupmix.record.read import read_version
from recbole_groupmix.record.schema import Count, NotNegative

#: ``schema_version`` of the files.
VERSION = 1
CELLS = "cells"
_AGAIN = "remove the file, and the same command makes it anew"


class StudyCellFile(TypedDict):
    """A file of ``cells``: a finished cell of a study."""

    schema_version: int
    """Version of the format: 1."""
    given: dict[str, Any]
    """Settings of the cell, `dataset` among them; another value of one is another cell."""
    seconds: NotNegative
    """Seconds of a core that it took."""
    measured: dict[str, Any]
    """What was measured: of a model of TALL, of a fit with a penalty, or the counts of a data set."""


#: NDCG of the users; a class cannot have a field of this name.
_Ndcg = TypedDict("_Ndcg", {"ndcg@20": list[NotNegative]})


class TallMeasured(_Ndcg):
    """``measured`` of a model of TALL, trained with one seed."""

    epochs: Count
    """The epoch of best NDCG@20 on validation, from 1; 0 where fine-tuning kept what it started from."""
    validation: NotNegative
    """The NDCG@20 on validation after it."""
    experts: NotNegative
    """Effective number of experts of a user, on average; 1 for models without experts."""
    group: list[str]
    """The fifth by mainstream score of each user with test items, `L` to `H`."""


class PenaltyMeasures(TypedDict):
    """Error and unfairness of ratings that were not trained on."""

    error: Annotated[float, ">= 0", "or NaN"]
    """Mean squared error, of the block model; its root, of movies."""
    value: Annotated[float, ">= 0", "or NaN"]
    """Value unfairness."""
    absolute: Annotated[float, ">= 0", "or NaN"]
    """Absolute unfairness."""
    underestimation: Annotated[float, ">= 0", "or NaN"]
    """Underestimation unfairness."""
    overestimation: Annotated[float, ">= 0", "or NaN"]
    """Overestimation unfairness."""
    parity: Annotated[float, ">= 0", "or NaN"]
    """Absolute difference of the mean predictions for women and for men."""
    n_items_used: Count
    """Items that the four means are over."""
    n_items: Count
    """Items that a woman or a man has rated."""


class PenaltyMeasured(TypedDict):
    """``measured`` of a model with a penalty, or with none."""

    weight_decay: NotNegative
    """L2 weight."""
    paper: PenaltyMeasures
    """By the formulas as they are printed."""
    code: PenaltyMeasures
    """By the formulas that the published tables were probably made with."""


class CountsMeasured(TypedDict):
    """``measured`` of a data set of movies, after its filter."""

    users: Count
    """Users."""
    women: Count
    """Women among them."""
    movies: Count
    """Movies."""
    rows: Count
    """Ratings."""
    genres: dict[str, list[float | None]]
    """By genre its movies, ratings per woman and per man, and the mean rating of women and of men."""


#: What is measured, by a key that only such cells are given.
_MEASURED = {"model": TallMeasured, "penalty": PenaltyMeasured, "table": CountsMeasured}


def write_cell(
    file: Path, given: Mapping[str, Any], seconds: float, measured: Mapping[str, Any]
) -> None:
    """Write a finished cell, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    content: StudyCellFile = {
        "schema_version": VERSION,
        "given": {**given},
        "seconds": round(seconds, 1),
        "measured": {**measured},
    }
    write_whole(file, json.dumps(content) + "\n", durable=True)


def read_cell(file: Path) -> StudyCellFile:
    """Read a finished cell.

    Raises
    ------
    ValueError
        If the file is damaged or of another version.
    """
    content = read_version(file, StudyCellFile, {VERSION}, _AGAIN)
    try:
        for key in _MEASURED.keys() & content["given"].keys():
            check_of(_MEASURED[key])(content["measured"], "'measured' of it")
    except ValueError as error:
        raise ValueError(f"{file} cannot be read: {error}; {_AGAIN}") from error
    return content
