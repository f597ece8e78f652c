"""What is left to train of the rivals of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

from recbole_groupmix.core.names import REFERENCE
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.record.fold_schema import FoldSummary
from recbole_groupmix.rivals.candidate import RivalCandidate, rival_candidates
from recbole_groupmix.rivals.rival import Reference
from recbole_groupmix.search.choice import is_better
from recbole_groupmix.search.grid import Grid
from recbole_groupmix.search.repeats_left import repeats_left
from recbole_groupmix.search.stages import rival_stage
from recbole_groupmix.search.target_run import TargetRun
from recbole_groupmix.training.job import Job, n_firsts, n_learned, n_trainings


@dataclass(frozen=True)
class RivalsLeft:
    """What is left of the rivals: jobs on folds, models before them, models on all of train.

    ``may_be_none`` says that a rival may turn out to be Proportional; ``known`` has the summaries
    of those whose folds are done.
    """

    candidates: Sequence[RivalCandidate] = ()
    jobs: Sequence[Job] = ()
    before: int = 0
    final: int = 0
    may_be_none: bool = False
    known: Mapping[str, FoldSummary] = field(default_factory=dict)

    @property
    def on_folds(self) -> int:
        """Models on folds."""
        return n_trainings(self.jobs)


def left_of_rivals(run: TargetRun, known: Mapping[str, FoldSummary], more: int = 0) -> RivalsLeft:
    """Return what is left of the rivals of a run.

    Parameters
    ----------
    run : TargetRun
        The run.
    known : mapping of str to FoldSummary
        Summaries of its mixes.
    more : int
        Mixes that a search in waves may still propose.
    """
    experiment, repeats = run.experiment, int(run.experiment.settings.repeats)
    found = known.get(REFERENCE)
    reference = Reference(Grid.of(experiment).cap)
    if found is not None:
        if not isfinite(found["score"]):
            return RivalsLeft()  # the run stops
        reference = Reference(found["epochs"], found["options"])
    most = len(run.trained) + more
    candidates = rival_candidates(experiment, run.carried, reference, most)
    stages = [
        rival_stage(experiment, run.folder, candidates, own_length=own) for own in (False, True)
    ]
    jobs = [job for stage in stages for job in stage.jobs()]
    done: dict[str, FoldSummary] = {}
    if found is not None:
        done = {name: s for stage in stages for name, s in stage.known().items()}
    final, learned = 0, n_learned(jobs)
    for candidate in candidates:
        left = 0
        if candidate.name not in done:
            left = repeats
        elif is_better(candidate.name, {**known, **done}):
            left = repeats_left(experiment, run.folder, candidate, done)
        final += left
        if candidate.recipe_on(experiment, ALL_OF_TRAIN, candidate.points[0]).rule is not None:
            learned += left
    started = any(c.recipe_on(experiment, ALL_OF_TRAIN, c.points[0]).first for c in candidates)
    before = n_firsts(jobs) + (repeats if started and final else 0) + learned
    return RivalsLeft(candidates, jobs, before, final, len(done) < len(candidates), done)
