"""Models of RecBole that start from checkpoints of other models."""

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
    keys: tuple[str, ...]  # keys that name the checkpoints
    switch: str  # key that decides whether they are read
    off: Any  # value of the switch if they are not read


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
        Returns a text with the value of a key and its origin, for messages.

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
                f"{describe(key)}, and that file does not exist (the working folder is "
                f"{Path.cwd()}); give the path of a checkpoint"
            )
    return files


def from_initial_values(model: str) -> dict[str, Any]:
    """Return the settings under which a model starts from initial values and reads no file."""
    start = _STARTS.get(model)
    return {} if start is None else {start.switch: start.off}


def construct(model_class: Callable[[Any, Any], Any], config: Any, dataset: Any) -> Any:
    """Make a model, from the checkpoints that its keys name, if any.

    RecBole reads them by ``torch.load``, which refuses them since torch 2.6 and executed any code
    in them before. It is replaced by :func:`~.checkpoint.read_checkpoint`, which reads tensors and
    executes nothing. Arrays beside the data (LDiffRec's ``item_emb.npy``) are read without pickle.

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
        If a key names no file, or a file whose tensors do not fit the model.
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
                f"{config['model']} cannot start from {named}: {type(error).__name__}: "
                f"{_one_line(error)}; they must be of the same data set (here "
                f"{dataset.user_num - 1} users and {dataset.item_num - 1} items), filters and sizes"
            ) from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())  # torch writes a line for every parameter


def _tensors(key: str, file: Path) -> dict[str, Any]:
    """Return the ``state_dict`` of a checkpoint, without anything else."""
    try:
        content = read_checkpoint(file)
        state = content.get("state_dict", content)
        tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    except Exception as error:
        raise ValueError(
            f"{key} is {str(file)!r}, which does not hold readable weights "
            f"({type(error).__name__}: {_one_line(error)}); give a checkpoint of RecBole or a run"
        ) from error
    if not tensors:
        raise ValueError(f"{key} is {str(file)!r}, a checkpoint without weights")
    return {"state_dict": tensors}
