"""One run from settings to result, as the command line and Python call it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
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
from recbole_groupmix.all_targets.run import ALL, run_all_targets
from recbole_groupmix.core.mix import Mix
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.notes import say_notes
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.files.paths import file_inside
from recbole_groupmix.mixes.candidates import Candidate, candidates
from recbole_groupmix.mixes.own import own_mixes
from recbole_groupmix.record.folder import RunFolder
from recbole_groupmix.record.read import AGAIN, read_yaml
from recbole_groupmix.record.result_schema import Index, Result
from recbole_groupmix.record.schema import ModelFile
from recbole_groupmix.search.carry_out import OwnJobs, carry_out
from recbole_groupmix.search.checkpoint import loading
from recbole_groupmix.search.consent import Ask, agree
from recbole_groupmix.search.forecast import forecast
from recbole_groupmix.search.identity import fingerprint
from recbole_groupmix.search.jobs import job_of
from recbole_groupmix.search.target_run import target_run
from recbole_groupmix.search.tracking import check_trackers
from recbole_groupmix.settings.merge import final_settings, merge_settings
from recbole_groupmix.settings.settings import Settings
from recbole_groupmix.training.back_ends import back_end
from recbole_groupmix.training.job import present_users
from recbole_groupmix.training.one_by_one import build_model, stream_key


def run_groupmix(
    model: str | None = None,
    dataset: str | None = None,
    target: str | None = None,
    config_file_list: Sequence[str | Path] = (),
    config_dict: Mapping[str, Any] | None = None,
) -> Result | Index:
    """Find the mix that serves a target group best and measure it beside the baselines.

    Parameters
    ----------
    model, dataset, target : str, optional
        RecBole model, data set and target group ("all": every group); they may also stand in the
        other arguments.
    config_file_list : sequence of path
        YAML files of settings.
    config_dict : mapping, optional
        Any key of this plugin or of RecBole; goes before the files.

    Returns
    -------
    Result or Index
        The content of ``result.json``, or for all targets that of ``index.json``, and
        ``run_folder``, the path of the run's folder.

    Raises
    ------
    ValueError
        For every input that cannot be used, before anything is written.
    """
    given = dict(config_dict or {})
    named = {"model": model, "dataset": dataset, "target": target}
    named = {key: value for key, value in named.items() if value is not None}
    where = dict.fromkeys(given, "in config_dict") | {key: f"argument {key}" for key in named}
    return run(merge_settings({**given, **named}, config_file_list, where=where))


def run(settings: Settings, say: Any = None, ask: Ask | None = None) -> Result | Index:
    """Carry out a run of checked settings.

    ``say`` prints lines for people, default nothing; ``ask`` asks them before more than a day of
    work (:func:`~recbole_groupmix.search.consent.agree`), default nobody.
    """
    say = say or (lambda line: None)
    if settings.target == ALL:
        everyone = Experiment(settings, for_everyone=True)
        if ALL not in everyone.groups.names:  # else it is that group's name
            return run_all_targets(everyone, say, ask)
    started = time.perf_counter()
    experiment = Experiment(settings)
    settings = experiment.settings
    own = own_mixes(experiment, settings.mix)
    asked = candidates(experiment, own, settings.trials)
    trains = back_end(experiment)
    whole = target_run(experiment, asked, own)
    check_trackers(experiment.config)
    say_notes(experiment, say)
    expected = forecast(experiment, whole.folder, whole.trained, trains, say)
    say(f"run folder {whole.folder.path}")
    say(str(expected))
    agree(expected.seconds, settings.yes, say, ask)
    whole.open()  # nothing is written before this line
    results = carry_out({experiment.target: whole}, experiment, trains, OwnJobs, started)
    result: Result = {**results[experiment.target], "run_folder": str(whole.folder.path)}
    return result


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
    saved, experiment = _finished(folder)
    part = experiment.part(ALL_OF_TRAIN)
    mix = Mix(alpha=saved["mix"]["alpha"], alpha_aug=saved["mix"]["alpha_aug"])
    candidate = Candidate(saved["mix"]["name"], mix, source="")
    try:
        job = job_of(experiment, candidate, ALL_OF_TRAIN, epochs=1)
        in_model, _ = present_users(experiment, job, part)
    except (ValueError, KeyError) as error:
        raise ValueError(
            f"{Path(folder) / 'model.yaml'} has a mix of other groups ({error}); {AGAIN}"
        ) from error
    key = stream_key(experiment, job)  # as in training: NNCF draws neighbours that no file holds
    with global_seed(torch_seed(MODEL_NOISE, *key)), recbole_compat():
        model = build_model(experiment, part, in_model, key, experiment.config)
    try:
        file = file_inside(folder, saved["file"])
    except ValueError as error:
        raise ValueError(
            f"{Path(folder) / 'model.yaml'}: file is no model of it: {error}"
        ) from error
    with loading(file):
        # tensors only, whatever this torch does by itself: the folder may be somebody else's
        state = torch.load(file, map_location=experiment.config["device"], weights_only=True)
        model.load_state_dict(state["state_dict"])
        model.load_other_parameter(state["other_parameter"])
    return experiment.config, model.eval(), experiment.dataset_of(part, in_model)


def load_test_data(folder: str | Path) -> FullSortEvalDataLoader:
    """Load what a finished run was tested on, as RecBole's own evaluation loader.

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
    _, experiment = _finished(folder)
    with recbole_compat():
        return experiment.test_data()


def _finished(folder: str | Path) -> tuple[ModelFile, Experiment]:
    """Return what ``model.yaml`` says, and the experiment of a finished run."""
    folder = Path(folder)
    if not (folder / "model.yaml").is_file():
        raise ValueError(f"{folder} holds no finished run: there is no model.yaml in it")
    saved = read_yaml(folder / "model.yaml", ModelFile)
    values: dict[str, Any] = {**saved["settings"]}
    if Path(saved["folder"]).is_dir():  # a relative data_path may have meant another place
        values["data_path"] = saved["folder"]
    values.update(from_initial_values(values["model"]))  # its checkpoints have served
    origin = dict.fromkeys(values, f"in {folder / 'model.yaml'}")
    experiment = _experiment_of(folder / "model.yaml", Settings(values, origin=origin))
    RunFolder(folder).check_data(fingerprint(experiment))
    experiment.config["checkpoint_dir"] = str(folder)
    return saved, experiment


def _experiment_of(file: Path, settings: Settings) -> Experiment:
    """Return the experiment of settings that were read from a file."""
    way_out = f"it is not what a run wrote; {AGAIN}"
    try:
        return Experiment(final_settings(settings))
    except (KeyError, TypeError, AttributeError) as error:  # an edited value of another kind
        raise ValueError(
            f"{file} has settings that cannot be used ({error!r}); {way_out}"
        ) from error
