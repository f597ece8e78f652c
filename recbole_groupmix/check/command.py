"""``groupmix check`` as a whole: options, files and what is printed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from recbole_groupmix.check.before_training import RELABELLINGS, Check, check
from recbole_groupmix.check.figures import draw
from recbole_groupmix.check.group_influence import LAMBDA
from recbole_groupmix.check.render import to_json, to_text
from recbole_groupmix.exact.influence_command import MOST_D
from recbole_groupmix.files.places import out_folder
from recbole_groupmix.files.whole import write_whole
from recbole_groupmix.mixes.theory import USER_CLASSES
from recbole_groupmix.settings.merge import Settings
from recbole_groupmix.settings.options import flag, named, number, whole_number
from recbole_groupmix.settings.yaml_files import MOST_BUDGET
from recbole_groupmix.text.untrusted import safe_file_name, short

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
_RANK = "no group has such a rank"


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
    relabellings = whole_number(
        options, "relabellings", RELABELLINGS, 1, 10_000, "each takes all discrepancies anew"
    )
    max_d = whole_number(options, "max_d", 0, 1, MOST_D, _RANK) or None
    clusters = whole_number(options, "item_clusters", 0, 2, MOST_D, _RANK) or None
    user_class = options.get("user_class", USER_CLASSES[0])
    if user_class not in USER_CLASSES:
        raise ValueError(
            f"--user_class is {short(user_class)}; allowed are {', '.join(USER_CLASSES)}"
        )
    folder = out_folder(options["out"]) if "out" in options else None
    if folder is None:
        out_folder(settings["output_dir"], "--output_dir")
    with named("d", "--max_d"), named("n_clusters", "--item_clusters"):
        found = check(
            settings,
            relabellings=relabellings,
            max_d=max_d,
            user_class=user_class,
            clusters=clusters,
            budget=number(options, "budget", 1.0, "a budget ratio", most=MOST_BUDGET),
            influence=_influence(options),
            say=say,
        )
    shown, text = to_text(found), json.dumps(to_json(found), indent=1, allow_nan=False) + "\n"
    folder = folder or _default_folder(settings, found)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "check.json", text)
    draw(found, folder)
    return shown, folder


def _default_folder(settings: Settings, found: Check) -> Path:
    parts = ["check", found.dataset, found.group_field, settings["target"]]
    name = "-".join(str(part) for part in parts if part)
    return Path(settings["output_dir"]) / safe_file_name(name)


def _influence(options: Mapping[str, str]) -> float | None:
    """Return EASE's lambda for group influence, or None where it is not wanted."""
    what = "EASE's L2 weight"
    lam = number(options, "influence_lambda", LAMBDA, what, most=1e30, beyond=True)
    return lam if flag("influence", options.get("influence", "true")) else None
