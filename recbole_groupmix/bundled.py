"""Paths of the files that ship with the package: ``properties/``, ``dataset_atomic/``, docs."""

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def bundled(name: str) -> Path:
    """Return the path of a file or folder that ships with the package.

    In a checkout, or after an editable install, it lies at the top level of the repository. A
    wheel carries a copy inside the package.

    Parameters
    ----------
    name : str
        Path relative to the top level of the repository, such as ``"properties/paper.yaml"`` or
        ``"dataset_atomic/blockmix"``.

    Returns
    -------
    pathlib.Path
        Absolute path of an existing file or folder. Treat it as read-only: in a wheel install it
        lies in site-packages.

    Raises
    ------
    FileNotFoundError
        If no such file or folder ships with this installation.
    """
    repository = _PACKAGE.parent
    roots = [_PACKAGE / "_bundled"]
    if (repository / "pyproject.toml").is_file():
        # Without this test a wheel would look for "properties" among other packages.
        roots.append(repository)
    for root in roots:
        if os.path.exists(root / name):  # False for a name that is too long
            return root / name
    searched = " and ".join(str(root) for root in roots)
    raise FileNotFoundError(
        f"'{name}' does not ship with this installation of recbole-groupmix (looked in "
        f"{searched}); names are relative to the top level of the repository and begin with "
        f"properties/, dataset_atomic/ or docs/. If the name is right, the installation is "
        f"incomplete: install recbole-groupmix again."
    )
