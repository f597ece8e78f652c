"""What every training reads of the data set besides its part, made once for all mixes."""

from __future__ import annotations

from functools import cached_property

import torch
from recbole.data.dataset import Dataset

from recbole_groupmix.adapters.batch_format import BatchFormat
from recbole_groupmix.adapters.columns import PartColumns
from recbole_groupmix.adapters.triples import Graph


class SharedTensors:
    """Columns and knowledge graph on the device of training, made at their first use.

    Parameters
    ----------
    dataset : Dataset
        RecBole's data set.
    device : torch.device
        Where they lie.
    """

    def __init__(self, dataset: Dataset, device: torch.device) -> None:
        self._dataset, self._device = dataset, device
        self._columns: dict[BatchFormat, PartColumns] = {}

    def columns(self, form: BatchFormat) -> PartColumns:
        """Return all columns of all rows."""
        if form not in self._columns:
            self._columns[form] = PartColumns(self._dataset, form, self._device)
        return self._columns[form]

    @cached_property
    def graph(self) -> Graph:
        """The triples of a knowledge-based data set."""
        return Graph(self._dataset, self._device)
