"""What the cells of a grid will cost: a short timing for each data set, model and protocol."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from recbole_groupmix.adapters.support import CLOSED_FORM
from recbole_groupmix.pipeline.calibrate import Costs, Forecast, forecast_of
from recbole_groupmix.pipeline.candidates import candidates
from recbole_groupmix.pipeline.experiment import Experiment
from recbole_groupmix.pipeline.fine_tune import MODELS, has_rival
from recbole_groupmix.pipeline.notes import say_notes
from recbole_groupmix.pipeline.populations import back_end
from recbole_groupmix.pipeline.settings import Settings, merge_settings
from recbole_groupmix.pipeline.without_training import settled
from recbole_groupmix.reproduce.plan import Cell

FILE = "costs.json"
#: Keys that do not change what a model takes.
_NO_COST = frozenset(
    {
        *("target", "trials", "folds", "repeats", "seed", "mix", "class_field", "fine_tune"),
        *("epochs", "eval_step", "stopping_step", "early_stopping", "show_progress"),
    }
)
_BASELINES = 3


class Timings:
    """Measured costs, kept in a file of the grid's folder so that a later call has them.

    Parameters
    ----------
    folder : path
        Folder of the grid; read at once, written after every measurement.
    say : callable
        Prints a line for people.
    """

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._file, self._say = folder / FILE, say
        self._known: dict[str, Any] = {"models": {}, "groups": {}}
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
            self._known = {key: dict(found[key]) for key in self._known}
        except (OSError, ValueError, KeyError, TypeError):
            pass  # measured again

    def groups(self, given: Mapping[str, Any]) -> dict[str, int]:
        """Return users by group of a data set; measures what `given` costs if it is new."""
        if given["dataset"] not in self._known["groups"]:
            self._measure(given)
        return dict(self._known["groups"][given["dataset"]])

    def costs(self, given: Mapping[str, Any]) -> Costs:
        """Return seconds of one model of a cell; the target has no influence on them."""
        key = _key(given)
        if key not in self._known["models"] or given["dataset"] not in self._known["groups"]:
            self._measure(given)
        return Costs(**self._known["models"][key])

    def _measure(self, given: Mapping[str, Any]) -> None:
        size = f" d={given['embedding_size']}" if "embedding_size" in given else ""
        self._say(f"timing {given['dataset']}, {given['model']}{size}, {given['protocol']}")
        plain = {key: value for key, value in given.items() if key not in ("target", "mix")}
        settings = merge_settings({**plain, "trials": 8}, where="in groupmix reproduce")
        experiment = Experiment(settings, for_everyone=True)
        say_notes(experiment, self._say)
        found = candidates(experiment, {}, 8)
        measured = forecast_of(experiment, found, back_end(experiment), 1, 0, 1.0)
        names = experiment.groups.names
        self._known["groups"][given["dataset"]] = {n: experiment.n_users[n] for n in names}
        self._known["models"][_key(given)] = asdict(measured.costs)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps(self._known, indent=1) + "\n", encoding="utf-8")


def _key(given: Mapping[str, Any]) -> str:
    kept = {key: given[key] for key in sorted(given) if key not in _NO_COST}
    return json.dumps(kept, default=str)


def cost_of(cell: Cell, timings: Timings, settings: Settings) -> Forecast:
    """Forecast one cell as if nothing of it were done.

    Parameters
    ----------
    cell : Cell
        The cell.
    timings : Timings
        What was measured.
    settings : Settings
        Of the cell, from :meth:`Cell.settings`.
    """
    settings = settled(settings)
    n_users = timings.groups(cell.base)
    early, trials = bool(settings["early_stopping"]), int(settings["trials"])
    closed = settings["model"] in CLOSED_FORM
    rival = MODELS if has_rival(settings) else 0
    mixes = _BASELINES + len(settings["mix"]) + rival
    epochs = 1 if closed else int(settings["epochs"])
    times = epochs / int(settings["eval_step"] or 1) if early and not closed else 1
    lambdas = len(settings["lambdas"] or (1,))
    folds = int(settings["folds"]) if early or trials else 0
    return Forecast(
        on_folds=(mixes + trials) * folds * lambdas,
        final=(mixes + (trials > 0)) * int(settings["repeats"]),
        epochs=epochs,
        evaluations=times * n_users[cell.given["target"]] / sum(n_users.values()),
        stops_early=early and not closed,
        closed_form=closed,
        costs=timings.costs(cell.base),
    )
