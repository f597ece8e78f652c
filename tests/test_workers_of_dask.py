"""A run that workers of Dask train, on loopback; needs the extra dask."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from blocks import blocks_of
from command import REPOSITORY, run_arguments, run_folder
from runs_by_workers import check_same, wait_for

from recbole_groupmix.workers import by_dask

pytest.importorskip("distributed", reason="needs the extra dask")
pytest.importorskip("dask_jobqueue", reason="needs the extra dask")

SEARCH = {"trials": 6, "folds": 2, "repeats": 2, "rivals": "[fine_tuned]"}
LOCAL = """
cluster: LocalCluster
jobs: 2
options:
  cores: 1
  memory: 4GB
  interface: lo
"""


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch):
    for name in ("OMP", "NUMBA"):
        monkeypatch.setenv(f"{name}_NUM_THREADS", "1")


def _start(tiny, folder, *more):
    command = [sys.executable, str(REPOSITORY / "run_groupmix.py")]
    command += [*run_arguments(tiny, **SEARCH)[1:], f"--output_dir={folder}", "--report=False"]
    return subprocess.Popen(
        [*command, *more], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def _finished(tiny, folder, *more):
    run = _start(tiny, folder, *more)
    _, err = run.communicate(timeout=300)
    assert run.returncode == 0, err
    return run_folder(folder), err


@pytest.fixture(scope="module")
def whole(tiny, tmp_path_factory):
    """The run by one process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("NUMBA_NUM_THREADS", "1")
        return _finished(tiny, tmp_path_factory.mktemp("whole") / "runs")[0]


class Servers:
    """A scheduler and workers of Dask, each a process that can be killed."""

    def __init__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.started = []
        self.scheduler = self._start("scheduler")

    @property
    def workers(self):
        return f"--workers=dask://127.0.0.1:{self.port}"

    def worker(self):
        return self._start("worker", "--no-nanny")

    def _start(self, kind, *more):
        """Start what docs/cluster.md says, at a port of our own."""
        lines = [line for b in blocks_of("docs/cluster.md", "bash") for line in b.splitlines()]
        (line,) = [line for line in lines if line.startswith(f"dask {kind} ")]
        words = line.replace("8786", str(self.port)).split()
        command = [sys.executable, "-m", *words, *more, "--no-dashboard"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.started.append(process)
        return process


@pytest.fixture
def servers():
    made = Servers()
    wait_for(lambda: _answers(made.port))
    yield made
    for process in reversed(made.started):
        process.kill()
        process.wait()


def _answers(port):
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


# --- runs ----------------------------------------------------------------------------------------


def test_workers_on_this_machine_give_the_numbers_of_one_process(tiny, whole):
    place, err = _finished(tiny, "runs", "--workers=dask-local:2")
    assert "trained by 2 workers of Dask" in err and "of 1 thread, each with up to" in err
    check_same(whole, place)


def test_jobs_of_a_cluster_give_the_numbers_of_one_process(tiny, whole):
    """The jobs are processes here; they join when the run has begun."""
    Path("local.yaml").write_text(LOCAL)
    place, err = _finished(tiny, "runs", "--workers=local.yaml")
    assert "workers of Dask" in err
    check_same(whole, place)


#: Stand for the commands of SLURM: a job is a process of this computer.
SBATCH = """#!/bin/bash
cp "${@: -1}" FOLDER/script.$$  # which is removed as soon as this ends
setsid bash FOLDER/script.$$ > FOLDER/log.$$ 2>&1 &
echo $! > FOLDER/job.$$
echo "Submitted batch job $$"
"""
SCANCEL = """#!/bin/bash
kill -- "-$(cat FOLDER/job.${@: -1})"
"""


def test_jobs_are_submitted_and_cancelled_as_slurm_wants_it(tiny, whole, tmp_path, monkeypatch):
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (tmp_path / name).write_text(text.replace("FOLDER", str(tmp_path)))
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    template = (REPOSITORY / "properties" / "cluster" / "slurm.yaml").read_text()
    mine = template.replace("jobs: 4 ", "jobs: 2 ").replace("cores: 8 ", "cores: 1 ")
    mine = mine.replace("memory: 16GB", "memory: 4GB").replace("queue: normal", "interface: lo")
    assert mine.count("jobs: 2 ") == mine.count("cores: 1 ") == mine.count("interface") == 1
    (tmp_path / "mine.yaml").write_text(mine)
    place, _ = _finished(tiny, tmp_path / "runs", f"--workers={tmp_path / 'mine.yaml'}")
    check_same(whole, place)
    jobs = list(tmp_path.glob("job.*"))
    assert len(jobs) == 2
    wait_for(lambda: not any(_runs(int(job.read_text())) for job in jobs))


def _runs(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_workers_that_join_late_and_leave(tiny, whole, servers):
    run = _start(tiny, "runs", servers.workers)
    wait_for(lambda: Path("runs").is_dir() or run.poll() is not None)
    first = servers.worker()
    wait_for(lambda: any(Path("runs").glob("*/trials.jsonl")) or run.poll() is not None)
    servers.worker()
    first.kill()  # in the middle of a unit, or between two
    _, err = run.communicate(timeout=300)
    assert run.returncode == 0, err
    assert "trained by 0 workers of Dask" in err
    check_same(whole, run_folder("runs"))


def test_a_scheduler_that_ends_is_told_and_the_run_goes_on_elsewhere(tiny, whole, servers):
    servers.worker()
    run = _start(tiny, "runs", servers.workers, "--show_progress=False")
    wait_for(lambda: any(Path("runs").glob("*/trials.jsonl")) or run.poll() is not None)
    servers.scheduler.send_signal(signal.SIGKILL)
    _, err = run.communicate(timeout=300)
    if run.returncode == 0:
        pytest.skip("the run was faster than the kill")
    assert run.returncode == 1 and "Traceback" not in err, err
    assert "run the same command again to resume" in err.splitlines()[-1], err
    place, _ = _finished(tiny, "runs", "--workers=2")
    check_same(whole, place)


def test_no_scheduler_is_told(tiny, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    run = _start(tiny, "runs", f"--workers=dask://127.0.0.1:{port}")
    _, err = run.communicate(timeout=300)
    assert run.returncode == 1 and "Traceback" not in err
    assert f"no scheduler of Dask answers at tcp://127.0.0.1:{port}" in err.splitlines()[-1]


# --- files of clusters, and the watch ------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("- a", "must have the keys cluster, jobs and options"),
        ("cluster: SLURMCluster\nworkers: 4", "must have the keys cluster, jobs and options"),
        ("cluster: SlurmCluster", "allowed are .*PBSCluster.*SLURMCluster"),
        ("cluster: JobQueueCluster", "allowed are"),
        ("cluster: SLURMCluster\njobs: many", "it must be a whole number"),
        ("cluster: SLURMCluster\noptions: {memory: 4GB}", "options must have cores"),
        ("{", "is no YAML"),
    ],
)
def test_a_file_that_describes_no_cluster_is_refused(content, told):
    Path("c.yaml").write_text(content)
    with pytest.raises(ValueError, match=rf"c\.yaml.*{told}|{told}"):
        by_dask.cluster_of("c.yaml")


def test_no_workers_are_told_and_a_scheduler_that_has_gone_is_an_error(monkeypatch):
    monkeypatch.setattr(by_dask, "PATIENCE", 0.0)
    workers = {}
    client = SimpleNamespace(
        status="running", scheduler_info=lambda n_workers: {"workers": workers}
    )
    said = []
    watch = by_dask._Watch(client, said.append)
    time.sleep(0.01)
    watch.check()
    assert said == ["no worker has joined the scheduler for 0 s; still waiting"]
    workers["one"] = {"host": "here"}
    watch.check()
    assert len(said) == 1
    client.status = "closed"
    with pytest.raises(ConnectionError, match="run the same command again to resume"):
        watch.check()


def test_the_template_is_a_cluster_of_slurm():
    """Without SLURM the job script shows what would be submitted."""
    import yaml
    from dask_jobqueue import SLURMCluster

    content = yaml.safe_load((REPOSITORY / "properties/cluster/slurm.yaml").read_text())
    assert set(content) == {"cluster", "jobs", "options"} and content["cluster"] == "SLURMCluster"
    script = SLURMCluster.job_cls(
        "tcp://127.0.0.1:1", name="w", worker_extra_args=["--nthreads", "1"], **content["options"]
    ).job_script()
    assert "#SBATCH --cpus-per-task=8" in script and "#SBATCH --mem=15G" in script
    assert "#SBATCH --requeue" in script and "--nthreads 1" in script
    assert os.sep in script
