"""The paper's figures and its table of levels, from runs of one data set."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from recbole_groupmix.report.frame.blocks import Section
from recbole_groupmix.report.paper.against_published import published_table
from recbole_groupmix.report.paper.by_dimension import heterogeneity_figure, stratified_figures
from recbole_groupmix.report.paper.check_file import CheckFile
from recbole_groupmix.report.paper.gains import gain_figures
from recbole_groupmix.report.paper.grid import GridCell, in_order, twice
from recbole_groupmix.report.paper.similarity import budget_figures, shares_figures

_TITLE = "The paper's figures"


def paper_section(cells: Sequence[GridCell], check: CheckFile | None) -> Section:
    """Return Figures 3 to 7 of the paper, as far as the runs hold them, and the levels.

    Parameters
    ----------
    cells : sequence of GridCell
        Runs on one data set, at least one, which differ in nothing but their place in the grid.
    check : CheckFile or None
        Discrepancies of its groups, for Figures 4 and 7a.
    """
    cells = in_order(cells)
    same = twice(cells)
    if same:
        line = (
            "The figures need at most one run for each protocol, model, dimension and target; "
            f"these share a place: {', '.join(same)}."
        )
        return Section("paper", _TITLE, [line], (), [published_table(cells)])
    lines = []
    figures = gain_figures(cells)
    if check is None:
        lines.append(
            "Figures 4 and 7a need the discrepancies of the groups: name the folder of `groupmix "
            "check` beside the runs."
        )
    else:
        figures.append(heterogeneity_figure(check, list(dict.fromkeys(c.target for c in cells))))
    figures += stratified_figures(cells)
    if check is not None:
        figures += shares_figures(cells, check)
    figures += budget_figures(cells)
    return Section("paper", _TITLE, lines, figures, [published_table(cells)])


def named_apart(section: Section, name: str) -> Section:
    """Return a section whose names and titles also name its data set."""
    slug = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")
    return replace(
        section,
        name=f"{section.name}-{slug}",
        title=f"{section.title}: {name}",
        figures=[replace(figure, name=f"{figure.name}-{slug}") for figure in section.figures],
        tables=[replace(table, name=f"{table.name}-{slug}") for table in section.tables],
    )
