"""The forecast cost of the cells of a grid: a short timing per data set, model and protocol."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypedDict

from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.notes import say_notes
from recbole_groupmix.files.whole import write_whole
from recbole_groupmix.mixes.candidates import candidates, fixed_candidates
from recbole_groupmix.mixes.duplicates import find_duplicates, without_duplicates
from recbole_groupmix.mixes.theory import SharesOfParts
from recbole_groupmix.record.read import read_json
from recbole_groupmix.record.schema import Count, NotNegative
from recbole_groupmix.reproduce.plan import Cell
from recbole_groupmix.search.fold_stage import trains_on_folds
from recbole_groupmix.search.forecast import Costs, Forecast, forecast_of
from recbole_groupmix.search.workload import Workload, planned
from recbole_groupmix.settings.keys import recbole_defaults
from recbole_groupmix.settings.merge import merge_settings
from recbole_groupmix.settings.rows import NO_COST
from recbole_groupmix.settings.settings import Settings
from recbole_groupmix.training.back_ends import back_end

FILE = "costs.json"
#: Keys that do not change the time of a model, but the mixes besides the searched ones.
_OF_MIXES = frozenset({"class_field", "seed", "folds"})


class ModelSeconds(TypedDict):
    """A value of ``models``: the seconds that one model takes."""

    model: NotNegative
    """Making it."""
    epoch: NotNegative
    """One epoch on all of train; of a closed form one solution on a fold, measured with it."""
    evaluation: NotNegative
    """Measuring the users of all groups once."""
    fold: NotNegative
    """What the models of a fold share, of a closed form."""


class CostsFile(TypedDict):
    """``costs.json``: costs by settings, users by group, mixes by settings and target."""

    models: dict[str, ModelSeconds]
    """By the settings that decide it, as JSON, the seconds of one model."""
    groups: dict[str, dict[str, Count]]
    """By data set the users of each group."""
    mixes: dict[str, dict[str, list[str]]]
    """By settings, as JSON, and target the mixes that a run trains besides own and searched ones."""


class Timings:
    """Measured costs, kept in a file of the grid's folder so that a later call has them.

    Parameters
    ----------
    folder : path
        Folder of the grid; read at once, written from :meth:`keep` on.
    say : callable
        Prints a line for people.
    """

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._file, self._say = folder / FILE, say
        self._keep = False
        self._known: CostsFile = {"models": {}, "groups": {}, "mixes": {}}
        with suppress(ValueError):  # missing, of an older version or damaged: measured again
            self._known = read_json(self._file, CostsFile)

    def groups(self, given: Mapping[str, Any]) -> dict[str, int]:
        """Return users by group of a data set; measures what `given` costs if it is new."""
        if given["dataset"] not in self._known["groups"]:
            self._measure(given)
        return dict(self._known["groups"][given["dataset"]])

    def costs(self, given: Mapping[str, Any]) -> Costs:
        """Return seconds of one model of a cell; they do not depend on the target."""
        key = _key(given)
        if key not in self._known["models"] or given["dataset"] not in self._known["groups"]:
            self._measure(given)
        return Costs(**self._known["models"][key])

    def mixes(self, given: Mapping[str, Any]) -> list[str]:
        """Return the mixes that the run of a cell trains besides own and searched ones.

        Of baselines that are the same mix only the first is listed, and theory's mix if it exists.
        """
        key = _key(given, NO_COST - _OF_MIXES)
        if key not in self._known["mixes"]:
            self._measure(given)
        return list(self._known["mixes"][key][given["target"]])

    def _measure(self, given: Mapping[str, Any]) -> None:
        size = f" d={given['embedding_size']}" if "embedding_size" in given else ""
        self._say(f"timing {given['dataset']}, {given['model']}{size}, {given['protocol']}")
        plain = {key: value for key, value in given.items() if key not in ("target", "mix")}
        settings = merge_settings({**plain, "trials": 8}, where="in groupmix reproduce")
        experiment = Experiment(settings, all_users=True)
        say_notes(experiment, self._say)
        compared, one_model = candidates(experiment, {}, 8), Workload(1, 0)
        quiet: Callable[[str], None] = lambda line: None  # noqa: E731
        measured = forecast_of(experiment, compared, back_end(experiment), one_model, 1.0, quiet)
        names = experiment.groups.names
        folds = settings.folds if trains_on_folds(settings) else 0
        key = _key(given, NO_COST - _OF_MIXES)
        shares = SharesOfParts(experiment)
        self._known["mixes"][key] = {n: _mixes(experiment, n, folds, shares) for n in names}
        self._known["groups"][given["dataset"]] = {n: experiment.n_users[n] for n in names}
        self._known["models"][_key(given)] = {
            "model": measured.costs.model,
            "epoch": measured.costs.epoch,
            "evaluation": measured.costs.evaluation,
            "fold": measured.costs.fold,
        }
        if self._keep:
            self.keep()

    def keep(self) -> None:
        """Write the timings to the file, now and after each further measurement."""
        self._keep = True
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._file, json.dumps(self._known, indent=1) + "\n")


def _key(given: Mapping[str, Any], without: frozenset[str] = NO_COST) -> str:
    kept = {key: given[key] for key in sorted(given) if key not in without}
    return json.dumps(kept, default=str)


def _mixes(everyone: Experiment, target: str, folds: int, shares: SharesOfParts) -> list[str]:
    """Return the baselines and theory's mix of a target by name, each mix once."""
    view = everyone.for_target(target)
    try:
        fixed = fixed_candidates(view, {}, shares)
        return [c.name for c in without_duplicates(fixed, find_duplicates(view, fixed, folds))]
    except ValueError:  # cannot be a target; its run says why
        return []


def cost_of(cell: Cell, timings: Timings, settings: Settings) -> Forecast:
    """Forecast a cell as if none of its work were done.

    Parameters
    ----------
    cell : Cell
        The cell.
    timings : Timings
        What was measured.
    settings : Settings
        Of the cell, from :meth:`Cell.settings`.
    """
    n_users = timings.groups(cell.base)
    early, closed = bool(settings.early_stopping), settings.is_solved
    epochs = 1 if closed else int(settings["epochs"] or recbole_defaults()["epochs"])
    times = epochs / int(settings["eval_step"] or 1) if early and not closed else 1
    if closed and trains_on_folds(settings):
        times = 0  # measuring is in the time of a solution
    return Forecast(
        work=planned(settings, timings.mixes(cell.base)),
        lambdas=len(settings.lambdas or (1,)),
        epochs=epochs,
        evaluations=times * n_users[cell.given["target"]] / sum(n_users.values()),
        stops_early=early and not closed,
        closed_form=closed,
        costs=timings.costs(cell.base),
        folds=int(settings.folds),
    )
