"""The command line: ``groupmix`` with ``run`` (also ``run_groupmix.py``), ``tune`` and others."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recbole_groupmix import __version__
from recbole_groupmix.cli.last_words import last_words
from recbole_groupmix.files.literal import literal
from recbole_groupmix.files.paths import check_can_be_written, user_path
from recbole_groupmix.files.places import out_file, out_folder
from recbole_groupmix.settings.options import flag, whole_number
from recbole_groupmix.text.untrusted import short, shown

if TYPE_CHECKING:
    from recbole_groupmix.settings.merge import Settings

USAGE = """\
usage: groupmix run --dataset=NAME --target=GROUP [--key=value ...]
       groupmix prepare NAME [--source=FILE_OR_FOLDER] [--out=FOLDER] [--force]
       groupmix compare TABLE TABLE ... [--key=value ...]
       groupmix tune --dataset=NAME [--target=GROUP] [--key=value ...]
       groupmix check --dataset=NAME [--target=GROUP] [--key=value ...]
       groupmix report RUN_FOLDER ... [--out=FOLDER] [--force]
       groupmix reproduce [--quick] [--plan] [--controls] [--datasets=... --models=... ...]
       groupmix influence --dataset=NAME [--metric=precision@20] [--key=value ...]
       groupmix gradient --dataset=NAME --target=GROUP [--key=value ...]
       groupmix profile --dataset=NAME --target=GROUP [--mix=FILE.yaml] [--key=value ...]
       groupmix --version

run      Search the mix of the other groups' data that serves the target group best.
  --dataset=NAME        data set: ml-100k, blockmix, or any RecBole atomic files
  --target=GROUP        target group, a value of the group column; without it groups are listed;
                        all: every group at once (BPR, LightGCN, closed forms)
  --group_field=COLUMN  column of the .user file that holds the group
  --data_path=FOLDER    folder that holds NAME/NAME.inter
  --model=MODEL         RecBole general recommender (default BPR)
  --protocol=P          converged (default) or paper
  --weighting=W         loss (Eq. 8, default) or sample (Eq. 7)
  --trials=N --folds=N --repeats=N    searched mixes, folds, seeds of the final training
  --mix=FILE.yaml       a mix of your own (name, alpha, alpha_aug); more files after spaces
  --config_files="A.yaml B.yaml"      settings files
  --yes                 start what may take more than a day without being asked on a terminal
  --output_dir=FOLDER --seed=N --topk=[5,10,20] and every other RecBole --key=value

prepare  Make a data set from its archive: ml-100k, ml-1m, lastfm-asia, blockmix.

compare  Compare per-user values of two or more runs, user by user: run folders, Parquet or CSV
         (user_id, metric, value or user_id and a column per metric); mixes of one run, too.
  --reference=NAME      run that the others are compared with (default the first)
  --metric=M1,M2        metrics, such as recall@20 (default all that the runs share)
  --group=G1,G2         groups, overall for all users (default overall and every group)
  --how=inner           leave out users that are not in every run (default refuse)
  --out=FILE            save as .csv, .md or .parquet
  --seed=N --n_boot=N --n_permutations=N    seed, draws per row (default 0, 10000, 10000)

tune     Choose learning rate and L2 weight by cross-validation on a grid; takes the keys of run.
  --target=GROUP        whose metric decides (default all users)
  --learning_rates=[...] --reg_weights=[...]    the grid
  --out=FILE            YAML with the best values, for --config_files (default tuned-....yaml)

check    Say before any training whether mixing can matter; takes the keys of run.
  --target=GROUP        one target (default every group)
  --class_field=COLUMN  column of the .item file with the classes of items, such as genres
  --item_clusters=N     make classes of items that the same users like, in the column's place
  --user_class=shares   or favourite: how a user's items make his class
  --relabellings=N      random groups to compare with (default 10)
  --max_d=N --embedding_size=N        largest dimension of the curves, and that of the verdict
  --budget=X            alpha_aug of the theory's mix (default 1)
  --influence=false     leave out who helps whom; --influence_lambda=X  EASE's L2 weight (500)
  --out=FOLDER          where check.json and the figures go (default below output_dir)

influence  Say who helps whom: what each target gains or loses without each other group (EASE).
  --metric=M --reg_weight=LAMBDA --out=FILE.csv or FILE.json
  --d=N                 dimension of Delta_d, with which influence is compared (default 4)

gradient Find a mix by the exact gradient of EASE's held-out loss; write it for run --mix.
  --reg_weight=LAMBDA --most=N    evaluations of the gradient per start (default 8)
  --follow=N            of the three baselines as starts, the N of least loss (default 1)
  --out=FILE.yaml       default gradient.yaml

profile  Show the target's metric and loss on the folds against the weight of each group, around
         a mix (default proportional); EASE, or --model=WeightedSVD.
  --points=N --reach=X  weights per group, from 1/X to X times its weight (default 7, 8)
  --reg_weight=LAMBDA   of EASE (default 500); --lambdas=[...] chooses for every point
  --out=FOLDER          for profile.json, .csv and .png (default below output_dir)

report   Write a page about one or more finished runs, with its figures and tables beside it;
         several runs beside a folder of check also make the paper's figures.
  --out=FOLDER          where (default report in the run folder; groupmix-report for several)
  --force               replace an earlier report

reproduce  Run the paper's experiments as a grid and write its figures; goes on after a kill.
  --datasets=ml-1m --models=BPR,LightGCN,EASE --dims=4,64 --protocols=paper,converged
                        axes of the grid (the defaults)
  --targets=25,56,1     target groups (default every group)
  --plan                only say which runs there are and what they cost
  --quick               ml-100k, small sizes: the same path in about three minutes
  --controls, --controls=graph,length    toggle single keys, with 15 mixes on 2 folds each
  --out=FOLDER          where runs and report go (default reproduction)
  --force               replace a report there that was changed by hand
  --yes                 start more than a day of work without being asked on a terminal
  --trials=N --folds=N --repeats=N and every other key of run, for all runs
"""


#: Options that name a file or folder.
_PLACES = ("out", "source")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    0; 2 for input that cannot be used, which one line says; 1 where the system stops a run
    halfway (a full disk), 130 where the user does, 143 where a signal asks for the end, 141 where
    nobody reads the output any more.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; default those of the process.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    with last_words(arguments[0] if arguments else "") as ended:
        ended.status = _main(arguments)
    return ended.status


def _main(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(USAGE, end="")
        return 0
    if arguments[0] == "--version":
        print(f"groupmix {__version__}")
        return 0
    command, rest = arguments[0], arguments[1:]
    if "-h" in rest or "--help" in rest:
        print(USAGE, end="")
        return 0
    if command == "run":
        return _run(rest)
    if command == "prepare":
        return _prepare(rest)
    if command == "compare":
        return _compare(rest)
    if command == "tune":
        return _tune(rest)
    if command == "influence":
        return _influence(rest)
    if command == "gradient":
        return _gradient(rest)
    if command == "profile":
        return _profile(rest)
    if command == "check":
        return _check(rest)
    if command == "report":
        return _report(rest)
    if command == "reproduce":
        return _reproduce(rest)
    raise ValueError(
        f"unknown command {command!r}; commands are run, prepare, compare, tune, check, "
        "report, reproduce, influence, gradient and profile"
    )


def parse_options(arguments: Sequence[str], flags: Sequence[str] = ()) -> dict[str, str]:
    """Read ``--key=value`` and ``--key value``; ``flags`` may stand alone and become true or false.

    Raises
    ------
    ValueError
        For anything else, for a key that is given twice with different values, a flag that is
        neither true nor false, and a place that cannot be one.
    """
    options: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if not argument.startswith("--") or len(argument) == 2:
            raise ValueError(f"unexpected argument {short(argument)}; options are --key=value")
        key, equals, value = argument[2:].partition("=")
        if key in flags:
            value = str(flag(key, value) if equals else True).lower()
        elif not equals:
            if not rest or rest[0].startswith("--"):
                raise ValueError(f"option --{key} has no value; write --{key}=VALUE")
            value = rest.pop(0)
        if key in _PLACES:
            value = _place(key, value)
        if options.get(key, value) != value:
            both = f"{short(options[key])} and {short(value)}"
            raise ValueError(f"--{key} is given twice: {both}")
        options[key] = value
    return options


def _place(key: str, text: str) -> str:
    """Return the path that an option gives, with its ``~`` replaced."""
    what = f"--{key} is {short(text)}"
    if not text:
        raise ValueError(f"{what}; give it a value or leave it out")
    path = user_path(text, what)
    if key == "out":
        check_can_be_written(path, what)
    return path


def _run(arguments: Sequence[str]) -> int:
    settings = _settings(parse_options(arguments, flags=("yes",)))

    from recbole_groupmix.all_targets.index import index_table
    from recbole_groupmix.record.table import result_table
    from recbole_groupmix.run import run  # torch takes seconds to load

    with _recbole_log() as warnings:
        result = run(settings, _sayer(warnings), _asker())
    _answer(index_table(result) if "targets" in result else result_table(result))
    _answer(f"\n{result['run_folder']}")
    return 0


def _tune(arguments: Sequence[str]) -> int:
    options = parse_options(arguments)
    out = options.pop("out", None)
    axes = {
        key: _numbers(key, options.pop(key))
        for key in ("learning_rates", "reg_weights")
        if key in options
    }
    settings = _settings(options)

    from recbole_groupmix.search.tune import tune, tuning_table

    with _recbole_log() as warnings:
        tuned = tune(settings, **axes, out=out, say=_sayer(warnings))
    _answer(tuning_table(tuned))
    _answer(f"\n{tuned.file}")
    return 0


def _check(arguments: Sequence[str]) -> int:
    options = parse_options(arguments)
    from recbole_groupmix.check.command import OPTIONS, check_command

    own = {key: options.pop(key) for key in OPTIONS if key in options}
    settings = _settings(options)
    with _recbole_log() as warnings:
        text, folder = check_command(settings, own, _sayer(warnings))
    _answer(text)
    _answer(f"\n{folder}")
    return 0


def _report(arguments: Sequence[str]) -> int:
    folders, given = _positional(arguments, flags=("force",))
    options = parse_options(given, flags=("force",))
    unknown = sorted(set(options) - {"out", "force"})
    if unknown:
        raise ValueError(f"unknown option --{unknown[0]}; report takes --out and --force")
    from recbole_groupmix.report.write import write_report

    with _recbole_log():
        page = write_report(folders, options.get("out"), force=options.get("force") == "true")
    _answer(page)
    return 0


def _reproduce(arguments: Sequence[str]) -> int:
    flags = ("plan", "quick", "force")
    # of the options with a value this one may also stand alone
    arguments = ["--controls=all" if word == "--controls" else word for word in arguments]
    options = parse_options(arguments, (*flags, "yes"))
    from recbole_groupmix.reproduce.command import OPTIONS, reproduce_command
    from recbole_groupmix.settings.rows import NAME_KEYS

    own = {key: options.pop(key) for key in (*OPTIONS, *flags) if key in options}
    keys = {key: text if key in NAME_KEYS else literal(text) for key, text in options.items()}
    with _recbole_log() as warnings:
        return reproduce_command(own, keys, _sayer(warnings), _answer, _asker())


def _influence(arguments: Sequence[str]) -> int:
    options = parse_options(arguments)
    from recbole_groupmix.exact.influence_command import OPTIONS, influence_command

    own = {key: options.pop(key) for key in OPTIONS if key in options}
    settings = _settings(options, {**_ONE_LAMBDA, "reg_weight": 500}, "groupmix influence")
    _check_one_lambda(settings, "groupmix influence")
    with _recbole_log() as warnings:
        text = influence_command(settings, own, _sayer(warnings))
    _answer(text)
    return 0


def _gradient(arguments: Sequence[str]) -> int:
    options = parse_options(arguments)
    evaluations = "a start takes some dozens until nothing changes"
    most = whole_number(options, "most", 8, 1, 10_000, evaluations)
    follow = whole_number(options, "follow", 1, 1, 3, "so many starts there are")
    out = out_file(options.pop("out", "gradient.yaml"))
    for key in ("most", "follow"):
        options.pop(key, None)
    settings = _settings(options, {**_ONE_LAMBDA, "reg_weight": 300}, "groupmix gradient")
    _check_one_lambda(settings, "groupmix gradient")

    from recbole_groupmix.exact.gradient import (
        gradient_search,
        gradient_text,
        next_step,
        write_mix,
    )
    from recbole_groupmix.experiment.experiment import Experiment
    from recbole_groupmix.experiment.notes import say_notes
    from recbole_groupmix.training.memory import memory

    with _recbole_log() as warnings:
        experiment = Experiment(settings)
        experiment.check_parts(settings["folds"])
        say_notes(experiment, _sayer(warnings))
        lam, free = float(settings["reg_weight"]), memory(experiment)
        found = gradient_search(experiment, lam, free=free, follow=follow, most=most)
    write_mix(found[0], out)
    _answer(gradient_text(found))
    _answer(f"\n{next_step(settings, found[0], out)}")
    _answer(f"\n{out}")
    return 0


def _profile(arguments: Sequence[str]) -> int:
    options = parse_options(arguments)
    from recbole_groupmix.exact.profile_command import OPTIONS, profile_command

    own = {key: options.pop(key) for key in OPTIONS if key in options}
    settings = _settings(options, {**_ONE_LAMBDA, "reg_weight": 500}, "groupmix profile")
    with _recbole_log() as warnings:
        text, folder = profile_command(settings, own, _sayer(warnings))
    _answer(text)
    _answer(f"\n{folder}")
    return 0


#: Defaults of the commands that solve EASE: one lambda, and not a choice of several on the folds.
_ONE_LAMBDA = {"model": "EASE", "lambdas": None}


def _check_one_lambda(settings: Settings, command: str) -> None:
    if "lambdas" in settings.given:
        raise ValueError(
            f"{settings.describe('lambdas')}, but {command} takes one lambda; give it by "
            "--reg_weight"
        )


def _settings(
    options: dict[str, str], own: dict[str, Any] | None = None, command: str = ""
) -> Settings:
    """Merge what the command line gives with the files that it names and the defaults.

    `own` are defaults of the command, below all that the user gives.
    """
    files = [*options.pop("config_file", "").split(), *options.pop("config_files", "").split()]
    from recbole_groupmix.settings.merge import merge_settings
    from recbole_groupmix.settings.rows import NAME_KEYS

    given = {key: text if key in NAME_KEYS else literal(text) for key, text in options.items()}
    return merge_settings(given, files, "on the command line", own, command)


def _numbers(key: str, text: str) -> list[float]:
    values = literal(text)
    if isinstance(values, (int, float)) and not isinstance(values, bool):
        values = [values]
    good = isinstance(values, (list, tuple)) and all(
        isinstance(v, (int, float)) and not isinstance(v, bool) and 0 <= v <= 1e30 for v in values
    )
    if not good or not values or (key == "learning_rates" and min(values) == 0):
        raise ValueError(
            f"--{key} is {short(text)}; give positive numbers such as [0.003, 0.01, 0.03]"
        )
    return sorted({float(value) for value in values})


def _answer(text: object) -> None:
    print(shown(str(text)))


def _sayer(warnings: list[str]) -> Callable[[str], None]:
    """Return what prints a line for people, after RecBole's warnings until then."""

    def say(line: str) -> None:
        while warnings:
            print(f"note from RecBole: {shown(warnings.pop(0))}", file=sys.stderr)
        print(shown(line), file=sys.stderr, flush=True)

    return say


def _asker() -> Callable[[str], bool] | None:
    """Return what asks the user a question at a terminal; None where there is none."""
    if sys.stdin is None or not sys.stdin.isatty():
        return None

    def ask(question: str) -> bool:
        print(question, end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    return ask


@contextmanager
def _recbole_log() -> Iterator[list[str]]:
    """Collect the warnings of RecBole, which logs to the root logger; ours are said at once."""
    messages: list[str] = []
    seen: set[str] = set()

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            text = re.sub(r"\x1b\[[0-9;]*m", "", record.getMessage())
            if text in seen:
                return
            seen.add(text)
            line = " ".join(text.split())
            if record.name.startswith("recbole_groupmix"):
                print(f"note: {shown(line)}", file=sys.stderr)
            else:
                messages.append(line)

    handler = Collector(logging.WARNING)
    logging.getLogger().addHandler(handler)
    try:
        yield messages
    finally:
        logging.getLogger().removeHandler(handler)


def _prepare(arguments: Sequence[str]) -> int:
    from recbole_groupmix.prepare import DATA_SETS, prepare

    if not arguments or arguments[0].startswith("--"):
        raise ValueError(f"name a data set to prepare: {', '.join(DATA_SETS)}")
    options = parse_options(arguments[1:], flags=("force",))
    unknown = set(options) - {"source", "out", "force"}
    if unknown:
        raise ValueError(
            f"unknown option --{sorted(unknown)[0]}; prepare takes --source, --out and --force"
        )
    source = Path(options["source"]) if "source" in options else None
    made = prepare(
        arguments[0],
        source,
        out_folder(options.get("out", "dataset_atomic")),
        force=options.get("force") == "true",
    )
    _answer(made.comparison_text)
    _answer(f"\n{made.folder}")
    return 0


_NO_FINER = "intervals and p-values get no finer"
_COMPARE_OPTIONS = (
    "reference",
    "metric",
    "group",
    "how",
    "out",
    "seed",
    "n_boot",
    "n_permutations",
)


def _compare(arguments: Sequence[str]) -> int:
    from recbole_groupmix.compare import MOST_DRAWS, check_output, compare, read_runs

    tables, given = _positional(arguments)
    options = parse_options(given)
    unknown = sorted(set(options) - set(_COMPARE_OPTIONS))
    if unknown:
        allowed = ", ".join(f"--{option}" for option in _COMPARE_OPTIONS)
        raise ValueError(f"unknown option --{unknown[0]}; compare takes {allowed}")
    if not tables:
        raise ValueError("name the tables to compare: run folders, .parquet, .csv or .tsv files")
    out = check_output(options["out"]) if "out" in options else None
    seed = whole_number(options, "seed", 0, 0, 2**128 - 1, "generators are seeded by 128 bits")
    n_boot = whole_number(options, "n_boot", 10_000, 1, MOST_DRAWS, _NO_FINER)
    n_permutations = whole_number(options, "n_permutations", 10_000, 1, MOST_DRAWS, _NO_FINER)
    compared = compare(
        read_runs(tables),
        reference=options.get("reference"),
        metrics=options["metric"].split(",") if "metric" in options else None,
        how=options.get("how", "refuse"),
        groups=options["group"].split(",") if "group" in options else None,
        seed=seed,
        n_boot=n_boot,
        n_permutations=n_permutations,
    )
    _answer(compared.to_markdown())
    if out is not None:
        compared.save(out)
        _answer(f"\n{out}")
    return 0


def _positional(
    arguments: Sequence[str], flags: Sequence[str] = ()
) -> tuple[list[str], list[str]]:
    """Tell arguments that stand alone from options and the values that follow them."""
    alone_too = [f"--{key}" for key in flags]
    alone: list[str] = []
    options: list[str] = []
    for argument in arguments:
        last = options[-1] if options else ""
        value_follows = last.startswith("--") and "=" not in last and last not in alone_too
        (options if argument.startswith("--") or value_follows else alone).append(argument)
    return alone, options
