"""The identity of a run: the name of its folder, its configuration and its data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recbole_groupmix.core.mix import Mix
from recbole_groupmix.experiment.data_digest import data_digest
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.record.folder import RunFolder
from recbole_groupmix.record.schema import Config, Fingerprint
from recbole_groupmix.settings.identity import configuration, hash8
from recbole_groupmix.text.untrusted import safe_file_name


def run_folder(
    experiment: Experiment,
    own: Mapping[str, Mix],
    more: Mapping[str, Any] | None = None,
    inside: Path | None = None,
) -> tuple[RunFolder, Config]:
    """Return the folder of an experiment, named after its configuration, and its ``config.yaml``.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    own : dict of str to Mix
        The user's own mixes.
    more : dict, optional
        Further values on which results depend.
    inside : path, optional
        Folder that holds it; default ``output_dir``.
    """
    settings = experiment.settings
    values = {
        **experiment.config.final_config_dict,
        **settings.values,
        "own_mixes": {name: mix.to_dict() for name, mix in own.items()},
        **({"pretrained": experiment.pretrained} if experiment.pretrained else {}),
        **(more or {}),
    }
    name = safe_file_name(
        f"{settings.dataset}-{settings.target}", f"-{settings.model}-{hash8(values)}"
    )
    folder = RunFolder((inside or Path(settings.output_dir)) / name)
    return folder, config_of(values, experiment)


def config_of(values: Mapping[str, Any], experiment: Experiment) -> Config:
    """Return the content of ``config.yaml``: what decides results, of some values and the data."""
    return {
        "configuration": configuration(values),
        "data": fingerprint(experiment),
        "trials": values.get("trials"),
    }


def fingerprint(experiment: Experiment) -> Fingerprint:
    """Return counts and a digest of an experiment's interactions, groups and what else is read."""
    return {
        "n_users": experiment.shape[0] - 1,
        "n_items": experiment.shape[1] - 1,
        "n_interactions": len(experiment.users),
        "sha256": data_digest(experiment),
    }
