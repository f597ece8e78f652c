"""The run of one target: its candidates, its folder and the state of its search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recbole_groupmix.core.mix import Mix, proportional
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.mixes.candidates import Candidate
from recbole_groupmix.mixes.duplicates import find_duplicates, without_duplicates
from recbole_groupmix.record.fold_schema import FoldSummary
from recbole_groupmix.record.folder import RunFolder
from recbole_groupmix.record.schema import Config
from recbole_groupmix.rivals.candidate import RivalCandidate, carried_rivals
from recbole_groupmix.rivals.rival import Rival
from recbole_groupmix.search.choice import DRAWN, Found
from recbole_groupmix.search.fold_stage import trains_on_folds
from recbole_groupmix.search.identity import run_folder
from recbole_groupmix.search.tracking import Tracking


@dataclass
class TargetRun:
    """The run of one target.

    Attributes
    ----------
    experiment : Experiment
        Shared data and settings, for the target.
    folder : RunFolder
        Where finished work is kept.
    config : Config
        Configuration and data, the content of ``config.yaml``.
    candidates : list of Candidate
        All candidates, each a row or a trial.
    trained : list of Candidate
        Those that are trained: all but the duplicates.
    duplicates : dict of str to str
        Candidates that equal an earlier one
        (:func:`~recbole_groupmix.mixes.duplicates.find_duplicates`).
    cv : dict
        Summaries of the folds by candidate name; empty before and without folds.
    seconds : dict of str to float
        Seconds that each candidate took on the folds, those of earlier calls included.
    carried : list of Rival
        Rivals that the model and the settings can carry.
    left_out : list of str
        A note for each rival that was asked for and that they cannot.
    rivals : list of RivalCandidate
        What the folds choose from; known once they have Proportional's length.
    found : Found
        What a search in waves found; known once it has ended.
    tracking : Tracking
        Receives the scores; made by :meth:`open`.
    """

    experiment: Experiment
    folder: RunFolder
    config: Config
    candidates: list[Candidate]
    trained: list[Candidate]
    duplicates: dict[str, str]
    cv: dict[str, FoldSummary] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    carried: list[Rival] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    rivals: list[RivalCandidate] = field(default_factory=list)
    found: Found = DRAWN
    tracking: Tracking = field(init=False)

    def open(self) -> None:
        """Open the folder for writing; nothing is written before."""
        self.folder.open(self.config)
        self.experiment.config["checkpoint_dir"] = str(self.folder.path)
        self.tracking = Tracking(self.experiment.config, self.folder.path)


def target_run(
    experiment: Experiment,
    candidates: Sequence[Candidate],
    own: Mapping[str, Mix] | None = None,
    more: Mapping[str, Any] | None = None,
    inside: Path | None = None,
) -> TargetRun:
    """Return the run of an experiment's target, checked but not begun.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    candidates : sequence of Candidate
        Candidates that are compared.
    own, more, inside
        As for :func:`~recbole_groupmix.search.identity.run_folder`.

    Raises
    ------
    ValueError
        If a part cannot train or measure the candidates, or the folder belongs to another run.
    """
    settings = experiment.settings
    folds = settings.folds if trains_on_folds(settings) else 0
    mixes = [c.mix for c in candidates if not c.follows_counts]
    if settings.in_waves:  # later waves may hold every group
        mixes.append(proportional(experiment.n_users, experiment.target))
    experiment.check_parts(folds, mixes)
    experiment.check_measured()
    duplicates = find_duplicates(experiment, candidates, folds)
    folder, config = run_folder(experiment, own or {}, more, inside)
    folder.check(config)
    trained = without_duplicates(candidates, duplicates)
    run = TargetRun(experiment, folder, config, list(candidates), trained, duplicates)
    run.carried, run.left_out = carried_rivals(experiment, folds > 0)
    return run
