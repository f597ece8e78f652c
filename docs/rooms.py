"""Draw the rooms of the package from its imports, and write the picture into docs/architecture.md.

    python docs/rooms.py

A room is a package or a module directly below ``recbole_groupmix``. An arrow means "imports". Arrows
that follow from others (a room imports one that already imports the third) are left out of the
picture, not out of the table below it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "recbole_groupmix"
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- rooms -->", "<!-- end of rooms -->"


def rooms() -> dict[str, list[Path]]:
    """Return the modules of each room; the lazy names of ``__init__`` are no room."""
    found: dict[str, list[Path]] = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        if file != PACKAGE / "__init__.py":
            room = file.relative_to(PACKAGE).with_suffix("").parts[0]
            found.setdefault(room, []).append(file)
    return found


def imported_rooms(file: Path) -> Iterator[str]:
    """Yield the room of each import of a module, those inside functions too."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            top, _, rest = node.module.partition(".")
            if top == PACKAGE.name:
                yield from [rest.split(".")[0]] if rest else [name.name for name in node.names]


def arrows() -> dict[str, set[str]]:
    """Return the rooms that each room imports."""
    found = rooms()
    return {
        room: {below for file in files for below in imported_rooms(file)} & found.keys() - {room}
        for room, files in found.items()
    }


def from_the_ground_up(below: dict[str, set[str]]) -> list[str]:
    """Return the rooms so that each stands after those that it imports.

    Raises
    ------
    ValueError
        If rooms import each other in a circle.
    """
    order: list[str] = []
    while len(order) < len(below):
        free = sorted(room for room in below if room not in order and below[room] <= set(order))
        if not free:
            raise ValueError(f"a circle among {', '.join(sorted(set(below) - set(order)))}")
        order += free
    return order


def drawn(below: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return the arrows without those that follow from others."""
    reach: dict[str, set[str]] = {}
    for room in from_the_ground_up(below):
        reach[room] = below[room].union(*(reach[other] for other in below[room]))
    return {
        room: {b for b in others if not any(b in reach[other] for other in others)}
        for room, others in below.items()
    }


def first_line(room: str) -> str:
    """Return what a room says of itself."""
    file = PACKAGE / room / "__init__.py"
    text = (file if file.is_file() else PACKAGE / f"{room}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(text)) or "").splitlines()[0]


def picture() -> str:
    """Return the picture and the table of the rooms as Markdown."""
    below = arrows()
    order = from_the_ground_up(below)
    arrows_drawn = [f"    {room} --> {b}" for room in order for b in sorted(drawn(below)[room])]
    lines = ["```mermaid", "flowchart TD", *reversed(arrows_drawn), "```", ""]
    lines += ["| room | what is in it | imports |", "|---|---|---|"]
    for room in reversed(order):
        imports = ", ".join(sorted(below[room])) or "nothing of ours"
        lines.append(f"| `{room}` | {first_line(room)} | {imports} |")
    return "\n".join(lines)


def written(page: str) -> str:
    """Return a page with the picture between its marks."""
    head, _, rest = page.partition(BEGIN)
    return f"{head}{BEGIN}\n{picture()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
