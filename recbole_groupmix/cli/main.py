"""The command line: ``groupmix COMMAND``; ``run_groupmix.py`` is ``groupmix run``."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from types import ModuleType

from recbole_groupmix import __version__
from recbole_groupmix.cli import (
    check,
    compare,
    doctor,
    export,
    fit,
    gradient,
    influence,
    prepare,
    profile,
    report,
    reproduce,
    run,
    shapley,
    tune,
)
from recbole_groupmix.cli.exit_status import errors_to_exit_status
from recbole_groupmix.cli.options import Parser
from recbole_groupmix.core.spelling import nearest
from recbole_groupmix.text.untrusted import short_repr

#: The modules of the commands, in the order of their help. Each has ``SUMMARY`` and ``EXAMPLES``,
#: perhaps ``TEXT`` and ``RESUMES``, and the functions ``add_options`` and ``call``.
COMMANDS: Mapping[str, ModuleType] = {
    "prepare": prepare,
    "check": check,
    "run": run,
    "report": report,
    "compare": compare,
    "export": export,
    "fit": fit,
    "tune": tune,
    "influence": influence,
    "shapley": shapley,
    "gradient": gradient,
    "profile": profile,
    "reproduce": reproduce,
    "doctor": doctor,
}
_HELP = ("-h", "--help")
_CUTOFF = 0.6  # of the few names of commands, one with two of three letters is near


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    0; 2 for input that cannot be used, with one line of message; 1 where the system stops a run
    halfway (a full disk), 130 where the user does, 143 where a signal asks for the end, 141 where
    the reader of the output is gone.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; default those of the process.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    module = COMMANDS.get(arguments[0]) if arguments else None
    with errors_to_exit_status(resumes=getattr(module, "RESUMES", False)) as ended:
        ended.status = _main(arguments)
    return ended.status


def _main(arguments: Sequence[str]) -> int:
    name, *rest = arguments or ["help"]
    if name == "--version":
        print(f"groupmix {__version__}")
        return 0
    if name == "help" and rest:
        name, rest = rest[0], ["--help"]
    if name in ("help", *_HELP):
        print(_help())
        return 0
    if name not in COMMANDS:
        near = nearest(name, COMMANDS, _CUTOFF)
        hint = f"did you mean {near}? Commands are" if near else "commands are"
        if name.startswith("--"):
            hint = "options come after a command, such as run; commands are"
        raise ValueError(f"unknown command {short_repr(name)}; {hint} {', '.join(COMMANDS)}")
    parser = parser_of(name)
    if any(word in _HELP for word in rest):
        print(parser.format_help(), end="")
        return 0
    return int(COMMANDS[name].call(*parser.read(rest)))


def _help() -> str:
    lines = [f"  {name:10} {module.SUMMARY}" for name, module in COMMANDS.items()]
    return "\n".join(
        [
            "usage: groupmix COMMAND [--key=value ...]",
            "       groupmix COMMAND --help",
            "       groupmix --version",
            "\ncommands:",
            *lines,
        ]
    )


def parser_of(name: str) -> Parser:
    """Return the parser of a command, which also writes its help."""
    module = COMMANDS[name]
    parser = Parser(
        prog=f"groupmix {name}",
        description="\n".join([module.SUMMARY, getattr(module, "TEXT", "")]).strip(),
        epilog="\n  ".join(["examples:", *module.EXAMPLES]),
    )
    module.add_options(parser)
    words = [str(a.metavar) for a in parser._actions if not a.option_strings]
    parser.usage = " ".join([parser.prog, *words, "[--key=value ...]"])
    return parser
