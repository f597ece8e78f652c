"""Write docs/commands.md, the reference of the commands, from the parsers that read them.

python docs/commands.py
"""

from pathlib import Path

from recbole_groupmix.cli.main import COMMANDS, parser_of

PAGE = Path(__file__).resolve().parent / "commands.md"
HEAD = """\
# Commands

What `groupmix COMMAND --help` says (`python docs/commands.py` writes this page). An option is written as
`--key=value` or `--key value`. Where a command has *settings of a run*, it takes all [settings](settings.md) of
groupmix, RecBole and the model, not only those listed.
"""


def spelt(action):
    """Return how an option is written, with the placeholder of its value."""
    names = action.option_strings or [""]
    value = f" {action.metavar}" if action.metavar else ""
    return ", ".join(f"`{f'{name}{value}'.strip()}`" for name in names)


def table(actions):
    """Return a table of options."""
    cells = [(spelt(a), a.help.replace("%%", "%")) for a in actions]
    rows = ["| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in cells]
    return "\n".join(["| option | what it does |", "|---|---|", *rows])


def paragraphs(text):
    """Return the text of a help; lines that it indents are code."""
    out = [[]]
    for line in text.splitlines():
        if line and out[-1] and line.startswith(" ") != out[-1][0].startswith(" "):
            out.append([])
        if line:
            out[-1].append(line)
    blocks = ["\n".join(lines) for lines in out]
    return "\n\n".join(f"```text\n{b}\n```" if b.startswith(" ") else b for b in blocks)


def entry(name):
    """Return the section of a command."""
    parser = parser_of(name)
    module = COMMANDS[name]
    out = [f"## {name}", module.SUMMARY, paragraphs(getattr(module, "TEXT", ""))]
    out.append(f"```text\n{parser.usage}\n```")
    words, own, *groups = parser._action_groups
    out.append(shown("", [*words._group_actions, *own._group_actions]))
    out += [shown(f"{g.title[0].upper()}{g.title[1:]}:\n\n", g._group_actions) for g in groups]
    out.append("```bash\n" + "\n".join(module.EXAMPLES) + "\n```")
    return "\n\n".join(part for part in out if part)


def shown(title, actions):
    """Return a title and the table of its options, or nothing where there are none."""
    actions = [a for a in actions if a.dest != "help"]
    return f"{title}{table(actions)}" if actions else ""


def page():
    """Return the whole page."""
    listed = [f"- [`groupmix {name}`](#{name}): {COMMANDS[name].SUMMARY}" for name in COMMANDS]
    return "\n\n".join([HEAD.strip(), "\n".join(listed), *map(entry, COMMANDS)]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
