"""Batches with all columns that RecBole loads: contexts, features and sequences."""

from __future__ import annotations

import copy

import numpy as np
import torch
from recbole.data.dataset import Dataset
from recbole.data.interaction import Interaction
from recbole.data.transform import construct_transform

from recbole_groupmix.adapters.batch_format import BatchFormat


def rows_of(interaction: Interaction, rows: torch.Tensor | slice) -> Interaction:
    """Return rows of an ``Interaction``, int64 (n,); RecBole's own makes a list of a tensor."""
    return Interaction({name: column[rows] for name, column in interaction.interaction.items()})


class PartColumns:
    """Rows of a data set as batches of RecBole's, joined with the features of users and items.

    A batch has the layout of RecBole's ``TrainDataLoader``: positives first, then as many rows for
    each draw of negatives; ``transform`` of the configuration applies to the positives. It reads
    histories alone, so features are joined after it, once.

    Parameters
    ----------
    dataset : Dataset
        RecBole's data set.
    form : BatchFormat
        Fields and kind, "positives", "pairwise" or "pointwise".
    device : torch.device or str
        Where the batches lie. Columns are kept there, so that a batch is one gather.
    """

    def __init__(
        self, dataset: Dataset, form: BatchFormat, device: torch.device | str = "cpu"
    ) -> None:
        self._dataset, self._form, self._device = dataset, form, torch.device(device)
        self._transform = construct_transform(dataset.config)
        self._rows: np.ndarray | None = None
        self._inter = dataset.inter_feat.to(self._device)
        features = (dataset.uid_field, dataset.user_feat), (dataset.iid_field, dataset.item_feat)
        self._features = {
            field: feat.to(self._device) for field, feat in features if feat is not None
        }

    def of_rows(self, rows: np.ndarray) -> PartColumns:
        """Return the columns of a part, whose rows of the data set, int64 (n,), are in its order.

        All parts share the same tensors.
        """
        part = copy.copy(self)
        part._rows = rows
        return part

    def batch(self, rows: np.ndarray, negatives: np.ndarray) -> Interaction:
        """Return a batch.

        Parameters
        ----------
        rows : numpy.ndarray of int64, shape (n,)
            Rows of the part.
        negatives : numpy.ndarray of int64, shape (n_negatives, n)
            Internal item ids; no rows for positives alone.

        Returns
        -------
        Interaction
            ``n`` rows of positives alone, ``n * n_negatives`` of triplets, or
            ``n * (1 + n_negatives)`` of labelled pairs.
        """
        form, times = self._form, len(negatives)
        rows = rows if self._rows is None else self._rows[rows]
        inter = rows_of(self._inter, torch.from_numpy(rows).to(self._device))
        inter = self._transform(self._dataset, inter)
        drawn = torch.from_numpy(np.ascontiguousarray(negatives).ravel()).to(self._device)
        if form.kind == "positives":
            return self._joined(inter)
        if form.kind == "pairwise":
            inter = self._joined(inter).repeat(times)
            other = self._joined(Interaction({form.item: drawn}))
            other.add_prefix(form.negative.removesuffix(form.item))
            inter.update(other)
            return inter
        inter = inter.repeat(1 + times)
        items = inter[form.item].clone()
        items[len(rows) :] = drawn
        inter.update(Interaction({form.item: items}))
        inter = self._joined(inter)
        label = torch.zeros(len(items), device=self._device)
        label[: len(rows)] = 1.0
        inter.update(Interaction({form.label: label}))
        return inter

    def _joined(self, inter: Interaction) -> Interaction:
        """Return rows with the features of their users and items, as ``Dataset.join`` does."""
        for field, features in self._features.items():
            if field in inter:
                inter.update(rows_of(features, inter[field]))
        return inter
