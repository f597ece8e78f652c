"""The rows of the table of keys by name, and sets of keys made from them."""

from __future__ import annotations

from typing import Any

from recbole_groupmix.settings.key import Key
from recbole_groupmix.settings.machine_rows import MachineRows
from recbole_groupmix.settings.our_rows import OurRows
from recbole_groupmix.settings.recbole_rows import RecBoleRows
from recbole_groupmix.settings.search_rows import SearchRows


def _rows(part: type) -> dict[str, Key[Any]]:
    return {row.name: row for row in vars(part).values() if isinstance(row, Key)}


#: Every row by the name of its key.
ROWS = {
    **_rows(OurRows),
    **_rows(SearchRows),
    **_rows(MachineRows),
    **_rows(RecBoleRows),
}
#: Keys of this plugin that RecBole does not have.
OUR_KEYS = frozenset(_rows(OurRows) | _rows(SearchRows) | _rows(MachineRows))
#: Keys whose values are names, never numbers: ``target: 007`` is the token "007".
NAME_KEYS = (
    *(key for key, row in ROWS.items() if row.kind == "name"),
    "protocol",
    "mix",
    "rivals",
)
#: Keys that do not change the time of a model.
NO_COST = frozenset(key for key, row in ROWS.items() if not row.costs)
#: Keys that may differ between two commands which resume the same run.
NOT_IDENTITY = frozenset(key for key, row in ROWS.items() if not row.identity)
#: Keys whose defaults are in ``values``, and so in the names of run folders. This list never
#: grows: the default of a key that is added later is left out, and older runs keep their names.
WRITTEN_DEFAULTS = (
    *("target", "empty_group", "model", "protocol", "weighting", "user_loss", "regularizer"),
    *("loss_norm", "graph", "triplets", "embedding_size", "init", "repeats", "early_stopping"),
    *("fine_tune", "trials", "folds", "seed", "topk", "backend", "max_memory", "output_dir"),
    *("yes", "log_tensorboard"),
)
#: Equally old keys, which are in ``values`` only where they are set.
_AS_OLD = ("dataset", "group_field", "class_field", "lambdas", "mix")


def in_identity(key: str, value: Any) -> bool:
    """Return whether a value is part of the name of a run.

    It is for keys that decide results. Of our keys that came after the first version of run
    folders, only a value other than the default is.
    """
    if key in NOT_IDENTITY:
        return False
    later = key in OUR_KEYS and key not in (*WRITTEN_DEFAULTS, *_AS_OLD)
    return not (later and value == ROWS[key].default)
