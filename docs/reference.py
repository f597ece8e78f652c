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
"""
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


def of_docstring(value: Any) -> str:
    """Return a docstring as Markdown."""
    text = inspect.getdoc(value) or ""
    parts = _SECTION.split(text)
    out = [plain(parts[0].strip())]
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        prose = title in ("Notes", "See Also", "Examples", "References")
        out.append(f"**{title}**\n\n{plain(body.strip()) if prose else listed(body)}")
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
    return f"```python\n{name}{shown}\n```\n\n"


def entry(name: str, value: Any) -> str:
    """Return the section of a public name, with the public methods of a class of ours."""
    out = [f"## {name}\n\n{signature(name, value)}{of_docstring(value)}"]
    if inspect.isclass(value):
        for method, function in vars(value).items():
            if method.startswith("_") or not inspect.getdoc(function):
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
            [HEAD.strip(), *(entry(name, getattr(recbole_groupmix, name)) for name in names)]
        )
        + "\n"
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
