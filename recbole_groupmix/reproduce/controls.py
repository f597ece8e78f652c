"""Controls that the paper lacks: each changes one key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from recbole_groupmix.models import CLOSED_FORM
from recbole_groupmix.report.paper.survival import AS_IS
from recbole_groupmix.settings.merge import merge_settings
from recbole_groupmix.settings.rows import ROWS
from recbole_groupmix.settings.settings import Settings

#: Searched mixes and folds of a control.
TRIALS, FOLDS = 15, 2
#: Models that see neither edges nor histories of other users when they score the target's.
_NO_GRAPH = ("BPR", *CLOSED_FORM)
#: Models for which the paper prints learning rate and decay; ours are swapped
#: (docs/reproduction.md).
_PRINTED = ("BPR", "LightGCN")
#: Keys that decide the length of training.
_LENGTH = ("early_stopping", "epochs", "eval_step", "stopping_step")


@dataclass(frozen=True)
class Control:
    """A control.

    Parameters
    ----------
    name : str
        Its name on the command line.
    says : str
        The question that it answers.
    changes : callable
        From the settings of a cell to its label and the keys to change; None where the control
        does not apply to the model or the protocol.
    """

    name: str
    says: str
    changes: Callable[[Settings], tuple[str, dict[str, Any]] | None]


def _toggled(key: str) -> Callable[[Settings], tuple[str, dict[str, Any]] | None]:
    def changes(settings: Settings) -> tuple[str, dict[str, Any]] | None:
        model = settings.model
        closed = model in CLOSED_FORM
        if (
            (ROWS[key].models == "trained" and closed)
            or (key == "graph" and model in _NO_GRAPH)
            # an optimiser without scale does not see what divides a loss of weighted terms
            or (key == "loss_norm" and settings.regularizer == "weighted")
        ):
            return None
        value = next(other for other in ROWS[key].choices if other != settings[key])
        return f"{key}={value}", {key: value}

    return changes


def _defaults(settings: Settings, protocol: str) -> Settings:
    """Return the settings of a protocol at the data set, model and size of a cell."""
    place = {key: settings[key] for key in ("dataset", "model", "embedding_size")}
    return merge_settings({**place, "protocol": protocol})


def _length(settings: Settings) -> tuple[str, dict[str, Any]] | None:
    if settings.is_solved:
        return None
    stops_early = settings.early_stopping
    other = _defaults(settings, "paper" if stops_early else "converged")
    changes = {key: other[key] for key in _LENGTH if other[key] is not None}
    return f"{other['epochs']} updates" if stops_early else "until converged", changes


def _printed(settings: Settings) -> tuple[str, dict[str, Any]] | None:
    if settings.protocol != "paper" or settings.model not in _PRINTED:
        return None
    ours = _defaults(settings, settings.protocol)
    printed = {"learning_rate": ours["reg_weight"], "reg_weight": ours["learning_rate"]}
    return "lr and decay as printed", printed


CONTROLS = (
    Control("regularizer", "does the L2 term carry the users' weights", _toggled("regularizer")),
    Control("loss_norm", "divisor of the weighted loss", _toggled("loss_norm")),
    Control("graph", "are users of weight 0 in the graph", _toggled("graph")),
    Control("user_loss", "sum or mean over a user's interactions", _toggled("user_loss")),
    Control("length", "40 updates or until converged", _length),
    Control("printed", "learning rate and decay as printed, or swapped", _printed),
)


def chosen_controls(names: Sequence[str]) -> list[Control]:
    """Return controls by name; all for no names.

    Raises
    ------
    ValueError
        For an unknown name.
    """
    known = {control.name: control for control in CONTROLS}
    for name in names:
        if name not in known:
            raise ValueError(
                f"--controls names {name!r}; controls are {', '.join(known)} (all by default)"
            )
        if names.count(name) > 1:
            raise ValueError(f"--controls names {name!r} twice")
    return [known[name] for name in names] if names else list(CONTROLS)


def labelled(settings: Settings, controls: Sequence[Control]) -> list[tuple[str, dict[str, Any]]]:
    """Return label and changed keys of the protocol as it is and of each control that applies."""
    changes_of_controls = [control.changes(settings) for control in controls]
    return [(AS_IS, {}), *(change for change in changes_of_controls if change is not None)]
