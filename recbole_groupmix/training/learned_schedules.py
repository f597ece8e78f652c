"""Jobs with a rule: the weights are learned with a guide held back, then replayed on all rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.guided import Guided
from recbole_groupmix.training.back_end import Trains
from recbole_groupmix.training.job import Fit, Job, OnEpoch, training_key


class LearnedSchedules:
    """Trains a job whose recipe has a rule twice; any other job once.

    The first training leaves the part's guide out and learns from its losses how the weights of
    groups change. The second has these weights, epoch by epoch, and all rows of the part. So
    learning costs a training but no data, and no item that a job is measured on takes part in it.

    Parameters
    ----------
    back_end : Trains
        What trains both.
    """

    def __init__(self, back_end: Trains) -> None:
        self._back_end = back_end

    def train(
        self, experiment: Experiment, jobs: Iterable[Job], on_epoch: OnEpoch | None = None
    ) -> Iterator[Fit]:
        """Train jobs, those without a rule first; see :meth:`Trains.train`."""
        plain: list[Job] = []
        with_rule: dict[tuple[int, int], list[Job]] = {}
        for job in jobs:
            if job.recipe.rule is None:
                plain.append(job)
            else:
                with_rule.setdefault((job.part, job.repeat), []).append(job)
        if plain:
            yield from self._back_end.train(experiment, plain, on_epoch)
        if with_rule:
            guided = Guided(experiment)
            for together in with_rule.values():
                yield from self._train_twice(experiment, guided, together, on_epoch)

    def _train_twice(
        self,
        experiment: Experiment,
        guided: Experiment,
        jobs: list[Job],
        on_epoch: OnEpoch | None,
    ) -> Iterator[Fit]:
        waiting: dict[tuple[object, ...], list[Job]] = {}
        for job in jobs:
            waiting.setdefault(training_key(job), []).append(job)
        most = int(experiment.config["epochs"])
        learning = [
            replace(
                same[0],
                epochs=max(job.epochs or most for job in same),
                eval_step=0,
                targets=(),
                every_group=False,
            )
            for same in waiting.values()
        ]
        ready: list[Job] = []
        seconds: dict[tuple[object, ...], float] = {}
        for learned in self._back_end.train(guided, learning, on_epoch):
            same = waiting[training_key(learned.job)]
            share = learned.seconds / len(same)
            if learned.diverged:
                yield from (replace(learned, job=job, seconds=share) for job in same)
                continue
            for job in same:
                ready.append(replace(job, schedule=learned.schedule))
                seconds[training_key(ready[-1])] = share
        for fit in self._back_end.train(experiment, ready, on_epoch) if ready else ():
            fit.seconds += seconds[training_key(fit.job)]
            fit.job = replace(fit.job, schedule=None)
            yield fit
