"""A search in waves: mixes are proposed from what was tried, until trials or hopes are spent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import isfinite

import numpy as np

from recbole_groupmix.core.mix import Mix, check_groups
from recbole_groupmix.core.names import REFERENCE, REPEAT, TRIAL
from recbole_groupmix.mixes.candidates import Candidate
from recbole_groupmix.record.fold_schema import FoldSummary, LeftRecord
from recbole_groupmix.record.user_parts import UserParts
from recbole_groupmix.search.choice import check_reference
from recbole_groupmix.search.fold_records import FoldRecords
from recbole_groupmix.search.fold_stage import FoldStage
from recbole_groupmix.search.history import history_of
from recbole_groupmix.search.proposers.known import proposer_of
from recbole_groupmix.search.race import Race
from recbole_groupmix.search.stages import mix_stage, options_of
from recbole_groupmix.search.target_run import TargetRun
from recbole_groupmix.surface.belief import Belief, belief
from recbole_groupmix.surface.history import History
from recbole_groupmix.text.numbers import chance

#: Mixes of a wave, which the engine trains together.
WAVE = 8
#: The search ends where another gain has a smaller probability than this.
LEAST_CHANCE = 0.05
_DOMAIN = 0x77617665


class Waves:
    """What a search in waves trains next: a function of the seed and of what its folder holds.

    Parameters
    ----------
    run : TargetRun
        The run, with the candidates of the first wave; those of later waves are added to it.
    say : callable, optional
        Prints a line for people; without it nothing is written either, so that the folder of the
        run need not be open.

    Attributes
    ----------
    wave : int
        Number of the present wave; 0 is the first.
    racing : list of Candidate
        Candidates of the present wave that have not left.
    left : dict of str to LeftRecord
        Those that left a race.
    ended : str
        Why the search ended; empty before.
    tried : list of Candidate
        Candidates whose folds are done, and those that left.
    history, belief
        What was tried, and what it gives reason to believe.
    """

    history: History
    belief: Belief

    def __init__(self, run: TargetRun, say: Callable[[str], None] | None = None) -> None:
        self._run, self._say = run, say
        self._propose = proposer_of(run.experiment.settings)
        self.racing: list[Candidate] = list(run.trained)
        self.left: dict[str, LeftRecord] = {}
        self.wave, self.ended = 0, ""
        self.tried: list[Candidate] = []
        self.summaries: dict[str, FoldSummary] = dict(run.cv)

    @property
    def saved(self) -> int:
        """Models that were not trained since mixes had left."""
        return self._saved(self.left.values())

    def _saved(self, left: Iterable[LeftRecord]) -> int:
        settings = self._run.experiment.settings
        each = len(options_of(settings))
        return sum(settings.folds - 1 - record["fold"] for record in left) * each

    @property
    def chance_of_more(self) -> float:
        """Probability that any mix is better than Proportional by more than `least_gain`."""
        return float(self.belief.chance_of_more(self._run.experiment.settings.least_gain))

    def stages(self) -> Iterator[tuple[str, FoldStage]]:
        """Yield the stages with their titles; each has to be done before the next is asked for.

        Raises
        ------
        ValueError
            If training of Proportional diverged, or the folder has a mix for other groups.
        """
        run, settings = self._run, self._run.experiment.settings
        self._records = FoldRecords.of(run.folder, settings.folds)
        records = self._records
        self._parts = UserParts(records.curves, records.users, str(settings.valid_metric))
        self._race = Race(self._records, self._parts, settings.seed)
        written = run.folder.records("races.jsonl", LeftRecord, settings.folds)
        self._left_before = {record["name"]: record for record in written}
        stage = self._stage(self.racing)
        yield "folds, first wave", stage
        self._learn(stage, run.trained)
        while not self.ended:
            self.wave += 1
            proposed = self._next()
            if not proposed:
                self.ended = "proposer"
                break
            run.candidates += proposed
            run.trained += proposed
            yield from self._stages_of_wave(proposed)
        self._tell()

    def _stage(self, candidates: Sequence[Candidate], folds: int | None = None) -> FoldStage:
        run = self._run
        known = self.summaries
        return mix_stage(run.experiment, run.folder, candidates, known, self._records, folds)

    def _stages_of_wave(self, proposed: list[Candidate]) -> Iterator[tuple[str, FoldStage]]:
        settings = self._run.experiment.settings
        self.racing, title = list(proposed), f"folds, wave {self.wave}"
        for folds in range(1, settings.folds if self._race.is_run else 1):
            stage = self._stage(self.racing, folds)
            yield f"{title}, fold {folds} of {settings.folds}", stage
            self._leave(stage.known(), folds)
        stage = self._stage(self.racing)
        yield title, stage
        left = [self.left[c.name] for c in proposed if c.name in self.left]
        if left and self._say:
            most = len(proposed) * settings.folds * len(options_of(settings))
            self._say(
                f"wave {self.wave}: {len(left)} of {len(proposed)} mixes fell behind and left after "
                f"fewer folds, {self._saved(left)} of {most} models saved"
            )
        self._learn(stage, proposed)

    def _leave(self, racing: dict[str, FoldSummary], folds: int) -> None:
        """Let those leave who are behind after some folds; an earlier call may have decided it."""
        before = [self._left_before[name] for name in racing if name in self._left_before]
        before = [record for record in before if record["fold"] == folds - 1]
        now = self._race.leavers(racing, self._may_lead(), folds)
        known = {record["name"] for record in before}
        for record in [*before, *(r for r in now if r["name"] not in known)]:
            self.left[record["name"]] = record
            self.summaries[record["name"]] = racing[record["name"]]
            if self._say and record["name"] not in known:
                self._run.folder.append("races.jsonl", record)
        self.racing = [c for c in self.racing if c.name not in self.left]

    def _may_lead(self) -> dict[str, FoldSummary]:
        """Return the summaries of earlier mixes behind which one may be: those trained on all folds."""
        return {
            c.name: self.summaries[c.name]
            for c in self.tried
            if c.source != REPEAT and c.name not in self.left
        }

    def _learn(self, stage: FoldStage, wave: Sequence[Candidate]) -> None:
        """Take in a wave that is done, and decide whether it was the last."""
        run, settings = self._run, self._run.experiment.settings
        self.summaries.update(stage.known())
        for name in self.left:
            run.cv.pop(name, None)  # over fewer folds
        self.tried += wave
        lost = not isfinite(self.summaries[REFERENCE]["score"])
        check_reference([REFERENCE] if lost else [], "on a fold")
        self.history = history_of(run.experiment, self.tried, self.summaries, self._parts)
        self.belief = belief(self.history, settings.seed)
        if settings.least_gain and self.chance_of_more < LEAST_CHANCE:
            self.ended = "gain"
        elif self.n_trials >= settings.trials:
            self.ended = "trials"

    @property
    def n_trials(self) -> int:
        """Number of searched mixes so far, with those of a wave that is not done."""
        return sum(candidate.is_trial for candidate in self._run.trained)

    def _next(self) -> list[Candidate]:
        """Return the next wave: mixes of the folder, else those that are proposed.

        A whole wave is always asked for, so that more trials later go on as if there had been as
        many from the start.
        """
        settings, start = self._run.experiment.settings, self.n_trials
        names = [f"{TRIAL}{i}" for i in range(start, min(start + WAVE, settings.trials))]
        written = {name: self._written(name) for name in names}
        mixes: list[Mix] = []
        if None in written.values():
            rng = np.random.default_rng(np.random.SeedSequence([_DOMAIN, settings.seed, start]))
            mixes = self._propose(self.history, WAVE, rng)
            names = names[: len(mixes)]
        return [
            written[name] or Candidate(name, mixes[i], settings.search)
            for i, name in enumerate(names)
        ]

    def _written(self, name: str) -> Candidate | None:
        """Return a mix as the folder has it, which may be that of another computer."""
        experiment = self._run.experiment
        for (of, _, _), record in self._records.scores.items():
            if of == name and "alpha" in record:
                try:
                    mix = Mix(record["alpha"], record["alpha_aug"])
                    check_groups(mix, experiment.n_users, experiment.target)
                except ValueError as error:
                    raise ValueError(
                        f"{self._run.folder.path / 'trials.jsonl'}: {name}: {error} Remove the "
                        "lines of this mix; it is then proposed again"
                    ) from error
                return Candidate(name, mix, record["source"])
        return None

    def _tell(self) -> None:
        """Say why the search ended before its trials were spent."""
        settings = self._run.experiment.settings
        if self._say and self.ended == "gain":
            self._say(
                f"the search ends after {self.n_trials} of at most {settings.trials} mixes: "
                f"that any gains more than {100 * settings.least_gain:.3g} % over {REFERENCE} has a "
                f"probability of {chance(self.chance_of_more)} only"
            )
