"""``groupmix tune``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recbole_groupmix.cli.options import Parser, place, source
from recbole_groupmix.cli.settings import OF_DATA_AND_MODEL, add_settings, settings_of
from recbole_groupmix.cli.streams import answer, saying
from recbole_groupmix.cli.tuning_grid import AXES, axis, read_params_file

SUMMARY = "Choose learning rate and L2 weight by cross-validation."
EXAMPLES = (
    "groupmix tune --dataset=ml-100k --learning_rates=[0.003,0.01,0.03]",
    "groupmix tune -d ml-100k -m BPR --params_file=hyper.test",
    "groupmix tune --dataset=ml-100k --seed=2021",
)
RESUMES = True


def add_options(parser: Parser) -> None:
    """Declare what the help shows."""
    add = parser.add_argument
    defaults = ("[0.003,0.01,0.03,0.1]", "[0.0001,0.0003,0.001,0.003,0.01,0.03,0.1]")
    for (key, option), default in zip(AXES.items(), defaults, strict=True):
        text = f"values of {key} (default {default})"
        add(f"--{option}", metavar="LIST", type=axis(key), help=text)
    add(
        "--params_file",
        metavar="FILE",
        type=source,
        help="the grid in a file of RecBole's HyperTuning: lines of learning_rate choice [...] "
        "and reg_weight choice [...]; what it does not name keeps its setting",
    )
    add(
        "--out",
        metavar="FILE",
        type=place,
        help="YAML with the best values for --config_files (default "
        "tuned-DATASET-MODEL-SIZE.yaml)",
    )
    add_settings(
        parser,
        *OF_DATA_AND_MODEL,
        "protocol",
        *("folds", "embedding_size", "seed", "output_dir"),
        target="group whose users' metric decides (default all users)",
    )


def call(own: Mapping[str, Any], keys: Mapping[str, str]) -> int:
    """Tune, print the grid and where the best values are."""
    given = dict(own)
    out, file = given.pop("out", None), given.pop("params_file", None)
    if file is not None and given:
        raise ValueError(f"--params_file and --{next(iter(given))} both give the grid; keep one")
    axes = read_params_file(file) if file is not None else given

    from recbole_groupmix.settings.search_rows import RANDOM

    # it searches no mix, so it goes on in the folder that it had under any default
    settings = settings_of(keys, {"search": RANDOM}, "groupmix tune")

    from recbole_groupmix.search.tune import tune, tuning_table

    with saying() as say:
        tuned = tune(settings, **axes, out=out, say=say)
    answer(tuning_table(tuned))
    answer(f"\n{tuned.file}")
    return 0
