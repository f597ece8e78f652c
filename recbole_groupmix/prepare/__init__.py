"""Data sets in RecBole's atomic format, each with a column of groups and a SOURCE.md."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from recbole_groupmix.core.spelling import did_you_mean
from recbole_groupmix.prepare.recipe import Recipe

__all__ = ["DATA_SETS", "PreparedDataset", "ensure_ml_100k", "group_field", "prepare"]

_MODULES = {
    "blockmix": "blockmix",
    "bookcrossing": "bookcrossing",
    "completejourney": "completejourney",
    "lastfm-asia": "lastfm_asia",
    "long_tail": "long_tail",
    "markets": "markets",
    "ml-100k": "ml_100k",
    "ml-1m": "ml_1m",
}

DATA_SETS = tuple(_MODULES)
"""Names of the data sets that can be prepared here."""


@dataclass(frozen=True)
class PreparedDataset:
    """A data set on disk.

    Attributes
    ----------
    name : str
        Name of the data set, as RecBole knows it.
    folder : pathlib.Path
        Folder with ``<name>.inter``, ``<name>.user``, perhaps ``<name>.item``, and SOURCE.md; the
        folder above it is RecBole's ``data_path``.
    comparison_text : str
        Its groups beside Table 2 of the paper, as a table to print, and notes on its source.
    """

    name: str
    folder: Path
    comparison_text: str


def prepare(
    name: str,
    source: Path | None = None,
    out: Path = Path("dataset_atomic"),
    *,
    force: bool = False,
    options: Mapping[str, str] | None = None,
) -> PreparedDataset:
    """Make a data set from its source and compare it with Table 2 of the paper.

    Making it again from the same source changes nothing.

    Parameters
    ----------
    name : str
        One of `DATA_SETS`.
    source : pathlib.Path or None
        Zip archive or folder as it was downloaded; not needed for ``ml-100k``, ``blockmix``,
        ``long_tail`` and ``completejourney``.
    out : pathlib.Path
        Folder of data sets; the files go to ``<out>/<name>``.
    force : bool
        Whether to replace another version of the data set in that folder.
    options : mapping from str to str, optional
        Options of that data set: ``markets`` has ``layout``, ``name``, which becomes the name of
        the data set, and ``user_column``, ``item_column``, ``rating_column``, ``time_column``;
        ``long_tail`` has ``name``, ``users``, ``items``, ``interactions``, ``groups``, ``seed``.

    Returns
    -------
    PreparedDataset

    Raises
    ------
    ValueError
        If the name is unknown, an option is not one of its, the source missing, unreadable or malformed, or the folder cannot
        be written to or holds another version. Nothing is left half-written.
    """
    recipe = _recipe(name)
    recipe.check_source(source)
    if options and recipe.with_options is None:
        raise ValueError(f"{name} takes no --{next(iter(options))}")
    if options and recipe.with_options is not None:
        recipe = recipe.with_options(options)
        if recipe.name != name and recipe.name in DATA_SETS:
            raise ValueError(
                f"name is {recipe.name!r}, which is another data set; take another name"
            )
    out = Path(out)
    text = recipe.make(None if source is None else Path(source), out, force=force)
    return PreparedDataset(recipe.name, out / recipe.name, text)


def ensure_ml_100k(out: Path) -> Path:
    """Make ``<out>/ml-100k`` unless its files are there, and return that folder.

    Parameters
    ----------
    out : pathlib.Path
        Folder of data sets, RecBole's ``data_path``. Existing files are not changed.

    Raises
    ------
    ValueError
        If it cannot be made.
    """
    folder = Path(out) / "ml-100k"
    if not all((folder / f"ml-100k.{suffix}").is_file() for suffix in ("inter", "user")):
        prepare("ml-100k", out=out)
    return folder


def group_field(name: str) -> str:
    """Return the group column of a data set that is made here, such as ``"age"`` of ml-1m.

    Raises
    ------
    ValueError
        If the name is not one of `DATA_SETS`.
    """
    return _recipe(name).group_field


def _recipe(name: str) -> Recipe:
    if name not in _MODULES:
        raise ValueError(
            f"data set {name!r} cannot be prepared here; known are {', '.join(DATA_SETS)}"
            f"{did_you_mean(name, DATA_SETS, ' ({})')}. Your own data set needs no "
            f"preparation, only RecBole's atomic files and the name of its group column"
        )
    # Loaded on demand, so that `python -m recbole_groupmix.prepare.blockmix` runs it once.
    recipe: Recipe = import_module(f"{__name__}.{_MODULES[name]}").RECIPE
    return recipe
