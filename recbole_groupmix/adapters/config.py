"""RecBole's ``Config``, made from its arguments only."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from recbole.config import Config
from recbole.utils import ModelType

from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.files.literal import literal
from recbole_groupmix.models import LABELLED


def splits_in_time(config: Config) -> bool:
    """Return whether RecBole's own split orders the rows by their time."""
    args = config["eval_args"]
    return bool(args["order"] == "TO" and args.get("rows") == "recbole")


def has_loss_over_all_items(config: Config) -> bool:
    """Return whether a sequential model's loss is over all items, so that it needs no negatives."""
    is_sequential = config["MODEL_TYPE"] == ModelType.SEQUENTIAL
    return is_sequential and config["loss_type"] in ("CE", "NLL")


def learns_labels(config: Config) -> bool:
    """Return whether the model learns the labels of interactions, and no negatives are drawn."""
    return config["model"] in LABELLED and (
        config["train_neg_sample_args"]["distribution"] == "none"
    )


#: The loader of RecBole's own files, made once.
_yaml_loader: type | None = None
_IDS = ("USER_ID_FIELD", "ITEM_ID_FIELD")
#: Columns of ids in the files of a knowledge graph.
OF_GRAPH = {
    "kg": ("HEAD_ENTITY_ID_FIELD", "RELATION_ID_FIELD", "TAIL_ENTITY_ID_FIELD"),
    "link": ("ITEM_ID_FIELD", "ENTITY_ID_FIELD"),
}
#: What RecBole's quick start for context-aware models sets for training on labels; runs train on
#: sampled negatives and rank, as RecBole does with all other models.
_FOR_LABELS = ("eval_args", "train_neg_sample_args", "metrics", "valid_metric", "threshold")


def _fast(loader: type) -> type:
    """Return a loader equivalent to the given one of PyYAML, based on libyaml if available."""
    if not yaml.__with_libyaml__:
        return loader
    resolvers = {"yaml_implicit_resolvers": loader.yaml_implicit_resolvers}  # type: ignore[attr-defined]
    return type("Loader", (yaml.CFullLoader,), resolvers)


class GroupMixConfig(Config):
    """RecBole's configuration for one run, without three side effects of RecBole's.

    It does not read ``sys.argv`` (our command line does), does not set aliases on numpy (which
    numpy 2 no longer has), and does not ``eval`` strings.

    Parameters
    ----------
    model : str or type
        Name of a RecBole model, or a model class.
    dataset : str
        Name of the data set: its files are ``<folder>/<dataset>.inter`` and so on.
    config_dict : mapping, optional
        Any RecBole key; overrides RecBole's own YAML files.
    folder : path, optional
        Folder that holds the atomic files. Default: RecBole's rule (``data_path/dataset``).
    user_columns : sequence of str
        Columns of the ``.user`` file to load in any case, the group column among them.
    """

    def __init__(
        self,
        model: Any,
        dataset: str,
        config_dict: Mapping[str, Any] | None = None,
        *,
        folder: str | Path | None = None,
        user_columns: tuple[str, ...] = (),
    ) -> None:
        self._folder = None if folder is None else str(folder)
        with recbole_compat():
            super().__init__(model=model, dataset=dataset, config_dict=dict(config_dict or {}))
        self.yaml_loader = (
            yaml.FullLoader
        )  # checkpoints pickle the configuration, and this by name
        self._load_ids()
        self._load_time()
        self._load_graph()
        self._load_user_columns(user_columns)

    def compatibility_settings(self) -> None:
        """Do nothing: :func:`~.compat.recbole_compat` adds the aliases to numpy where needed."""

    def _build_yaml_loader(self) -> type:
        global _yaml_loader
        if _yaml_loader is None:  # RecBole's adds its resolver to PyYAML's class at every call
            _yaml_loader = _fast(super()._build_yaml_loader())
        return _yaml_loader

    def _update_internal_config_dict(self, file: str) -> Any:
        before = {key: self.internal_config_dict.get(key) for key in _FOR_LABELS}
        content = super()._update_internal_config_dict(file)
        if Path(file).name.startswith("context-aware"):
            self.internal_config_dict.update(before)
        return content

    def _load_cmd_line(self) -> dict[str, Any]:
        return {}

    def _convert_config_dict(self, config_dict: dict[str, Any]) -> dict[str, Any]:
        # RecBole calls eval here, which turns 1-5 into -4 and can run anything
        return {key: literal(value) for key, value in config_dict.items()}

    def _set_default_parameters(self) -> None:
        if has_loss_over_all_items(self) and (
            "train_neg_sample_args" not in self.external_config_dict
        ):  # RecBole's default draws some, and is refused
            self.final_config_dict["train_neg_sample_args"] = None
        super()._set_default_parameters()
        if self._folder is not None:  # RecBole pins ml-100k to the copy inside its package
            self.final_config_dict["data_path"] = self._folder

    def _init_device(self) -> None:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        if visible is not None and "gpu_id" not in self.external_config_dict:
            self.final_config_dict["gpu_id"] = visible  # else RecBole replaces it by "0"
        super()._init_device()

    def _load_ids(self) -> None:
        """Load id columns of other names; RecBole's default is ``user_id`` and ``item_id``."""
        named = [key for key in _IDS if key in self.external_config_dict]
        if named and "load_col" not in self.external_config_dict:
            load_col = dict(self.final_config_dict.get("load_col") or {})
            load_col["inter"] = [self.final_config_dict[key] for key in _IDS]
            self.final_config_dict["load_col"] = load_col

    def _load_time(self) -> None:
        """Load the column of times where rows are split in its order: RecBole's default does not."""
        load_col = dict(self.final_config_dict.get("load_col") or {})
        if splits_in_time(self) and load_col.get("inter", "*") != "*":
            columns = [*load_col["inter"], self.final_config_dict["TIME_FIELD"]]
            load_col["inter"] = list(dict.fromkeys(columns))
            self.final_config_dict["load_col"] = load_col

    def _load_graph(self) -> None:
        """Load the graph and the links of a knowledge-based model, by the names of their columns."""
        final = self.final_config_dict
        load_col = final.get("load_col")
        if final["MODEL_TYPE"] != ModelType.KNOWLEDGE or load_col is None:
            return
        given = self.external_config_dict.get("load_col") or {}
        columns = {
            source: given.get(source, [final[key] for key in keys])
            for source, keys in OF_GRAPH.items()
        }
        final["load_col"] = {**load_col, **columns}

    def _load_user_columns(self, columns: tuple[str, ...]) -> None:
        load_col = self.final_config_dict.get("load_col")
        if load_col is None or not columns:
            return  # None loads every column
        loaded = load_col.get("user", [])
        if loaded == "*":
            return
        names = [self.final_config_dict["USER_ID_FIELD"], *loaded, *columns]
        load_col = dict(load_col, user=list(dict.fromkeys(names)))
        self.final_config_dict["load_col"] = load_col
