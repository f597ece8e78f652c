"""Write docs/api.md, the reference of the public names, from their docstrings.

    python docs/reference.py

The docstrings are numpydoc; sections become lists, references become plain names.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import recbole_groupmix

PAGE = Path(__file__).resolve().parent / "api.md"
HEAD = """\
# Reference

The public names of `recbole_groupmix`, from their docstrings (`python docs/reference.py` writes this
page). Everything else may change between releases without notice.

Two notebooks call them from the question to the figure, in seconds: [Which group's data help
mine?](../examples/which_groups_help.ipynb) and [Which countries
help?](../examples/which_countries_help.ipynb).
"""
#: Longest signature on one line.
WIDTH = 72
_ROLE = re.compile(r":(?:\w+):`~?(?:[\w.]*\.)?([\w.]+)`")
_SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}\n", re.M)


def plain(text: str) -> str:
    """Return a text with references of Sphinx as names in code."""
    return _ROLE.sub(r"`\1`", text).replace("``", "`")


def listed(body: str) -> str:
    """Return the entries of a numpydoc section as a list; a section of prose as it is."""
    lines: list[str] = []
    for line in body.strip("\n").splitlines():
        if line.startswith("    "):
            lines.append(f"  {line.strip()}")
        elif line:
            name, colon, kind = line.partition(" : ")
            lines.append(f"- `{name}`{f' ({kind})' if colon else ''}:")
    return plain("\n".join(lines))


def example(body: str) -> str:
    """Return the lines of a doctest as a block of code."""
    lines = [line.split("  # doctest:")[0] for line in body.strip().splitlines()]
    code = [line[4:] if line[:4] in (">>> ", "... ") else f"# {line}" for line in lines]
    return "```python\n" + "\n".join(code) + "\n```"


def prose_or_list(title: str, body: str) -> str:
    """Return the body of a numpydoc section as Markdown."""
    if title == "Examples":
        return example(body)
    if title in ("Notes", "See Also", "References"):
        return plain(body.strip())
    return listed(body)


def of_docstring(value: Any) -> str:
    """Return a docstring as Markdown."""
    text = inspect.getdoc(value) or ""
    parts = _SECTION.split(text)
    out = [plain(parts[0].strip())]
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        out.append(f"**{title}**\n\n{prose_or_list(title, body)}")
    return "\n\n".join(out)


def signature(name: str, value: Any) -> str:
    """Return how something is called, as a block of code."""
    try:
        parameters = inspect.signature(value)
    except (TypeError, ValueError):
        return ""
    kept = [p.replace(annotation=p.empty) for p in parameters.parameters.values()]
    kept = [p for p in kept if p.name != "self"]
    shown = parameters.replace(parameters=kept, return_annotation=parameters.empty)
    line = f"{name}{shown}"
    if len(line) > WIDTH:
        shown_each = [str(shown.replace(parameters=[p]))[1:-1] for p in kept]
        line = f"{name}(\n    " + ",\n    ".join(with_star(kept, shown_each)) + ",\n)"
    return f"```python\n{line}\n```\n\n"


def with_star(kept: list[inspect.Parameter], shown: list[str]) -> list[str]:
    """Return parameters as text with the star before the first that is given by name only."""
    texts = [text.removeprefix("*, ") for text in shown]
    by_name = [place for place, p in enumerate(kept) if p.kind is p.KEYWORD_ONLY]
    starred = any(p.kind is p.VAR_POSITIONAL for p in kept)
    return [*texts[: by_name[0]], "*", *texts[by_name[0] :]] if by_name and not starred else texts


def contents(names: list[str]) -> str:
    """Return a list of the public names with their first lines, as links."""
    lines = []
    for name in names:
        first = (inspect.getdoc(getattr(recbole_groupmix, name)) or "").splitlines()[0]
        lines.append(f"- [`{name}`](#{name.lower()}): {plain(first)}")
    return "\n".join(lines)


def entry(name: str, value: Any) -> str:
    """Return the section of a public name, with the public methods of a class of ours."""
    out = [f"## {name}\n\n{signature(name, value)}{of_docstring(value)}"]
    if inspect.isclass(value):
        for method, function in vars(value).items():
            if method.startswith("_") or not inspect.getdoc(function):
                continue
            if type(function) in (bool, int, float, str):  # the default of a field
                continue
            called = (
                function.__func__
                if isinstance(function, (classmethod, staticmethod))
                else function
            )
            code = "" if isinstance(function, property) else signature(f"{name}.{method}", called)
            out.append(f"### {name}.{method}\n\n{code}{of_docstring(called)}")
    return "\n\n".join(out)


def page() -> str:
    """Return the whole page."""
    names = [name for name in recbole_groupmix.__all__ if not name.startswith("_")]
    return (
        "\n\n".join(
            [
                HEAD.strip(),
                contents(names),
                *(entry(name, getattr(recbole_groupmix, name)) for name in names),
            ]
        )
        + "\n"
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
