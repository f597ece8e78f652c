"""A run that other processes train: the same numbers, whatever happens to the workers."""

import contextlib
import errno
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor, Executor, Future
from functools import partial
from pathlib import Path

import psutil
import pytest
import torch
from command import REPOSITORY, call, run_arguments, run_folder
from finished_runs import check_reproduced
from runs_by_workers import check_same, wait_for

from recbole_groupmix.engine.threads import pool, use_threads
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.record.result import versions
from recbole_groupmix.rivals.recipe import First, Recipe
from recbole_groupmix.settings.merge import merge_settings
from recbole_groupmix.training.closed_form.back_end import ClosedForms
from recbole_groupmix.training.job import Job
from recbole_groupmix.training.joint import Joint
from recbole_groupmix.training.one_by_one import OneByOne
from recbole_groupmix.workers import crew
from recbole_groupmix.workers.crew import Crew
from recbole_groupmix.workers.parcels import pack, unpack
from recbole_groupmix.workers.processes import Processes
from recbole_groupmix.workers.trainer import Workers, trainer_of
from recbole_groupmix.workers.units import Unit, units_of
from recbole_groupmix.workers.work import Answer, Run, work

SEARCH = {"trials": 2, "folds": 2, "repeats": 2, "rivals": "[fine_tuned]"}


@pytest.fixture
def one_thread(monkeypatch):
    """This process has one thread, as workers have, whose number comes from the environment."""
    before, torch_before = pool().size, torch.get_num_threads()
    for name in ("OMP", "MKL", "OPENBLAS", "NUMBA"):
        monkeypatch.setenv(f"{name}_NUM_THREADS", "1")
    use_threads(1)
    yield
    use_threads(before)
    torch.set_num_threads(torch_before)


@pytest.fixture(scope="module")
def processes():
    """Two processes for all runs of this module, since each takes seconds to load torch."""
    with Processes(2) as made:
        yield made


class Kept(Executor):
    """The processes of the module, which a run does not end; it may lose some of them."""

    def __init__(self, processes, kill_at=()):
        self.processes, self.kill_at, self.units = processes, kill_at, 0

    def submit(self, fn, /, *args, **kwargs):
        future = self.processes.submit(fn, *args, **kwargs)
        self.units += 1
        if self.units in self.kill_at:
            for pid in self.processes.pids:
                os.kill(pid, signal.SIGKILL)
        return future

    def shutdown(self, wait=True, *, cancel_futures=True):
        pass


def finished(*arguments, folder):
    status, _, err = call(*arguments, f"--output_dir={folder}")
    assert status == 0, err
    place = run_folder(folder)
    return json.loads((place / "result.json").read_text()), place, err


# --- the same numbers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"model": "BPR", "backend": "cpu", "rivals": "[fine_tuned,group_dro]"},
        {"model": "EASE"},
        pytest.param(
            {"model": "NeuMF", "trials": 1, "folds": 2, "rivals": "none"}, marks=pytest.mark.slow
        ),
        pytest.param({"target": "all", "rivals": "all"}, marks=pytest.mark.slow),
        pytest.param({"target": "all", "model": "EASE"}, marks=pytest.mark.slow),
    ],
    ids=lambda options: "-".join(map(str, options.values())),
)
def test_two_workers_give_the_numbers_of_one_process(
    tiny, one_thread, processes, monkeypatch, options
):
    monkeypatch.setattr(crew, "Processes", lambda n: Kept(processes))
    arguments = run_arguments(tiny, **{**SEARCH, **options})
    if options.get("target") == "all":
        for folder, more in (("one", ()), ("two", ("--workers=2",))):
            status, _, err = call(*arguments, *more, f"--output_dir={folder}")
            assert status == 0, err
        for place in Path("one").glob("*/*/result.json"):
            check_same(place.parent, Path("two") / place.parent.relative_to("one"))
        return
    _, one, _ = finished(*arguments, folder="one")
    _, two, err = finished(*arguments, "--workers=2", folder="two")
    assert "trained by 2 processes of this machine, of 1 thread, each with up to" in err
    assert one.name == two.name  # the number of workers is no part of a run's name
    check_same(one, two)
    if options["model"] != "NeuMF":  # which scores no whole catalogue at once
        check_reproduced(two, "data_mix", tiny)  # the model that a worker sent can be loaded


# --- workers that end ----------------------------------------------------------------------------


@pytest.mark.slow
def test_workers_that_are_killed_cost_nothing_but_time(tiny, one_thread, processes, monkeypatch):
    """All workers, at the second and the fifth unit."""
    arguments = run_arguments(tiny, **SEARCH)
    _, whole, _ = finished(*arguments, folder="whole")
    killing = Kept(processes, kill_at=(2, 5))
    monkeypatch.setattr(crew, "Processes", lambda n: killing)
    _, place, _ = finished(*arguments, "--workers=2", folder="killed")
    assert killing.units > 5
    check_same(whole, place)


def test_a_process_that_ends_loses_its_own_call_alone():
    with Processes(2) as two:
        asleep, awake = two.submit(time.sleep, 60), two.submit(time.sleep, 60)
        pids = wait_for(lambda: len(two.pids) == 2 and two.pids)
        os.kill(pids[0], signal.SIGKILL)
        gone = next(_done([asleep, awake]))
        with pytest.raises(BrokenExecutor):
            gone.result()
        assert sum(each.done() for each in (asleep, awake)) == 1
        assert two.submit(os.getpid).result() not in pids  # one in its place
        left = two.pids
    wait_for(lambda: not any(psutil.pid_exists(pid) for pid in left))


def test_a_process_that_ends_while_it_answers_is_noticed():
    """Half of a long message would keep its reader waiting; errors come back as they are."""
    with Processes(1) as one:
        assert len(one.submit(bytes, 3_000_000).result()) == 3_000_000
        with pytest.raises(ValueError, match="negative count"):
            one.submit(bytes, -1).result()
        for _ in range(5):
            future, (pid,) = one.submit(bytes, 200_000_000), one.pids
            time.sleep(0.05)
            os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(BrokenExecutor):
                assert len(future.result(timeout=60)) == 200_000_000
            assert one.submit(abs, -1).result(timeout=60) == 1


def _done(futures, seconds=60.0):
    wait_for(lambda: any(future.done() for future in futures), seconds)
    return (future for future in futures if future.done())


class Pretended(Executor):
    """Answers units at once, by a function of the unit and of how often it was submitted."""

    def __init__(self, answer):
        self.answer, self.submitted = answer, []

    def submit(self, fn, /, *args, **kwargs):
        unit = pickle.loads(args[-1])
        self.submitted.append(unit.key)
        future = Future()
        try:
            future.set_result(self.answer(unit, self.submitted.count(unit.key)))
        except BrokenExecutor as error:
            future.set_exception(error)
        return future


def _answer(unit):
    sent = {"epochs": 3, "curve": None, "seconds": 1.0, "diverged": False, "schedule": None}
    return pickle.dumps(Answer(unit.key, [(i, sent) for i in range(len(unit.jobs))]))


def _train(answer, jobs):
    executor = Pretended(answer)
    made = Crew(executor, 2, 1, 2, "pretended", (BrokenExecutor,), 3, lambda: None)
    return executor, Workers(made, Run({}, False, "", "", 1), OneByOne()).train(None, jobs)


def _keys(tiny, **more):
    keys = {"dataset": "tiny", "data_path": str(tiny), "group_field": "group", "target": "A"}
    return {**keys, "epochs": 2, **more}


def _experiment(tiny, **more):
    return Experiment(merge_settings(_keys(tiny, **more)))


def _job(name, part=1, repeat=0, epochs=None, first=None, **recipe):
    recipe = Recipe({"A": 1.0, "B": float(len(name))}, first=first, **recipe)
    return Job(name, recipe, part, repeat, epochs)


JOBS = [_job("a"), _job("bb"), _job("ccc"), _job("a", part=2)]


def test_a_unit_is_tried_three_times_and_then_named():
    def ends(unit, n):
        if unit.jobs[0].name == "bb":
            raise BrokenExecutor
        return _answer(unit)

    executor, fits = _train(ends, JOBS)
    done = []
    with pytest.raises(ChildProcessError, match="every worker that trained bb on fold 0 ended"):
        done.extend(fit.job for fit in fits)
    assert sorted(map(repr, done)) == sorted(map(repr, [JOBS[0], *JOBS[2:]]))  # all else is done
    assert sorted(executor.submitted.count(key) for key in set(executor.submitted)) == [1, 1, 1, 3]


def test_a_unit_that_is_lost_twice_is_done_once():
    def ends_twice(unit, n):
        if n < 3:
            raise BrokenExecutor
        return _answer(unit)

    _, fits = _train(ends_twice, JOBS)
    assert sorted(map(repr, (fit.job for fit in fits))) == sorted(map(repr, JOBS))


def test_an_answer_that_comes_twice_counts_once():
    """Also where it comes in the place of another, which is then asked for again."""
    first = []

    def confused(unit, n):
        first.append(unit)
        return _answer(first[0] if n == 1 else unit)

    executor, fits = _train(confused, JOBS)
    assert sorted(map(repr, (fit.job for fit in fits))) == sorted(map(repr, JOBS))
    assert len(executor.submitted) == 2 * len(JOBS) - 1


# --- units ---------------------------------------------------------------------------------------


def test_every_job_is_in_one_unit_with_what_shares_its_training():
    first = First(Recipe({"A": 1.0, "B": 1.0}), 4)
    jobs = [
        _job(name, part, repeat, epochs, of_first)
        for part, repeat in ((0, 0), (0, 1), (1, 0), (2, 0))
        for name in ("a", "bb", "ccc", "dddd", "eeeee")
        for epochs in (2, 5)
        for of_first in (None, first)
    ]
    for back_end in (Joint(), ClosedForms(), OneByOne()):
        units = units_of(jobs, back_end, 3)
        assert sorted(map(repr, (j for unit in units for j in unit.jobs))) == sorted(
            map(repr, jobs)
        )
        assert len({unit.key for unit in units}) == len(units)
        for unit in units:
            assert len({(job.part, job.repeat) for job in unit.jobs}) == 1
            of_first = [job for job in unit.jobs if job.recipe.first]
            assert len(of_first) in (0, 10)  # all that start from the same model
            names = {job.name for job in unit.jobs if not job.recipe.first}
            assert len(unit.jobs) - len(of_first) == 2 * len(names)  # both lengths
    assert len(units_of(jobs, OneByOne(), 3)) == 4 * 6
    assert len(units_of(jobs, Joint(), 3)) == 3 + 6  # three parts are whole; nine of six cannot be
    assert len(units_of(jobs, ClosedForms(), 3)) == 3 + 3  # one unit for each worker beside a part
    assert len(units_of(jobs, Joint(), 4)) == len(units_of(jobs, Joint(), 2)) == 4  # even
    assert len(units_of(jobs, ClosedForms(), 5)) == 4 * 3  # ceil(2 * 5 / 4) of each part


def _as_ranked(part, scores, users):
    return scores


def test_a_recipe_that_holds_a_part_finds_that_of_the_worker(tiny):
    """A part holds functions that cannot be sent; a worker has made its own."""
    mine, theirs = (_experiment(tiny) for _ in range(2))
    unit = Unit((_job("a", epochs=3, rerank=partial(_as_ranked, mine.part(1))),))
    read = unpack(pack(unit), theirs)
    assert read == unit and read.key == unit.key
    assert read.jobs[0].recipe.rerank.args[0] is theirs.part(1)


def test_a_unit_says_what_it_is():
    jobs = tuple(_job(name) for name in ("a", "bb", "ccc", "dddd", "eeeee"))
    assert str(Unit(jobs)) == "a, bb, ccc and 2 more on fold 0"
    assert str(Unit((_job("a", 0, 3),))) == "a on all of train, repeat 3"


# --- workers that are refused --------------------------------------------------------------------


def _run(tiny, **changed):
    values = {**merge_settings(_keys(tiny)).values, **changed}
    return pickle.dumps(Run(values, False, "0", os.getcwd(), 1))


def test_other_versions_are_refused():
    with pytest.raises(ValueError, match=r"worker \d+ on .* has torch .*, and the run is .* 0\.1"):
        work({**versions(), "torch": "0.1"}, "versions", b"never read", b"")


def test_other_data_are_refused(tiny, one_thread):
    with pytest.raises(ValueError, match=r"reads other data than the run from .*tiny"):
        work(versions(), "data", _run(tiny), b"")


def test_absent_data_are_refused(tiny, one_thread):
    absent = _run(tiny, data_path="nowhere")
    with pytest.raises(ValueError, match=r"cannot load the data of the run: .*nowhere"):
        work(versions(), "absent", absent, b"")


def test_a_disk_that_cannot_be_written_to_is_refused(monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(Path("nowhere").resolve()))
    with pytest.raises(ValueError, match=r"cannot write temporary files: .*nowhere.*TMPDIR"):
        work(versions(), "disk", b"never read", b"")


def test_a_full_disk_is_refused(monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ValueError, match=r"cannot write temporary files: .*No space left"):
        work(versions(), "full", b"never read", b"")


# --- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", ["0", "-1", "two", "2.5", "1025", "dask-local:0", "dask://host", "True", "[2]"]
)
def test_other_values_are_refused(tiny, value):
    status, _, err = call(*run_arguments(tiny, workers=value))
    assert status == 2 and "workers is" in err and "allowed are a number of processes" in err


def test_a_command_without_workers_says_so(tiny):
    arguments = [a for a in run_arguments(tiny, workers=2)[1:] if "fine_tune" not in a]
    keys = {"--dataset", "--data_path", "--group_field", "--workers", "--folds", "--epochs"}
    kept = [a for a in arguments if a.partition("=")[0] in keys]
    status, _, err = call("tune", *kept, "--learning_rates=[0.01]", "--reg_weights=[0.01]")
    assert status == 0, err
    assert "workers is 2 (on the command line) and has no effect" in err


def test_an_absent_file_is_refused(tiny):
    status, _, err = call(*run_arguments(tiny, workers="nowhere.yaml"))
    assert status == 2 and err.splitlines()[-1].endswith("there is no such file")


def test_workers_share_the_memory_of_their_machine(tiny, monkeypatch):
    monkeypatch.setattr(crew, "Processes", lambda n: Kept(None))
    made = _experiment(tiny, workers=4, max_memory=2)
    lines = []
    with trainer_of(made, Joint(), lines.append) as workers:
        run = pickle.loads(workers._run)
    assert run.values["max_memory"] == 0.5 and "workers" not in run.values
    assert "each with up to 0.5 GiB of models" in lines[0]
    solved = _experiment(tiny, model="EASE", workers=4, max_memory=1e-4)
    with (
        pytest.raises(ValueError, match=r"needs about .* and may take"),
        trainer_of(solved, ClosedForms(), lines.append),
    ):
        pass


def test_a_lost_model_says_where_it_went():
    _, fits = _train(lambda unit, n: _answer(unit), JOBS[:1])
    with pytest.raises(RuntimeError, match="trained by a worker"):
        _ = next(fits).model


def test_dask_that_is_not_installed_is_told(tiny, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    status, _, err = call(*run_arguments(tiny, workers="dask-local:2"))
    assert status == 2
    assert err.splitlines()[-1].endswith("need Dask: pip install 'recbole-groupmix[dask]'")


# --- no orphans ----------------------------------------------------------------------------------


def _started(tiny, folder):
    arguments = run_arguments(tiny, **{**SEARCH, "trials": 40, "folds": 4, "epochs": 100})
    command = [*arguments[1:], "--workers=2", f"--output_dir={folder}", "--report=False"]
    run = subprocess.Popen(
        [sys.executable, str(REPOSITORY / "run_groupmix.py"), *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # a shell that runs the tests in the background has it ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    wait_for(lambda: run.poll() is not None or any(Path(folder).glob("*/trials.jsonl")))
    assert run.poll() is None, run.stderr.read()
    return run, psutil.Process(run.pid).children(recursive=True), arguments


@pytest.mark.parametrize(
    "sent", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)]
)
def test_no_worker_survives_its_run(tiny, sent):
    run, children, _ = _started(tiny, "cut")
    assert len(children) >= 2
    if sent == signal.SIGINT:
        os.killpg(run.pid, sent)  # as a terminal does: the workers get it too
    else:
        run.send_signal(sent)
    _, err = run.communicate(timeout=60)
    assert run.returncode == (-sent if sent == signal.SIGKILL else 130)
    if sent == signal.SIGINT:
        assert err.splitlines()[-1].endswith("interrupted; run the same command again to resume")
        assert "Traceback" not in err
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive
