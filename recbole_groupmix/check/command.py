"""``groupmix check``: checks a data set, prints the result and writes its files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from recbole_groupmix.check.data_set import RELABELLINGS, Check, check_data_set
from recbole_groupmix.check.figures import draw
from recbole_groupmix.check.render import to_json, to_text
from recbole_groupmix.files.output_paths import given_folder
from recbole_groupmix.files.whole import write_whole
from recbole_groupmix.mixes.theory import USER_CLASSES
from recbole_groupmix.settings.settings import Settings
from recbole_groupmix.text.untrusted import safe_file_name


def check_command(
    settings: Settings,
    say: Callable[[str], None],
    *,
    relabellings: int = RELABELLINGS,
    max_d: int | None = None,
    user_class: str = USER_CLASSES[0],
    item_clusters: int | None = None,
    budget: float = 1.0,
    influence: bool = True,
    influence_lambda: float | None = None,
    every: bool = False,
    out: str | Path | None = None,
) -> tuple[str, Path]:
    """Check a data set, write ``check.json`` and the figures, and return the text and the folder.

    Parameters
    ----------
    settings : Settings
        Merged settings.
    say : callable
        Prints a line for people.
    relabellings, max_d, user_class, item_clusters, budget, every
        See :func:`~recbole_groupmix.check.data_set.check_data_set`.
    influence : bool
        Whether to compute group influence.
    influence_lambda : float, optional
        EASE's L2 weight for it, > 0; by default each target has its own.
    out : path, optional
        Folder to write to; default one in ``output_dir``.

    Raises
    ------
    ValueError
        For an option or a setting that cannot be used.
    """
    folder = given_folder(out, settings.output_dir)
    checked = check_data_set(
        settings,
        relabellings=relabellings,
        max_d=max_d,
        user_class=user_class,
        clusters=item_clusters,
        budget=budget,
        influence=influence,
        influence_lambda=influence_lambda,
        every=every,
        say=say,
    )
    shown, text = to_text(checked), json.dumps(to_json(checked), indent=1, allow_nan=False) + "\n"
    folder = folder or _default_folder(settings, checked)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "check.json", text)
    draw(checked, folder)
    return shown, folder


def _default_folder(settings: Settings, checked: Check) -> Path:
    parts = ["check", checked.dataset, checked.group_field, settings.target]
    name = "-".join(str(part) for part in parts if part)
    return Path(settings.output_dir) / safe_file_name(name)
