"""Tables as Markdown and as LaTeX."""

from __future__ import annotations

import re
from collections.abc import Sequence

from recbole_groupmix.report.frame.blocks import Section, Table
from recbole_groupmix.text.tables import markdown_table
from recbole_groupmix.text.untrusted import escaped, markdown_text

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}
#: Begins a box as wide as it is, or as the text if that is less.
_NO_WIDER = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"


def markdown(title: str, sections: Sequence[Section], level: int = 1) -> str:
    """Return paragraphs and tables of sections under a title, as Markdown."""
    parts = [f"{'#' * level} {_line(title)}"]
    for section in sections:
        if not (section.tables or section.text):
            continue
        parts += [f"{'#' * (level + 1)} {_line(section.title)}", *map(markdown_text, section.text)]
        for table in section.tables:
            parts.append(f"**{_line(table.title)}**")
            parts.append(_markdown_table(table))
            if table.note:
                parts.append(markdown_text(table.note))
    return "\n\n".join(parts) + "\n"


def latex(title: str, sections: Sequence[Section], label: str) -> str:
    """Return the tables of sections as LaTeX, for a document that uses booktabs and graphicx.

    A table wider than the text is made smaller. LaTeX holds few tables back, so that each section
    ends its page.
    """
    parts = [f"% {escaped(' '.join(title.split()))}"]
    for section in sections:
        for table in section.tables:
            parts.append(_latex_table(table, label))
        if section.tables:
            parts.append(r"\clearpage")
    return "\n\n".join(parts) + "\n"


def _line(title: str) -> str:
    return markdown_text(" ".join(title.split()))


def _markdown_table(table: Table) -> str:
    lines = [list(table.header), *([cell.text for cell in row] for row in table.rows)]
    left = [i for i, right in enumerate(right_columns(table)) if not (right and i)]
    return markdown_table(lines, left)


def _latex_table(table: Table, label: str) -> str:
    columns = "l" + "".join("r" if right else "l" for right in right_columns(table)[1:])
    body = [_latex_row([cell.text for cell in row]) for row in table.rows]
    caption = _escaped(f"{table.title}. {table.note}" if table.note else table.title)
    return "\n".join(
        [
            r"\begin{table}[htbp]",
            rf"\caption{{{caption}}}",
            rf"\label{{tab:{label}-{table.name}}}",
            _NO_WIDER,
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            _latex_row(table.header),
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}}",
            r"\end{table}",
        ]
    )


def _latex_row(texts: Sequence[str]) -> str:
    line = " & ".join(map(_escaped, texts)) + r" \\"
    # after the end of the row before, these would be its options
    return re.sub(r"^[\[*]", r"{\g<0>}", line)


def right_columns(table: Table) -> list[bool]:
    """Return for each column whether it holds numbers, which are set to the right."""
    return [any(row[i].value is not None for row in table.rows) for i in range(len(table.header))]


def _escaped(text: str) -> str:
    plain = "".join(
        _LATEX.get(character, character) for character in escaped(" ".join(text.split()))
    )
    return re.sub(r"(?<![\w.])-(?=\d)", "$-$", plain)
