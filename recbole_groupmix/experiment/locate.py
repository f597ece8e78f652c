"""Finds the folder with the atomic files of a data set."""

from __future__ import annotations

import os
from pathlib import Path

from recbole_groupmix.adapters.download import download
from recbole_groupmix.bundled import bundled
from recbole_groupmix.core.spelling import did_you_mean
from recbole_groupmix.prepare import DATA_SETS, ensure_ml_100k

#: The data set that is fetched from RecBole's server at its first use.
DOWNLOADED = "ml-1m"
#: Folders of data sets where the command runs: ours and RecBole's.
_HERE = ("dataset_atomic", "dataset")
#: Data sets that `groupmix prepare` makes from an installed package, or from nothing.
_NEED_NO_SOURCE = ("blockmix", "completejourney", "long_tail", "ml-100k")


def data_folder(dataset: str, data_path: str | None, benchmark: list[str] | None = None) -> Path:
    """Return the folder with a data set's atomic files.

    At their first use ``ml-100k`` is made and ``ml-1m`` downloaded.

    It is searched for in ``data_path`` (the folder itself or a parent with one named after the data
    set), ``./dataset_atomic``, ``./dataset`` (RecBole's default) and what ships with the plugin.

    Parameters
    ----------
    dataset : str
        Name, which is also the stem of the files.
    data_path : str or None
        The user's ``--data_path``; where given, no other folder is searched.
    benchmark : list of str, optional
        RecBole's ``benchmark_filename``: the interactions are ``<dataset>.<part>.inter``.

    Returns
    -------
    pathlib.Path
        An existing folder.

    Raises
    ------
    ValueError
        If no such folder exists and none can be made; the message says how to prepare one.
    """
    stems = [f"{dataset}.{part}" for part in benchmark or ()] or [dataset]
    here, of_recbole, shipped = searched_folders()
    parents = [Path(data_path)] if data_path else [here, of_recbole, shipped]
    for parent in parents:
        for folder in (parent / dataset, parent):
            # os.path: no error for a name too long to be one
            if any(os.path.isfile(folder / f"{stem}.inter") for stem in stems):
                return folder
    if data_path is None and benchmark is None:
        if dataset == "ml-100k":
            return ensure_ml_100k(_writable(shipped, here))
        folder = of_recbole / dataset
        if dataset == DOWNLOADED and not folder.exists():
            download(dataset, folder)
        if os.path.isfile(
            folder / f"{dataset}.inter"
        ):  # also if another process has just put it there
            return folder
    if data_path and not os.path.isdir(data_path):
        raise ValueError(f"data set {dataset!r}: {_no_folder(dataset, stems[0], Path(data_path))}")
    as_path = _of_path(dataset)
    if as_path:
        raise ValueError(f"dataset is {dataset!r}, which is a path; {as_path}")
    looked = ", ".join(str(parent) for parent in dict.fromkeys(parents))
    there = sorted({name for parent in parents for name in data_sets_in(parent)})
    raise ValueError(
        f"data set {dataset!r}: no {stems[0]}.inter in {looked}; "
        f"{_way_out(dataset, stems[0], there)}{_again(dataset, of_recbole, data_path)}. "
        f"Data sets found: {', '.join(there) or 'none'}"
    )


def searched_folders() -> list[Path]:
    """Return the folders of data sets that are searched without ``--data_path``, in their order.

    They are ``./dataset_atomic``, ``./dataset`` and what ships with the plugin; they may be
    missing.
    """
    return [*(Path(name).resolve() for name in _HERE), bundled("dataset_atomic")]


def data_sets_in(folder: Path) -> list[str]:
    """Return the names of the data sets that lie in a folder, each in one of its own."""
    return sorted({file.parent.name for file in folder.glob("*/*.inter")})


def _no_folder(dataset: str, stem: str, path: Path) -> str:
    """Return the message for a --data_path that is not a folder."""
    if not os.path.exists(path):
        shipped = bundled("dataset_atomic") / dataset / f"{stem}.inter"
        more = (
            ", or leave it out: this data set comes with the plugin"
            if os.path.isfile(shipped)
            else ""
        )
        return f"data_path is {str(path)!r}, which does not exist; name an existing folder{more}"
    if path.name == f"{stem}.inter":
        return f"data_path is the file {path}; name its folder: --data_path={path.parent}"
    return (
        f"data_path is the file {path}; name the folder that holds {stem}.inter, or one that holds "
        f"{dataset}/{stem}.inter"
    )


def _of_path(dataset: str) -> str | None:
    """Return how to name a data set that was given as a path; None if it is not a path."""
    path = Path(dataset)
    if len(path.parts) < 2 and path.suffix != ".inter":
        return None
    file = path if path.suffix == ".inter" else path / f"{path.name}.inter"
    if not os.path.isfile(file):
        return "--dataset takes a name, and --data_path the folder that holds NAME.inter"
    return f"write --data_path={file.parent} --dataset={file.stem}"


def _way_out(dataset: str, stem: str, there: list[str]) -> str:
    if dataset in DATA_SETS:
        source = "" if dataset in _NEED_NO_SOURCE else " --source FILE_OR_FOLDER"
        return f"make it by `groupmix prepare {dataset}{source}`"
    hint = did_you_mean(dataset, {*DATA_SETS, *there} - {dataset}, "{} Else ")
    return (
        f"{hint}name the folder that holds {dataset}/{stem}.inter by --data_path, or make one of "
        f"{', '.join(DATA_SETS)} by `groupmix prepare`"
    )


def _again(dataset: str, of_recbole: Path, data_path: str | None) -> str:
    """Return the hint to remove a folder without a data set, which prevents a download."""
    folder = of_recbole / dataset
    if dataset != DOWNLOADED or data_path is not None or not folder.is_dir():
        return ""
    return f", or remove {folder}, which holds no whole data set, and it is downloaded"


def _writable(shipped: Path, here: Path) -> Path:
    """Return the checkout's own folder, or one in the working folder for an installed wheel."""
    return here if "_bundled" in shipped.parts else shipped
