"""Workers of Dask: on this machine, of a scheduler that runs already, or jobs of a cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from recbole_groupmix.settings.wanted_workers import WantedWorkers
from recbole_groupmix.text.untrusted import short_repr
from recbole_groupmix.workers.crew import Crew

INSTALL = "pip install 'recbole-groupmix[dask]'"
#: Seconds without any worker, or without a word of the scheduler, after which that is said.
PATIENCE = 60.0
_ANSWER = 10  # seconds in which a scheduler must answer at first
#: A worker takes one unit at a time; this is how Dask counts it.
_ONE_UNIT = ("--nthreads", "1")


def open_crew(wanted: WantedWorkers, threads: int, say: Callable[[str], None]) -> Crew:
    """Start workers of Dask, or reach those that run; see :func:`~.crew.open_crew`."""
    try:
        import distributed
    except ImportError as error:
        raise ValueError(f"these workers need Dask: {INSTALL}") from error
    cluster: Any = None
    asked = wanted.n
    if wanted.kind == "dask-local":
        cluster = distributed.LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=wanted.n,
            threads_per_worker=1,
            processes=True,
            memory_limit=0,  # max_memory is shared among them instead
            dashboard_address=None,
        )
    elif wanted.kind == "file":
        cluster, threads, asked = cluster_of(wanted.where)
    try:
        client = distributed.Client(  # type: ignore[no-untyped-call]
            cluster if cluster is not None else wanted.where, timeout=_ANSWER
        )
    except OSError as error:
        raise ConnectionError(
            f"no scheduler of Dask answers at {wanted.where}: start one by `dask scheduler`, or "
            "correct --workers"
        ) from error
    watch = _Watch(client, say)
    hosts = [worker["host"] for worker in watch.workers().values()]

    def close() -> None:
        client.close(timeout=2)
        if cluster is not None:
            cluster.close(timeout=5)

    return Crew(
        executor=client.get_executor(pure=False),
        n=max(len(hosts), asked, 1),
        threads=threads,
        on_machine=max((hosts.count(host) for host in hosts), default=max(wanted.n, 1)),
        says=f"{len(hosts)} workers of Dask at {client.scheduler.address}; others may join",
        lost=(distributed.scheduler.KilledWorker,),
        tries=1,  # the scheduler has tried as often as its allowed-failures says
        close=close,
        check=watch.check,
    )


def cluster_of(file: str) -> tuple[Any, int, int]:
    """Return the cluster that a file describes, the threads of a worker, and how many are asked for.

    Parameters
    ----------
    file : str
        YAML: ``cluster``, a class of dask-jobqueue such as ``SLURMCluster``; ``jobs``, how many are
        asked for; ``options`` of the class.

    Raises
    ------
    ValueError
        For a file that does not say this.
    """
    with open(file, encoding="utf-8") as stream:
        try:
            content = yaml.safe_load(stream)
        except yaml.YAMLError as error:
            raise ValueError(f"{file} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, Mapping) or set(content) - {"cluster", "jobs", "options"}:
        raise ValueError(f"{file} must have the keys cluster, jobs and options, and no others")
    try:
        import dask_jobqueue
        from dask_jobqueue.local import LocalCluster
    except ImportError as error:
        raise ValueError(f"{file} describes a cluster of dask-jobqueue: {INSTALL}") from error
    name, jobs = content.get("cluster"), content.get("jobs", 1)
    options = dict(content.get("options") or {})
    known = {n: each for n, each in vars(dask_jobqueue).items() if n.endswith("Cluster")}
    known.pop("JobQueueCluster", None)  # what the others have in common
    known["LocalCluster"] = LocalCluster
    if name not in known:
        raise ValueError(
            f"{file}: cluster is {short_repr(name)}; allowed are {', '.join(sorted(known))}"
        )
    if not isinstance(jobs, int) or isinstance(jobs, bool) or jobs < 1:
        raise ValueError(f"{file}: jobs is {short_repr(jobs)}; it must be a whole number >= 1")
    cores, processes = options.get("cores"), options.get("processes", 1)
    if not (isinstance(cores, int) and isinstance(processes, int) and cores >= processes >= 1):
        raise ValueError(
            f"{file}: options must have cores, a whole number, at least one a process"
        )
    threads = cores // processes
    more = [*(options.pop("worker_extra_args", None) or []), *_ONE_UNIT]
    try:
        cluster = known[name](**options, worker_extra_args=more)
        cluster.scale(jobs=jobs)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{file}: {error}") from error
    return cluster, threads, jobs * processes


class _Watch:
    """Looks after the scheduler and its workers while units are trained."""

    def __init__(self, client: Any, say: Callable[[str], None]) -> None:
        self._client, self._say = client, say
        self._since = time.monotonic()

    def workers(self) -> Mapping[str, Any]:
        """Return the workers that the client knows of."""
        workers: Mapping[str, Any] = self._client.scheduler_info(n_workers=-1)["workers"]
        return workers

    def check(self) -> None:
        """Say once a minute that there is no worker; raise if the scheduler has gone."""
        if self._client.status in ("closed", "closing"):
            raise ConnectionError(
                "the scheduler of the workers has gone; run the same command again to resume"
            )
        now = time.monotonic()
        if self.workers():
            self._since = now
        elif now - self._since > PATIENCE:
            self._since = now
            self._say(f"no worker has joined the scheduler for {PATIENCE:.0f} s; still waiting")
