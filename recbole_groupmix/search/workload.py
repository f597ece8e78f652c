"""How many models a run has left to train, as its progress bars count them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from recbole_groupmix.core.names import REFERENCE, THEORY
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.mixes.candidates import FIXED, Candidate, select
from recbole_groupmix.mixes.fine_tuned import fine_tuned, has_rival
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
    """Models that are left to train.

    Attributes
    ----------
    on_folds : int
        Mixes on folds; with several lambdas each of them is solved as often.
    rivals : int
        ``fine_tuned`` on folds; each takes a second model, which is trained before it.
    final : int
        Models on all of train, those of ``fine_tuned`` among them.
    final_rivals : int
        Those of ``fine_tuned`` among `final`.
    at_most : bool
        Whether `final` may turn out smaller, since the search may choose a mix that is trained on
        all of train in any case.
    """

    on_folds: int
    rivals: int
    final: int
    final_rivals: int
    at_most: bool = False

    @property
    def n_models(self) -> int:
        """Number of models in all."""
        return self.on_folds + self.rivals + self.final

    def __str__(self) -> str:
        """Return the counts in words."""
        rivals = f", {self.rivals} more for fine_tuned (two trainings each)" if self.rivals else ""
        most = "up to " if self.at_most else ""
        return f"{self.on_folds} models on folds{rivals} and {most}{self.final} on all of train"


def left_to_train(
    experiment: Experiment, folder: RunFolder, found: Sequence[Candidate]
) -> Workload:
    """Ask the stages of a run what is left.

    How long a model trains on all of train, and with it the file that it will have, is known once
    its folds are done; until then all of its repeats are left.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    folder : RunFolder
        Finished models in it are not counted; it need not exist.
    found : sequence of Candidate
        Mixes that the run trains, each once.
    """
    settings = experiment.settings
    repeats, on_folds = settings.repeats, trains_on_folds(settings)
    left, rivals, known = 0, 0, {}
    if on_folds:
        stage = FoldStage(experiment, folder, list(found))
        left, known = stage.n_left, stage.known()

    rival = None
    if has_rival(settings):
        if on_folds and REFERENCE not in known:
            rivals = settings.folds
        elif (rival := fine_tuned(experiment, known)) is not None and on_folds:
            stage = FoldStage(experiment, folder, [rival])
            rivals, known = stage.n_left, {**known, **stage.known()}
    if not left and not rivals:
        everyone = [*found, rival] if rival is not None else list(found)
        jobs = _jobs(experiment, folder, everyone, known)
        return Workload(0, 0, len(jobs), sum(job.start is not None for job in jobs))

    def to_test(candidate: Candidate) -> int:
        return _to_test(experiment, folder, candidate, known)

    final, at_most = sum(to_test(c) for c in found if c.source in FIXED), False
    if any(c.source not in FIXED for c in found):
        if left:  # the data mix may be any of them
            final += repeats
            at_most = any(c.source == THEORY for c in found)
        else:
            selected = select(list(found), known)
            final += to_test(selected) if selected and selected.source not in FIXED else 0
    final_rivals = to_test(rival) if rival is not None else repeats if rivals else 0
    return Workload(left, rivals, final + final_rivals, final_rivals, at_most)


def _jobs(
    experiment: Experiment,
    folder: RunFolder,
    found: Sequence[Candidate],
    known: Mapping[str, FoldSummary],
) -> list[Job]:
    """Return what is left once the folds are done, some perhaps for their checkpoints alone."""
    chosen = choose(
        experiment,
        found,
        known,
        select(list(found), known),
    )
    keeper = ModelKeeper(folder)
    stage = TestStage(experiment, folder, chosen.rows, chosen.epochs, keeper, chosen.options)
    return stage.jobs()


def planned(settings: Settings, mixes: Sequence[str]) -> Workload:
    """Return what :func:`left_to_train` counts where nothing is done, without the data.

    Parameters
    ----------
    settings : Settings
        Finished settings of a run.
    mixes : sequence of str
        The different baselines and, where there is one, theory's mix.
    """
    folds = settings.folds if trains_on_folds(settings) else 0
    trials, repeats, rival = settings.trials, settings.repeats, has_rival(settings)
    rows = len(mixes) + len(settings.mix)
    return Workload(
        on_folds=(rows + trials) * folds,
        rivals=rival * folds,
        final=(rows + (trials > 0) + rival) * repeats,
        final_rivals=rival * repeats,
        at_most=trials > 0 and THEORY in mixes,
    )


def _to_test(
    experiment: Experiment,
    folder: RunFolder,
    candidate: Candidate,
    known: Mapping[str, FoldSummary],
) -> int:
    """Return how many repeats of a mix are left; `known` are summaries of the folds so far."""
    if candidate.name not in known:
        return int(experiment.settings.repeats)
    if not isfinite(known[candidate.name]["score"]):
        return 0
    epochs = known[candidate.name]["epochs"]
    rows, name = {candidate.name: candidate}, candidate.name
    return TestStage(experiment, folder, rows, {name: epochs}, ModelKeeper(folder), {}).n_left
