"""Write the table of keys into docs/settings.md, from the rows in recbole_groupmix/settings.

python benchmarks/keys_table.py            print it
python benchmarks/keys_table.py --write    put it in its place
"""

import sys
from pathlib import Path

from recbole_groupmix.settings.rows import OUR_KEYS, ROWS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "settings.md"
MARK = "<!-- the table of keys: made by benchmarks/keys_table.py -->"
HEAD = "| key | default | allowed | what it does |\n|---|---|---|---|\n"


def written(value):
    """Return a value as one writes it in YAML."""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`"
    return "none" if value is None else f"`{value}`"


def number(value):
    """Return a bound in short."""
    return f"{value:,}" if isinstance(value, int) and value < 1e7 else f"{float(value):.4g}"


def allowed(row):
    """Return what is allowed, in words."""
    if row.allowed:
        return row.allowed
    if row.kind == "choice":
        return ", ".join(written(choice) for choice in row.choices if choice is not None)
    if row.kind == "name":
        return "a name"
    what = "a whole number" if row.kind == "whole" else "a number"
    least = f"above {number(row.least)}" if row.above else f"from {number(row.least)}"
    return f"{what} {least} to {number(row.most)}"


def effect(row):
    """Return what it does, and when it does nothing."""
    only = ["for models that are trained"] if row.models == "trained" else []
    only += [f"under `weighting: {row.weighting}`"] if row.weighting else []
    only += [f"where `{row.needs[0]}` is on"] if row.needs else []
    return f"{row.says} Only {' and '.join(only)}." if only else row.says


def table(ours):
    """Return the table of our keys, or of RecBole's that have a row."""
    lines = [
        f"| `{key}` | {row.unset or written(row.default)} | {allowed(row)} | {effect(row)} |"
        for key, row in ROWS.items()
        if (key in OUR_KEYS) == ours
    ]
    return HEAD + "\n".join(lines)


def tables():
    """Return what stands between the marks of the page."""
    return (
        f"## Keys of this plugin\n\n{table(ours=True)}\n\n"
        f"## Keys of RecBole with a default or a check of ours\n\n{table(ours=False)}"
    )


def page(text):
    """Return the page with the tables of today."""
    before, _, after = text.split(MARK)
    return f"{before}{MARK}\n{tables()}\n{MARK}{after}"


if __name__ == "__main__":
    if "--write" in sys.argv:
        PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(tables())
