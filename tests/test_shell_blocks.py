"""Every command in the shell blocks of README and docs is one that the program accepts.

The commands of ``groupmix`` are read, and their settings merged and checked, as far as that goes without
the data: what follows would take days. README's two long lines are run by ``.ci/run``, the commands of
docs/quickstart.md by ``docs/quickstart.py``, and each command on small data by its own tests.
"""

import re
import shlex
from pathlib import Path

import pytest
from blocks import PAGES, REPOSITORY, blocks_of, name_of

from recbole_groupmix.cli.main import COMMANDS, parser_of
from recbole_groupmix.cli.settings import settings_of, typed
from recbole_groupmix.reproduce.studies.command import study_of
from recbole_groupmix.settings.keys import known_keys

#: What a command sets for itself before the user's settings.
DEFAULTS = {
    **{key: {"model": "EASE"} for key in ("influence", "shapley", "gradient", "profile")},
    "reproduce": {"dataset": "ml-1m"},
}
#: Programs of others; what a page says of them is not read here.
OTHERS = {
    "pip": "installs packages",
    "python3": "makes an environment",
    "source": "activates it",
    "make": "goes through the Makefile",
    "optuna-dashboard": "a server",
    "dask": "a scheduler and workers, which tests/test_workers_of_dask.py starts",
    "grep": "picks lines of an output",
}


def commands_of(block):
    """Return the commands of a block as lists of words, without comments, loops and variables."""
    commands = []
    for line in block.replace("\\\n", " ").splitlines():
        words = shlex.shlex(line, posix=True, punctuation_chars="&|;")
        words.whitespace_split = True
        command = []
        for word in [*words, ";"]:
            if set(word) <= set("&|;"):
                commands.append(command)
                command = []
            elif word != "do":
                command.append(re.sub(r"\$\w+", "1", word))
    return [c for c in commands if c and c[0] not in ("for", "done")]


def check_groupmix(name, *arguments):
    """Raise ``ValueError`` if a command or one of its options or settings is not accepted."""
    own, keys = parser_of(name).read(arguments)
    if own.get("STUDY", ["mixing"]) != ["mixing"]:
        axes = {key: own[key] for key in ("datasets", "models", "dims") if key in own}
        study_of(own["STUDY"][0], typed(keys), own.get("quick", False), axes)
    elif parser_of(name).settings:
        files = keys.pop("config_files", "").split()
        keys["config_files"] = " ".join(file for file in files if Path(file).exists())
        if keys.get("workers", "").endswith(".yaml"):
            keys["workers"] = str(REPOSITORY / keys["workers"])
        settings_of(keys, DEFAULTS.get(name), f"groupmix {name}")


def check_script(name, *arguments):
    """Raise ``ValueError`` if a script of the repository is not there or knows an option not."""
    source = (REPOSITORY / name).read_text(encoding="utf-8")
    for option in (word.partition("=")[0] for word in arguments if word.startswith("--")):
        if not re.search(rf"{option}\b", source) and option.removeprefix("--") not in known_keys():
            raise ValueError(f"{name} knows no {option}")


def check(words):
    """Check a command; return whether it is one of ours."""
    while re.fullmatch(r"[A-Z_]+=\S*", words[0]):  # of the environment
        words = words[1:]
    program = words[0].removeprefix(".venv/bin/")
    if program == "python" and words[1:3] == ["-m", "pytest"]:
        return False
    if program == "python" and words[1] == "run_groupmix.py":
        check_groupmix("run", *words[2:])
    elif program == "python" and words[1] == "-m":
        check_script(f"{words[2].replace('.', '/')}.py", *words[3:])
    elif program == "python":
        check_script(*words[1:])
    elif program == "groupmix":
        check_groupmix(*words[1:])
    else:
        assert program in OTHERS, words
        return False
    return True


@pytest.mark.parametrize("page", [p for p in PAGES if blocks_of(p, "bash")], ids=name_of)
def test_the_commands_of_a_page_are_accepted(page):
    for block in blocks_of(page, "bash"):
        for words in commands_of(block):
            check(words)


def test_every_command_stands_in_a_page():
    words = [c for page in PAGES for b in blocks_of(page, "bash") for c in commands_of(b)]
    assert set(COMMANDS) <= {command[1] for command in words if command[0] == "groupmix"}


@pytest.mark.parametrize(
    "command",
    [
        "groupmix run --dataset=ml-100k --target=25 --trails=6",
        "groupmix run --dataset=ml-100k --target=25 --trials=six",
        "groupmix rnu --dataset=ml-100k",
        "groupmix reproduce tall --experts=4",
        "groupmix reproduce unfairness --dims=4",
        "groupmix fit trials.csv --size=a:1",
        "python run_groupmix.py --dataset=ml-100k --target=25 --folds=1",
        "python benchmarks/copies.py --d=4 --epoch=2",
        "python benchmarks/gone.py",
        "rm trials.csv",
    ],
)
def test_a_stale_command_is_noticed(command):
    (words,) = commands_of(f"{command}   # a comment; with && in it\n")
    with pytest.raises((ValueError, KeyError, OSError, AssertionError)):
        check(words)


def test_commands_are_told_apart():
    block = "for seed in 1 2; do groupmix run --seed=$seed \\\n  -d x; done\npip install y && groupmix doctor\n"
    assert commands_of(block) == [
        ["groupmix", "run", "--seed=1", "-d", "x"],
        ["pip", "install", "y"],
        ["groupmix", "doctor"],
    ]
