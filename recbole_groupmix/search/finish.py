"""From the scores on the folds to what is trained, and from that to the files of a result."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path

import pandas as pd
import yaml

from recbole_groupmix.adapters.removed import Removed
from recbole_groupmix.core.names import DATA_MIX, REFERENCE
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.measured_users import measured_users
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.mixes.candidates import FIXED, Candidate
from recbole_groupmix.record.folder import RunFolder
from recbole_groupmix.record.result import build_result
from recbole_groupmix.record.result_schema import Result
from recbole_groupmix.record.schema import FoldSummary, Group, ModelFile, RemovedStep
from recbole_groupmix.search.checkpoint import damage, save_checkpoint
from recbole_groupmix.settings.model import reads_key
from recbole_groupmix.training.job import Fit, Job


@dataclass(frozen=True)
class Chosen:
    """What is trained on all of train.

    Attributes
    ----------
    rows : dict of str to Candidate
        By name in the result.
    epochs : dict of str to int
        How long, by candidate name.
    options : dict of str to dict
        RecBole keys that the folds chose, by candidate name.
    diverged : tuple of str
        Candidates whose training diverged on a fold.
    same : dict of str to str
        Names that stand for another row's mix.
    """

    rows: dict[str, Candidate]
    epochs: dict[str, int]
    options: dict[str, dict[str, float]]
    diverged: tuple[str, ...]
    same: Mapping[str, str] = field(default_factory=dict)


def choose(
    experiment: Experiment,
    found: Sequence[Candidate],
    cv: Mapping[str, FoldSummary],
    selected: Candidate | None,
    same: Mapping[str, str] | None = None,
) -> Chosen:
    """Return the rows of a result: baselines, own mixes, theory's and the data mix.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    found : sequence of Candidate
        All candidates.
    cv : mapping
        Their summaries on the folds; empty without folds.
    selected : Candidate or None
        The data mix.
    same : mapping of str to str, optional
        Candidates that are an earlier one, whose model is their row's too
        (:func:`~recbole_groupmix.mixes.same_mix.same_mixes`).

    Raises
    ------
    ValueError
        If training of Proportional diverged.
    """
    same, by_name = same or {}, {c.name: c for c in found}
    of = {c.name: same.get(c.name, c.name) for c in found}
    diverged = [n for n, name in of.items() if name in cv and not isfinite(cv[name]["score"])]
    _check_reference(diverged, "on a fold")
    rows = {c.name: by_name[of[c.name]] for c in found if c.source in FIXED or c.pooled_epochs}
    rows = {name: candidate for name, candidate in rows.items() if name not in diverged}
    if selected is not None:
        rows[DATA_MIX] = selected
    fixed = int(experiment.config["epochs"])
    return Chosen(
        rows=rows,
        epochs={c.name: cv[c.name]["epochs"] if cv else fixed for c in rows.values()},
        options={name: dict(s["options"]) for name, s in cv.items() if s["options"]},
        diverged=tuple(diverged),
        same=same,
    )


def finish(
    experiment: Experiment,
    folder: RunFolder,
    chosen: Chosen,
    cv: Mapping[str, FoldSummary],
    tested: tuple[pd.DataFrame, list[str]],
    keeper: ModelKeeper,
    seconds: Mapping[str, float],
) -> Result:
    """Write ``metrics.parquet``, ``model.yaml`` and ``result.json``; return the last.

    Parameters
    ----------
    experiment, folder
        The run.
    chosen, cv
        From :func:`choose`, and what it was given.
    tested : tuple
        From :meth:`~recbole_groupmix.search.stages.TestStage.result`.
    keeper : ModelKeeper
        Has saved the models.
    seconds : mapping
        Wall times by stage.

    Raises
    ------
    ValueError
        If training of Proportional diverged.
    """
    metrics, lost = tested
    _check_reference(lost, "on all of train")
    diverged = [*chosen.diverged, *(name for name in lost if name not in chosen.diverged)]
    rows = {name: candidate for name, candidate in chosen.rows.items() if name not in lost}
    folder.write("metrics.parquet", lambda file: metrics.to_parquet(file, index=False))
    keeper.describe(experiment, rows, chosen.epochs)
    same = {name: of for name, of in chosen.same.items() if name in rows}
    result = build_result(
        settings=experiment.settings.values,
        embedding_size=embedding_size(experiment),
        groups=_group_entries(experiment),
        removed=[_removed(step) for step in experiment.removed],
        mixes={name: candidate.mix for name, candidate in rows.items()},
        cv={**cv, **{name: cv[of] for name, of in same.items() if of in cv}},
        same=same,
        selected=rows[DATA_MIX].name if DATA_MIX in rows else None,
        diverged=diverged,
        metrics=metrics,
        seconds=seconds,
    )
    folder.write("result.json", json.dumps(result, indent=1) + "\n")
    return result


def _check_reference(diverged: Sequence[str], where: str) -> None:
    if REFERENCE in diverged:
        raise ValueError(
            f"training of {REFERENCE} diverged {where}, and every change is against it; use a "
            "smaller learning_rate"
        )


class ModelKeeper:
    """Saves the first repeat of the data mix, and of Proportional for runs without trials."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder

    def __call__(self, name: str, fit: Fit) -> None:
        """Save a model if it may be the one that is loaded."""
        if name not in (DATA_MIX, REFERENCE) or fit.job.repeat != 0:
            return
        state = {
            "state_dict": fit.model.state_dict(),
            "other_parameter": fit.model.other_parameter(),
        }
        save_checkpoint(self._folder, self._file(fit.job.name, fit.job.epochs), state)

    def lacks(self, job: Job) -> bool:
        """Whether the checkpoint of a job is not there, or damaged."""
        return damage(self._folder.path / self._file(job.name, job.epochs)) is not None

    def to_load(self, rows: Mapping[str, Candidate]) -> list[Candidate]:
        """Return what is loaded from these rows of a result: the first that does not diverge."""
        return [rows[name] for name in (DATA_MIX, REFERENCE) if name in rows]

    def describe(
        self, experiment: Experiment, rows: Mapping[str, Candidate], epochs: Mapping[str, int]
    ) -> None:
        """Write what :func:`~recbole_groupmix.load_run` needs to rebuild the model."""
        candidate = self.to_load(rows)[0]
        content: ModelFile = {
            "file": self._file(candidate.name, epochs[candidate.name]),
            "mix": {"name": candidate.name, **candidate.mix.to_dict()},
            "settings": json.loads(json.dumps(dict(experiment.settings.values), default=str)),
            "folder": str(Path(experiment.config["data_path"]).resolve()),
        }
        self._folder.write("model.yaml", yaml.safe_dump(content))

    def _file(self, name: str, epochs: int | None) -> str:
        return f"model-{name}-{epochs}.pth"


def embedding_size(experiment: Experiment) -> int | None:
    """Return the embedding size of a model that reads one (DMF, NeuMF have other keys)."""
    reads = reads_key(experiment.settings.model, "embedding_size")
    return int(experiment.config["embedding_size"]) if reads else None


def _removed(step: Removed) -> RemovedStep:
    return {
        "step": step.step,
        "n_rows": step.n_rows,
        "n_users": step.n_users,
        "n_items": step.n_items,
        "of_rows": step.of_rows,
        "of_users": step.of_users,
        "of_items": step.of_items,
        "keep": step.keep,
    }


def _group_entries(experiment: Experiment) -> list[Group]:
    users = experiment.part(ALL_OF_TRAIN).users
    n_users = experiment.groups.n_users(users)
    n_interactions = experiment.groups.n_interactions(users)
    measured = measured_users(experiment)
    return [
        {
            "name": name,
            "n_users": n_users[name],
            "n_interactions": n_interactions[name],
            "n_in_data": measured[name].n_in_data,
            "n_measured": measured[name].n_measured,
            "not_measured": measured[name].not_measured,
        }
        for name in experiment.groups.names
    ]
