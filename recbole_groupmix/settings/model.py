"""Which keys and columns a model reads, by its source code, which is not imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from recbole_groupmix.core.spelling import did_you_mean
from recbole_groupmix.models import (
    LISTED,
    NOT_EXACT_WITH,
    SEVERAL_L2,
    by_family,
    knowledge,
    models_of,
    sequential,
)
from recbole_groupmix.models.weighting import check_weighting
from recbole_groupmix.settings.keys import keys_read_by, recbole_folder

if TYPE_CHECKING:
    from recbole_groupmix.settings.settings import Settings

#: RecBole's keys of how many epochs hold interactions, and then how many triples of a graph.
STEPS = ("train_rec_step", "train_kg_step")
_FEATURES = re.compile(r"(user|item)_feat\b|get_(user|item)_feature|preload_weight|FeatureSource")
_OURS = Path(__file__).resolve().parent.parent


def check_model(settings: Settings) -> None:
    """Refuse a model that cannot be trained with the weighting, with the way out.

    Raises
    ------
    ValueError
        For a model that is unknown, refused, of another weighting, or lacks a package.
    """
    model = settings.model
    if model not in LISTED:
        raise ValueError(
            f"{settings.describe('model')}, which is not a recommender of RecBole or of this package"
            f"{did_you_mean(model, sorted(LISTED), ' ({})')}; these are {by_family(LISTED)}"
        )
    try:
        check_weighting(model, settings.weighting)
    except ValueError as error:
        raise ValueError(f"{settings.describe('model')}: {error}") from error
    if model in models_of("sequential"):
        _check_loss(settings)
    _check_exact(settings)
    if model in models_of("knowledge-based"):
        _check_steps(settings)


def _check_loss(settings: Settings) -> None:
    """Refuse a loss that a sequential model does not have."""
    model, given = settings.model, settings["loss_type"]
    has = sequential.LOSS_TYPES.get(model, ("CE", "BPR"))
    if "loss_type" in settings.given and given not in has and reads_key(model, "loss_type"):
        raise ValueError(f"{settings.describe('loss_type')}; {model} can have {' or '.join(has)}")


def _check_exact(settings: Settings) -> None:
    """Refuse a value that makes a loss one that has no weighted form."""
    model = settings.model
    key, exact, term = NOT_EXACT_WITH.get(model, ("", (), ""))
    if key and settings[key] not in exact and settings.weighting == "loss":
        raise ValueError(
            f"{settings.describe(key)}, which adds {term}, to the loss of {model}; leave it out, or "
            "use --weighting=sample, the group-weighted sampler of Eq. 7"
        )


def _check_steps(settings: Settings) -> None:
    """Refuse epochs of triples alone for a model without them, and numbers that give no epoch."""
    model, given = settings.model, {k: settings[k] for k in STEPS if settings[k] is not None}
    said = " and ".join(map(settings.describe, given))
    if model in knowledge.IN_TURNS:
        wrong = [n for n in given.values() if type(n) is not int or n < 0]
        if wrong or list(given.values()) == [0, 0]:
            raise ValueError(
                f"{said}; these are numbers of epochs, whole and not below 0, and one of the two is "
                "above 0"
            )
    elif len(given) == len(STEPS) and model not in knowledge.BY_OWN_TRAINER:
        raise ValueError(
            f"{said}, which ask for epochs of triples alone, and {model} has no loss for them; leave "
            "both out"
        )


def reads_key(model: str, key: str) -> bool:
    """Return whether a model, or a class of RecBole's or ours that it stands on, reads a key.

    A class of the same file that one of these names, such as a layer, may read it too.
    """
    sources = (*model_sources(model), *_parts(model))
    return any(key in keys_read_by(source) for source in sources)


def why_no_reg_weight(model: str) -> str | None:
    """Return why a model has no number ``reg_weight`` to choose; None if it has one."""
    if model in SEVERAL_L2:
        return f"reg_weight of {model} is a list of several"
    return None if reads_key(model, "reg_weight") else f"{model} has no reg_weight"


def reads_features(model: str) -> bool:
    """Return whether a model reads columns of users or items besides their ids."""
    return any(_FEATURES.search(source) for source in model_sources(model))


@cache
def model_sources(model: str) -> tuple[str, ...]:
    """Return the source of a model's class and of all that it stands on in RecBole and here.

    Parameters
    ----------
    model : str
        Name of a model; ours of that name goes before RecBole's.

    Raises
    ------
    ValueError
        If no class has that name.
    """
    ours = (file for room in ("adapters", "recommenders") for file in (_OURS / room).glob("*.py"))
    for file in (*sorted(ours), *_files_of_recbole(model)):
        if _defines(file, model):
            return tuple(dict.fromkeys(_sources(file, model)))
    raise ValueError(f"no source of a model {model!r}")


@cache
def _parts(model: str) -> tuple[str, ...]:
    """Return the source of classes that RecBole's file of a model has, and that the model names."""
    parts = []
    for file in _files_of_recbole(model):
        text = file.read_text(encoding="utf-8")
        nodes = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
        sources = {node.name: ast.get_source_segment(text, node) or "" for node in nodes}
        named, waiting = {model}, [model]
        while waiting:
            of = sources.get(waiting.pop(), "")
            new = [n for n in sources if n not in named and re.search(rf"\b{n}\b", of)]
            named.update(new)
            waiting += new
            parts += [sources[name] for name in new]
    return tuple(parts)


def _files_of_recbole(model: str) -> list[Path]:
    return sorted((recbole_folder() / "model").glob(f"*/{model.lower()}.py"))


def _defines(file: Path, model: str) -> bool:
    named = re.compile(rf"^class {re.escape(model)}\b", re.M)
    return bool(named.search(file.read_text(encoding="utf-8")))


def _sources(file: Path, name: str) -> Iterator[str]:
    """Yield the source of a class that a file defines or imports, then that of its bases."""
    text = file.read_text(encoding="utf-8")
    origins: dict[str, str] = {}
    classes: dict[str, ast.ClassDef] = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef):
            classes[node.name] = node
        elif isinstance(node, ast.ImportFrom):
            origins |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    bases = [name]
    if name in classes:
        yield ast.get_source_segment(text, classes[name]) or ""
        bases = [ast.unparse(base) for base in classes[name].bases]
    for base in bases:
        first, dot, rest = base.partition(".")
        module, _, of = f"{origins.get(first, '')}{dot}{rest}".rpartition(".")
        place = file if first in classes else _file(module)
        if place is not None:
            yield from _sources(place, of or base)


def _file(module: str) -> Path | None:
    """Return the file of a module of RecBole's or ours, else None."""
    top, *parts = module.split(".")
    if top not in ("recbole", "recbole_groupmix"):
        return None
    place = (recbole_folder() if top == "recbole" else _OURS).joinpath(*parts)
    files = (place.with_name(f"{place.name}.py"), place / "__init__.py")
    return next((file for file in files if file.is_file()), None)
