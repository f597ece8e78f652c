"""``--hours``: how many mixes a run may search, by the seconds that the forecast expects of one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from recbole_groupmix.core.names import TRIAL
from recbole_groupmix.mixes.candidates import Candidate
from recbole_groupmix.record.read import read_yaml
from recbole_groupmix.record.schema import Config
from recbole_groupmix.search.forecast import Forecast
from recbole_groupmix.search.stages import options_of
from recbole_groupmix.search.target_run import TargetRun
from recbole_groupmix.search.workload import left_to_train
from recbole_groupmix.text.numbers import duration
from recbole_groupmix.training.back_end import BackEnd
from recbole_groupmix.training.one_by_one import OneByOne

#: Limit of a search of models that are trained one by one, where no limit and no number is given.
DEFAULT_HOURS = 1.0


def within_hours(
    run: TargetRun, expected: Forecast, back_end: BackEnd, say: Callable[[str], None]
) -> Forecast:
    """Let a run search no more mixes than fit in its hours; return its new forecast.

    The number is written into ``config.yaml`` when the run starts, so that a run that goes on under
    the same limit searches as many, however fast the computer is then. Models that are trained one
    by one have a limit of :data:`DEFAULT_HOURS` where neither ``hours`` nor ``trials`` is given and
    all mixes would take longer; a run that was begun without a limit goes on without one.

    Parameters
    ----------
    run : TargetRun
        The run, not yet open; it is changed.
    expected : Forecast
        With as many mixes as the settings allow.
    back_end : BackEnd
        Back end of the run.
    say : callable
        Prints a line for people.
    """
    settings = run.experiment.settings
    hours, most = settings.hours, settings.trials
    by_default = hours is None and _has_default_limit(run, expected, back_end)
    if by_default:
        hours = DEFAULT_HOURS
    if hours is None or not most:
        return expected
    bought = _written(run, hours)
    if bought is None:
        bought = _fitting(run, expected, hours)
    bought = min(bought, most)
    run.experiment = run.experiment.for_target(run.experiment.target, trials=bought)
    run.candidates = [c for c in run.candidates if not _is_beyond(c, bought)]
    run.trained = [c for c in run.trained if not _is_beyond(c, bought)]
    run.config["hours"] = {"hours": float(hours), "trials": bought}
    less = replace(expected, work=left_to_train(run))
    over = (
        "" if less.seconds <= 3600 * hours else ", which are the fewest, although they take longer"
    )
    limit = f"{hours:g} h ({duration(3600 * hours)}) buy {bought} of at most {most} mixes{over}"
    if by_default:
        limit = (
            f"{settings.model} is trained one model at a time, and what is left of {most} mixes would "
            f"take at most about {duration(expected.seconds)}; by default {limit}; ask for more with "
            f"--hours=8 or --trials={most}"
        )
        limit += ", for less with fewer --epochs, --folds or --repeats" if over else ""
    say(limit)
    return less


def _has_default_limit(run: TargetRun, expected: Forecast, back_end: BackEnd) -> bool:
    """Return whether a run without ``hours`` is limited by default, or was when it began."""
    if {"hours", "trials"} & set(run.experiment.settings.given):
        return False
    if not isinstance(back_end, OneByOne):
        return False
    if _config_file(run).is_file():
        return _written(run, DEFAULT_HOURS) is not None
    return expected.seconds > 3600 * DEFAULT_HOURS


def _config_file(run: TargetRun) -> Path:
    return run.folder.path / "config.yaml"


def _written(run: TargetRun, hours: float) -> int | None:
    """Return what an earlier call under the same limit has bought."""
    file = _config_file(run)
    before = read_yaml(file, Config).get("hours") if file.is_file() else None
    return before["trials"] if before is not None and before["hours"] == hours else None


def _fitting(run: TargetRun, expected: Forecast, hours: float) -> int:
    """Return how many mixes fit, at least those of the first wave, or one."""
    settings = run.experiment.settings
    each = settings.folds * len(options_of(settings))
    more = replace(expected, work=replace(expected.work, on_folds=expected.work.on_folds + each))
    of_one = more.seconds - expected.seconds
    over = expected.seconds - 3600 * hours
    if over <= 0 or of_one <= 0:
        return settings.trials
    of_first_wave = sum(c.is_trial for c in run.trained) if settings.in_waves else 0
    return max(settings.trials - math.ceil(over / of_one), of_first_wave, 1)


def _is_beyond(candidate: Candidate, trials: int) -> bool:
    return candidate.is_trial and int(candidate.name.removeprefix(TRIAL)) >= trials
