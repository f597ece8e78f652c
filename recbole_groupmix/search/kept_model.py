"""The models that a run saves, so that they can be loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recbole_groupmix.adapters.other_parameters import other_parameters
from recbole_groupmix.core.names import DATA_MIX, REFERENCE
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.mixes.candidates import Candidate
from recbole_groupmix.record.folder import RunFolder, as_yaml
from recbole_groupmix.record.schema import ModelFile
from recbole_groupmix.search.checkpoint import damage, save_checkpoint
from recbole_groupmix.search.trainable import Trainable
from recbole_groupmix.training.job import Fit, Job


def saved_state(fit: Fit) -> dict[str, Any]:
    """Return what a checkpoint keeps of a model."""
    if fit.saved is not None:
        return dict(fit.saved)
    return {
        "state_dict": fit.model.state_dict(),
        "other_parameter": other_parameters(fit.model),
    }


class ModelKeeper:
    """Saves the first repeat of the data mix, and of Proportional for runs without trials."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder

    def __call__(self, name: str, fit: Fit) -> None:
        """Save a model if it may be the one that is loaded."""
        if name not in (DATA_MIX, REFERENCE) or fit.job.repeat != 0:
            return
        state = saved_state(fit)
        save_checkpoint(self._folder, self._file(fit.job.name, fit.job.epochs), state)

    def lacks(self, job: Job) -> bool:
        """Return whether the checkpoint of a job is missing or damaged."""
        return damage(self._folder.path / self._file(job.name, job.epochs)) is not None

    def to_load(self, rows: Mapping[str, Trainable]) -> list[Candidate]:
        """Return the candidates that may be loaded; the first that did not diverge is."""
        kept = [rows[name] for name in (DATA_MIX, REFERENCE) if name in rows]
        return [candidate for candidate in kept if isinstance(candidate, Candidate)]

    def describe(
        self, experiment: Experiment, rows: Mapping[str, Trainable], epochs: Mapping[str, int]
    ) -> None:
        """Write ``model.yaml``, from which :func:`~recbole_groupmix.load_run` rebuilds the model."""
        candidate = self.to_load(rows)[0]
        content: ModelFile = {
            "file": self._file(candidate.name, epochs[candidate.name]),
            "mix": {"name": candidate.name, **candidate.mix.to_dict()},
            "settings": json.loads(json.dumps(dict(experiment.settings.values), default=str)),
            "folder": str(Path(experiment.config["data_path"]).resolve()),
        }
        self._folder.write("model.yaml", as_yaml(content))

    def _file(self, name: str, epochs: int | None) -> str:
        return f"model-{name}-{epochs}.pth"
