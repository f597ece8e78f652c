"""Every configuration key that this plugin, RecBole or one of its models reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from recbole_groupmix.core.spelling import did_you_mean
from recbole_groupmix.settings.rows import OUR_KEYS

#: RecBole keys that have no effect here, with the reason.
WITHOUT_EFFECT = {
    "metrics": "all six ranking metrics are always computed, those of labels under mode labeled",
    "eval_batch_size": "evaluation blocks are sized by memory",
    "metric_decimal_place": "metrics are not rounded",
    "worker": "batches are drawn in the training process",
    "shuffle": "batches are shuffled whenever an epoch has more than one",
    "save_dataset": "nothing is cached between runs",
    "save_dataloaders": "nothing is cached between runs",
    "dataset_save_path": "nothing is cached between runs",
    "dataloaders_save_path": "nothing is cached between runs",
    "checkpoint_dir": "the selected model is saved in the run folder",
    "state": "the log is quiet",
    "device": "gpu_id chooses the device; an empty one is the CPU",
    "nproc": "a run is one process",
    "world_size": "a run is one process",
}

#: How RecBole's models read a key, and how our own do, through a view with their defaults.
_READ = re.compile(
    r"""(?:config|keys)\[\s*["']([A-Za-z_][\w-]*)["']\s*\]|config\.get\(\s*["'](\w+)["']"""
    r"""|keys\.(?:whole|number|flag|one_of)\(\s*["'](\w+)["']|\bconfig\.(\w+)"""
)
_OWN_MODELS = Path(__file__).resolve().parent.parent / "recommenders"


def recbole_folder() -> Path:
    """Return where RecBole is installed."""
    spec = find_spec("recbole")
    if spec is None or not spec.submodule_search_locations:
        raise ValueError("recbole is not installed; `pip install --no-deps recbole==1.2.1`")
    return Path(next(iter(spec.submodule_search_locations)))


@cache
def recbole_defaults() -> Mapping[str, Any]:
    """Return RecBole's own defaults, which a model's settings may change."""
    file = recbole_folder() / "properties" / "overall.yaml"
    defaults: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return MappingProxyType(defaults)


def recbole_default(model: str, key: str) -> Any:
    """Return RecBole's default of a key that it has for a model alone."""
    file = recbole_folder() / "properties" / "model" / f"{model}.yaml"
    return yaml.safe_load(file.read_text(encoding="utf-8"))[key]


@cache
def known_keys() -> frozenset[str]:
    """Return the keys of this plugin and its models, of RecBole's lists, and of its source.

    The source is searched for ``config["..."]``, since some keys (``tail_ratio``, keys of single
    models) stand in no list.
    """
    general, of_some = _keys()
    return general | of_some


@cache
def model_keys() -> frozenset[str]:
    """Return the keys that only models read, by their source."""
    general, of_some = _keys()
    # the trainer only warns if reg_weight stands beside weight_decay
    return (of_some - general) | {"reg_weight"}


@cache
def _keys() -> tuple[frozenset[str], frozenset[str]]:
    """Return the keys of all runs, and those in the source and settings of models or data sets."""
    folder = recbole_folder()
    general = {*OUR_KEYS, "nproc"}
    of_some: set[str] = set()
    for file in folder.rglob("*.py"):
        source = file.read_text(encoding="utf-8")
        of_model = file.relative_to(folder).parts[0] == "model"
        (of_some if of_model else general).update(keys_read_by(source))
        if file.name == "argument_list.py":
            general.update(re.findall(r"'(\w+)'", source))
    for file in _OWN_MODELS.glob("*.py"):
        of_some.update(keys_read_by(file.read_text(encoding="utf-8")))
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # of libyaml, if PyYAML has it
    for file in (folder / "properties").rglob("*.yaml"):
        if file.stem not in ("url", "kg_url"):  # those list data sets
            content = yaml.load(file.read_text(encoding="utf-8"), loader)
            keys = content if isinstance(content, dict) else ()
            (general if file.stem == "overall" else of_some).update(keys)
    return frozenset(general), frozenset(of_some)


def check_key(key: str, where: str, more: frozenset[str] = frozenset()) -> None:
    """Raise ``ValueError`` with the nearest name if nothing reads a key.

    Parameters
    ----------
    key : str
        The key.
    where : str
        Where it came from, for the message.
    more : frozenset of str
        Further keys to accept (those that the chosen model's file reads).
    """
    if key in ("config_files", "config_file"):
        raise ValueError(
            f"{key} {where}: a list of settings files stands on the command line only, as "
            '--config_files="a.yaml b.yaml" (in Python: config_file_list)'
        )
    if key == "local_rank":
        raise ValueError(f"{key} {where}: a run is one process; leave it out")
    if key in known_keys() or key in more:
        return
    hint = did_you_mean(key, known_keys() | more)
    raise ValueError(
        f"unknown key {key!r} {where}: neither this plugin nor RecBole nor its models read "
        f"it{hint}"
    )


def keys_read_by(source: str) -> frozenset[str]:
    """Return the configuration keys that a piece of model source reads."""
    return frozenset(next(filter(None, m.groups())) for m in _READ.finditer(source))
