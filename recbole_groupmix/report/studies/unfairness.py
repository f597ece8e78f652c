"""The page about unfairness as a penalty: cells of a block model or of rated movies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.statistics.resampling import MIN_REPEATS
from recbole_groupmix.record.study_cell import StudyCellFile
from recbole_groupmix.report.frame.blocks import Section, Table, number, text
from recbole_groupmix.report.paper.statements import gain, loss, no_gain
from recbole_groupmix.report.studies.claims import Claim, claims_table, ratio, shown_mean
from recbole_groupmix.report.studies.published import published

Floats = npt.NDArray[np.float64]
#: Setting, penalty and variant of a model.
_Fit = tuple[str, str, str]
#: By fit and seed: both variants of the measures.
_Measured = Mapping[_Fit, Sequence[Mapping[str, Any]]]
MEASURES = ("error", "value", "absolute", "underestimation", "overestimation", "parity")
_SETTINGS = ("U", "O", "P", "O+P")
_COUNTS = ("movies", "of a woman", "of a man", "mean of women", "mean of men")


def sections(cells: Sequence[StudyCellFile]) -> tuple[list[str], list[Section]]:
    """Return the lead and the sections about the cells of one data set, at least one."""
    lead, found = [], []
    fits: dict[_Fit, list[Mapping[str, Any]]] = {}
    for cell in cells:
        given, measured = cell["given"], cell["measured"]
        if "table" in given:
            found.append(_counts(measured))
            lead.append(
                f"{measured['users']:,} users ({measured['women']:,} women), {measured['movies']:,} movies and "
                f"{measured['rows']:,} rows are left by the filter; published are "
                f"{_published_size('users')} users and {_published_size('movies')} movies of ML-1M."
            )
            continue
        fits.setdefault((given["setting"], given["penalty"], given["variant"]), []).append(
            measured
        )
    if not fits:
        return [*lead, "These files have no ratings, so no model is trained."], found
    n_seeds = min(map(len, fits.values()))
    few = n_seeds < MIN_REPEATS
    decays = sorted({one["weight_decay"] for measured in fits.values() for one in measured})
    of_blocks = ("U", "none", "code") in fits
    what = "generated data sets" if of_blocks else "random splits"
    lead.append(
        f"{n_seeds} {what}, factorisation of 2 dimensions, L2 weight "
        f"{', '.join(f'{decay:g}' for decay in decays)}. Penalties as printed (paper) and as the published "
        "tables were probably made (code); value and parity are the same in both."
    )
    claims = [*(_settings_claims(fits) if of_blocks else ()), *_penalty_claims(fits, of_blocks)]
    if claims and n_seeds > 1:
        claims_found = claims_table(claims, few)
        found.insert(0, Section("statements", "Statements", tables=[claims_found]))
    if of_blocks:
        found.append(Section("settings", "Figure 3.2", tables=[_settings(fits)]))
    name = "Table 3.2" if of_blocks else "Table 3.4"
    tables = [_penalties(fits, name, "code"), _penalties(fits, name, "paper")]
    found.append(Section("penalties", name, tables=tables))
    return lead, found


def _published_size(column: str) -> str:
    return f"{published('unfairness', 'all', column, 'Section 3.5.2'):,.0f}"


def _values(fits: _Measured, fit: _Fit, measure: str, variant: str = "code") -> Floats:
    """Return a measure by seed, shape (n_seeds, 1)."""
    return np.array([[one[variant][measure]] for one in fits[fit]])


def _claim(
    fits: _Measured, says: str, judge: Any, fit: _Fit, base: _Fit, measure: str, theirs: Any = None
) -> Claim:
    values, baseline = _values(fits, fit, measure), _values(fits, base, measure)
    n = min(len(values), len(baseline))
    return Claim(says, judge, values[:n], baseline[:n], theirs)


def _settings_claims(fits: _Measured) -> list[Claim]:
    """Return the statements on Figure 3.2 that have their models."""
    steps = [*pairwise(_SETTINGS), ("U", "O+P")]
    known = {setting for setting, _, _ in fits}
    found = []
    for low, high in steps:
        if {low, high} <= known:
            for measure in MEASURES[:5]:
                says = f"{measure}: {high} above {low}"
                fit, base = (high, "none", "code"), (low, "none", "code")
                found.append(_claim(fits, says, gain, fit, base, measure))
    for setting, judge, says in (
        ("O", gain, "parity: biased observations raise it (O, U)"),
        ("P", no_gain, "parity: biased populations do not (P, U)"),
    ):
        if {setting, "U"} <= known:
            fit, base = (setting, "none", "code"), ("U", "none", "code")
            found.append(_claim(fits, says, judge, fit, base, "parity"))
    return found


def _penalty_claims(fits: _Measured, of_blocks: bool) -> list[Claim]:
    """Return the statements on Table 3.2 or 3.4 that have their models."""
    table = "Table 3.2" if of_blocks else "Table 3.4"
    base = ("O+P" if of_blocks else "", "none", "code")
    if base not in fits:
        return []

    def change(penalty: str, measure: str) -> float | None:
        both = (published("unfairness", row, measure, table) for row in (penalty, "none"))
        return ratio(*both)

    found = []
    for fit in fits:
        _, penalty, variant = fit
        if penalty == "none" or fit[0] != base[0]:
            continue
        name = f"{penalty} penalty ({variant})"
        says = f"{name} lowers its own measure"
        found.append(_claim(fits, says, loss, fit, base, penalty, change(penalty, penalty)))
        if penalty != "parity":
            judge, word = (loss, "lowers") if of_blocks else (no_gain, "does not raise")
            says = f"{name} {word} the error"
            found.append(_claim(fits, says, judge, fit, base, "error", change(penalty, "error")))
        if penalty == "absolute" and of_blocks:
            measure = "underestimation"
            says = f"{name} raises underestimation"
            found.append(_claim(fits, says, gain, fit, base, measure, change(penalty, measure)))
    return found


def _settings(fits: _Measured) -> Table:
    rows = [
        [
            text(setting),
            *(shown_mean(_values(fits, (setting, "none", "code"), m)) for m in MEASURES),
        ]
        for setting in _SETTINGS
        if (setting, "none", "code") in fits
    ]
    return Table(
        "settings",
        "No penalty, four settings",
        ["setting", *MEASURES],
        rows,
        "U: uniform; O: biased observations; P: biased populations. The figure has bars without "
        "values. Means over data sets with 95 % intervals; measured as code.",
    )


def _penalties(fits: _Measured, table: str, variant: str) -> Table:
    setting = "O+P" if table == "Table 3.2" else ""
    rows, before = [], ""
    for fit in fits:
        if fit[0] != setting:
            continue
        penalty = fit[1]
        theirs = [published("unfairness", penalty, measure, table) for measure in MEASURES]
        if penalty != before and theirs[0] is not None and variant == "code":
            shown = [text("") if value is None else number(value, ".3f") for value in theirs]
            rows.append([text(penalty), text("published"), *shown])
        before = penalty
        cells = [shown_mean(_values(fits, fit, measure, variant)) for measure in MEASURES]
        rows.append([text(penalty), text(f"ours, {fit[2]}"), *cells])
    error = "the mean squared" if setting else "the root of the mean squared"
    return Table(
        f"penalties-{variant}",
        f"{table}, measured as {'the tables probably were (code)' if variant == 'code' else 'printed (paper)'}",
        ["penalty", "", *MEASURES],
        rows,
        f"Error: {error} one. Means over seeds with 95 % intervals."
        + ("" if setting else " Published figures are of ML-1M."),
        folded=variant == "paper",
    )


def _counts(measured: Mapping[str, Any]) -> Section:
    rows = []
    for genre, ours in measured["genres"].items():
        theirs = [published("unfairness", genre, column, "Table 3.3") for column in _COUNTS]
        for name, values in (("published, ML-1M", theirs), ("ours", ours)):
            shown = [
                text("") if value is None else number(value, ".0f" if place == 0 else ".2f")
                for place, value in enumerate(values)
            ]
            rows.append([text(genre), text(name), *shown])
    table = Table(
        "genres",
        "Ratings per woman and per man, and their means",
        ["genre", "", *_COUNTS],
        rows,
    )
    return Section("genres", "Table 3.3", tables=[table])
