"""The files of a finished run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial

import pandas as pd

from recbole_groupmix.adapters.removed import Removed
from recbole_groupmix.core.names import BUDGET, DATA_MIX, REFERENCE
from recbole_groupmix.core.schedule import Schedule
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.item_notes import item_notes
from recbole_groupmix.experiment.measured_users import measured_users
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.mixes.candidates import Candidate
from recbole_groupmix.record.fold_schema import FoldSummary
from recbole_groupmix.record.folder import RunFolder
from recbole_groupmix.record.long_table import write_long
from recbole_groupmix.record.result import build_result
from recbole_groupmix.record.result_schema import EpochWeights, Result, RivalRecord
from recbole_groupmix.record.schema import Group, Lengths, RemovedStep
from recbole_groupmix.rivals.candidate import RivalCandidate
from recbole_groupmix.rivals.learned import mean_mix
from recbole_groupmix.search.choice import Chosen, check_reference, is_better
from recbole_groupmix.search.grid import Grid
from recbole_groupmix.search.kept_model import ModelKeeper
from recbole_groupmix.search.stages import has_length_stage
from recbole_groupmix.search.trainable import Trainable
from recbole_groupmix.text.numbers import or_null


def finish(
    experiment: Experiment,
    folder: RunFolder,
    chosen: Chosen,
    cv: Mapping[str, FoldSummary],
    tested: tuple[pd.DataFrame, list[str]],
    own_length: pd.DataFrame | None,
    keeper: ModelKeeper,
    seconds: Mapping[str, float],
    schedules: Mapping[str, Schedule] | None = None,
) -> Result:
    """Write ``metrics.parquet``, ``model.yaml`` and ``result.json``; return the last.

    Parameters
    ----------
    experiment, folder
        The run.
    chosen, cv
        Result of :func:`choose`, and the summaries that it was given.
    tested : tuple
        From :meth:`~recbole_groupmix.search.test_stage.TestStage.result`.
    own_length : pandas.DataFrame or None
        From :meth:`~recbole_groupmix.search.test_stage.TestStage.own_length`; None without it.
    keeper : ModelKeeper
        Keeper that has saved the models.
    seconds : mapping
        Wall times by stage.
    schedules : mapping of str to Schedule, optional
        Weights that groups had during training, by row that changed them.

    Raises
    ------
    ValueError
        If training of Proportional diverged.
    """
    metrics, lost = tested
    check_reference(lost, "on all of train")
    diverged = [*chosen.diverged, *(name for name in lost if name not in chosen.diverged)]
    rows = {name: candidate for name, candidate in chosen.rows.items() if name not in lost}
    folder.write("metrics.parquet", partial(write_long, metrics))
    keeper.describe(experiment, rows, chosen.epochs)
    duplicates = {name: of for name, of in chosen.duplicates.items() if name in rows}
    of_rivals = {
        candidate.name: _rival_record(
            experiment, candidate, cv, (schedules or {}).get(candidate.name)
        )
        for candidate in chosen.rivals
        if candidate.name in rows
    }
    result = build_result(
        settings=experiment.settings,
        embedding_size=experiment.embedding_size,
        groups=_group_entries(experiment),
        removed=[_removed(step) for step in experiment.removed],
        mixes={
            name: candidate.mix
            for name, candidate in rows.items()
            if isinstance(candidate, Candidate) and name not in of_rivals
        },
        cv={**cv, **{n: cv[of] for n, of in duplicates.items() if of in cv and n != BUDGET}},
        same=duplicates,
        selected=rows[DATA_MIX].name if DATA_MIX in rows else None,
        diverged=diverged,
        metrics=metrics,
        seconds=seconds,
        budget=chosen.budget if BUDGET in rows else None,
        lengths=_lengths(experiment, chosen, rows, cv),
        own_length=own_length,
        rivals=of_rivals,
        trainings=chosen.trainings,
        items=item_notes(experiment),
        waves=chosen.waves,
    )
    folder.write("result.json", json.dumps(result, indent=1) + "\n")
    return result


def _lengths(
    experiment: Experiment,
    chosen: Chosen,
    rows: Mapping[str, Trainable],
    cv: Mapping[str, FoldSummary],
) -> Lengths | None:
    """Return how long the rows were trained; None for models that are solved."""
    settings = experiment.settings
    if settings.is_solved:
        return None
    common = has_length_stage(settings)
    at_cap = [name for name, c in rows.items() if common and c.name in cv and cv[c.name]["at_cap"]]
    return {
        "rule": "common" if common else "fixed",
        "common": cv[REFERENCE]["epochs"] if common else None,
        "cap": Grid.of(experiment).cap,
        "at_cap": at_cap,
        "epochs": {name: chosen.epochs[c.name] for name, c in rows.items()},
        "own": {name: chosen.own[c.name] for name, c in rows.items()},
    }


def _rival_record(
    experiment: Experiment,
    candidate: RivalCandidate,
    cv: Mapping[str, FoldSummary],
    schedule: Schedule | None,
) -> RivalRecord:
    rival, found = candidate.rival, cv[candidate.name]
    better = is_better(candidate.name, cv)
    implied = rival.implied_mix(experiment, found["options"]) if better else None
    weights: list[EpochWeights] = []
    if schedule is not None:
        names, length = experiment.groups.names, found["epochs"]
        implied = mean_mix(experiment, ALL_OF_TRAIN, schedule, length)
        weights = [
            {"epoch": epoch, "weights": dict(zip(names, of_groups, strict=True))}
            for epoch, of_groups in schedule.changes
        ]
    return {
        "says": rival.says,
        "advice": rival.advice,
        "source": rival.source,
        "changes_nothing": not better,
        "chosen": dict(found["options"]),
        "score": or_null(found["score"]),
        "tried": len(candidate.points),
        "goes_on": rival.own_length,
        "implied_mix": None if implied is None else implied.to_dict(),
        "weights": weights,
    }


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
