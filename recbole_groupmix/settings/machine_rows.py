"""The table of keys, third part: rows of this plugin's keys on the computer and on files."""

from __future__ import annotations

from collections.abc import Mapping

from recbole_groupmix.settings.key import Key


class MachineRows:
    """Keys on the computer, on files and on what is asked, which RecBole does not have."""

    # --- computer, files and talk
    backend = Key(
        "auto",
        "choice",
        "What trains: many BPR or LightGCN at once (cpu, torch), or one by one (recbole).",
        choices=("auto", "cpu", "torch", "recbole"),
    )
    max_memory = Key[float | None](
        None,
        "number",
        "GiB of models in training at once.",
        above=True,
        most=1e6,
        why="it is in GiB",
        unset="half of what is free",
        identity=False,
    )
    workers = Key[int | str | None](
        None,
        "own",
        "Processes that train units of a run beside each other, here or elsewhere (docs/cluster.md).",
        allowed="a number, `dask-local:N`, `dask://HOST:PORT` or the YAML file of a cluster",
        unset="this process",
        costs=False,
        identity=False,
    )
    output_dir = Key("runs", "name", "Folder below which run folders are made.", identity=False)
    group_labels = Key[Mapping[str, Mapping[str, str]] | None](
        None,
        "own",
        "What people call the groups, by column and group; tables and pages show it beside the group.",
        allowed="a mapping, `{COLUMN: {GROUP: LABEL}}`",
        unset="those of the data set, if it has any",
        costs=False,
        identity=False,
    )
    yes = Key(
        False,
        "choice",
        "Whether a run of more than a day starts without a question on a terminal.",
        choices=(True, False),
        identity=False,
    )
    log_tensorboard = Key(
        False,
        "choice",
        "Whether scores of mixes are written as TensorBoard events into the run folder.",
        choices=(True, False),
        identity=False,
    )
