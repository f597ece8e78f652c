"""Draw the rooms of the package from its imports, and write the picture into docs/architecture.md.

    python docs/rooms.py

A room is a package or a module directly below ``recbole_groupmix``. An arrow means "imports". In the
picture the rooms that import no other room are one box, the ground floor, and arrows that follow
from others (a room imports one that already imports the third) are left out; the list of imports has them all.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "recbole_groupmix"
PAGE = ROOT / "docs" / "architecture.md"
GROUND = "ground"
#: References of Sphinx.
ROLE = re.compile(r":\w+:`~?([\w.]+)`")
BEGIN, END = "<!-- rooms -->", "<!-- end of rooms -->"


def rooms() -> dict[str, list[Path]]:
    """Return the modules of each room; the lazy names of ``__init__`` belong to none."""
    files_by_room: dict[str, list[Path]] = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        if file != PACKAGE / "__init__.py":
            room = file.relative_to(PACKAGE).with_suffix("").parts[0]
            files_by_room.setdefault(room, []).append(file)
    return files_by_room


def imported_rooms(file: Path) -> Iterator[str]:
    """Yield the room of each import of a module, those inside functions too."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            top, _, rest = node.module.partition(".")
            if top == PACKAGE.name:
                yield from [rest.split(".")[0]] if rest else [name.name for name in node.names]


def arrows() -> dict[str, set[str]]:
    """Return the rooms that each room imports."""
    files_by_room = rooms()
    return {
        room: {below for file in files for below in imported_rooms(file)}
        & files_by_room.keys() - {room}
        for room, files in files_by_room.items()
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


def with_one_ground(below: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return the arrows with the rooms that import no other as one, the ground floor."""
    ground = {room for room, others in below.items() if not others}
    upper = {room: others for room, others in below.items() if others}
    return {GROUND: set()} | {
        room: (others - ground) | ({GROUND} if others & ground else set())
        for room, others in upper.items()
    }


def first_line(room: str) -> str:
    """Return the first line of the docstring of a room."""
    file = PACKAGE / room / "__init__.py"
    text = (file if file.is_file() else PACKAGE / f"{room}.py").read_text(encoding="utf-8")
    line = (ast.get_docstring(ast.parse(text)) or "").splitlines()[0]
    return ROLE.sub(r"`\1`", line).replace("``", "`")


def picture() -> str:
    """Return the picture and the table of the rooms as Markdown."""
    below = arrows()
    order = from_the_ground_up(below)
    upper = with_one_ground(below)
    above = reversed(from_the_ground_up(upper))
    ground = " · ".join(room for room in order if not below[room])
    lines = ["```mermaid", "flowchart TD"]
    lines += [f"    {room} --> {b}" for room in above for b in sorted(drawn(upper)[room])]
    lines += [f"    {GROUND}[{ground}]", "```", ""]
    from_the_top = list(reversed(order))
    lines += ["| room | what is in it |", "|---|---|"]
    lines += [f"| `{room}` | {first_line(room)} |" for room in from_the_top]
    lines += ["", "<details><summary>All imports</summary>", "", "| room | imports |", "|---|---|"]
    lines += [f"| `{room}` | {', '.join(sorted(below[room])) or '-'} |" for room in from_the_top]
    lines += ["", "</details>"]
    return "\n".join(lines)


def written(page: str) -> str:
    """Return a page with the picture between its marks."""
    head, _, rest = page.partition(BEGIN)
    return f"{head}{BEGIN}\n{picture()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
