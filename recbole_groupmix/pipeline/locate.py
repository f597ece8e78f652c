"""Where the atomic files of a data set are."""

from __future__ import annotations

from pathlib import Path

from recbole_groupmix.bundled import bundled
from recbole_groupmix.prepare import DATA_SETS, ensure_ml_100k


def data_folder(dataset: str, data_path: str | None, benchmark: list[str] | None = None) -> Path:
    """Return the folder with a data set's atomic files; make ``ml-100k`` at its first use.

    Looked for in ``data_path`` (the folder itself or a parent with one named after the data
    set), ``./dataset_atomic``, ``./dataset`` (RecBole's default) and what ships with the plugin.

    Parameters
    ----------
    dataset : str
        Name, which is also the stem of the files.
    data_path : str or None
        The user's ``--data_path``; where given, nothing else is looked at.
    benchmark : list of str, optional
        RecBole's ``benchmark_filename``: the interactions are ``<dataset>.<part>.inter``.

    Returns
    -------
    pathlib.Path
        An existing folder, or for a data set that RecBole can download, the folder to fill.

    Raises
    ------
    ValueError
        If there is none, with the way to prepare it.
    """
    stem = f"{dataset}.{benchmark[0]}" if benchmark else dataset
    shipped = bundled("dataset_atomic")
    here = Path("dataset_atomic").resolve()
    parents = [Path(data_path)] if data_path else [here, Path("dataset").resolve(), shipped]
    for parent in parents:
        for folder in (parent / dataset, parent):
            if (folder / f"{stem}.inter").is_file():
                return folder
    looked = ", ".join(str(parent) for parent in parents)
    if data_path is None and dataset == "ml-100k":
        return ensure_ml_100k(_writable(shipped, here))
    if data_path is None and dataset == "ml-1m":
        return _writable(shipped, here) / "ml-1m"  # RecBole's download fills it
    if dataset in DATA_SETS:
        way_out = f"`groupmix prepare {dataset} --source FILE_OR_FOLDER`"
    else:
        way_out = f"`--data_path` with the folder that holds {dataset}/{stem}.inter"
    raise ValueError(
        f"data set {dataset!r}: no {stem}.inter in {looked}. Use {way_out}; at hand are "
        f"{', '.join(_at_hand(parents))}"
    )


def _writable(shipped: Path, here: Path) -> Path:
    """The checkout's own folder, or one in the working folder for an installed wheel."""
    return here if "_bundled" in shipped.parts else shipped


def _at_hand(parents: list[Path]) -> list[str]:
    found = {inter.parent.name for parent in parents for inter in parent.glob("*/*.inter")}
    return sorted(found | {"blockmix", "ml-100k"})
