"""The settings of a run: merged from properties/, YAML files and the caller, and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recbole_groupmix.bundled import bundled
from recbole_groupmix.files.paths import user_path
from recbole_groupmix.models import models_of
from recbole_groupmix.settings.by_search import for_search
from recbole_groupmix.settings.closed_form import for_closed_form
from recbole_groupmix.settings.eval_args import for_eval_args
from recbole_groupmix.settings.faults import Faults
from recbole_groupmix.settings.group_by import for_group_by
from recbole_groupmix.settings.keys import WITHOUT_EFFECT, check_key, recbole_default
from recbole_groupmix.settings.model import check_model
from recbole_groupmix.settings.notes import unused_key_notes
from recbole_groupmix.settings.rows import NAME_KEYS, ROWS, WRITTEN_DEFAULTS
from recbole_groupmix.settings.settings import Settings
from recbole_groupmix.settings.values import check_choice, checked_values, given_name, given_path
from recbole_groupmix.settings.yaml_files import read_settings_file
from recbole_groupmix.text.untrusted import short_repr


def merge_settings(
    given: Mapping[str, Any],
    config_files: Sequence[str | Path] = (),
    where: str | Mapping[str, str] = "given",
    own: Mapping[str, Any] | None = None,
    command: str = "",
) -> Settings:
    """Merge the layers, check every value that is ours, and return the final settings.

    Precedence: ``given`` over ``config_files`` (later over earlier) over ``own`` over
    ``properties/`` (data set and model over protocol) over the defaults of the rows.

    Parameters
    ----------
    given : mapping
        Typed values by key, from the command line or from Python.
    config_files : sequence of path
        YAML files of settings.
    where : str or mapping of str to str
        How messages name the origin of ``given``, or of each of its keys.
    own : mapping, optional
        Defaults of a command, such as its model; the user has not given them.
    command : str
        The command, such as "groupmix gradient".

    Raises
    ------
    ValueError
        For an unreadable file, unknown keys (the nearest are named), values out of range, or a
        model that cannot be trained so. Unknown keys are told together, and then bad values.
    """
    user: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for given_file in config_files:
        file = user_path(
            str(given_file), f"cannot read settings file {short_repr(str(given_file))}"
        )
        content = read_settings_file(file)
        user.update(content)
        origin.update(dict.fromkeys(content, f"in {file}"))
    user.update(given)
    origin.update(dict.fromkeys(given, where) if isinstance(where, str) else where)
    faults = Faults()
    for key in [*user]:
        with faults:
            check_key(key, origin[key])
            if key in NAME_KEYS and key not in ("mix", "rivals"):
                user[key] = given_name(key, user[key], origin[key])
            user[key] = given_path(key, user[key], origin[key])
    faults.end()
    own = {key: value for key, value in (own or {}).items() if key not in user}
    origin.update(dict.fromkeys(own, f"the default of {command}"))
    notes = tuple(
        f"{key} ({origin[key]}) has no effect: {WITHOUT_EFFECT[key]}"
        for key in user
        if key in WITHOUT_EFFECT
    )
    values, origin = _with_layers({**own, **user}, origin)
    return final_settings(Settings(values, notes, origin, tuple(user)))


def final_settings(settings: Settings) -> Settings:
    """Check settings, and return the final ones: values in one form, with every note about keys.

    Raises
    ------
    ValueError
        For values out of range, and a model that cannot be trained so.
    """
    faults = Faults()
    formed = checked_values(settings, faults)
    with faults:
        check_model(settings)
    faults.end()
    settings = settings.with_values(**formed)
    settings = for_closed_form(for_group_by(for_eval_args(for_search(settings))))
    return settings.with_notes(unused_key_notes(settings))


def _with_layers(
    user: Mapping[str, Any], origin: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Put the files of properties/ for a protocol, model and data set below the user's values."""
    if not user.get("dataset"):
        raise ValueError("no data set given; name one by --dataset, for example --dataset=ml-100k")
    values = {key: ROWS[key].default for key in WRITTEN_DEFAULTS}
    origins: dict[str, str] = {}
    if user.get("model") in models_of("context-aware"):  # of each of its many fields
        values["embedding_size"] = recbole_default(str(user["model"]), "embedding_size")
    choice = Settings({**values, **user}, origin=origin)
    check_choice(choice, "protocol")
    protocol = choice.protocol
    layers = [
        f"properties/{protocol}.yaml",
        f"properties/{protocol}/{choice.model}.yaml",
        f"properties/dataset/{choice.dataset}.yaml",
        f"properties/{protocol}/{choice.dataset}/{choice.model}.yaml",
        f"properties/{protocol}/{choice.dataset}/{choice.model}-{choice.embedding_size}.yaml",
    ]
    for layer in layers:
        try:
            content = read_settings_file(bundled(layer))
        except FileNotFoundError:
            continue
        values.update(content)
        origins.update(dict.fromkeys(content, f"in {layer}"))
    return {**values, **user}, {**origins, **origin}
