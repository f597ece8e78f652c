"""The folder of a run: where results go, and what makes an interrupted run go on."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from recbole_groupmix.pipeline.run_lock import keep_others_out

#: Keys that may differ between two commands which continue the same run.
VOLATILE = frozenset(
    {
        "trials",
        "output_dir",
        "data_path",
        "config_files",
        "mix",
        "show_progress",
        "yes",
        "log_tensorboard",
        "fine_tune",
        "log_wandb",
        "wandb_project",
        "max_memory",
        "gpu_id",
        "use_gpu",
        "device",
        "checkpoint_dir",
        "local_rank",
        "single_spec",
        "state",
        "MODEL_TYPE",
        "MODEL_INPUT_TYPE",
        "eval_type",
    }
)


_OTHER = {"configuration": "another configuration", "data": "other data"}
#: Bytes that a run folder has to have room for when a run starts.
_ROOM = 2**22


def configuration(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a resolved configuration that decides results, ready for YAML."""
    kept = {key: values[key] for key in sorted(values) if key not in VOLATILE}
    plain: dict[str, Any] = json.loads(json.dumps(kept, default=str))
    return plain


def hash8(values: Mapping[str, Any]) -> str:
    """Return eight hexadecimal digits that name a configuration."""
    text = json.dumps(configuration(values), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _contents(values: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    return {"configuration": configuration(values), "data": dict(data)}


class RunFolder:
    """One run on disk.

    ``config.yaml`` is what was asked, ``trials.jsonl`` and ``curves.jsonl`` grow line by line,
    everything else is written whole or not at all.

    Parameters
    ----------
    path : path
        The folder; made by :meth:`open`.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def check(self, values: Mapping[str, Any], data: Mapping[str, Any]) -> None:
        """Check that the folder can be this run's, and write nothing.

        Parameters
        ----------
        values : mapping
            Resolved configuration.
        data : mapping
            Fingerprint of the data set (counts and a digest).

        Raises
        ------
        ValueError
            If the folder was made with another configuration or data, holds other things, or
            cannot be written to.
        """
        try:
            if (self.path / "config.yaml").is_file():
                self._compare(_contents(values, data))
            elif self.path.is_dir() and any(
                not f.name.startswith(".") for f in self.path.iterdir()
            ):
                raise ValueError(
                    f"run folder {self.path} holds files but no config.yaml that says of which "
                    "run; remove it or choose another --output_dir"
                )
        except OSError as error:
            raise self._unusable(error) from error
        existing = self.path.absolute()
        while not os.path.lexists(existing):
            existing = existing.parent
        if not existing.is_dir():
            raise self._unusable(NotADirectoryError(f"{existing} is not a folder"))
        if not os.access(existing, os.W_OK | os.X_OK):
            raise self._unusable(PermissionError(f"no permission to write in {existing}"))

    def open(self, values: Mapping[str, Any], data: Mapping[str, Any]) -> None:
        """Make the folder after :meth:`check` and keep other processes out; a failure leaves nothing.

        They are kept out until this object is gone or the process ends, however it ends.

        Parameters
        ----------
        values, data : mapping
            As for :meth:`check`.

        Raises
        ------
        ValueError
            As :meth:`check`, also if the disk is full or another process is at work in the folder.
        """
        self.check(values, data)
        made = [f for f in (self.path, *self.path.parents) if not os.path.lexists(f)]
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            keep_others_out(self.path, self)
            with tempfile.TemporaryFile(dir=self.path) as probe:
                probe.write(b"\0" * _ROOM)  # a full disk says so now
                probe.flush()
                os.fsync(probe.fileno())
            contents = {**_contents(values, data), "trials": values.get("trials")}
            self.write_text("config.yaml", yaml.safe_dump(contents, sort_keys=True))
        except OSError as error:
            if made:
                shutil.rmtree(made[-1], ignore_errors=True)
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> ValueError:
        return ValueError(
            f"cannot write to run folder {self.path}: {error.strerror or error}; choose another "
            "place by --output_dir"
        )

    def check_data(self, data: Mapping[str, Any]) -> None:
        """Raise ``ValueError`` unless the run was made with data of this fingerprint."""
        self._compare({"data": dict(data)})

    def _compare(self, wanted: dict[str, dict[str, Any]]) -> None:
        file = self.path / "config.yaml"
        try:
            found = yaml.safe_load(file.read_text(encoding="utf-8"))
            parts = {part: dict(found[part]) for part in wanted}
        except (UnicodeDecodeError, yaml.YAMLError, TypeError, ValueError, KeyError) as error:
            raise ValueError(
                f"{file} is not the configuration of a run; remove the folder or choose another "
                "--output_dir"
            ) from error
        for part, values in wanted.items():
            before = parts[part]
            keys = sorted(k for k in {*values, *before} if values.get(k) != before.get(k))
            if keys:
                key = keys[0]
                raise ValueError(
                    f"run folder {self.path} was made with {_OTHER[part]}: {key} was "
                    f"{before.get(key)!r} and is now {values.get(key)!r}"
                    f"{f' ({len(keys) - 1} more differ)' if len(keys) > 1 else ''}; remove the "
                    "folder or choose another --output_dir"
                )

    def append(self, name: str, record: Mapping[str, Any]) -> None:
        """Append one line of JSON and bring it to disk."""
        with open(self.path / name, "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def records(self, name: str) -> list[dict[str, Any]]:
        """Read lines of JSON; a last line that a kill cut short is removed from the file.

        Raises
        ------
        ValueError
            If any other line is no record of a fold.
        """
        file = self.path / name
        if not file.is_file():
            return []
        content = file.read_bytes()
        whole, _, rest = content.rpartition(b"\n")
        if rest:
            os.truncate(file, len(content) - len(rest))
        found = []
        for number, line in enumerate(whole.split(b"\n") if whole else [], start=1):
            try:
                record = json.loads(line)
                record["name"], record["fold"]
            except (ValueError, TypeError, KeyError) as error:
                raise ValueError(
                    f"{file}, line {number} is no record of a fold ({error!r}); remove the line, "
                    "what it stood for is then done again"
                ) from error
            found.append(record)
        return found

    def write_text(self, name: str, text: str) -> None:
        """Write a file whole: beside it first, then renamed into place."""
        self.write(name, lambda path: path.write_text(text, encoding="utf-8"))

    def write(self, name: str, writer: Any) -> None:
        """Let ``writer`` make a file at a temporary path, then rename it to ``name``."""
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.part")
        writer(temporary)
        os.replace(temporary, target)
