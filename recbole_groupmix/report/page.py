"""From runs to the files of a report."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import jinja2

from recbole_groupmix.record.finished import FinishedRun
from recbole_groupmix.report.frame.blocks import Figure, Section
from recbole_groupmix.report.frame.drawing import drawn
from recbole_groupmix.report.frame.text_tables import latex, markdown, right_columns
from recbole_groupmix.report.paper.check_file import CheckFile
from recbole_groupmix.report.paper.grid import GridCell, cell_of
from recbole_groupmix.report.paper.paper_section import named_apart, paper_section
from recbole_groupmix.report.run import across, answer
from recbole_groupmix.report.run.asked import asked_section, setup_section
from recbole_groupmix.report.run.measured import change_section, measured_section
from recbole_groupmix.report.run.mixes import mixes_section
from recbole_groupmix.report.run.optimism import optimism_section
from recbole_groupmix.report.run.other_groups import other_groups_section
from recbole_groupmix.report.run.pace import pace_section
from recbole_groupmix.report.run.searched import search_section
from recbole_groupmix.report.run.users import users_section
from recbole_groupmix.text.untrusted import csv_safe

PAGE = "index.html"


def report_files(
    runs: Sequence[FinishedRun], checks: Sequence[CheckFile] = ()
) -> dict[str, bytes]:
    """Return the files of a report by their path below its folder.

    Parameters
    ----------
    runs : sequence of FinishedRun
        At least one.
    checks : sequence of CheckFile
        Discrepancies of the groups of their data sets, for the figures of several runs.

    Returns
    -------
    dict of str to bytes
        ``index.html``; ``tables.md`` and ``tables.tex``; ``figures/...`` as SVG, PNG and CSV.
    """
    files: dict[str, bytes] = {}
    names = across.labels(runs)
    parts, texts, tex = [], [], []
    if len(runs) > 1:
        sections = [across.across_section(runs), *_of_data_sets(runs, checks)]
        parts.append(_part("runs", "Several runs", [], sections, "", files))
        texts.append(markdown("Several runs", sections))
        tex.append(latex("Several runs", sections, "runs"))
    for place, (run, name) in enumerate(zip(runs, names, strict=True), start=1):
        sections = run_sections(run)
        said = (answer.lead(run), answer.answer(run), answer.beside(run))
        lead = [line for line in said if line]
        lead += _left_out(run)
        slug = f"run{place}"
        folder = f"{_plain(run.name)}/" if len(runs) > 1 else ""
        if len(runs) > 1 and any(path.startswith(f"figures/{folder}") for path in files):
            folder = f"{slug}-{folder}"
        title = f"{run.result['dataset']}, target {run.target}, {run.result['model']}"
        part = _part(slug, title, lead, sections, folder, files)
        parts.append({**part, "folder": run.name, "name": name})
        texts.append(markdown(title, [Section("answer", "Answer", lead), *sections]))
        tex.append(latex(title, sections, slug))
    title = f"groupmix: {parts[0]['title'] if len(runs) == 1 else f'{len(runs)} runs'}"
    return _with_page(files, title, parts, texts, tex)


def grid_files(grids: Mapping[str, tuple[list[str], list[Section]]]) -> dict[str, bytes]:
    """Return the files of a page about grids of runs, without the pages of single runs.

    Parameters
    ----------
    grids : mapping of str to (lead, sections)
        By data set, at least one: sentences that come first, then the sections.
    """
    files: dict[str, bytes] = {}
    parts, texts, tex = [], [], []
    for place, (name, (lead, sections)) in enumerate(grids.items(), start=1):
        slug, title = f"grid{place}", f"{name}: the paper again"
        folder = f"{_plain(name)}/" if len(grids) > 1 else ""
        parts.append(_part(slug, title, lead, sections, folder, files))
        texts.append(markdown(title, [Section("lead", "Runs", lead), *sections]))
        tex.append(latex(title, sections, slug))
    return _with_page(files, f"groupmix: {', '.join(grids)}", parts, texts, tex)


def _with_page(
    files: dict[str, bytes],
    title: str,
    parts: list[dict[str, Any]],
    texts: Sequence[str],
    tex: Sequence[str],
) -> dict[str, bytes]:
    files[PAGE] = _rendered(title, parts).encode()
    files["tables.md"] = "\n".join(texts).encode()
    head = "% Tables of a groupmix report; needs \\usepackage{booktabs,graphicx}\n"
    files["tables.tex"] = (head + "\n".join(tex)).encode()
    return files


def _of_data_sets(runs: Sequence[FinishedRun], checks: Sequence[CheckFile]) -> list[Section]:
    """Return the paper's figures for each data set, under names of their own."""
    cells: dict[str, list[GridCell]] = {}
    for run in runs:
        cells.setdefault(str(run.result["dataset"]), []).append(cell_of(run))
    of = {check.dataset: check for check in checks}
    found = []
    for name, mine in cells.items():
        section = paper_section(mine, of.get(name))
        if len(cells) > 1:
            section = named_apart(section, name)
        found.append(section)
    return found


def run_sections(run: FinishedRun) -> list[Section]:
    """Return what the page says of one run."""
    return [
        asked_section(run),
        change_section(run),
        measured_section(run),
        mixes_section(run),
        optimism_section(run),
        search_section(run),
        users_section(run),
        other_groups_section(run),
        pace_section(run),
        setup_section(run),
    ]


def _left_out(run: FinishedRun) -> list[str]:
    if not run.result["diverged"]:
        return []
    names = run.result["diverged"]
    return [f"Left out, since training diverged: {', '.join(names)}."]


def _part(
    slug: str,
    title: str,
    lead: list[str],
    sections: Sequence[Section],
    folder: str,
    files: dict[str, bytes],
) -> dict[str, Any]:
    """Return what the template shows of one run, and add its figures to `files`."""
    shown = []
    for section in sections:
        figures = [_picture(figure, slug, folder, files) for figure in section.figures]
        shown.append({"section": section, "figures": figures})
    return {"slug": slug, "title": title, "lead": lead, "sections": shown}


def _picture(figure: Figure, slug: str, folder: str, files: dict[str, bytes]) -> dict[str, Any]:
    path = f"figures/{folder}{figure.name}"
    drawing = drawn(figure)
    files[f"{path}.svg"] = drawing.svg
    files[f"{path}.png"] = drawing.png
    files[f"{path}.csv"] = csv_safe(figure.data).to_csv(index=False).encode()
    svg = drawing.inline(f"{slug}-{figure.name}-")
    return {"figure": figure, "svg": svg, "path": path}


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
