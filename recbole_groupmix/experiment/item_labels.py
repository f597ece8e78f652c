"""The classes of the items of an experiment."""

from __future__ import annotations

from recbole_groupmix.adapters.item_classes import read_item_classes
from recbole_groupmix.experiment.experiment import Experiment


def item_labels(experiment: Experiment) -> list[list[str]] | None:
    """Return the classes of every item from the column ``class_field``.

    Returns
    -------
    list of list of str, length n_items, or None
        By internal item id; None if the data set has no such column.

    Raises
    ------
    ValueError
        If the user named a column that cannot be used.
    """
    settings = experiment.settings
    if not settings.class_field:
        return None
    try:
        labels = read_item_classes(experiment.dataset, settings.class_field)
        if not any(labels):
            raise ValueError("no item has a class in that column")
        return labels
    except ValueError as error:
        if "class_field" not in settings.given:  # the data set's usual column is not in this copy
            return None
        raise ValueError(f"{settings.describe('class_field')}: {error}") from error
