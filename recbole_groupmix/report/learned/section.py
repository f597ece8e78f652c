"""The searched surface: what is believed of all mixes, along the budget, each group and pairs."""

from __future__ import annotations

import numpy as np

from recbole_groupmix.core.names import REFERENCE
from recbole_groupmix.record.finished_run import FinishedRun
from recbole_groupmix.report.frame.blocks import Section
from recbole_groupmix.report.learned.budget import budget_figure
from recbole_groupmix.report.learned.groups import groups_figure, who_matters
from recbole_groupmix.report.learned.pairs import pairs_figure, pairs_sentence
from recbole_groupmix.report.learned.spent import spent_section
from recbole_groupmix.report.learned.tried import Search, search_of
from recbole_groupmix.surface.history import FloatArray
from recbole_groupmix.surface.through_mix import line, most_interacting

TITLE = "The searched surface"
_PAIRS = 2


def learned_sections(run: FinishedRun) -> list[Section]:
    """Return the surface and what the search spent; nothing where the folder does not tell them."""
    search = search_of(run)
    return [] if search is None else [surface_section(run, search), spent_section(run, search)]


def surface_section(run: FinishedRun, search: Search) -> Section:
    """Return the budget curve of the surface, the effect of each group and the pairs that interact."""
    centre, is_moved = _centre(search)
    groups, key = search.history.groups, run.result["valid_metric"]
    through = _through(search, is_moved)
    said = [_fitted(run, search)]
    figures = [budget_figure(search, centre, key)]
    if len(groups) > 1:
        lines = {group: line(search.surface, centre, i) for i, group in enumerate(groups)}
        planes = most_interacting(search.surface, centre, _PAIRS)
        said += [who_matters(lines, through), pairs_sentence(planes, groups)]
        figures += [
            groups_figure(search, centre, lines, key, through),
            pairs_figure(planes, groups, key),
        ]
    return Section("surface", TITLE, said, figures)


def _centre(search: Search) -> tuple[FloatArray, bool]:
    """Return the recommended mix, and whether it uses others' data; else Proportional."""
    weights = search.history.weights[search.recommended]
    return (weights, True) if weights.any() else (np.ones_like(weights), False)


def _through(search: Search, is_moved: bool) -> str:
    name = search.names[search.recommended] if is_moved else REFERENCE
    return name if name == REFERENCE else f"the mix believed best ({name})"


def _fitted(run: FinishedRun, search: Search) -> str:
    n, name = int(search.history.is_finite.sum()), search.names[search.recommended]
    waves, selected = run.result["search"].get("waves"), run.result["search"]["selected"]
    said = (
        f"What is believed of every mix, tried or not: a surface (docs/learned_search.md) fitted to the {n} mixes "
        f"with a score, without the luck of the users who happen to be measured. "
    )
    if waves is not None:
        return said + f"By it the search recommends {name}."
    if selected == name:
        return said + f"The search did not use it; the best mix by it is {name} too."
    return said + (
        f"The search did not use it: it selected {selected}, of the best score; by the surface, which "
        f"does not believe every lucky score, the best of the tried mixes is {name}."
    )
