"""``groupmix fit``: what a table of mixes and scores says, and which mix to try next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from recbole_groupmix.exchange.mix_table import MixTable, read_mix_table
from recbole_groupmix.files.output_paths import out_file
from recbole_groupmix.files.whole import write_whole
from recbole_groupmix.surface.acquisition import most_promising
from recbole_groupmix.surface.belief import NEAR, Belief, belief
from recbole_groupmix.surface.history import FloatArray, History
from recbole_groupmix.surface.surface import fit_surface
from recbole_groupmix.text.numbers import percent
from recbole_groupmix.text.tables import aligned, paragraphs
from recbole_groupmix.text.untrusted import short_repr

#: Name of the target in a table that has no column for it.
TARGET = "target"
#: Fewest mixes with a score besides Proportional's that a surface is fitted to.
FEWEST = 5
_SHOWN, _DOMAIN = 5, 0x666974
#: How far from 1 the weights of the data as they are may lie: of weights, and of shares.
_NEAR_ONE, _NEAR_ROUNDED = 1e-6, 0.02


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted table.

    Attributes
    ----------
    table : MixTable
        What was fitted.
    history : History
        The same as the search knows it; where lower is better, of the scores' negatives.
    belief : Belief
        What it gives reason to believe.
    lower : bool
        Whether that is so.
    proposed : numpy.ndarray of float64, shape (n_proposed, n_groups)
        Weights of the mixes to try next, the most promising first.
    gains, sds : numpy.ndarray of float64, shape (n_proposed,)
        Expected gain of each over Proportional, relative to its score, and the standard deviation.
    """

    table: MixTable
    lower: bool
    history: History
    belief: Belief
    proposed: FloatArray
    gains: FloatArray
    sds: FloatArray


def fit_command(
    path: str | Path,
    *,
    score: str = "score",
    lower: bool = False,
    sizes: Mapping[str, int] | None = None,
    n: int = 1,
    least_gain: float = 0.01,
    seed: int = 0,
    out: str | Path | None = None,
) -> str:
    """Fit a table, perhaps write the mix to try next, and return the text.

    Parameters
    ----------
    path, score
        As for :func:`~recbole_groupmix.exchange.mix_table.read_mix_table`.
    lower : bool
        Whether lower scores are better, as of losses.
    sizes : mapping of str to int, optional
        Users of each group, perhaps with ``target``; by default all groups count as equally large.
    n : int
        Number of mixes to propose, >= 1.
    least_gain : float
        Gain over Proportional, relative to its score, whose chance is told.
    seed : int
        Seed of candidates and draws.
    out : path, optional
        YAML file of the first proposed mix, for ``groupmix run --mix=FILE``.

    Raises
    ------
    ValueError
        For a table or an option that cannot be used.
    """
    file = None if out is None else out_file(out, suffixes=(".yaml", ".yml"))
    table = read_mix_table(path, score)
    fitted = fit_table(table, lower=lower, sizes=sizes, n=n, seed=seed, where=str(path))
    text = _text(fitted, least_gain)
    if file is not None:
        content = {"name": "fit", **fitted.history.mixes(fitted.proposed[:1])[0].to_dict()}
        write_whole(file, yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
        text += f"\n\n{file}"
    return text


def fit_table(
    table: MixTable,
    *,
    lower: bool = False,
    sizes: Mapping[str, int] | None = None,
    n: int = 1,
    seed: int = 0,
    where: str = "the table",
) -> Fit:
    """Fit the surface of the search to a table of mixes; see :func:`fit_command`."""
    history = _history(table, lower, sizes or {}, where)
    rng = np.random.default_rng(np.random.SeedSequence([_DOMAIN, seed]))
    weights, surface = most_promising(history, n, rng), fit_surface(history)
    gains, sds = surface.straightened(weights, *surface.joint_gains(weights))
    return Fit(table, lower, history, belief(history, seed), weights, gains, sds)


def _history(table: MixTable, lower: bool, sizes: Mapping[str, int], where: str) -> History:
    unknown = [name for name in sizes if name not in (*table.groups, TARGET)]
    if unknown:
        raise ValueError(
            f"--sizes names {short_repr(unknown[0])}, which is no group of {where}; groups are "
            f"{', '.join(table.groups)}, and {TARGET}"
        )
    if TARGET in table.groups:
        raise ValueError(
            f"{where} has a column {TARGET!r}; the target's users always weigh 1: leave it out"
        )
    n_users = {TARGET: 1, **dict.fromkeys(table.groups, 1), **sizes}
    weights = table.user_weights(n_users)
    off_one = _NEAR_ONE if table.budgets is None else _NEAR_ROUNDED
    reference = (np.abs(weights - 1.0) <= off_one).all(axis=1)
    scores = -table.scores if lower else table.scores
    known = np.isfinite(scores)
    if not (reference & known).any():
        raise ValueError(
            f"{where} has no row with a score in which every weight is 1, the data as they are, with "
            "which the others are compared; try it first, and give --sizes with shares"
        )
    n_others = int((known & ~reference).sum())
    if n_others < FEWEST:
        raise ValueError(
            f"{where} has {n_others} mixes with a score besides the data as they are; {FEWEST} are "
            "the least that a surface is fitted to"
        )
    gains = scores - scores[reference & known].mean()
    return History(table.groups, n_users, TARGET, weights, scores, gains[:, None], reference)


def _text(fitted: Fit, least_gain: float) -> str:
    history, found = fitted.history, fitted.belief
    base = history.reference_score
    scale = abs(base) or 1.0
    order = np.argsort(-np.nan_to_num(found.mean, nan=-np.inf), kind="stable")[:_SHOWN]
    rows = [["mix", "score", "expected", "gain", "sd", "chance to be the best"]]
    for at in order:
        mean = found.mean[at]
        rows.append(
            [
                fitted.table.names[at],
                f"{fitted.table.scores[at]:.4g}",
                f"{-mean if fitted.lower else mean:.4g}",
                percent((mean - base) / scale),
                f"{found.sd[at] / scale:.1%}",
                f"{found.best[at]:.0%}",
            ]
        )
    next_rows = [["to try next", *history.groups, "expected gain", "sd"]]
    of_next = zip(fitted.proposed, fitted.gains, fitted.sds, strict=True)
    for number, (weights, gain, sd) in enumerate(of_next, start=1):
        cells = (f"{weight:.3g}" for weight in weights)
        next_rows.append([str(number), *cells, percent(gain), f"{sd:.1%}"])
    n_known = int(history.is_finite.sum())
    recommended = fitted.table.names[order[0]]
    notes = [
        f"{n_known} mixes with a score, {int(history.reference.sum())} of them the data as they are. By "
        f"posterior mean, not by the best score, the best is {recommended}. Gains are relative to the "
        "score of the data as they are.",
        f"Diagnostics of the surface, each mix left out of its own fit: rank correlation "
        f"{found.rank_correlation:.2f}; optimism of the best fifth {percent(found.optimism)} (what it "
        "promises of them minus what was measured).",
        f"Chance that any mix near those tried (KL {NEAR:g}) gains more than {least_gain:.1%}: "
        f"{found.chance_of_more(least_gain):.0%}.",
    ]
    if not (history.reference.sum() > 1):
        notes.append(
            "The data as they are stand there once, so that the noise of a score is a guess: rows of "
            "them with other seeds show it."
        )
    tables = [*aligned(rows, (0,), rule=True), "", *aligned(next_rows, (0,), rule=True), ""]
    return "\n".join([*tables, *paragraphs(notes)])
