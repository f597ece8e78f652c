"""Models of RecBole that start from checkpoints of others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

import numpy as np
from torch import Tensor

from recbole_groupmix.adapters.checkpoint import read_checkpoint


@dataclass(frozen=True)
class _Start:
    keys: tuple[str, ...]  # name the checkpoints
    switch: str  # the key that says whether they are read
    off: Any  # its value where they are not


_STARTS = {
    "ConvNCF": _Start(("pre_model_path",), "train_method", "no_pretrain"),
    "NAIS": _Start(("pretrain_path",), "pretrain_path", None),
    "NeuMF": _Start(("mf_pretrain_path", "mlp_pretrain_path"), "use_pretrain", False),
}


def pretrained_files(values: Any, describe: Callable[[str], str] | None = None) -> dict[str, Path]:
    """Return the checkpoints that a model starts from, by the key that names them.

    Parameters
    ----------
    values : recbole.config.Config or mapping
        RecBole's keys, with ``model``.
    describe : callable, optional
        Says of a key what its value is and where it came from, for messages.

    Returns
    -------
    dict of str to pathlib.Path
        Existing files; empty for a model that starts from initial values.

    Raises
    ------
    ValueError
        If a key names no file.
    """
    describe = describe or (lambda key: f"{key} is {values[key]!r}")
    start = _STARTS.get(values["model"])
    if start is None or values[start.switch] in (start.off, None):
        return {}
    files = {}
    for key in start.keys:
        if not values[key]:
            raise ValueError(
                f"{describe(start.switch)}, but {key} names no checkpoint to start from; give a "
                f"file by --{key} or leave {start.switch} out"
            )
        files[key] = Path(str(values[key])).expanduser()
        if not files[key].is_file():
            raise ValueError(
                f"{describe(key)}, and there is no such file (the working folder is "
                f"{Path.cwd()}); give the path of a checkpoint"
            )
    return files


def from_initial_values(model: str) -> dict[str, Any]:
    """Return the settings under which a model starts from initial values and reads no file."""
    start = _STARTS.get(model)
    return {} if start is None else {start.switch: start.off}


def construct(model_class: Callable[[Any, Any], Any], config: Any, dataset: Any) -> Any:
    """Make a model, from the checkpoints that its keys name if it has any.

    RecBole reads them by ``torch.load``, which refuses them since torch 2.6 and before ran
    whatever they held. It is lent :func:`~.checkpoint.read_checkpoint`, which makes their
    tensors and runs nothing. Nor do arrays that lie beside the data (LDiffRec's
    ``item_emb.npy``) run anything.

    Parameters
    ----------
    model_class : type
        RecBole's class or ours.
    config : recbole.config.Config
        Its configuration.
    dataset : recbole.data.dataset.Dataset
        Its training data.

    Raises
    ------
    ValueError
        If a key names no file or a file whose tensors the model cannot take.
    """
    files = pretrained_files(config)
    read = {str(config[key]): _tensors(key, file) for key, file in files.items()}
    arrays = np.load
    with (
        patch("torch.load", Mock(side_effect=lambda path, **options: read[str(path)])) as load,
        patch("numpy.load", lambda path, **options: arrays(path)),
    ):
        try:
            return model_class(config, dataset)
        except Exception as error:
            if not load.called:
                raise
            named = ", ".join(f"{key} {str(file)!r}" for key, file in files.items())
            raise ValueError(
                f"{config['model']} cannot start from {named}: {type(error).__name__}: {_said(error)}; "
                f"they must be of the same data set (here {dataset.user_num - 1} users and "
                f"{dataset.item_num - 1} items), filters and sizes"
            ) from error


def _said(error: Exception) -> str:
    return " ".join(str(error).split())  # torch writes a line for every parameter


def _tensors(key: str, file: Path) -> dict[str, Any]:
    """Return a checkpoint with nothing but its ``state_dict``."""
    try:
        content = read_checkpoint(file)
        state = content.get("state_dict", content)
        tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    except Exception as error:
        raise ValueError(
            f"{key} is {str(file)!r}, which holds no weights that can be read "
            f"({type(error).__name__}: {_said(error)}); give a checkpoint of RecBole or of a run"
        ) from error
    if not tensors:
        raise ValueError(f"{key} is {str(file)!r}, a checkpoint without weights")
    return {"state_dict": tensors}
