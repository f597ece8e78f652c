"""``--dataset=ml-1m`` on a machine with a network, which here ends at the loopback address."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from command import REPOSITORY, call, tree
from loopback import AGES, HOST, PATH, ml_1m, opener, send, served, site, zipped

from recbole_groupmix.adapters import download as module
from recbole_groupmix.adapters.download import download
from recbole_groupmix.experiment import locate
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.settings.merge import merge_settings

FILES = ml_1m()
ARCHIVE = zipped(FILES)
FOLDER = Path("dataset/ml-1m")
#: The command as a user writes it.
COMMAND = ("run", "--dataset=ml-1m", "--target=25")


@pytest.fixture
def network(monkeypatch):
    """Answer this process's requests by a function until the test ends."""
    with served(lambda handler: network.answer(handler)) as server:

        def network(answer):
            network.answer = answer
            return server

        monkeypatch.setattr(urllib.request, "_opener", opener(server.server_port))
        monkeypatch.setattr(locate, "bundled", lambda name: Path("nothing"))
        yield network


def whole(handler):
    send(handler, ARCHIVE)


def refused(*says, command=COMMAND):
    """Run the command, which must end in one line with the ways out and leave nothing behind."""
    before = tree()
    status, out, err = call(*command)
    *announced, line = err.splitlines()
    assert (status, out) == (2, "") and line.startswith("groupmix: data set 'ml-1m': no files in ")
    assert all(note.startswith("downloading data set ml-1m to ") for note in announced)
    ways_out = ("groupmix prepare ml-1m --source FILE_OR_FOLDER", "--data_path")
    assert [part for part in (*says, *ways_out) if part not in line] == [], line
    assert tree() == before
    return announced


def arrived():
    return {file.name: file.read_text() for file in FOLDER.iterdir()}


@pytest.mark.smoke
def test_from_a_fresh_checkout_to_the_first_line_of_the_run(tmp_path):
    """The command word by word, in a copy of the checkout and a process of its own."""
    checkout = tmp_path / "checkout"
    for name in ("recbole_groupmix", "properties"):
        shutil.copytree(REPOSITORY / name, checkout / name)
    for name in ("run_groupmix.py", "pyproject.toml"):
        shutil.copy2(REPOSITORY / name, checkout / name)
    (checkout / "dataset_atomic").mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    environment["PYTHONPATH"] = str(tmp_path)
    with served(whole) as server:
        site(tmp_path, server.server_port)
        command = [sys.executable, "run_groupmix.py", "--dataset=ml-1m", "--target=25"]
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, cwd=checkout, env=environment, **pipes) as process:
            said = []
            for line in process.stderr:
                said.append(line)
                if line.startswith("run folder"):
                    break
            process.kill()
    assert said[-1].startswith("run folder runs/ml-1m-25-BPR-"), "".join(said)
    assert server.asked == [(HOST, PATH)]
    here = checkout / "dataset" / "ml-1m"
    size = f"{len(ARCHIVE) / 1e6:.1f} MB"
    assert f"downloading data set ml-1m to {here}: https://{HOST}{PATH}, of {size}\n" in said
    assert {file.name: file.read_text() for file in here.iterdir()} == FILES
    assert [path.name for path in here.parent.iterdir()] == ["ml-1m"]


def test_the_archive_is_fetched_once(network, capsys):
    server = network(whole)
    for announced in (1, 0):
        experiment = Experiment(merge_settings({"dataset": "ml-1m", "target": "25"}))
        assert experiment.n_users == dict.fromkeys(map(str, AGES), 10)
        assert capsys.readouterr().err.count("downloading") == announced
    assert server.asked == [(HOST, PATH)] and arrived() == FILES


def test_what_the_run_is_asked_may_be_wrong_and_the_data_stay(network):
    server = network(whole)
    status, _, err = call(*COMMAND[:2], "--target=26")
    assert status == 2 and "column 'age'" in err and arrived() == FILES
    assert call(*COMMAND[:2], "--target=27")[0] == 2 and len(server.asked) == 1


def test_a_size_that_is_not_told(network):
    network(lambda handler: send(handler, ARCHIVE, size=0))
    download("ml-1m", FOLDER)
    assert arrived() == FILES


def test_an_archive_that_has_moved(network):
    def moved(handler):
        here = handler.path.endswith("/elsewhere.zip")
        send(handler, ARCHIVE) if here else send(handler, b"", 0, 301, Location="/elsewhere.zip")

    server = network(moved)
    download("ml-1m", FOLDER)
    assert arrived() == FILES and server.asked == [(HOST, PATH), (HOST, "/elsewhere.zip")]


def test_an_archive_that_has_gone(network):
    network(lambda handler: handler.send_error(404))
    refused("404", "Not Found")


def test_an_archive_that_moves_in_a_circle(network):
    network(lambda handler: send(handler, b"", 0, 302, Location=PATH))
    refused("redirect error")


def test_without_a_network(network, monkeypatch):
    def unreachable(*arguments, **options):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(module, "urlopen", unreachable)
    assert refused("no network") == []


def test_the_proxy_of_the_environment_is_asked(network, monkeypatch):
    server = network(lambda handler: handler.send_error(403))
    for key in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(urllib.request, "_opener", None)  # reads the environment when it is made
    refused("Tunnel connection failed: 403")
    assert [path for _, path in server.asked] == [f"{HOST}:443"]


@pytest.mark.parametrize("size", [None, 0, len(ARCHIVE)], ids=["short", "untold", "told"])
def test_an_archive_that_is_cut_off(network, size):
    half = ARCHIVE[: len(ARCHIVE) // 2]
    network(lambda handler: send(handler, half, size))
    refused(f"{len(half)} of {len(ARCHIVE)} bytes" if size else "not a zip archive")


def test_an_archive_with_a_byte_that_is_wrong(network):
    place = ARCHIVE.index(b"ml-1m.inter") + 60
    wrong = ARCHIVE[:place] + bytes([ARCHIVE[place] ^ 1]) + ARCHIVE[place + 1 :]
    network(lambda handler: send(handler, wrong))
    refused("download failed")


def test_a_page_in_the_place_of_an_archive(network):
    network(lambda handler: send(handler, b"<html>log in</html>", **{"Content-Type": "text/html"}))
    refused("the server sent text/html, not a zip archive")


def test_the_archive_of_another_data_set(network):
    other = {name.replace("ml-1m", "ml-100k"): text for name, text in FILES.items()}
    network(lambda handler: send(handler, zipped(other)))
    refused("holds ml-100k.inter, ml-100k.item, ml-100k.user, and no ml-1m.inter")


def test_members_never_leave_the_folder(network):
    more = {"../outside.txt": "x", "../ml-1m.kg": "x", "/ml-1m.link": "x", "ml-1m.user/a": "x"}
    network(lambda handler: send(handler, zipped({**FILES, **more})))
    download("ml-1m", FOLDER)
    assert arrived() == {**FILES, "ml-1m.kg": "x", "ml-1m.link": "x"}
    assert [path.name for path in Path.cwd().iterdir()] == ["dataset"]
    assert [path.name for path in FOLDER.parent.iterdir()] == ["ml-1m"]


@pytest.mark.parametrize("n_bytes", [0, 1, 1000], ids=["headers", "first", "middle"])
def test_a_server_that_falls_silent(network, monkeypatch, n_bytes):
    monkeypatch.setattr(module, "PATIENCE", 0.2)

    def silent(handler):
        if n_bytes:
            send(handler, ARCHIVE[:n_bytes], len(ARCHIVE))
        server.over.wait(30)

    server = network(silent)
    refused("timed out")


def test_a_server_that_sends_a_byte_now_and_then(network, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.2)

    def slow(handler):
        send(handler, b"", len(ARCHIVE))
        for byte in ARCHIVE:
            if server.over.wait(0.02):
                return
            try:
                handler.wfile.write(bytes([byte]))
            except OSError:
                return

    server = network(slow)
    refused("bytes came in 0 s")


@pytest.mark.parametrize(("size", "says"), [(0, "GiB came"), (2000, "GiB are more than")])
def test_an_archive_that_is_too_large(network, monkeypatch, size, says):
    monkeypatch.setattr(module, "LARGEST", 1000)
    network(lambda handler: send(handler, ARCHIVE, size))
    refused(says)


def test_files_that_are_too_large(network, monkeypatch):
    monkeypatch.setattr(module, "LARGEST_FILES", 1000)
    network(whole)
    refused("its files are larger than")


def test_a_folder_that_cannot_be_made(network):
    network(whole)
    Path("dataset").write_text("a file")
    refused("File exists" if os.name == "posix" else "")


def test_a_folder_left_by_others_is_named(network):
    server = network(whole)
    FOLDER.mkdir(parents=True)
    (FOLDER / "ml-1m.zip").write_bytes(b"half")
    status, _, err = call(*COMMAND)
    assert status == 2 and err.count("\n") == 1 and server.asked == []
    assert f"remove {FOLDER.resolve()}, which holds no whole data set" in err
    shutil.rmtree(FOLDER)
    download("ml-1m", FOLDER)


def test_two_processes_fetch_the_same_data_set(network):
    both = threading.Barrier(2, timeout=30)

    def together(handler):
        both.wait()
        whole(handler)

    network(together)
    failed = []

    def fetch():
        try:
            download("ml-1m", FOLDER)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=fetch) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == [] and arrived() == FILES
    assert [path.name for path in FOLDER.parent.iterdir()] == ["ml-1m"]


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_kill_in_the_middle_leaves_nothing_that_looks_whole(network, tmp_path):
    reached = threading.Event()

    def half(handler):
        send(handler, ARCHIVE[:1000], len(ARCHIVE))
        reached.set()
        server.over.wait(30)

    server = network(half)
    site(tmp_path, server.server_port)
    code = (
        "from pathlib import Path\nfrom recbole_groupmix.adapters.download import download\n"
        f"download('ml-1m', Path({str(FOLDER)!r}))"
    )
    path = os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])
    environment = {**os.environ, "PYTHONPATH": path}
    with subprocess.Popen([sys.executable, "-c", code], env=environment) as process:
        assert reached.wait(60)
        process.send_signal(signal.SIGKILL)
    assert list(Path("dataset").iterdir()) == []
    network(whole)
    download("ml-1m", FOLDER)
    assert arrived() == FILES


def test_a_data_set_that_recbole_does_not_know():
    with pytest.raises(ValueError, match=r"RecBole does not know a data set of that name"):
        download("nosuch", Path("dataset/nosuch"))
    assert list(Path.cwd().iterdir()) == []
