"""What is said when RecBole's filters leave no row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from recbole_groupmix.adapters.compat import recbole_compat

#: RecBole's steps in their order, with the settings that each reads.
_STEPS = {
    "_filter_nan_user_or_item": (),
    "_remove_duplication": ("rm_dup_inter",),
    "_filter_by_field_value": ("val_interval",),
    "_filter_inter_by_user_or_item": ("filter_inter_by_user_or_item",),
    "_filter_by_inter_num": ("user_inter_num_interval", "item_inter_num_interval"),
}
_WITHOUT_EFFECT = (None, "[0,inf)")


@dataclass(frozen=True)
class Step:
    """What one filter left of a file.

    Attributes
    ----------
    keys : dict of str to object
        The settings that it reads, with their values; none for rows without ids.
    file : str
        Name of the file.
    before, after : int
        Rows.
    """

    keys: dict[str, Any]
    file: str
    before: int
    after: int


class NothingLeftError(ValueError):
    """A data set of which filters leave no row.

    Attributes
    ----------
    steps : list of Step
        The filters that removed rows, in their order; the last one took the last row.
    why : str
        What else is known about it.
    """

    def __init__(self, steps: list[Step], why: str = "") -> None:
        super().__init__(f"filters leave no row: {steps}; {why}")
        self.steps, self.why = steps, why


def why_nothing_is_left(dataset: Any) -> NothingLeftError:
    """Return the error that says what each filter left, to the one that took the last row.

    The files are read once more, to count the rows after each filter.

    Parameters
    ----------
    dataset : Dataset
        A RecBole data set whose filters have run.
    """
    name, config = dataset.dataset_name, dataset.config
    with recbole_compat():
        dataset._load_data(name, dataset.dataset_path)
    files = {"inter_feat": "inter", "user_feat": "user", "item_feat": "item"}
    rows = {key: len(getattr(dataset, key)) for key in files if getattr(dataset, key) is not None}
    steps: list[Step] = []
    for step, keys in _STEPS.items():
        why = _ids_apart(dataset) if step == "_filter_inter_by_user_or_item" else ""
        getattr(dataset, step)()
        given = {key: config[key] for key in keys if config[key] not in _WITHOUT_EFFECT}
        for key, before in rows.items():
            rows[key] = len(getattr(dataset, key))
            if rows[key] < before:
                steps.append(Step(given, f"{name}.{files[key]}", before, rows[key]))
            if rows[key] == 0:
                return NothingLeftError(steps, why)
    return NothingLeftError(steps)


def _ids_apart(dataset: Any) -> str:
    """Say how ids differ where no interaction has its user, or item, in the other file."""
    for kind, field in (("user", dataset.uid_field), ("item", dataset.iid_field)):
        table, inter = getattr(dataset, f"{kind}_feat"), dataset.inter_feat
        if table is not None and not inter.empty and not inter[field].isin(table[field]).any():
            return (
                f"no {field} of {dataset.dataset_name}.inter, such as {inter[field].iloc[0]!r}, is "
                f"in {dataset.dataset_name}.{kind}, where they are such as "
                f"{table[field].iloc[0]!r}: write ids in one form in both files"
            )
    return ""
