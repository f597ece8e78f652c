"""One run from settings to result, as the command line and Python call it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from recbole_groupmix.all_targets.index import index_html, index_table
from recbole_groupmix.all_targets.run import ALL, run_all_targets
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.notes import say_notes
from recbole_groupmix.mixes.budget import two_groups_note
from recbole_groupmix.mixes.candidates import candidates
from recbole_groupmix.mixes.first_wave import first_wave
from recbole_groupmix.mixes.own import own_mixes
from recbole_groupmix.record.result_html import result_html
from recbole_groupmix.record.result_schema import Index, Result
from recbole_groupmix.record.result_table import result_table
from recbole_groupmix.search.carry_out import OwnJobs, carry_out
from recbole_groupmix.search.confirm import Ask, confirm_long_run
from recbole_groupmix.search.forecast import forecast
from recbole_groupmix.search.proposers.known import proposer_of
from recbole_groupmix.search.stages import has_budget
from recbole_groupmix.search.target_run import target_run
from recbole_groupmix.search.tracking import check_trackers
from recbole_groupmix.search.within_hours import within_hours
from recbole_groupmix.settings.by_search import for_all_targets
from recbole_groupmix.settings.merge import merge_settings
from recbole_groupmix.settings.search_rows import RANDOM
from recbole_groupmix.settings.settings import Settings
from recbole_groupmix.text.untrusted import escaped, short_repr
from recbole_groupmix.training.back_ends import back_end
from recbole_groupmix.workers.trainer import trainer_of


class RunResult(dict[str, Any]):
    """The content of ``result.json`` or ``index.json``, shown as its table.

    A dict in all else: it equals the content of the file and can be written as JSON. ``print``
    and notebooks show the table and the sentences that ``groupmix run`` prints.
    """

    def __str__(self) -> str:
        """Return what ``groupmix run`` prints of the result."""
        if "targets" in self:
            return index_table(cast(Index, self))
        return result_table(cast(Result, self))

    def _repr_html_(self) -> str:
        """Return the same as HTML."""
        if "targets" in self:
            return index_html(cast(Index, self))
        return result_html(cast(Result, self))


def run_groupmix(
    model: str | None = None,
    dataset: str | None = None,
    target: str | None = None,
    config_file_list: Sequence[str | Path] = (),
    config_dict: Mapping[str, Any] | None = None,
    say: Callable[[str], Any] | bool = False,
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
    say : bool or callable
        True prints the lines that the command prints before training: notes on the settings and
        the data, the run folder, how long the run may take. A function gets each of these lines
        instead. Bars of progress do not depend on it: they are drawn on a terminal and below the
        cell of a notebook, unless ``show_progress`` is False.

    Returns
    -------
    Result or Index
        The content of ``result.json``, or for all targets that of ``index.json``, and
        ``run_folder``, the path of the run's folder: a dict, which ``print`` and notebooks show
        as the table that the command prints.

    Raises
    ------
    ValueError
        For every input that cannot be used, before anything is written.
    """
    if not isinstance(say, bool) and not callable(say):
        raise ValueError(f"say is {short_repr(say)}; give True, False or a function of a line")
    given = dict(config_dict or {})
    named = {"model": model, "dataset": dataset, "target": target}
    named = {key: value for key, value in named.items() if value is not None}
    where = dict.fromkeys(given, "in config_dict") | {key: f"argument {key}" for key in named}
    settings = merge_settings({**given, **named}, config_file_list, where=where)
    told = {True: _print, False: None}[say] if isinstance(say, bool) else say
    return cast("Result | Index", RunResult(run(settings, told)))


def _print(line: str) -> None:
    print(escaped(line), flush=True)


def run(settings: Settings, say: Any = None, ask: Ask | None = None) -> Result | Index:
    """Carry out a run of checked settings.

    ``say`` prints lines for people; by default nothing is printed. ``ask`` asks the user before a
    run of more than a day (:func:`~recbole_groupmix.search.confirm.confirm_long_run`); by default
    such a run starts.
    """
    say = say or (lambda line: None)
    if settings.target == ALL:
        of_all_users = Experiment(for_all_targets(settings), all_users=True)
        if ALL not in of_all_users.groups.names:  # else "all" is the name of a group
            return run_all_targets(of_all_users, say, ask)
    started = time.perf_counter()
    experiment = Experiment(settings)
    own = own_mixes(experiment, settings.mix)
    if settings.search != RANDOM:
        proposer_of(settings)  # a name that none has is told even where no mix is searched
    drawn = 0 if settings.in_waves else settings.trials
    compared = candidates(experiment, own, drawn, has_budget(settings))
    if settings.in_waves:
        compared += first_wave(experiment, settings.trials)
    trainer = back_end(experiment)
    of_target = target_run(experiment, compared, own)
    check_trackers(experiment.config)
    say_notes(
        experiment,
        say,
        [*two_groups_note(experiment, has_budget(settings)), *of_target.left_out],
        by_workers=True,
    )
    expected = forecast(of_target, trainer, say)
    expected = within_hours(of_target, expected, trainer, say)
    say(f"run folder {of_target.folder.path}")
    say(str(expected))
    confirm_long_run(expected.seconds, settings.yes, say, ask)
    runs = {experiment.target: of_target}
    with trainer_of(experiment, trainer, say) as trains:
        of_target.open()  # nothing is written before this line
        results = carry_out(runs, experiment, trains, OwnJobs, started, say)
    result: Result = {**results[experiment.target], "run_folder": str(of_target.folder.path)}
    return result
