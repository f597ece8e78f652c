"""Units of work: jobs that a worker trains together."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass

from recbole_groupmix.training.back_end import BackEnd
from recbole_groupmix.training.closed_form.back_end import ClosedForms
from recbole_groupmix.training.job import Job, model_key
from recbole_groupmix.training.one_by_one import OneByOne

#: Units for each worker where jobs that are trained together are cheaper: the more, the evener
#: the load at the end, and the less is shared. Groups' matrices are shared by a part alone, and so
#: are BPR's negatives.
_OF_JOINT, _OF_CLOSED_FORM = 4, 2


@dataclass(frozen=True)
class Unit:
    """Jobs of one part that a worker trains together.

    Attributes
    ----------
    jobs : tuple of Job
        The jobs.
    """

    jobs: tuple[Job, ...]

    @property
    def key(self) -> str:
        """What tells units of a stage apart: a digest of their jobs."""
        told = [(j.name, j.part, j.repeat, j.epochs, sorted(j.options.items())) for j in self.jobs]
        return hashlib.sha256(repr(told).encode()).hexdigest()[:16]

    def __str__(self) -> str:
        """Name the jobs."""
        names = list(dict.fromkeys(job.name for job in self.jobs))
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        job = self.jobs[0]
        where = f"fold {job.part - 1}" if job.part else f"all of train, repeat {job.repeat}"
        return f"{', '.join(names[:3])}{more} on {where}"


def units_of(jobs: Iterable[Job], back_end: BackEnd, n_workers: int) -> list[Unit]:
    """Split jobs into units, each of one part and repeat.

    What shares a training stays together: lengths, re-rankings, and models that start from the
    same first one. Where models are trained one by one nothing else does. Else parts stay whole as
    far as each worker has as many of them; what is left over is split, so that all end together.

    Parameters
    ----------
    jobs : iterable of Job
        What is left to train.
    back_end : BackEnd
        What trains them.
    n_workers : int
        Number of workers.
    """
    parts: dict[tuple[int, int], dict[tuple[object, ...], list[Job]]] = {}
    for job in jobs:
        parts.setdefault((job.part, job.repeat), {}).setdefault(_kin(job), []).append(job)
    each = _OF_CLOSED_FORM if isinstance(back_end, ClosedForms) else _OF_JOINT
    whole, split = divmod(len(parts), n_workers)
    units = []
    for place, kins in enumerate(parts.values()):
        together = list(kins.values())
        if isinstance(back_end, OneByOne):
            n = len(together)
        elif place < whole * n_workers:
            n = 1
        else:
            n = min(math.ceil(max(each - whole, 1) * n_workers / split), len(together))
        units += [Unit(tuple(job for kin in together[i::n] for job in kin)) for i in range(n)]
    return units


def _kin(job: Job) -> tuple[object, ...]:
    """Return the key of jobs that must be trained by the same worker."""
    first = job.recipe.first
    if first is not None and job.recipe.towards is None:
        return ("first", first.epochs, *first.recipe.identity)
    return model_key(job)
