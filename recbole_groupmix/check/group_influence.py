"""Group influence in closed form as part of a check, on held-out interactions of train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recbole_groupmix.core.names import REFERENCE
from recbole_groupmix.exact.loss_influence import bytes_of_loss_influence, loss_influence
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.record.check_schema import InfluenceRecord
from recbole_groupmix.text.numbers import gib
from recbole_groupmix.training.memory import memory

MORE = 0.01
#: The part that is measured: trained without the first fold, on that fold. Test is not used.
PART = 1
#: Users whose losses are computed; the time is proportional to their number.
MOST_USERS = 2048
_N_BOOT = 2000


@dataclass(frozen=True)
class GroupInfluence:
    """The effect of one percent more of each group on the held-out loss of the targets.

    Attributes
    ----------
    lam : dict of str to float
        EASE's L2 weight, by target.
    folds : int
        Number of folds of train; the first is held out.
    users : dict of str to int
        Users whose losses were computed, by target.
    loss : dict of str to float
        Their mean held-out loss with every user's weight 1.
    change : dict of str to dict of str to dict of str to float
        By target and group: ``mean``, ``ci_low``, ``ci_high``, ``p`` and ``p_holm`` of the relative
        change of that loss, a fraction; below 0 is better. A target's means sum up to the effect
        of one percent less of lambda, near 0 at the lambda of least loss.
    """

    lam: dict[str, float]
    folds: int
    users: dict[str, int]
    loss: dict[str, float]
    change: dict[str, dict[str, dict[str, float]]]

    def to_dict(self) -> InfluenceRecord:
        """Return the section ``influence`` of ``check.json``."""
        return {
            "model": "EASE",
            "lambda": self.lam,
            "more": MORE,
            "held_out": f"fold 1 of {self.folds}",
            "users": self.users,
            "loss": self.loss,
            "change": self.change,
            "sum": {
                target: sum(row["mean"] for row in of.values())
                for target, of in self.change.items()
            },
        }


def group_influence_of(
    experiment: Experiment, targets: Sequence[str], lam: float | None = None
) -> tuple[GroupInfluence | None, str | None]:
    """Return the influence of every group on the targets, or None and why it was left out.

    Parameters
    ----------
    experiment : Experiment
        Shared data.
    targets : sequence of str
        Groups whose losses are computed: `MOST_USERS` users in all, equally many of each.
    lam : float, optional
        EASE's L2 weight for all targets, > 0; by default each has its own, that of its least loss.

    Raises
    ------
    ValueError
        If lambda is not above 0, or too small beside the data.
    """
    settings = experiment.settings
    needed, free = bytes_of_loss_influence(experiment), memory(experiment, "cpu")
    if needed > free:
        return None, (
            f"Group influence is left out: matrices of the {experiment.shape[1] - 1} items by "
            f"themselves need about {gib(needed)} and may take {gib(free)}; "
            "raise --max_memory or leave out rare items."
        )
    rows = loss_influence(
        experiment,
        lam,
        part=PART,
        targets=targets,
        most_users=max(MOST_USERS // len(targets), 2),
        more=MORE,
        n_boot=_N_BOOT,
    ).to_dict("records")
    if not rows:
        return None, "Group influence is left out: no target has two users in the first fold."
    change: dict[str, dict[str, dict[str, float]]] = {}
    for row in rows:
        numbers = {key: float(row[key]) for key in ("mean", "ci_low", "ci_high", "p", "p_holm")}
        change.setdefault(row["target"], {})[row["group"]] = numbers
    first = {row["target"]: row for row in rows}
    return GroupInfluence(
        lam={target: float(row["lambda"]) for target, row in first.items()},
        folds=int(settings.folds),
        users={target: int(row["users"]) for target, row in first.items()},
        loss={target: float(row[REFERENCE]) for target, row in first.items()},
        change=change,
    ), None
