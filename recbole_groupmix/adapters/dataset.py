"""RecBole data sets, loaded completely before any split, on all supported versions of pandas."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import recbole.data.dataset as recbole_datasets
from recbole.config import Config
from recbole.data.dataset import Dataset, SequentialDataset
from recbole.utils import FeatureSource, FeatureType, ModelType

from recbole_groupmix.adapters.atomic_header import FileError
from recbole_groupmix.adapters.bad_rows import refuse_bad_rows
from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.config import OF_GRAPH, learns_labels
from recbole_groupmix.adapters.download import download
from recbole_groupmix.adapters.duplicate_ids import conflicting_ids, describe_conflicts
from recbole_groupmix.adapters.filters import CountedFilters
from recbole_groupmix.adapters.graph_rows import check_triples, checked_links
from recbole_groupmix.adapters.labels import check_labels, check_values_are_there, only_positives
from recbole_groupmix.adapters.read_table import read_table
from recbole_groupmix.adapters.seeding import global_seed
from recbole_groupmix.adapters.sequences import check_sequences

#: How RecBole calls the file of links; a kind of features like those of ``FeatureSource``.
_LINK = "link"


def _aggregate(agg: Any, column: pd.Series, function: Any, *args: Any, **kwargs: Any) -> Any:
    """``Series.agg`` as RecBole uses it on columns of sequences.

    Before pandas 3 ``agg(len)`` returned the length of every cell; now it is that of the column.
    """
    if function is len:
        return column.map(len)
    if function is np.concatenate:
        return np.concatenate(column.to_list())
    return agg(column, function, *args, **kwargs)


class _CurrentPandas(CountedFilters):
    """Mixin for RecBole's dataset classes: the same data on every supported version of pandas."""

    def _from_scratch(self) -> None:
        agg = pd.Series.agg
        with (
            recbole_compat(),
            patch.object(pd.Series, "agg", lambda *a, **k: _aggregate(agg, *a, **k)),
        ):
            super()._from_scratch()  # type: ignore[misc]

    def _load_feat(self, filepath: str, source: Any) -> pd.DataFrame | None:
        read_csv = pd.read_csv
        arguments: dict[str, Any] = {}

        def read(path: Any, **given: Any) -> pd.DataFrame:
            arguments.update(given)
            return read_table(slow_or_fast, path, self.note, **given)

        def slow_or_fast(path: Any, **given: Any) -> pd.DataFrame:
            if given["engine"] == "python":  # the compiled parser has refused the file
                refuse_bad_rows(path, arguments)
            return read_csv(path, **given)

        with patch("recbole.data.dataset.dataset.pd.read_csv", side_effect=read):
            try:
                frame: pd.DataFrame | None = super()._load_feat(filepath, source)  # type: ignore[misc]
            except ValueError as error:
                file = Path(filepath).name
                if file in str(error):
                    raise
                if arguments:  # a number within a sequence, which RecBole reads itself
                    refuse_bad_rows(filepath, arguments, self.config["seq_separator"])  # type: ignore[attr-defined]
                raise FileError(f"{file}: {error}") from error
        if frame is not None and source in (FeatureSource.USER, FeatureSource.ITEM):
            self._one_line_each(frame, filepath, source)
        if frame is not None and source in (FeatureSource.KG, _LINK):
            frame = self._checked_graph(frame, Path(filepath).name, source)
        return frame

    def _checked_graph(self, frame: pd.DataFrame, file: str, source: Any) -> pd.DataFrame:
        """Return the triples of a knowledge graph, or its links to items, that can be learned."""
        fields = [self.config[key] for key in OF_GRAPH[Path(file).suffix[1:]]]  # type: ignore[attr-defined]
        if source == _LINK:
            return checked_links(file, frame, *fields)
        check_triples(file, frame, fields)
        return frame

    def _one_line_each(self, frame: pd.DataFrame, path: str, source: FeatureSource) -> None:
        """Refuse users whose lines differ, and note such items, whose first line counts."""
        of_users = source is FeatureSource.USER
        field = self.uid_field if of_users else self.iid_field  # type: ignore[attr-defined]
        conflicts = conflicting_ids(frame, field) if field in frame else {}
        if not conflicts:
            return
        name, config = Path(path).name, self.config  # type: ignore[attr-defined]
        where = describe_conflicts(conflicts, path, config["field_separator"], config["encoding"])
        if of_users:
            raise ValueError(f"{name} holds user {where}; keep one line of each user")
        self.note(f"{name} holds item {where}; the first line of each item counts")

    def _fill_nan(self) -> None:
        # RecBole fills with `feat[field].fillna(..., inplace=True)`, which does nothing under
        # pandas 3 and leaves padding rows at int64's minimum; fill first, then let it run.
        check_values_are_there(self)
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

    def data_augmentation(self) -> None:
        """Make RecBole's sequences, of positive interactions."""
        positives = only_positives(self)
        self.inter_feat, self.removed = positives.inter_feat, positives.removed
        check_sequences(self)
        super().data_augmentation()  # type: ignore[misc]

    def _download(self) -> None:
        # RecBole has no timeout, leaves half a data set behind after an error and ends at
        # torch.distributed.barrier(), which raises in a single process.
        download(self.dataset_name, Path(self.dataset_path))  # type: ignore[attr-defined]


def dataset_class(model: str, model_type: ModelType) -> type[Dataset]:
    """Return RecBole's dataset class for a model, adapted to current versions of pandas."""
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
        All interactions, or with a sequential model the sequences that RecBole makes of them,
        except those labelled negative, by ``threshold`` or by a loaded column of 0 and 1: the loss
        and the metrics here are those of positive interactions. A model that learns labels
        (:func:`~.config.learns_labels`) has all of them. Its attribute
        ``removed`` holds a record for each step that removed interactions
        (:class:`~.removed.Removed`), ``notes`` other remarks on the files.

    Raises
    ------
    ValueError
        If a row of a given split (``benchmark_filename``), to which RecBole applies no filter,
        has no user or no item; if the lines of a user in the ``.user`` file differ, a label
        is neither 0 nor 1, an interval cannot be read, a row does not fit the header of its file,
        or no interaction is left.
    """
    dataset = dataset_class(config["model"], config["MODEL_TYPE"])(config)
    with global_seed(config["seed"]):  # DIEN draws negatives of its sequences here
        dataset._change_feat_format()
    for field in (dataset.uid_field, dataset.iid_field):
        n_missing = int((dataset.inter_feat[field] == 0).sum())
        if n_missing:
            raise ValueError(
                f"{n_missing} rows of {dataset.dataset_name}'s given split "
                f"{config['benchmark_filename']} have no {field}; remove them from the files"
            )
    if learns_labels(config):
        check_labels(dataset)
        return dataset
    return dataset if isinstance(dataset, SequentialDataset) else only_positives(dataset)
