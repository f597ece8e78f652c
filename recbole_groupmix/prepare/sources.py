"""Files of a downloaded source: found by name anywhere inside a folder or a zip archive."""

import gzip
import io
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from recbole_groupmix.files.bounded import check_regular, read_bytes_bounded

#: Most bytes of a source file: ten times the largest that can be prepared, MovieLens-1M's
#: ratings.dat of 24,594,131.
MOST_BYTES = 250_000_000
#: Compressed bytes that are unpacked at once; bzip2 expands 4 KiB to 80 MB at worst.
_PIECE = 4096
_UNREADABLE = (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class SourceFile:
    """One file of a source.

    Attributes
    ----------
    container : pathlib.Path
        The folder or zip archive that holds it.
    member : str
        Its path inside the container, with forward slashes.
    """

    container: Path
    member: str

    def __str__(self) -> str:
        """Return where the file is, for messages."""
        return f"{self.member} in {self.container}"

    @property
    def name(self) -> str:
        """Its name without folders."""
        return PurePosixPath(self.member).name

    def text(self, encoding: str) -> str:
        r"""Return the whole text, its lines ended by ``\n``; a file ``.gz`` is unpacked.

        Parameters
        ----------
        encoding : str
            ``"utf-8"``, ``"utf-8-sig"`` or ``"latin-1"``.

        Raises
        ------
        ValueError
            If the bytes cannot be read, are more than `MOST_BYTES`, fail the archive's checksum,
            or are not of that encoding.
        """
        try:
            if self.container.is_dir():
                content = read_bytes_bounded(self.container / self.member, MOST_BYTES)
            else:
                with zipfile.ZipFile(self.container) as archive:
                    content = _unpacked(archive, self.member)
            if self.name.endswith(".gz"):
                with gzip.open(io.BytesIO(content)) as packed:
                    content = _bounded(packed)
            return content.decode(encoding).replace("\r\n", "\n")
        except (*_UNREADABLE, ValueError) as error:
            raise ValueError(
                f"cannot read {self}: {error}; the copy is damaged or that of another data set, "
                f"download it again"
            ) from error

    def lines(self, encoding: str) -> list[str]:
        """Return the lines of `text`, without the empty ones at the end."""
        return self.text(encoding).rstrip("\n").split("\n")


class Source:
    """A folder or a zip archive as it was downloaded.

    Files are looked for in all folders below, and if there is no such file, also in the zip
    archives in the folder.

    Parameters
    ----------
    path : pathlib.Path or None
        An existing folder or zip archive.

    Raises
    ------
    ValueError
        If no path is given, it does not exist, or it is a file but not a zip archive.
    """

    def __init__(self, path: Path | None) -> None:
        if path is None:
            raise ValueError("no source is given; give a zip archive or a folder")
        self.path = Path(path)
        if not self.path.exists():
            raise ValueError(f"source {self.path} does not exist; give a zip archive or a folder")
        self._files = (
            _files_of_folder(self.path) if self.path.is_dir() else _files_of_zip(self.path)
        )

    @property
    def files(self) -> tuple[SourceFile, ...]:
        """All files in the order of their paths, but hidden ones and what systems add."""
        return tuple(
            file
            for file in self._files
            if not any(part.startswith((".", "__MACOSX")) for part in file.member.split("/"))
        )

    def find(self, filename: str) -> SourceFile | None:
        """Return the only file of that name, or None if there is none.

        Raises
        ------
        ValueError
            If there are several files of that name, or an archive in the folder cannot be read.
        """
        matches = _named(filename, self._files)
        if not matches and self.path.is_dir():
            archives = [file for file in self._files if file.member.lower().endswith(".zip")]
            inside = [_files_of_zip(self.path / archive.member) for archive in archives]
            matches = _named(filename, [file for files in inside for file in files])
        if len(matches) > 1:
            places = "; ".join(str(file) for file in matches)
            raise ValueError(
                f"source {self.path} holds {len(matches)} files called {filename} ({places}); "
                f"give the folder or zip archive of one of them"
            )
        return matches[0] if matches else None

    def require(self, filename: str, expected: str) -> SourceFile:
        """Return the only file of that name.

        Parameters
        ----------
        filename : str
            Name of the file, without folders.
        expected : str
            What the source should be, for the error message.

        Raises
        ------
        ValueError
            If there is none, or as `find` does.
        """
        file = self.find(filename)
        if file is None:
            names = ", ".join(sorted(file.name for file in self._files)[:5])
            raise ValueError(
                f"source {self.path} holds no {filename} (it holds {names or 'nothing'}"
                f"{', ...' if len(self._files) > 5 else ''}); expected {expected}"
            )
        return file


def _unpacked(archive: zipfile.ZipFile, member: str) -> bytes:
    """Return a member's bytes, counted while unpacking: the size in the archive is not trusted."""
    if archive.getinfo(member).file_size > MOST_BYTES:
        raise _too_large()
    with archive.open(member) as file:
        return _bounded(file)


def _bounded(file: IO[bytes] | gzip.GzipFile) -> bytes:
    """Return the bytes of a file that is unpacked while it is read."""
    pieces, length = [], 0
    while piece := file.read(_PIECE):
        pieces.append(piece)
        length += len(piece)
        if length > MOST_BYTES:
            raise _too_large()
    return b"".join(pieces)


def _too_large() -> ValueError:
    return ValueError(f"it has more than {MOST_BYTES:,} bytes")


def _named(filename: str, files: list[SourceFile]) -> list[SourceFile]:
    return [file for file in files if file.name == filename]


def _files_of_folder(folder: Path) -> list[SourceFile]:
    files = []
    for parent, folders, names in os.walk(folder):
        folders.sort()
        inside = Path(parent).relative_to(folder)
        files += [SourceFile(folder, (inside / name).as_posix()) for name in sorted(names)]
    return files


def _files_of_zip(path: Path) -> list[SourceFile]:
    try:
        check_regular(path)
        with zipfile.ZipFile(path) as archive:
            members = [info.filename for info in archive.infolist() if not info.is_dir()]
    except (*_UNREADABLE, ValueError) as error:
        raise ValueError(
            f"source {path} is not a readable zip archive ({error}); give a zip archive or a "
            f"folder, and download it again if it is damaged"
        ) from error
    return [SourceFile(path, member) for member in members]
