"""Write the table of keys into docs/settings.md, from the rows in recbole_groupmix/settings.

python docs/settings_table.py
"""

import re
from pathlib import Path

from recbole_groupmix.settings.rows import OUR_KEYS, ROWS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "settings.md"
MARK = "<!-- the table of keys: made by docs/settings_table.py -->"
#: Upper bounds from here on are not shown.
ENDLESS = 1e9
HEAD = "| key | what it does | default | allowed |\n|---|---|---|---|\n"


def written(value):
    """Return a value as one writes it in YAML."""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`"
    return "none" if value is None else f"`{value}`"


def number(value):
    """Return a bound with its thousands apart."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.10g}"


def bounds(row):
    """Return what numbers are allowed; bounds that only guard against typing errors are left out."""
    least = number(row.least)
    if row.most >= ENDLESS:
        return f"{'>' if row.above else '>='} {least}"
    return f"{'above' if row.above else 'from'} {least} to {number(row.most)}"


def allowed(row):
    """Return what is allowed, in words."""
    if row.allowed:
        return row.allowed
    if row.kind == "choice":
        return ", ".join(written(choice) for choice in row.choices if choice is not None)
    if row.kind == "name":
        return "a name"
    return f"{'a whole number' if row.kind == 'whole' else 'a number'} {bounds(row)}"


def effect(row):
    """Return what it does, and when it does nothing."""
    only = ["for models that are trained"] if row.models == "trained" else []
    only += [f"under `weighting: {row.weighting}`"] if row.weighting else []
    if row.needs:
        state = "given" if ROWS[row.needs[0]].default is None else "on"
        only.append(f"where `{row.needs[0]}` is {state}")
    says = re.sub(r"docs/(\w+\.md)", r"[\1](\1)", row.says)
    return f"{says} Only {' and '.join(only)}." if only else says


def table(ours):
    """Return the table of our keys, or of RecBole's that have a row."""
    lines = [
        f"| `{key}` | {effect(row)} | {row.unset or written(row.default)} | {allowed(row)} |"
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
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
