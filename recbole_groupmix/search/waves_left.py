"""What a search in waves has left on the folds, at most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite

from recbole_groupmix.core.names import REFERENCE
from recbole_groupmix.mixes.first_wave import MOST_LEFT_OUT, n_repeats
from recbole_groupmix.record.fold_schema import FoldSummary
from recbole_groupmix.search.recommended import found_by
from recbole_groupmix.search.stages import has_length_stage, left_on_folds, mix_stage, options_of
from recbole_groupmix.search.target_run import TargetRun
from recbole_groupmix.search.waves import WAVE, Waves
from recbole_groupmix.settings.settings import Settings
from recbole_groupmix.text.numbers import count
from recbole_groupmix.training.job import Job


@dataclass(frozen=True)
class WavesLeft:
    """What is left of a search.

    Attributes
    ----------
    jobs : sequence of Job
        Models of mixes that are known.
    trials, models : int
        Mixes that may be proposed yet, and their models.
    known : dict of str to FoldSummary
        Summaries of mixes whose folds are done.
    words : str
        What is left, in waves; empty where nothing is.
    """

    jobs: Sequence[Job] = ()
    trials: int = 0
    models: int = 0
    known: Mapping[str, FoldSummary] = field(default_factory=dict)
    words: str = ""


#: Nothing is left of a search that is not in waves.
NOT_IN_WAVES = WavesLeft()


def left_in_waves(run: TargetRun) -> tuple[WavesLeft, TargetRun]:
    """Return what is left, and the run with the candidates that its folder tells of.

    Nothing is written, and the run that was given stays as it is.
    """
    settings = run.experiment.settings
    run = replace(run, candidates=list(run.candidates), trained=list(run.trained), cv={})
    if has_length_stage(settings):
        jobs, known = left_on_folds(run.experiment, run.folder, run.trained)
        if REFERENCE not in known:  # nor its length
            return _left(run, jobs, known), run
        if not isfinite(known[REFERENCE]["score"]):
            return WavesLeft(known=known), run  # the run stops
        run.cv = {REFERENCE: known[REFERENCE]}
    waves = Waves(run)
    for _, stage in waves.stages():
        if stage.n_left:
            known = waves.summaries
            rest = mix_stage(run.experiment, run.folder, waves.racing, known)
            return _left(run, rest.jobs(), {**known, **rest.known()}, waves.wave), run
    run.found = found_by(waves, settings)
    return WavesLeft(known=waves.summaries), run


def _left(
    run: TargetRun, jobs: Sequence[Job], known: Mapping[str, FoldSummary], wave: int = 0
) -> WavesLeft:
    settings = run.experiment.settings
    trials = settings.trials - sum(candidate.is_trial for candidate in run.trained)
    models = trials * settings.folds * len(options_of(settings))
    n_begun = len({job.name for job in jobs})
    which = f"wave {wave}" if wave else "the first wave"
    words = f"{count(n_begun, 'mix', 'es')} of {which}" + _more(trials)
    return WavesLeft(jobs, trials, models, known, words)


def planned_waves(settings: Settings) -> str:
    """Return in words the waves and the limit of a run that has not begun; empty without either."""
    limit = f"as many as fit in {settings.hours:g} h" if settings.hours and settings.trials else ""
    if not settings.in_waves:
        return limit
    first = min(MOST_LEFT_OUT, settings.trials)
    repeats = n_repeats(settings)
    more = f", {repeats} repeats of {REFERENCE}" if repeats else ""
    words = f"first the rows{more} and up to {first} mixes without one group"
    return words + _more(settings.trials - first) + (f", {limit}" if limit else "")


def _more(trials: int) -> str:
    """Return what comes after a wave."""
    if trials <= 0:
        return ""
    waves = -(-trials // WAVE)
    return f", then up to {count(waves, 'wave')} of up to {min(WAVE, trials)}"
