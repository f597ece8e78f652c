"""Names of older numpy and scipy versions that RecBole 1.2.1 needs, added while it runs.

Nothing is patched at import: the names are added when the block is entered and removed when it
ends, so a program that imports this package sees numpy and scipy as they are installed.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from scipy.sparse import dok_matrix

_NUMPY_ALIASES: dict[str, Any] = {
    "bool": np.bool_,
    "int": np.int_,
    "float": np.float64,
    "complex": np.complex128,
    "object": np.object_,
    "str": np.str_,
    "long": np.int_,
    "unicode": np.str_,
}

#: What Python says of docstrings of RecBole's sequential models when it compiles them.
_ESCAPES = ".*invalid escape sequence"


def _dok_update(self: Any, data: dict[tuple[int, int], float]) -> None:
    """Set many entries at once, as ``dok_matrix._update`` did before scipy 1.13."""
    self._dict.update(data)


@contextmanager
def recbole_compat() -> Iterator[None]:
    """Add the numpy and scipy names that RecBole's source uses and newer releases lack.

    Needed around the construction of datasets and models and around RecBole's own metrics.
    Blocks may be nested; each removes only what it added. Warnings about RecBole's own lines
    (deprecated calls of pandas, torch, scipy) are silent inside: its users cannot act on them.
    Autograd's detection of anomalies is left as it was: RecBole's sequential models switch it on
    for the whole process when they are imported, and a name that RecBole looks up imports them.

    Examples
    --------
    >>> import numpy as np
    >>> with recbole_compat():
    ...     bool(np.float is np.float64)
    True
    >>> "float" in vars(np)
    False
    """
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", module=r"recbole\.")
        warnings.filterwarnings("ignore", _ESCAPES)  # of a file, which has no module yet
        detection = torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()
        stack.callback(torch.autograd.set_detect_anomaly, *detection)
        for name, value in _NUMPY_ALIASES.items():
            if name not in vars(np):
                setattr(np, name, value)
                stack.callback(delattr, np, name)
        if not hasattr(dok_matrix, "_update"):
            dok_matrix._update = _dok_update
            stack.callback(delattr, dok_matrix, "_update")
        yield


class _SilentWriter:
    """Accepts the calls of RecBole's trainer to TensorBoard and writes nothing."""

    def add_scalar(self, *args: Any, **kwargs: Any) -> None:
        """Ignore a scalar."""

    def add_hparams(self, *args: Any, **kwargs: Any) -> None:
        """Ignore hyper-parameters."""


@contextmanager
def without_folders() -> Iterator[None]:
    """Keep RecBole's ``Trainer`` from making folders in the working folder.

    Its constructor opens ``log_tensorboard/`` and makes ``checkpoint_dir`` (by default
    ``saved/``). In this block it gets a writer that writes nothing; the checkpoint folder is made
    when a checkpoint is saved.
    """
    with (
        patch("recbole.trainer.trainer.get_tensorboard", lambda logger: _SilentWriter()),
        patch("recbole.trainer.trainer.ensure_dir", lambda folder: None),
    ):
        yield
