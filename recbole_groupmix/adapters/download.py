"""Atomic downloads of data sets from the addresses in RecBole's table."""

from __future__ import annotations

import re
import sys
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from importlib.resources import files
from pathlib import Path, PurePosixPath
from tempfile import TemporaryFile
from typing import IO
from urllib.parse import urlsplit
from urllib.request import urlopen

import yaml
from tqdm import tqdm

from recbole_groupmix.files.staging import staging_beside

#: Timeout in seconds of a server that sends nothing.
PATIENCE = 30.0
#: Least average rate in bytes per second, after PATIENCE.
SLOWEST = 2**10
#: Most bytes of an archive, and of its unpacked files.
LARGEST, LARGEST_FILES = 2**30, 2**32
_CHUNK = 2**16
_FAILURES = (
    OSError,
    EOFError,
    HTTPException,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


def download(name: str, folder: Path) -> None:
    """Fetch RecBole's archive of a data set and put its files into a new folder.

    The folder is made when everything has arrived. Two processes may fetch the same data set: the
    first to finish makes the folder. The address and the size are printed to the standard error,
    with a progress bar on a terminal. Proxies are those of the environment.

    Parameters
    ----------
    name : str
        Name of the data set in RecBole's table, and stem of the files to write.
    folder : pathlib.Path
        Folder to make.

    Raises
    ------
    ValueError
        If RecBole has no such data set, or its archive cannot be fetched, is damaged, too large
        or that of another data set, or if the disk is full; the message has the way out.
    """
    with _explained(folder, name), _emptied(folder.parent):
        url = _address(name)
        # a file without a name, so that a killed process leaves nothing behind
        with TemporaryFile(dir=folder.parent) as archive:
            kind = _fetch(url, archive, f"data set {name} to {folder}")
            _publish(archive, kind, folder, PurePosixPath(urlsplit(url).path).stem, name)


def _address(name: str) -> str:
    table = files("recbole") / "properties" / "dataset" / "url.yaml"
    known: dict[str, str] = yaml.safe_load(table.read_text(encoding="utf-8"))
    if name not in known:
        raise OSError("RecBole does not know a data set of that name")
    return known[name]


@contextmanager
def _explained(folder: Path, name: str) -> Iterator[None]:
    try:
        yield
    except _FAILURES as error:
        raise ValueError(
            f"data set {name!r}: no files in {folder} and its download failed ({error}); prepare "
            f"it by `groupmix prepare {name} --source FILE_OR_FOLDER` or name the folder that "
            f"holds {name}/{name}.inter by --data_path"
        ) from error


@contextmanager
def _emptied(parent: Path) -> Iterator[None]:
    """Make a folder for the block; if the block fails, remove the folder unless it existed."""
    existed = parent.exists()
    parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        if not existed:
            with suppress(OSError):  # another process may have put something into it
                parent.rmdir()
        raise


def _fetch(url: str, archive: IO[bytes], what: str) -> str:
    """Copy the response of a server into a file; return its content type."""
    with urlopen(url, timeout=PATIENCE) as response:
        size = response.length
        if size is not None and size > LARGEST:
            raise OSError(f"{size / 2**30:.1f} GiB are more than {LARGEST / 2**30:.1f}")
        amount = "of unknown size" if size is None else f"of {size / 1e6:.1f} MB"
        print(f"downloading {what}: {url}, {amount}", file=sys.stderr, flush=True)
        started, n_bytes = time.monotonic(), 0
        with tqdm(total=size, unit="B", unit_scale=True, disable=not sys.stderr.isatty()) as bar:
            while chunk := response.read1(_CHUNK):
                archive.write(chunk)
                bar.update(len(chunk))
                n_bytes += len(chunk)
                if n_bytes > LARGEST:
                    raise OSError(f"more than {LARGEST / 2**30:.1f} GiB came")
                waited = time.monotonic() - started
                if waited > PATIENCE and n_bytes < SLOWEST * waited:
                    raise TimeoutError(f"only {n_bytes} bytes came in {waited:.0f} s")
        if size is not None and n_bytes != size:
            raise OSError(f"the connection ended after {n_bytes} of {size} bytes")
        return str(response.headers.get_content_type())


def _publish(archive: IO[bytes], kind: str, folder: Path, stem: str, name: str) -> None:
    """Unpack a data set beside the folder, then rename it to the folder."""
    with staging_beside(folder) as staging:
        _unpack(archive, kind, staging, stem, name)
        try:
            staging.rename(folder)  # fails if the folder has been made meanwhile
        except OSError:
            if not (folder / f"{name}.inter").is_file():
                raise


def _unpack(archive: IO[bytes], kind: str, staging: Path, stem: str, name: str) -> None:
    """Write ``<stem>.<suffix>`` from any folder of an archive as ``<name>.<suffix>``."""
    if not zipfile.is_zipfile(archive):
        raise OSError(f"the server sent {kind}, not a zip archive")
    with zipfile.ZipFile(archive) as zipped:
        members = [(PurePosixPath(info.filename).name, info) for info in zipped.infolist()]
        tables = {
            file[len(stem) :]: info
            for file, info in members
            if re.fullmatch(rf"{re.escape(stem)}(\.\w+)+", file)
        }
        if ".inter" not in tables:
            names = ", ".join(sorted(file for file, _ in members)[:5]) or "nothing"
            raise OSError(f"the archive holds {names}, and no {stem}.inter")
        left = LARGEST_FILES
        for suffix, info in tables.items():
            with zipped.open(info) as member, (staging / (name + suffix)).open("xb") as out:
                while chunk := member.read(_CHUNK):
                    left -= len(chunk)
                    if left < 0:
                        raise OSError(f"its files are larger than {LARGEST_FILES / 2**30:.1f} GiB")
                    out.write(chunk)
