"""What a worker does: it makes the experiment of a run, once, and trains units of it."""

from __future__ import annotations

import os
import pickle
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from recbole_groupmix.engine.threads import use_threads
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.record.result import versions
from recbole_groupmix.search.identity import fingerprint
from recbole_groupmix.search.kept_model import saved_state
from recbole_groupmix.search.measured import test_metrics
from recbole_groupmix.settings.settings import Settings
from recbole_groupmix.training.any_recipe import of_any_recipe
from recbole_groupmix.training.back_ends import back_end
from recbole_groupmix.training.job import Fit
from recbole_groupmix.workers.freed_memory import keep_freed_memory
from recbole_groupmix.workers.parcels import unpack
from recbole_groupmix.workers.units import Unit

_PROBE = 2**16  # bytes that a worker must be able to write
_SHARE_OF_LIMIT = 0.5  # of Dask's limit for a worker, which pauses workers above 0.8 of it

_at_work = threading.Lock()
_experiments: dict[str, Experiment] = {}


@dataclass(frozen=True)
class Run:
    """What a worker needs to know of a run.

    Attributes
    ----------
    values : dict of str to object
        Values of its settings, ``max_memory`` being that of a worker.
    all_users : bool
        Whether it is the run of all targets.
    sha256 : str
        Digest of its data (:func:`~recbole_groupmix.search.identity.fingerprint`).
    folder : str
        Where relative paths begin.
    threads : int
        Threads of a worker.
    """

    values: Mapping[str, Any]
    all_users: bool
    sha256: str
    folder: str
    threads: int


@dataclass(frozen=True)
class Answer:
    """What a worker sends back: the key of a unit, and its fits by the number of their job."""

    key: str
    fits: list[tuple[int, dict[str, Any]]]


def work(expected: Mapping[str, str], digest: str, run: bytes, unit: bytes) -> bytes:
    """Train a unit in a worker.

    Parameters
    ----------
    expected : mapping of str to str
        Versions of the driver.
    digest : str
        Names the run.
    run, unit : bytes
        A :class:`Run` and a packed :class:`~.units.Unit`; they are read once the versions are known to agree.

    Returns
    -------
    bytes
        An :class:`Answer`.

    Raises
    ------
    ValueError
        If the worker has other versions or data, or cannot write; the message names it.
    """
    mine = versions()
    for name, wanted in expected.items():
        if mine[name] != wanted:
            raise ValueError(
                f"{_name()} has {name} {mine[name]}, and the run is one of {name} {wanted}; give "
                "all workers the same versions"
            )
    with _at_work, _scratch() as scratch:  # a worker of several threads takes a unit at a time
        experiment = _experiment(digest, pickle.loads(run))
        experiment.config["checkpoint_dir"] = scratch  # RecBole's trainer wants one
        return pickle.dumps(_trained(experiment, unpack(unit, experiment)))


def _name() -> str:
    return f"worker {os.getpid()} on {socket.gethostname()}"


@contextmanager
def _scratch() -> Iterator[str]:
    """Yield a folder that can be written to."""
    with ExitStack() as until_done:
        try:
            folder = until_done.enter_context(TemporaryDirectory(prefix="groupmix-"))
            (Path(folder) / "probe").write_bytes(bytes(_PROBE))
        except OSError as error:
            raise ValueError(
                f"{_name()} cannot write temporary files: {error}; free its disk, or name another "
                "folder in its TMPDIR"
            ) from error
        yield folder


def _experiment(digest: str, run: Run) -> Experiment:
    if digest not in _experiments:
        _experiments.clear()
        use_threads(run.threads)
        keep_freed_memory()
        try:
            os.chdir(run.folder)
            experiment = Experiment(Settings(_within_limit(run.values)), run.all_users)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"{_name()} cannot load the data of the run: {error}; workers read the same "
                "folders as the run does"
            ) from error
        if fingerprint(experiment)["sha256"] != run.sha256:
            raise ValueError(
                f"{_name()} reads other data than the run from {experiment.config['data_path']}; "
                "give all workers the same files"
            )
        _experiments[digest] = experiment
    return _experiments[digest]


def _within_limit(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings whose ``max_memory`` stays below the limit that Dask has for this worker."""
    try:
        from distributed import get_worker

        limit = getattr(get_worker().memory_manager, "memory_limit", None)
    except (ImportError, ValueError):  # no Dask, or no worker of it
        limit = None
    bounds = [values.get("max_memory"), limit and _SHARE_OF_LIMIT * limit / 2**30]
    known = [float(bound) for bound in bounds if bound is not None]
    return {**values, "max_memory": min(known)} if known else dict(values)


def _trained(experiment: Experiment, unit: Unit) -> Answer:
    jobs, fits = list(unit.jobs), []
    for fit in of_any_recipe(back_end(experiment)).train(experiment, jobs):
        fits.append((jobs.index(fit.job), _sent(experiment, fit)))
    return Answer(unit.key, fits)


def _sent(experiment: Experiment, fit: Fit) -> dict[str, Any]:
    """Return what is sent of a fit: what was measured of it, and its state if it may be kept."""
    sent = {
        name: getattr(fit, name) for name in ("epochs", "curve", "seconds", "diverged", "schedule")
    }
    if fit.job.part == ALL_OF_TRAIN and not fit.diverged:
        sent["tested"] = test_metrics(experiment, fit)
        if fit.job.repeat == 0:
            sent["saved"] = saved_state(fit)
    return sent


def received(unit: Unit, number: int, sent: Mapping[str, Any]) -> Fit:
    """Return a fit as it was sent, as one of the driver's own job."""
    fit = Fit(unit.jobs[number], _elsewhere, sent["epochs"])
    return replace(fit, **sent)


def _elsewhere() -> Any:
    raise RuntimeError("the model was trained by a worker, which kept it")
