"""From the scores on the folds to the rows of a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

from recbole_groupmix.core.names import DATA_MIX, REFERENCE
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.mixes.candidates import FIXED, Candidate
from recbole_groupmix.record.schema import FoldSummary


@dataclass(frozen=True)
class Chosen:
    """What is trained on all of train.

    Attributes
    ----------
    rows : dict of str to Candidate
        By name in the result.
    epochs : dict of str to int
        How long, by candidate name.
    options : dict of str to dict
        RecBole keys that the folds chose, by candidate name.
    diverged : tuple of str
        Candidates whose training diverged on a fold.
    same : dict of str to str
        Names that stand for another row's mix.
    """

    rows: dict[str, Candidate]
    epochs: dict[str, int]
    options: dict[str, dict[str, float]]
    diverged: tuple[str, ...]
    same: Mapping[str, str] = field(default_factory=dict)


def choose(
    experiment: Experiment,
    found: Sequence[Candidate],
    cv: Mapping[str, FoldSummary],
    selected: Candidate | None,
    same: Mapping[str, str] | None = None,
) -> Chosen:
    """Return the rows of a result: baselines, own mixes, theory's and the data mix.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    found : sequence of Candidate
        All candidates.
    cv : mapping
        Their summaries on the folds; empty without folds.
    selected : Candidate or None
        The data mix.
    same : mapping of str to str, optional
        Candidates that are an earlier one, whose model is their row's too
        (:func:`~recbole_groupmix.mixes.same_mix.same_mixes`).

    Raises
    ------
    ValueError
        If training of Proportional diverged.
    """
    same, by_name = same or {}, {c.name: c for c in found}
    of = {c.name: same.get(c.name, c.name) for c in found}
    diverged = [n for n, name in of.items() if name in cv and not isfinite(cv[name]["score"])]
    check_reference(diverged, "on a fold")
    rows = {c.name: by_name[of[c.name]] for c in found if c.source in FIXED or c.pooled_epochs}
    rows = {name: candidate for name, candidate in rows.items() if name not in diverged}
    if selected is not None:
        rows[DATA_MIX] = selected
    fixed = int(experiment.config["epochs"])
    return Chosen(
        rows=rows,
        epochs={c.name: cv[c.name]["epochs"] if cv else fixed for c in rows.values()},
        options={name: dict(s["options"]) for name, s in cv.items() if s["options"]},
        diverged=tuple(diverged),
        same=same,
    )


def check_reference(diverged: Sequence[str], where: str) -> None:
    """Raise ``ValueError`` if training of Proportional diverged."""
    if REFERENCE in diverged:
        raise ValueError(
            f"training of {REFERENCE} diverged {where}, and every change is against it; use a "
            "smaller learning_rate"
        )
