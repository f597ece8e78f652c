"""The settings of a run on the command line: their lines in a help, and their merging."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from recbole_groupmix.cli.options import Parser
from recbole_groupmix.files.literal import literal

if TYPE_CHECKING:
    from recbole_groupmix.settings.settings import Settings

#: Settings that a help can show: RecBole's letter, placeholder of the value, description.
_SHOWN = {
    "dataset": ("-d", "NAME", "data set: ml-100k, ml-1m, blockmix, or RecBole's atomic files"),
    "target": ("", "GROUP", "target group, a value of the group column"),
    "group_field": ("", "COLUMN", "column of the .user file that holds the group"),
    "group_by": ("", "HOW", "groups by mainstream or activity of users, and not by a column"),
    "bins": ("", "N", "number of groups of group_by (default 5)"),
    "data_path": ("", "FOLDER", "folder that holds NAME/NAME.inter"),
    "model": ("-m", "MODEL", "recommender of RecBole, or of this package (default BPR)"),
    "config_files": ("", "FILES", 'YAML files of settings: "a.yaml b.yaml", the last one wins'),
    "protocol": ("", "P", "converged (default) or paper"),
    "weighting": ("", "W", "loss (Eq. 8, default) or sample (Eq. 7)"),
    "trials": ("", "N", "mixes to search, at most"),
    "search": ("", "NAME", "who proposes the mixes: gp (default), random or another"),
    "hours": ("", "H", "no more mixes than fit in so many hours"),
    "folds": ("", "N", "number of cross-validation folds"),
    "repeats": ("", "N", "number of training seeds of the final models"),
    "mix": ("", "FILES", "YAML files of mixes of your own (name, alpha, alpha_aug)"),
    "rivals": ("", "NAMES", "other ways to serve the target: names, all or none (docs/rivals.md)"),
    "reg_weight": ("", "LAMBDA", "L2 weight"),
    "lambdas": ("", "LIST", "L2 weights of which cross-validation chooses"),
    "class_field": ("", "COLUMN", "column of the .item file that holds the classes of items"),
    "embedding_size": ("", "N", "dimension of the embeddings"),
    "topk": ("", "LIST", "cut-offs of the metrics, such as [5,10,20]"),
    "seed": ("", "N", "seed of the random numbers"),
    "workers": ("", "N", "processes, or a cluster, that train models (docs/cluster.md)"),
    "output_dir": ("", "FOLDER", "folder of the run folders"),
}
#: Settings of the data and the model, which most commands show first.
OF_DATA_AND_MODEL = (
    *("dataset", "target", "group_field", "group_by", "bins", "data_path", "model"),
    "config_files",
)
_OTHERS = "All other settings of groupmix, RecBole and the model are accepted too."


def add_settings(parser: Parser, *keys: str, **texts: str) -> None:
    """Add settings to the help of a command that takes all of them.

    Parameters
    ----------
    parser : Parser
        Where to.
    *keys : str
        Which ones the help shows. ``-d`` and ``-m`` are those of RecBole.
    **texts : str
        Descriptions that differ from those of a run.
    """
    group = parser.add_argument_group("settings of a run", _OTHERS)
    parser.settings |= set(keys)
    for key in keys:
        letter, metavar, text = _SHOWN[key]
        spelt = [*([letter] if letter else []), f"--{key}"]
        group.add_argument(*spelt, metavar=metavar, help=texts.get(key, text))


def typed(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings that were given as text; names stay as they are written."""
    from recbole_groupmix.settings.rows import NAME_KEYS

    return {
        key: literal(value) if isinstance(value, str) and key not in NAME_KEYS else value
        for key, value in keys.items()
    }


def settings_of(
    keys: Mapping[str, Any], own: dict[str, Any] | None = None, command: str = ""
) -> Settings:
    """Merge what the command line gives with the files that it names and the defaults.

    Parameters
    ----------
    keys : mapping
        Settings as text, ``config_files`` among them.
    own : dict, optional
        Defaults of the command, below all that the user gives.
    command : str
        Its name for messages, such as "groupmix gradient".

    Raises
    ------
    ValueError
        For what :func:`~recbole_groupmix.settings.merge.merge_settings` refuses.
    """
    from recbole_groupmix.settings.merge import merge_settings

    given = dict(keys)
    files = [*given.pop("config_file", "").split(), *given.pop("config_files", "").split()]
    return merge_settings(typed(given), files, "on the command line", own, command)


def ease_settings(keys: Mapping[str, Any], command: str, lam: float) -> Settings:
    """Merge settings of a command that solves EASE for one lambda, whose default is `lam`.

    Raises
    ------
    ValueError
        Also for ``lambdas``, which are a choice of several.
    """
    own = {"model": "EASE", "lambdas": None, "reg_weight": lam}
    settings = settings_of(keys, own, command)
    if "lambdas" in settings.given:
        raise ValueError(
            f"{settings.describe('lambdas')}, but {command} takes one lambda; give it by "
            "--reg_weight"
        )
    return settings
