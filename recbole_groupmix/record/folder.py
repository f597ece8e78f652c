"""The folder of a run: where results go, and what an interrupted run resumes from."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from recbole_groupmix.files.append import append_line
from recbole_groupmix.files.opened import note_opened
from recbole_groupmix.files.output_paths import existing_above
from recbole_groupmix.files.whole import Content, forget_unfinished, write_whole
from recbole_groupmix.record.lock import keep_others_out
from recbole_groupmix.record.read import read_lines, read_yaml
from recbole_groupmix.record.schema import Config, Fingerprint
from recbole_groupmix.text.untrusted import error_text, short_repr

_OTHER = {"configuration": "another configuration", "data": "other data"}
#: Bytes that a run folder has to have room for when a run starts.
_ROOM = 2**22

T = TypeVar("T")


class RunFolder:
    """One run on disk.

    ``config.yaml`` is what was asked, ``trials.jsonl`` and ``curves.jsonl`` grow line by line,
    everything else is written whole or not at all. Reading never writes, so that it needs no lock;
    what writes comes after :meth:`open`, which takes it.

    Parameters
    ----------
    path : path
        The folder; made by :meth:`open`.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def check(self, config: Config) -> None:
        """Check that the folder can be this run's, and write nothing.

        Parameters
        ----------
        config : Config
            Configuration and data of the run, the content of ``config.yaml``.

        Raises
        ------
        ValueError
            If the folder was made with another configuration or data, holds other things, or
            cannot be written to.
        """
        try:
            if (self.path / "config.yaml").is_file():
                self._compare(
                    {"configuration": config["configuration"], "data": {**config["data"]}}
                )
            elif self.path.is_dir() and any(
                not f.name.startswith(".") for f in self.path.iterdir()
            ):
                raise ValueError(
                    f"run folder {self.path} holds files but no config.yaml that says of which "
                    "run; remove it or choose another --output_dir"
                )
            existing_above(self.path)
        except OSError as error:
            raise self._unusable(error) from error

    def open(self, config: Config) -> None:
        """Make the folder after :meth:`check` and keep other processes out; a failure leaves nothing.

        They are kept out until this object is gone or the process ends, however it ends.

        Parameters
        ----------
        config : Config
            As for :meth:`check`.

        Raises
        ------
        ValueError
            As :meth:`check`, also if the disk is full or another process is at work in the folder.
        """
        self.check(config)
        made = [f for f in (self.path, *self.path.parents) if not os.path.lexists(f)]
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            keep_others_out(self.path, self)
            with tempfile.TemporaryFile(dir=self.path) as probe:
                probe.write(b"\0" * _ROOM)  # a full disk says so now
                probe.flush()
                os.fsync(probe.fileno())
            for folder in (self.path, self.path / "repeats"):
                forget_unfinished(folder)
            self.write("config.yaml", as_yaml(dict(config)))
        except OSError as error:
            if made:
                shutil.rmtree(made[-1], ignore_errors=True)
            raise self._unusable(error) from error
        note_opened(self.path)

    def _unusable(self, error: OSError) -> ValueError:
        return ValueError(
            f"cannot write to run folder {self.path}: {error_text(error)}; choose another "
            "place by --output_dir"
        )

    def check_data(self, data: Fingerprint) -> None:
        """Raise ``ValueError`` unless the run was made with data of this fingerprint."""
        self._compare({"data": {**data}})

    def _compare(self, wanted: dict[str, dict[str, Any]]) -> None:
        file = self.path / "config.yaml"
        way_out = "it is not the configuration of a run; remove the folder or choose another "
        config = read_yaml(file, Config, f"{way_out}--output_dir")
        recorded = {"configuration": config["configuration"], "data": config["data"]}
        for part, values in wanted.items():
            before = recorded[part]
            keys = sorted(k for k in {*values, *before} if values.get(k) != before.get(k))
            if keys:
                key = keys[0]
                raise ValueError(
                    f"run folder {self.path} was made with {_OTHER[part]}: {key} was "
                    f"{short_repr(before.get(key))} and is now {short_repr(values.get(key))}"
                    f"{f' ({len(keys) - 1} more differ)' if len(keys) > 1 else ''}; remove the "
                    "folder or choose another --output_dir"
                )

    def append(self, name: str, record: Mapping[str, Any]) -> None:
        """Append one line of JSON and bring it to disk; a last line that was cut short is removed."""
        append_line(self.path / name, record)

    def records(self, name: str, shape: type[T], folds: int | None = None) -> list[T]:
        """Read lines of JSON; see :func:`~recbole_groupmix.record.read.read_lines`.

        Parameters
        ----------
        name : str
            The file.
        shape : type
            What a line must hold, of :mod:`~recbole_groupmix.record.schema`.
        folds : int, optional
            Number of folds.
        """
        return read_lines(self.path / name, shape, folds)

    def write(self, name: str, content: Content) -> None:
        """Write a file whole and bring it to disk; its folder is made."""
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, content, durable=True)


def as_yaml(content: Mapping[str, Any]) -> str:
    """Return the text of a YAML file of a run."""
    fast = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # of libyaml, if PyYAML has it
    try:
        return str(yaml.dump(content, Dumper=fast))
    except UnicodeEncodeError:  # of a path that is no UTF-8, which libyaml does not escape
        return str(yaml.safe_dump(content))
