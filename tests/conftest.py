import os
from pathlib import Path

import pytest
from hypothesis import settings

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED_DATA = REPOSITORY.parent / "shared" / "data"

# A failing example must fail again on the next machine; how long one takes proves nothing.
settings.register_profile("groupmix", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("groupmix")


def pytest_collection_modifyitems(items):
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


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """Folder that holds the data set ``tiny``: 32 users in groups A, B and C, 40 items."""
    from helpers import write_tiny

    return write_tiny(tmp_path_factory.mktemp("tiny"))
