"""The weights that groups had during a training, kept beside the metrics of the model."""

from __future__ import annotations

import json
from pathlib import Path

from recbole_groupmix.core.schedule import Schedule
from recbole_groupmix.record.folder import RunFolder

_ENDING = ".schedule.json"


def keep_schedule(folder: RunFolder, metrics: Path, schedule: Schedule) -> None:
    """Write a schedule beside the file of a model's metrics."""
    name = str(metrics.with_suffix(_ENDING).relative_to(folder.path))
    folder.write(name, json.dumps(schedule.changes) + "\n")


def read_schedule(metrics: Path) -> Schedule | None:
    """Return the schedule beside the file of a model's metrics; None without one that is whole."""
    file = metrics.with_suffix(_ENDING)
    try:
        changes = json.loads(file.read_text(encoding="utf-8"))
        return Schedule(tuple((int(first), tuple(map(float, w))) for first, w in changes))
    except (OSError, ValueError, TypeError):
        return None
