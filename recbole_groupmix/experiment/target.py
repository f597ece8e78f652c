"""The target group of a run."""

from __future__ import annotations

from recbole.data.dataset import Dataset

from recbole_groupmix.adapters.groups import Groups
from recbole_groupmix.settings.settings import Settings
from recbole_groupmix.text.untrusted import short_repr


def target_of(settings: Settings, dataset: Dataset, groups: Groups) -> str:
    """Return the target that settings name.

    Raises
    ------
    ValueError
        If they name none, or one that is no group of the data set; the message lists the groups.
    """
    listed = groups.table(dataset.inter_feat[dataset.uid_field].numpy())
    target, name = settings.target, settings.dataset
    if not target:
        raise ValueError(
            f"no target group given; choose one by --target. Groups of {groups.source} of "
            f"{name!r}: {listed}"
        )
    if target not in groups.names:
        is_token = groups.from_column and target in dataset.field2id_token[groups.field]
        why = "has no user with an interaction" if is_token else "is not a group"
        origin = settings.origin.get("target", "the default")
        raise ValueError(
            f"target {short_repr(target)} ({origin}) {why} in {groups.source} of data set "
            f"{name!r}; groups are {listed}"
        )
    return target
