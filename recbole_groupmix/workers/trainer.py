"""Trains jobs by workers, or in this process where none are asked for."""

from __future__ import annotations

import hashlib
import os
import pickle
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from contextlib import contextmanager

from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.record.result import versions
from recbole_groupmix.search.identity import fingerprint
from recbole_groupmix.settings.wanted_workers import wanted_workers
from recbole_groupmix.text.numbers import gib
from recbole_groupmix.training.any_recipe import of_any_recipe
from recbole_groupmix.training.back_end import BackEnd, Trains
from recbole_groupmix.training.back_ends import back_end as back_end_of
from recbole_groupmix.training.job import Fit, Job, OnEpoch
from recbole_groupmix.training.memory import memory
from recbole_groupmix.workers.crew import Crew, open_crew
from recbole_groupmix.workers.parcels import pack
from recbole_groupmix.workers.units import Unit, units_of
from recbole_groupmix.workers.work import Answer, Run, received, work

_BETWEEN_CHECKS = 1.0  # seconds


class Workers:
    """Trains jobs by the workers of a crew; results are those of this process.

    Parameters
    ----------
    crew : Crew
        The workers.
    run : Run
        What they need to know.
    back_end : BackEnd
        What they train with.
    """

    def __init__(self, crew: Crew, run: Run, back_end: BackEnd) -> None:
        self._crew, self._back_end = crew, back_end
        self._run = pickle.dumps(run)
        self._given = (versions(), hashlib.sha256(self._run).hexdigest(), self._run)

    def train(
        self, experiment: Experiment, jobs: Iterable[Job], on_epoch: OnEpoch | None = None
    ) -> Iterator[Fit]:
        """Train jobs, in any order; see :meth:`Trains.train`. Epochs are not told.

        A unit whose worker ends is submitted again. A unit that is answered twice counts once.

        Raises
        ------
        ChildProcessError
            If all workers of a unit ended, once the other units are done; it names the unit.
        ConnectionError
            If no worker can be reached any more.
        ValueError
            If a worker has other versions or data than this process, or cannot write.
        """
        units = {unit.key: unit for unit in units_of(jobs, self._back_end, self._crew.n)}
        left, tries, failed = dict(units), Counter[str](), list[Unit]()
        futures = {self._submit(unit): unit for unit in units.values()}
        try:
            while futures:
                done, _ = wait(futures, _BETWEEN_CHECKS, FIRST_COMPLETED)
                self._crew.check()
                for future in done:
                    unit = futures.pop(future)
                    try:
                        answer: Answer = pickle.loads(future.result())
                    except self._crew.lost:
                        answer = Answer("", [])
                    except CancelledError as error:
                        raise ConnectionError(
                            "the workers have gone; run the same command again to resume"
                        ) from error
                    if answer.key in left:
                        of_answer = left.pop(answer.key)
                        for number, sent in answer.fits:
                            yield received(of_answer, number, sent)
                    if unit.key in left:  # its worker has ended
                        tries[unit.key] += 1
                        if tries[unit.key] < self._crew.tries:
                            futures[self._submit(unit)] = unit
                        else:
                            failed.append(unit)
        finally:
            for future in futures:
                future.cancel()
        if failed:
            more = f" (and {len(failed) - 1} other units)" if len(failed) > 1 else ""
            raise ChildProcessError(
                f"every worker that trained {failed[0]}{more} ended, most often for lack of "
                "memory; all else is kept: run the same command with fewer workers, a smaller "
                "--max_memory, or without --workers"
            )

    def _submit(self, unit: Unit) -> Future[bytes]:
        return self._crew.executor.submit(work, *self._given, pack(unit))


@contextmanager
def trainer_of(
    experiment: Experiment,
    back_end: BackEnd,
    say: Callable[[str], None],
    all_users: bool = False,
) -> Iterator[Trains]:
    """Yield what trains the jobs of a run: its workers, or this process; end them afterwards.

    Parameters
    ----------
    experiment : Experiment
        The experiment that is trained.
    back_end : BackEnd
        Its back end.
    say : callable
        Prints a line for people.
    all_users : bool
        Whether it is the experiment of all users.
    """
    wanted = wanted_workers(experiment.settings)
    if wanted is None:
        yield of_any_recipe(back_end)
        return
    crew = open_crew(wanted, say)
    try:
        run, budget = _run_of(experiment, crew, all_users)
        each = f", each with up to {gib(budget)} of models" if budget else ""
        threads = f"{crew.threads} thread{'s' if crew.threads > 1 else ''}"
        say(f"trained by {crew.says}, of {threads}{each}")
        yield Workers(crew, run, back_end)
    finally:
        crew.close()


def _run_of(experiment: Experiment, crew: Crew, all_users: bool) -> tuple[Run, int]:
    """Return what workers need to know, and the bytes that each of them may take; 0 if unknown."""
    settings, values = experiment.settings, dict(experiment.settings.values)
    values.pop("workers", None)
    here = wanted_workers(settings)
    budget = 0
    if settings.max_memory is not None or (here is not None and here.n):
        budget = memory(experiment) // crew.on_machine
        values["max_memory"] = budget / 2**30
        if crew.on_machine > 1:
            shared = experiment.for_target(experiment.target, max_memory=values["max_memory"])
            back_end_of(shared)  # refuses what a worker's share does not hold
    run = Run(values, all_users, fingerprint(experiment)["sha256"], os.getcwd(), crew.threads)
    return run, budget
