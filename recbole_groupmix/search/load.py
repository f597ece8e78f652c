"""Loads the selected model of a finished run, and its test data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from recbole.data.dataloader import FullSortEvalDataLoader
from recbole.data.dataset import Dataset
from recbole.model.abstract_recommender import AbstractRecommender

from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.config import GroupMixConfig
from recbole_groupmix.adapters.pretrained import from_initial_values
from recbole_groupmix.adapters.seeding import MODEL_NOISE, global_seed, torch_seed
from recbole_groupmix.core.mix import Mix
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.files.paths import file_inside
from recbole_groupmix.mixes.candidates import Candidate
from recbole_groupmix.record.folder import RunFolder
from recbole_groupmix.record.read import AGAIN, read_yaml
from recbole_groupmix.record.schema import ModelFile
from recbole_groupmix.search.checkpoint import loading
from recbole_groupmix.search.identity import fingerprint
from recbole_groupmix.search.jobs import job_of
from recbole_groupmix.settings.eval_args import obeyed
from recbole_groupmix.settings.merge import final_settings
from recbole_groupmix.settings.settings import Settings
from recbole_groupmix.training.job import present_users
from recbole_groupmix.training.one_by_one import build_model, stream_key


def load_run(folder: str | Path) -> tuple[GroupMixConfig, AbstractRecommender, Dataset]:
    """Load the selected model of a finished run.

    Parameters
    ----------
    folder : path
        A run folder.

    Returns
    -------
    config, model, dataset
        RecBole objects: the configuration, the trained model (the data mix, or Proportional
        where there were no trials; first repeat), and the data set of its training part.

    Raises
    ------
    ValueError
        If the folder holds no finished run, or its data set has changed or moved.
    """
    saved, experiment = finished(folder)
    part = experiment.part(ALL_OF_TRAIN)
    mix = Mix(alpha=saved["mix"]["alpha"], alpha_aug=saved["mix"]["alpha_aug"])
    candidate = Candidate(saved["mix"]["name"], mix, source="")
    try:
        job = job_of(experiment, candidate, ALL_OF_TRAIN, epochs=1)
        in_model, _ = present_users(experiment, job, part)
    except (ValueError, KeyError) as error:
        raise ValueError(
            f"{Path(folder) / 'model.yaml'} has a mix for other groups ({error}); {AGAIN}"
        ) from error
    key = stream_key(experiment, job)  # as in training: NNCF draws neighbours that no file holds
    with global_seed(torch_seed(MODEL_NOISE, *key)), recbole_compat():
        model = build_model(experiment, part, in_model, key, experiment.config)
    try:
        file = file_inside(folder, saved["file"])
    except ValueError as error:
        raise ValueError(
            f"{Path(folder) / 'model.yaml'}: file does not name a model of this run: {error}"
        ) from error
    with loading(file):
        # tensors only, whatever the default of this torch: the folder may come from elsewhere
        state = torch.load(file, map_location=experiment.config["device"], weights_only=True)
        model.load_state_dict(state["state_dict"])
        model.load_other_parameter(state["other_parameter"])
    return experiment.config, model.eval(), experiment.dataset_of(part, in_model)


def load_test_data(folder: str | Path) -> FullSortEvalDataLoader:
    """Load the test data of a finished run, as RecBole's own evaluation loader.

    Any RecBole model of the same data set can be evaluated on it, by
    :class:`~recbole_groupmix.GroupEvaluator` or by RecBole's trainer.

    Parameters
    ----------
    folder : path
        A run folder.

    Returns
    -------
    recbole.data.dataloader.FullSortEvalDataLoader
        Users with their held-out items; training items are left out of the ranking.

    Raises
    ------
    ValueError
        As :func:`load_run`.
    """
    _, experiment = finished(folder)
    with recbole_compat():
        return experiment.test_data()


def finished(folder: str | Path) -> tuple[ModelFile, Experiment]:
    """Return the content of ``model.yaml`` and the experiment of a finished run.

    Raises
    ------
    ValueError
        As :func:`load_run`.
    """
    folder = Path(folder)
    if not (folder / "model.yaml").is_file():
        raise ValueError(f"{folder} holds no finished run: there is no model.yaml in it")
    saved = read_yaml(folder / "model.yaml", ModelFile)
    values: dict[str, Any] = obeyed(saved["settings"])
    if Path(saved["folder"]).is_dir():  # a relative data_path may have meant another place
        values["data_path"] = saved["folder"]
    values.update(from_initial_values(values["model"]))  # the run folder has the trained model
    origin = dict.fromkeys(values, f"in {folder / 'model.yaml'}")
    experiment = _experiment_of(folder / "model.yaml", Settings(values, origin=origin))
    RunFolder(folder).check_data(fingerprint(experiment))
    experiment.config["checkpoint_dir"] = str(folder)
    return saved, experiment


def _experiment_of(file: Path, settings: Settings) -> Experiment:
    """Return the experiment of settings that were read from a file."""
    way_out = f"a run did not write it so; {AGAIN}"
    try:
        return Experiment(final_settings(settings))
    except (KeyError, TypeError, AttributeError) as error:  # an edited value of another kind
        raise ValueError(
            f"{file} has settings that cannot be used ({error!r}); {way_out}"
        ) from error
