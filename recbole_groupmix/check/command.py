"""``groupmix check`` as a whole: options, files and what is printed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path

from recbole_groupmix.check.before_training import RELABELLINGS, Check, check
from recbole_groupmix.check.figures import MISSING, can_draw, draw
from recbole_groupmix.check.group_influence import LAMBDA
from recbole_groupmix.check.render import to_json, to_text
from recbole_groupmix.pipeline.out_folder import out_folder
from recbole_groupmix.pipeline.settings import Settings
from recbole_groupmix.pipeline.theory import USER_CLASSES

#: Options of the command that are no settings of a run.
OPTIONS = (
    "relabellings",
    "max_d",
    "user_class",
    "item_clusters",
    "budget",
    "influence",
    "influence_lambda",
    "out",
)


def check_command(
    settings: Settings, options: Mapping[str, str], say: Callable[[str], None]
) -> tuple[str, Path]:
    """Check a data set, write ``check.json`` and the figures, and return the text and the folder.

    Parameters
    ----------
    settings : Settings
        Merged settings.
    options : mapping of str to str
        Some of `OPTIONS`, as text.
    say : callable
        Prints a line for people.

    Raises
    ------
    ValueError
        For an option or a setting that cannot be used.
    """
    relabellings = _whole(options, "relabellings", RELABELLINGS)
    max_d = _whole(options, "max_d", 0) or None
    user_class = options.get("user_class", USER_CLASSES[0])
    if user_class not in USER_CLASSES:
        raise ValueError(f"--user_class is {user_class!r}; allowed are {', '.join(USER_CLASSES)}")
    folder = out_folder(options.get("out"))
    found = check(
        settings,
        relabellings=relabellings,
        max_d=max_d,
        user_class=user_class,
        clusters=_whole(options, "item_clusters", 0, least=2) or None,
        budget=_budget(options),
        influence=_influence(options),
        say=say,
    )
    folder = folder or _default_folder(settings, found)
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(to_json(found), indent=1, allow_nan=False) + "\n"
    (folder / "check.json").write_text(text, encoding="utf-8")
    if can_draw():
        draw(found, folder)
    else:
        say(MISSING)
    return to_text(found), folder


def _default_folder(settings: Settings, found: Check) -> Path:
    parts = ["check", found.dataset, found.group_field, settings["target"]]
    name = "-".join(str(part) for part in parts if part).replace("/", "_")
    return Path(settings["output_dir"]) / name


def _whole(options: Mapping[str, str], key: str, default: int, least: int = 1) -> int:
    text = options.get(key)
    if text is None:
        return default
    if not text.isdecimal() or int(text) < least:
        raise ValueError(f"--{key} is {text!r}; it must be a whole number >= {least}")
    return int(text)


def _budget(options: Mapping[str, str]) -> float:
    text = options.get("budget", "1")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise ValueError(f"--budget is {text!r}; a budget ratio is a number >= 0")
    return value


def _influence(options: Mapping[str, str]) -> float | None:
    """Return EASE's lambda for group influence, or None where it is not wanted."""
    wanted, text = options.get("influence", "true"), options.get("influence_lambda")
    if wanted.lower() not in ("true", "false"):
        raise ValueError(f"--influence is {wanted!r}; allowed are true and false")
    if wanted.lower() == "false":
        return None
    try:
        value = LAMBDA if text is None else float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise ValueError(f"--influence_lambda is {text!r}; EASE's L2 weight is a number > 0")
    return value
