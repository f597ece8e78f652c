"""The files of a report, from finished runs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import jinja2

from recbole_groupmix.record.by_metric import metric_sentences
from recbole_groupmix.record.finished_run import FinishedRun
from recbole_groupmix.record.versions import FIRST_RULES, MAKE_AGAIN
from recbole_groupmix.report.frame.blocks import Section
from recbole_groupmix.report.frame.drawing import drawn
from recbole_groupmix.report.frame.text_tables import latex, markdown, right_columns
from recbole_groupmix.report.learned.section import learned_sections
from recbole_groupmix.report.paper.check_file import CheckFile
from recbole_groupmix.report.paper.grid import GridCell, cell_of
from recbole_groupmix.report.paper.paper_section import named_apart, paper_section
from recbole_groupmix.report.run import answer, several_runs
from recbole_groupmix.report.run.budget import budget_section
from recbole_groupmix.report.run.labels import labels_sections
from recbole_groupmix.report.run.learning_pace import pace_section
from recbole_groupmix.report.run.lengths import lengths_section
from recbole_groupmix.report.run.mixes import mixes_section
from recbole_groupmix.report.run.on_test import change_section, test_section
from recbole_groupmix.report.run.optimism import optimism_section
from recbole_groupmix.report.run.other_groups import other_groups_section
from recbole_groupmix.report.run.rivals import rivals_section
from recbole_groupmix.report.run.search import search_section
from recbole_groupmix.report.run.setup import question_section, setup_section
from recbole_groupmix.report.run.users import users_section
from recbole_groupmix.text.split_words import split_words

PAGE = "index.html"


def report_files(
    runs: Sequence[FinishedRun],
    checks: Sequence[CheckFile] = (),
    splits: Sequence[Section] = (),
) -> dict[str, bytes]:
    """Return the files of a report by their path below its folder.

    Parameters
    ----------
    runs : sequence of FinishedRun
        At least one.
    checks : sequence of CheckFile
        Discrepancies of the groups of their data sets, for the figures of several runs.
    splits : sequence of Section
        Runs pooled over their splits, from
        :func:`~recbole_groupmix.report.run.splits.splits_sections`.

    Returns
    -------
    dict of str to bytes
        ``index.html``; ``tables.md`` and ``tables.tex``; ``figures/...`` as SVG, PNG and CSV.
    """
    names = several_runs.labels(runs)
    parts: list[_Part] = []
    if len(runs) > 1:
        sections = [
            *splits,
            several_runs.several_runs_section(runs),
            *_of_data_sets(runs, checks),
        ]
        parts.append(_part("runs", "Several runs", _rules(runs[0]), sections))
    for place, (run, name) in enumerate(zip(runs, names, strict=True), start=1):
        sections = run_sections(run)
        said = (
            answer.lead(run),
            answer.against_rival(run),
            answer.answer(run),
            answer.beside(run),
            *metric_sentences(run.result),
        )
        lead = _rules(run) + [line for line in said if line]
        lead += [*split_words(run.config["configuration"]), *_left_out(run)]
        slug = f"run{place}"
        folder = f"{_plain(run.name)}/" if len(runs) > 1 else ""
        if len(runs) > 1 and folder in {part.folder for part in parts}:
            folder = f"{slug}-{folder}"
        title = f"{run.result['dataset']}, target {run.target_label}, {run.result['model']}"
        named = {"folder": run.name, "name": name, "opens": bool(sections[0].figures)}
        parts.append(_part(slug, title, lead, sections, folder, "Answer", named))
    title = f"groupmix: {parts[0].title if len(runs) == 1 else f'{len(runs)} runs'}"
    return _joined(title, parts)


def grid_files(
    grids: Mapping[str, tuple[list[str], list[Section]]],
    about: str = "reproduction of the paper",
) -> dict[str, bytes]:
    """Return the files of a page about grids of runs, without the pages of single runs.

    Parameters
    ----------
    grids : mapping of str to (lead, sections)
        By data set, at least one: sentences that come first, then the sections.
    about : str
        What the titles say after the name of the data set.
    """
    parts = []
    for place, (name, (lead, sections)) in enumerate(grids.items(), start=1):
        folder = f"{_plain(name)}/" if len(grids) > 1 else ""
        title = f"{name}: {about}"
        parts.append(_part(f"grid{place}", title, lead, sections, folder, "Runs"))
    return _joined(f"groupmix: {', '.join(grids)}", parts)


def _joined(title: str, parts: Sequence[_Part]) -> dict[str, bytes]:
    """Return the figures of all parts, the page that shows them, and their tables."""
    head = "% Tables of a groupmix report; needs \\usepackage{booktabs,graphicx}\n"
    figures = {path: content for part in parts for path, content in part.figures.items()}
    return {
        **figures,
        PAGE: _rendered(title, [part.shown for part in parts]).encode(),
        "tables.md": "\n".join(part.markdown for part in parts).encode(),
        "tables.tex": (head + "\n".join(part.latex for part in parts)).encode(),
    }


def _of_data_sets(runs: Sequence[FinishedRun], checks: Sequence[CheckFile]) -> list[Section]:
    """Return the paper's figures for each data set, under names of their own."""
    cells: dict[str, list[GridCell]] = {}
    for run in runs:
        cells.setdefault(str(run.result["dataset"]), []).append(cell_of(run))
    of = {check.dataset: check for check in checks}
    sections = []
    for name, mine in cells.items():
        section = paper_section(mine, of.get(name))
        if len(cells) > 1:
            section = named_apart(section, name)
        sections.append(section)
    return sections


def run_sections(run: FinishedRun) -> list[Section]:
    """Return the sections about one run."""
    return [
        change_section(run),
        question_section(run),
        test_section(run),
        *labels_sections(run),
        rivals_section(run),
        lengths_section(run),
        budget_section(run),
        mixes_section(run),
        optimism_section(run),
        search_section(run),
        *learned_sections(run),
        users_section(run),
        other_groups_section(run),
        pace_section(run),
        setup_section(run),
    ]


def _rules(run: FinishedRun) -> list[str]:
    """Return by which rules a run was made if they are not those of today."""
    if not run.first_rules:
        return []
    made = FIRST_RULES[0].upper() + FIRST_RULES[1:]
    return [f"{made}: for a result by the rules of today, {MAKE_AGAIN}."]


def _left_out(run: FinishedRun) -> list[str]:
    if not run.result["diverged"]:
        return []
    names = run.result["diverged"]
    return [f"Left out because training diverged: {', '.join(names)}."]


@dataclass(frozen=True)
class _Part:
    """The part of a page about one run or grid.

    Attributes
    ----------
    title, folder : str
        Its title, and the folder below ``figures/`` that is its own.
    shown : dict
        What the template needs.
    figures : dict of str to bytes
        Files of figures by path.
    markdown, latex : str
        Its tables.
    """

    title: str
    folder: str
    shown: dict[str, Any]
    figures: dict[str, bytes]
    markdown: str
    latex: str


def _part(
    slug: str,
    title: str,
    lead: Sequence[str],
    sections: Sequence[Section],
    folder: str = "",
    lead_title: str = "",
    named: Mapping[str, Any] | None = None,
) -> _Part:
    """Return a part; in Markdown its `lead` is a section with a title of its own.

    `named` are further values for the template: the folder of the run, its name among several, and
    whether the figure of its first section opens the part, beside the lead.
    """
    drawings = [(section, [drawn(figure) for figure in section.figures]) for section in sections]
    shown = [
        {
            "section": section,
            "figures": [
                {
                    "figure": drawing.figure,
                    "svg": drawing.inline(f"{slug}-{drawing.figure.name}-"),
                    "path": f"figures/{folder}{drawing.figure.name}",
                }
                for drawing in pictures
            ],
        }
        for section, pictures in drawings
    ]
    figures = {
        f"figures/{folder}{drawing.figure.name}.{ending}": content
        for _, pictures in drawings
        for drawing in pictures
        for ending, content in drawing.files.items()
    }
    said = [Section("lead", lead_title, lead)] if lead_title else []
    return _Part(
        title,
        folder,
        {
            "slug": slug,
            "title": title,
            "lead": lead,
            "sections": shown,
            "opens": False,
            **(named or {}),
        },
        figures,
        markdown(title, [*said, *sections]),
        latex(title, sections, slug),
    )


def _rendered(title: str, parts: list[dict[str, Any]]) -> str:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(_template("page.html"))
    return template.render(
        title=title,
        parts=parts,
        css=_template("page.css"),
        script=_template("sort.js"),
        right_columns=right_columns,
    )


def _template(name: str) -> str:
    file = resources.files("recbole_groupmix.report") / "templates" / name
    return file.read_text(encoding="utf-8")


def _plain(name: str) -> str:
    """Return a name for a folder that needs no quoting in a link."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", name).strip("._") or "run"
