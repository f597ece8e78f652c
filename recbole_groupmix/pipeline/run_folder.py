"""The folder of a run: where results go, and what makes an interrupted run go on."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

#: Keys that may differ between two commands which continue the same run.
VOLATILE = frozenset(
    {
        "trials",
        "output_dir",
        "data_path",
        "config_files",
        "mix",
        "show_progress",
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


def configuration(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a resolved configuration that decides results, ready for YAML."""
    kept = {key: values[key] for key in sorted(values) if key not in VOLATILE}
    plain: dict[str, Any] = json.loads(json.dumps(kept, default=str))
    return plain


def hash8(values: Mapping[str, Any]) -> str:
    """Return eight hexadecimal digits that name a configuration."""
    text = json.dumps(configuration(values), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


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

    def open(self, values: Mapping[str, Any], data: Mapping[str, Any]) -> None:
        """Make the folder, or check that it belongs to this configuration and these data.

        Parameters
        ----------
        values : mapping
            Resolved configuration.
        data : mapping
            Fingerprint of the data set (counts and a digest).

        Raises
        ------
        ValueError
            If the folder cannot be written to or was made with another configuration or data.
        """
        wanted = {"configuration": configuration(values), "data": dict(data)}
        file = self.path / "config.yaml"
        if file.is_file():
            self._compare(file, wanted)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.write_text(
                "config.yaml",
                yaml.safe_dump({**wanted, "trials": values.get("trials")}, sort_keys=True),
            )
            with tempfile.TemporaryFile(dir=self.path) as probe:
                probe.write(b"\0" * 2**22)  # a full disk says so now
                probe.flush()
                os.fsync(probe.fileno())
        except OSError as error:
            raise ValueError(
                f"cannot write to run folder {self.path}: {error.strerror or error}; choose "
                "another place by --output_dir"
            ) from error

    def _compare(self, file: Path, wanted: dict[str, Any]) -> None:
        try:
            found = yaml.safe_load(file.read_text(encoding="utf-8"))
            found_parts = {part: found[part] for part in wanted}
        except (OSError, yaml.YAMLError, TypeError, KeyError) as error:
            raise ValueError(
                f"{file} cannot be read as the configuration of a run ({error}); remove the "
                "folder or choose another --output_dir"
            ) from error
        for part, values in wanted.items():
            keys = sorted(
                key
                for key in {*values, *found_parts[part]}
                if values.get(key) != found_parts[part].get(key)
            )
            if keys:
                key = keys[0]
                raise ValueError(
                    f"run folder {self.path} was made with another {part}: {key} was "
                    f"{found_parts[part].get(key)!r} and is now {values.get(key)!r}"
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
            If any other line is no JSON.
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
                found.append(json.loads(line))
            except ValueError as error:
                raise ValueError(f"{file}, line {number} is no JSON: {error}") from error
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
