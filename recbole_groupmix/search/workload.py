"""The number of models that a run has left to train, as its progress bars count them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from recbole_groupmix.core.names import REFERENCE, THEORY
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.mixes.candidates import FIXED, Candidate, select
from recbole_groupmix.mixes.fine_tuned import fine_tuned, has_fine_tuned
from recbole_groupmix.record.folder import RunFolder
from recbole_groupmix.record.schema import FoldSummary
from recbole_groupmix.search.choice import Chosen, choose
from recbole_groupmix.search.fold_stage import trains_on_folds
from recbole_groupmix.search.kept_model import ModelKeeper
from recbole_groupmix.search.stages import (
    control_stage,
    fine_tuned_stage,
    has_control,
    has_length_stage,
    length_stage,
    mix_stage,
    options_of,
)
from recbole_groupmix.search.test_stage import TestStage
from recbole_groupmix.settings.settings import Settings
from recbole_groupmix.training.job import n_trainings


@dataclass(frozen=True)
class Workload:
    """Numbers of models that are left to train.

    Attributes
    ----------
    on_folds : int
        Mixes on folds; with several lambdas each is solved once for each lambda.
    fine_tuned_on_folds : int
        ``fine_tuned`` on folds; each takes a second model, which is trained before it.
    final : int
        Models on all of train, with those of ``fine_tuned``.
    final_fine_tuned : int
        Models of ``fine_tuned`` among `final`.
    at_most : bool
        Whether `final` may turn out smaller, since the search may choose a mix that is trained on
        all of train in any case.
    """

    on_folds: int
    fine_tuned_on_folds: int
    final: int
    final_fine_tuned: int
    at_most: bool = False

    @property
    def n_models(self) -> int:
        """Number of models in all."""
        return self.on_folds + self.fine_tuned_on_folds + self.final

    def __str__(self) -> str:
        """Return the counts in words."""
        n_more = self.fine_tuned_on_folds
        more = f", {n_more} more for fine_tuned (two trainings each)" if n_more else ""
        most = "up to " if self.at_most else ""
        return f"{self.on_folds} models on folds{more} and {most}{self.final} on all of train"


def left_to_train(
    experiment: Experiment, folder: RunFolder, trained: Sequence[Candidate]
) -> Workload:
    """Count the models that the stages of a run have left.

    Lengths, and with them the names of the files of models on all of train, are known once the
    folds are done; until then all of their repeats are left. Folds of Proportional may have to be
    trained again for longer, which is not counted.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    folder : RunFolder
        Finished models in it are not counted; it need not exist.
    trained : sequence of Candidate
        Candidates that the run trains.
    """
    settings = experiment.settings
    repeats, has_tuned = settings.repeats, has_fine_tuned(settings)
    known: dict[str, FoldSummary] = {}
    candidates = list(trained)
    if trains_on_folds(settings):
        left, known = _left_on_folds(experiment, folder, trained)
        tuned = fine_tuned(experiment, known) if REFERENCE in known else None
        tuning_left = settings.folds if has_tuned and REFERENCE not in known else 0
        if tuned is not None:
            options = [known[REFERENCE]["options"]]
            stage = fine_tuned_stage(experiment, folder, tuned, options)
            tuning_left, known = stage.n_left, {**known, **stage.known()}
            candidates.append(tuned)
        searched = any(c.source not in FIXED for c in trained)
        control = settings.folds if searched and has_control(settings) else 0
        if left or tuning_left:
            fixed = [c for c in trained if c.source in FIXED]
            final = sum(_to_test(experiment, folder, c, known) for c in fixed) + searched * repeats
            tuned_left = has_tuned * repeats
            if tuned is not None:
                tuned_left = _to_test(experiment, folder, tuned, known)
            at_most = searched and any(c.source == THEORY for c in trained)
            return Workload(left + control, tuning_left, final + tuned_left, tuned_left, at_most)
        selected = select(trained, known)
        if control and selected is not None and selected.source not in FIXED:
            stage = control_stage(experiment, folder, [selected], known)
            if stage.n_left:
                rows = [c for c in candidates if c.source in FIXED or c.pooled_epochs]
                final = sum(_to_test(experiment, folder, c, known) for c in rows) + repeats
                follow = 0 if tuned is None else _to_test(experiment, folder, tuned, known)
                return Workload(stage.n_left, 0, final, follow)
            known.update(stage.known())
    elif (tuned := fine_tuned(experiment, {})) is not None:
        candidates.append(tuned)
    chosen = choose(experiment, candidates, known, select(candidates, known) if known else None)
    jobs = TestStage(experiment, folder, chosen, ModelKeeper(folder)).jobs()
    follow = n_trainings(job for job in jobs if job.start is not None)
    return Workload(0, 0, n_trainings(jobs), follow)


def _left_on_folds(
    experiment: Experiment, folder: RunFolder, trained: Sequence[Candidate]
) -> tuple[int, dict[str, FoldSummary]]:
    """Return how many models are left on the folds, and what is known of those that are done."""
    n_options, known = len(options_of(experiment.settings)), {}
    left = 0
    if has_length_stage(experiment.settings):
        first = length_stage(experiment, folder, trained)
        if first.n_left:
            others = (len(trained) - 1) * experiment.settings.folds * n_options
            return first.n_left + others, {}
        known = first.known()
        if not isfinite(known[REFERENCE]["score"]):
            return 0, known  # the run stops
    stage = mix_stage(experiment, folder, trained, known)
    left = stage.n_left
    return left, {**known, **stage.known()}


def planned(settings: Settings, mixes: Sequence[str]) -> Workload:
    """Return the workload of a run that has not begun, without its data.

    Parameters
    ----------
    settings : Settings
        Final settings of a run.
    mixes : sequence of str
        The baselines without duplicates and, where the run has it, theory's mix.
    """
    folds = settings.folds if trains_on_folds(settings) else 0
    trials, repeats, tuned = settings.trials, settings.repeats, has_fine_tuned(settings)
    rows = len(mixes) + len(settings.mix)
    options = len(options_of(settings))
    control = folds if trials and has_control(settings) else 0
    return Workload(
        on_folds=(rows + trials) * folds * options + control,
        fine_tuned_on_folds=tuned * folds,
        final=(rows + (trials > 0) + tuned) * repeats,
        final_fine_tuned=tuned * repeats,
        at_most=trials > 0 and THEORY in mixes,
    )


def _to_test(
    experiment: Experiment,
    folder: RunFolder,
    candidate: Candidate,
    known: Mapping[str, FoldSummary],
) -> int:
    """Return how many repeats of a mix are left; `known` has the summaries of finished folds."""
    name = candidate.name
    if name not in known:
        return int(experiment.settings.repeats)
    summary = known[name]
    if not isfinite(summary["score"]):
        return 0
    lengths = {name: summary["epochs"]}, {name: summary["own"]}
    chosen = Chosen({name: candidate}, *lengths, {name: summary["options"]}, ())
    return TestStage(experiment, folder, chosen, ModelKeeper(folder)).n_left
