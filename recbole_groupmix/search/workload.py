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
from recbole_groupmix.search.choice import choose
from recbole_groupmix.search.fold_stage import FoldStage, trains_on_folds
from recbole_groupmix.search.kept_model import ModelKeeper
from recbole_groupmix.search.test_stage import TestStage
from recbole_groupmix.settings.settings import Settings
from recbole_groupmix.training.job import Job


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

    The number of epochs on all of train, and with it the name of a model's file, is known once its
    folds are done; until then all of its repeats are left.

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
    repeats, on_folds = settings.repeats, trains_on_folds(settings)
    left, fine_tuning_left, known = 0, 0, {}
    if on_folds:
        stage = FoldStage(experiment, folder, list(trained))
        left, known = stage.n_left, stage.known()

    tuned = None
    if has_fine_tuned(settings):
        if on_folds and REFERENCE not in known:
            fine_tuning_left = settings.folds
        elif (tuned := fine_tuned(experiment, known)) is not None and on_folds:
            stage = FoldStage(experiment, folder, [tuned])
            fine_tuning_left, known = stage.n_left, {**known, **stage.known()}
    if not left and not fine_tuning_left:
        candidates = [*trained, tuned] if tuned is not None else list(trained)
        jobs = _jobs(experiment, folder, candidates, known)
        return Workload(0, 0, len(jobs), sum(job.start is not None for job in jobs))

    def to_test(candidate: Candidate) -> int:
        return _to_test(experiment, folder, candidate, known)

    final, at_most = sum(to_test(c) for c in trained if c.source in FIXED), False
    if any(c.source not in FIXED for c in trained):
        if left:  # the data mix may be any of them
            final += repeats
            at_most = any(c.source == THEORY for c in trained)
        else:
            selected = select(trained, known)
            final += to_test(selected) if selected and selected.source not in FIXED else 0
    final_fine_tuned = repeats if fine_tuning_left else 0
    if tuned is not None:
        final_fine_tuned = to_test(tuned)
    return Workload(left, fine_tuning_left, final + final_fine_tuned, final_fine_tuned, at_most)


def _jobs(
    experiment: Experiment,
    folder: RunFolder,
    candidates: Sequence[Candidate],
    known: Mapping[str, FoldSummary],
) -> list[Job]:
    """Return the jobs left once the folds are done, some perhaps for their checkpoints alone."""
    chosen = choose(experiment, candidates, known, select(candidates, known))
    keeper = ModelKeeper(folder)
    stage = TestStage(experiment, folder, chosen.rows, chosen.epochs, keeper, chosen.options)
    return stage.jobs()


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
    return Workload(
        on_folds=(rows + trials) * folds,
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
    if candidate.name not in known:
        return int(experiment.settings.repeats)
    if not isfinite(known[candidate.name]["score"]):
        return 0
    epochs = known[candidate.name]["epochs"]
    rows, name = {candidate.name: candidate}, candidate.name
    return TestStage(experiment, folder, rows, {name: epochs}, ModelKeeper(folder), {}).n_left
