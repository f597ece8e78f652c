import gc
import os
from pathlib import Path

import pytest
from hypothesis import settings

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED_DATA = REPOSITORY.parent / "shared" / "data"

if "PYTEST_XDIST_WORKER" in os.environ:  # as many threads as cores in each would wait for others
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# A failing example must fail again on the next machine; how long one takes proves nothing.
settings.register_profile(
    "groupmix", deadline=None, derandomize="CI" in os.environ, max_examples=50
)
settings.load_profile("groupmix")


#: A picture of nothing.
EMPTY = b'<svg viewBox="0 0 1 1"></svg>'

#: What takes longest, longest first: begun first, so that no core waits for it at the end.
LONGEST = (
    "test_all_targets",
    "test_reproduce",
    "test_workload",
    "test_report",
    "test_models",
    "test_resume",
    "test_recbole_contract",
    "test_reproduced_figures",
    "test_hostile_input",
    "test_bad_input",
    "test_evaluator_contract",
    "test_check",
    "test_docs",
    "test_layers",
    "test_damaged",
    "test_closed_form",
    "test_cli",
    "test_tune",
    "test_influence",
    "test_exactness",
    "test_answer_words",
    "test_download",
    "test_fuzz",
    "test_back_ends",
    "test_read_table",
    "test_schema",
)


def pytest_configure(config):
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False  # by number of tests, which says little


@pytest.hookimpl(trylast=True)
def pytest_collection_finish():
    """Spare the collector of garbage the many objects of libraries, which stay to the end."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items):
    rank = {name: n for n, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))  # stable
    for item in items:
        if mark := item.get_closest_marker("realdata"):
            folder = SHARED_DATA / (mark.args[0] if mark.args else "ml-1m")
            if not folder.is_dir():
                item.add_marker(pytest.mark.skip(reason=f"no data set in {folder}"))
        if item.get_closest_marker("cuda") and not _cuda():
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


def _cuda():
    import torch

    return torch.cuda.is_available()


@pytest.fixture(scope="session", autouse=True)
def _session_folder(tmp_path_factory):
    """RecBole writes log/, saved/ and log_tensorboard/ where it runs: never in the checkout.

    The checkout is then found by its path, also by the processes that tests start.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("session"))
        patch.setenv("PYTHONPATH", str(REPOSITORY), prepend=os.pathsep)
        yield


@pytest.fixture(autouse=True)
def _own_folder(_session_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def repository():
    """Top folder of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data():
    """Folder of the data sets that are not ours to ship; for tests marked ``realdata``."""
    return SHARED_DATA


@pytest.fixture
def undrawn(monkeypatch):
    """Pages get the same empty picture for every figure, checks none: for tests that read words."""
    from recbole_groupmix.check import command
    from recbole_groupmix.report import page
    from recbole_groupmix.report.frame import drawing

    monkeypatch.setattr(page, "drawn", lambda figure: drawing.Drawing(figure, EMPTY, b""))
    monkeypatch.setattr(command, "draw", lambda *given: [])


@pytest.fixture
def sketched(monkeypatch):
    """Figures of pages are made, but not laid out and written: for tests of odd values in them."""
    from recbole_groupmix.report import page
    from recbole_groupmix.report.frame import drawing

    def drawn(figure):
        figure.draw()
        return drawing.Drawing(figure, EMPTY, b"")

    monkeypatch.setattr(page, "drawn", drawn)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """Folder that holds the data set ``tiny``: 32 users in groups A, B and C, 40 items."""
    from helpers import write_tiny

    return write_tiny(tmp_path_factory.mktemp("tiny"))
