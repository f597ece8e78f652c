"""Where the atomic files of a data set are."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path

from recbole_groupmix.adapters.download import download
from recbole_groupmix.bundled import bundled
from recbole_groupmix.prepare import DATA_SETS, ensure_ml_100k

#: The data set that is fetched from RecBole's server at its first use.
DOWNLOADED = "ml-1m"


def data_folder(dataset: str, data_path: str | None, benchmark: list[str] | None = None) -> Path:
    """Return the folder with a data set's atomic files.

    At their first use ``ml-100k`` is made and ``ml-1m`` downloaded.

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
        An existing folder.

    Raises
    ------
    ValueError
        If there is none and none can be made, with the way to prepare it.
    """
    stem = f"{dataset}.{benchmark[0]}" if benchmark else dataset
    shipped = bundled("dataset_atomic")
    here, of_recbole = Path("dataset_atomic").resolve(), Path("dataset").resolve()
    parents = [Path(data_path)] if data_path else [here, of_recbole, shipped]
    for parent in parents:
        for folder in (parent / dataset, parent):
            if os.path.isfile(folder / f"{stem}.inter"):  # no error for a name too long to be one
                return folder
    if data_path is None and benchmark is None:
        if dataset == "ml-100k":
            return ensure_ml_100k(_writable(shipped, here))
        folder = of_recbole / dataset
        if dataset == DOWNLOADED and not folder.exists():
            download(dataset, folder)
        if (folder / f"{stem}.inter").is_file():  # also if another process has just put it there
            return folder
    looked = ", ".join(str(parent) for parent in dict.fromkeys(parents))
    found = sorted({file.parent.name for parent in parents for file in parent.glob("*/*.inter")})
    raise ValueError(
        f"data set {dataset!r}: no {stem}.inter in {looked}; "
        f"{_way_out(dataset, stem, found)}{_again(dataset, of_recbole, data_path)}. "
        f"Data sets found: {', '.join(found) or 'none'}"
    )


def _way_out(dataset: str, stem: str, found: list[str]) -> str:
    if dataset in DATA_SETS:
        return f"make it by `groupmix prepare {dataset} --source FILE_OR_FOLDER`"
    near = get_close_matches(dataset, [*DATA_SETS, *found], n=1)
    hint = f"did you mean {near[0]!r}? Else " if near else ""
    return (
        f"{hint}name the folder that holds {dataset}/{stem}.inter by --data_path, or make one of "
        f"{', '.join(DATA_SETS)} by `groupmix prepare`"
    )


def _again(dataset: str, of_recbole: Path, data_path: str | None) -> str:
    """Return what to remove where a folder without a data set keeps it from being downloaded."""
    folder = of_recbole / dataset
    if dataset != DOWNLOADED or data_path is not None or not folder.is_dir():
        return ""
    return f", or remove {folder}, which holds no whole data set, and it is downloaded"


def _writable(shipped: Path, here: Path) -> Path:
    """Return the checkout's own folder, or one in the working folder for an installed wheel."""
    return here if "_bundled" in shipped.parts else shipped
