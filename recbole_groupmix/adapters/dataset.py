"""RecBole datasets that load on today's pandas, whole, and before any split."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import recbole.data.dataset as recbole_datasets
from recbole.config import Config
from recbole.data.dataset import Dataset
from recbole.utils import FeatureType, ModelType

from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.download import download
from recbole_groupmix.adapters.read_table import read_table


def _aggregate(agg: Any, column: pd.Series, function: Any, *args: Any, **kwargs: Any) -> Any:
    """``Series.agg`` as RecBole uses it on columns of sequences.

    Until pandas 3 ``agg(len)`` gave the length of every cell; now it is that of the column.
    """
    if function is len:
        return column.map(len)
    if function is np.concatenate:
        return np.concatenate(column.to_list())
    return agg(column, function, *args, **kwargs)


class _CurrentPandas:
    """Mixin over RecBole's dataset classes: the same data on every supported stack."""

    def _from_scratch(self) -> None:
        agg = pd.Series.agg
        with (
            recbole_compat(),
            patch.object(pd.Series, "agg", lambda *a, **k: _aggregate(agg, *a, **k)),
        ):
            super()._from_scratch()  # type: ignore[misc]

    def _load_feat(self, filepath: str, source: Any) -> pd.DataFrame | None:
        read_csv = pd.read_csv
        with patch("recbole.data.dataset.dataset.pd.read_csv") as reader:
            reader.side_effect = lambda *a, **k: read_table(read_csv, *a, **k)
            frame: pd.DataFrame | None = super()._load_feat(filepath, source)  # type: ignore[misc]
        return frame

    def _filter_nan_user_or_item(self) -> None:
        # RecBole takes row labels for positions: after a row without a user it drops the row
        # behind one without an item, and keeps that one.
        user, item = [self.uid_field], [self.iid_field]  # type: ignore[attr-defined]
        ids = {"user_feat": user, "item_feat": item, "inter_feat": user + item}
        for name, fields in ids.items():
            feat = getattr(self, name)
            if feat is not None and feat[fields].isna().any(axis=None):
                kept = feat.dropna(subset=fields)
                self.logger.warning(  # type: ignore[attr-defined]
                    "%d of %d rows of %s have no user or no item and are left out",
                    len(feat) - len(kept),
                    len(feat),
                    name,
                )
                setattr(self, name, kept)

    def _fill_nan(self) -> None:
        # RecBole fills with `feat[field].fillna(..., inplace=True)`, which does nothing under
        # pandas 3 and leaves padding rows at int64's minimum; fill first, then let it run.
        for name in self.feat_name_list:  # type: ignore[attr-defined]
            feat = getattr(self, name)
            for field in feat:
                kind = self.field2type[field]  # type: ignore[attr-defined]
                if kind == FeatureType.TOKEN:
                    feat[field] = feat[field].fillna(0).astype(np.int64)
                elif kind == FeatureType.FLOAT:
                    feat[field] = feat[field].fillna(feat[field].mean())
        super()._fill_nan()  # type: ignore[misc]

    def _change_feat_format(self) -> None:
        with recbole_compat():
            super()._change_feat_format()  # type: ignore[misc]

    def _download(self) -> None:
        # RecBole waits for ever on a silent server, leaves half a data set behind and ends at
        # torch.distributed.barrier(), which raises in a single process.
        download(self.dataset_name, Path(self.dataset_path))  # type: ignore[attr-defined]


def dataset_class(model: str, model_type: ModelType) -> type[Dataset]:
    """Return RecBole's dataset class for a model, made fit for today's pandas."""
    by_type = {
        ModelType.SEQUENTIAL: recbole_datasets.SequentialDataset,
        ModelType.KNOWLEDGE: recbole_datasets.KnowledgeBasedDataset,
    }
    base = getattr(recbole_datasets, f"{model}Dataset", by_type.get(model_type, Dataset))
    return type(base.__name__, (_CurrentPandas, base), {})


def load_dataset(config: Config) -> Dataset:
    """Load and filter a data set; its features are tensors and its rows in file order.

    Parameters
    ----------
    config : Config
        RecBole's configuration; its filters (``val_interval``, k-core, duplicates) apply.

    Returns
    -------
    Dataset
        All interactions. Rows labelled negative by ``threshold`` are dropped: the loss and the
        metrics here are those of positive interactions.

    Raises
    ------
    ValueError
        If a row of a given split (``benchmark_filename``), to which RecBole applies no filter,
        has no user or no item.
    """
    dataset = dataset_class(config["model"], config["MODEL_TYPE"])(config)
    dataset._change_feat_format()
    for field in (dataset.uid_field, dataset.iid_field):
        n_missing = int((dataset.inter_feat[field] == 0).sum())
        if n_missing:
            raise ValueError(
                f"{n_missing} rows of {dataset.dataset_name}'s given split "
                f"{config['benchmark_filename']} have no {field}; remove them from the files"
            )
    label = dataset.label_field
    if config["threshold"] is not None and label in dataset.inter_feat:
        rows = dataset.inter_feat[label].numpy() > 0
        if config["benchmark_filename"] is not None:
            sizes = np.split(rows, np.cumsum(dataset.file_size_list)[:-1])
            dataset.file_size_list = [int(part.sum()) for part in sizes]
        dataset = dataset.copy(dataset.inter_feat[np.flatnonzero(rows)])
    return dataset
