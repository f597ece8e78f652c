"""One run from settings to result, as the command line and Python call it."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from recbole.data.dataloader import FullSortEvalDataLoader
from recbole.data.dataset import Dataset
from recbole.model.abstract_recommender import AbstractRecommender

from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.config import GroupMixConfig
from recbole_groupmix.adapters.seeding import global_seed
from recbole_groupmix.core.mix import Mix
from recbole_groupmix.pipeline.calibrate import forecast
from recbole_groupmix.pipeline.experiment import ALL_OF_TRAIN, Experiment
from recbole_groupmix.pipeline.known_keys import reads_key
from recbole_groupmix.pipeline.own_mixes import own_mixes
from recbole_groupmix.pipeline.populations import back_end
from recbole_groupmix.pipeline.result import REFERENCE, build_result
from recbole_groupmix.pipeline.run_folder import RunFolder, hash8
from recbole_groupmix.pipeline.search import (
    DATA_MIX,
    THEORY,
    Candidate,
    Search,
    candidates,
    select,
)
from recbole_groupmix.pipeline.settings import Settings, merge_settings
from recbole_groupmix.pipeline.training import Fit, Job, present_users


def run_groupmix(
    model: str | None = None,
    dataset: str | None = None,
    target: str | None = None,
    config_file_list: Sequence[str | Path] = (),
    config_dict: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Find the mix that serves a target group best and measure it beside the baselines.

    Parameters
    ----------
    model, dataset, target : str, optional
        RecBole model, data set and target group; they may also stand in the other arguments.
    config_file_list : sequence of path
        YAML files of settings.
    config_dict : mapping, optional
        Any key of this plugin or of RecBole; goes before the files.

    Returns
    -------
    dict
        The content of ``result.json`` and ``run_folder``, the path of the run's folder.

    Raises
    ------
    ValueError
        For every input that cannot be used, before anything is written.
    """
    given = dict(config_dict or {})
    named = {"model": model, "dataset": dataset, "target": target}
    given.update({key: value for key, value in named.items() if value is not None})
    return run(merge_settings(given, config_file_list, where="in config_dict"))


def run(settings: Settings, say: Any = None) -> dict[str, Any]:
    """Carry out a run of checked settings; ``say`` prints lines for people, default nothing."""
    say = say or (lambda line: None)
    started = time.perf_counter()
    experiment = Experiment(settings)
    settings = experiment.settings
    own = own_mixes(experiment, settings["mix"])
    found = candidates(experiment, own, settings["trials"])
    train, on_folds = back_end(experiment), settings["early_stopping"] or settings["trials"] > 0
    experiment.check_parts(
        settings["folds"] if on_folds else 0, [c.mix for c in found if c.source != "baseline"]
    )
    folder, identity = run_folder(experiment, own)
    folder.check(*identity)
    expected = forecast(experiment, folder, found, train)
    folder.open(*identity)  # nothing is written before this line
    experiment.config["checkpoint_dir"] = str(folder.path)
    for note in settings.notes:
        say(f"note: {note}")
    say(f"run folder {folder.path}")
    say(str(expected))
    search = Search(experiment, folder, settings["show_progress"], train)
    cv = search.cross_validate(found) if on_folds else {}
    rows = {c.name: c for c in found if c.source in ("baseline", "own", THEORY)}
    diverged = [c.name for c in found if c.name in cv and not isfinite(cv[c.name]["score"])]
    _check_reference(diverged, "on a fold")
    rows = {name: candidate for name, candidate in rows.items() if name not in diverged}
    selected = select(found, cv)
    if selected is not None:
        rows[DATA_MIX] = selected
    fixed = int(experiment.config["epochs"])
    epochs = {c.name: cv[c.name]["epochs"] if cv else fixed for c in rows.values()}
    keeper = _ModelKeeper(folder)
    options = {name: summary["options"] for name, summary in cv.items() if summary["options"]}
    metrics, lost = search.final(rows, epochs, keeper, options)
    _check_reference(lost, "on all of train")
    diverged += [name for name in lost if name not in diverged]
    rows = {name: candidate for name, candidate in rows.items() if name not in lost}
    folder.write("metrics.parquet", lambda path: metrics.to_parquet(path, index=False))
    keeper.describe(experiment, rows, epochs)
    result = build_result(
        settings=settings.values,
        embedding_size=_embedding_size(experiment),
        groups=_group_entries(experiment),
        mixes={name: candidate.mix for name, candidate in rows.items()},
        cv=cv,
        selected=rows[DATA_MIX].name if DATA_MIX in rows else None,
        diverged=diverged,
        metrics=metrics,
        seconds={**search.seconds, "this_call": time.perf_counter() - started},
    )
    folder.write_text("result.json", json.dumps(result, indent=1) + "\n")
    return {**result, "run_folder": str(folder.path)}


def _check_reference(diverged: Sequence[str], where: str) -> None:
    if REFERENCE in diverged:
        raise ValueError(
            f"training of {REFERENCE} diverged {where}, and every change is against it; use a "
            "smaller learning_rate"
        )


def run_folder(
    experiment: Experiment, own: Mapping[str, Mix]
) -> tuple[RunFolder, tuple[dict[str, Any], dict[str, Any]]]:
    """Return the folder of an experiment, named after its configuration, and its identity.

    The identity is the resolved configuration and the fingerprint of the data, as
    :meth:`RunFolder.check` wants them.
    """
    settings = experiment.settings
    values = {
        **experiment.config.final_config_dict,
        **settings.values,
        "own_mixes": {name: mix.to_dict() for name, mix in own.items()},
    }
    name = f"{settings['dataset']}-{settings['target']}-{settings['model']}-{hash8(values)}"
    folder = RunFolder(Path(settings["output_dir"]) / name.replace("/", "_"))
    return folder, (values, fingerprint(experiment))


def fingerprint(experiment: Experiment) -> dict[str, Any]:
    """Return counts and a digest of the interactions and groups of an experiment."""
    digest = hashlib.sha256()
    for rows in (experiment.users, experiment.items, experiment.groups.of_user):
        digest.update(np.ascontiguousarray(rows, dtype=np.int64).tobytes())
    return {
        "n_users": experiment.shape[0] - 1,
        "n_items": experiment.shape[1] - 1,
        "n_interactions": len(experiment.users),
        "sha256": digest.hexdigest(),
    }


class _ModelKeeper:
    """Saves the first repeat of the data mix, and of Proportional for runs without trials."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder

    def __call__(self, name: str, fit: Fit) -> None:
        if name not in (DATA_MIX, REFERENCE) or fit.job.repeat != 0:
            return
        state = {
            "state_dict": fit.model.state_dict(),
            "other_parameter": fit.model.other_parameter(),
        }
        file = self._file(fit.job.name, fit.job.epochs)
        self._folder.write(file, lambda path: torch.save(state, path))

    def describe(
        self, experiment: Experiment, rows: Mapping[str, Candidate], epochs: Mapping[str, int]
    ) -> None:
        """Write what :func:`load_run` needs to rebuild the model."""
        candidate = rows.get(DATA_MIX, rows[REFERENCE])
        text = yaml.safe_dump(
            {
                "file": self._file(candidate.name, epochs[candidate.name]),
                "mix": {"name": candidate.name, **candidate.mix.to_dict()},
                "settings": json.loads(json.dumps(experiment.settings.values, default=str)),
                "folder": str(Path(experiment.config["data_path"]).resolve()),
            }
        )
        self._folder.write_text("model.yaml", text)

    def _file(self, name: str, epochs: int | None) -> str:
        return f"model-{name}-{epochs}.pth"


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
    job = Job(saved["mix"]["name"], mix, ALL_OF_TRAIN, 0, 1)
    in_model, _ = present_users(experiment, job, part)
    dataset = experiment.dataset_of(part, in_model)
    with global_seed(experiment.settings["seed"]), recbole_compat():
        model = experiment.model_class(experiment.config, dataset)
    file = Path(folder) / saved["file"]
    state = torch.load(file, map_location=experiment.config["device"])
    model.load_state_dict(state["state_dict"])
    model.load_other_parameter(state["other_parameter"])
    return experiment.config, model.to(experiment.config["device"]).eval(), dataset


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


def _finished(folder: str | Path) -> tuple[dict[str, Any], Experiment]:
    """Return what ``model.yaml`` says, and the experiment of a finished run."""
    folder = Path(folder)
    if not (folder / "model.yaml").is_file():
        raise ValueError(f"{folder} holds no finished run: there is no model.yaml in it")
    saved = yaml.safe_load((folder / "model.yaml").read_text(encoding="utf-8"))
    values = saved["settings"]
    if Path(saved["folder"]).is_dir():  # a relative data_path may have meant another place
        values["data_path"] = saved["folder"]
    experiment = Experiment(Settings(values))
    RunFolder(folder).check_data(fingerprint(experiment))
    experiment.config["checkpoint_dir"] = str(folder)
    return saved, experiment


def _embedding_size(experiment: Experiment) -> int | None:
    """Return the embedding size of a model that reads one (DMF, NeuMF have other keys)."""
    reads = reads_key(experiment.model_class, "embedding_size")
    return int(experiment.config["embedding_size"]) if reads else None


def _group_entries(experiment: Experiment) -> list[dict[str, Any]]:
    users = experiment.part(ALL_OF_TRAIN).users
    n_users = experiment.groups.n_users(users)
    n_interactions = experiment.groups.n_interactions(users)
    return [
        {"name": name, "n_users": n_users[name], "n_interactions": n_interactions[name]}
        for name in experiment.groups.names
    ]
