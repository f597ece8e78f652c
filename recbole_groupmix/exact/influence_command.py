"""``groupmix influence``: measures group influence, prints it and writes it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from recbole_groupmix.exact.influence import (
    influence_frame,
    influence_text,
    measured_changes,
    without_users,
)
from recbole_groupmix.exact.similarity import (
    agreement_dict,
    agreement_text,
    agreements,
    discrepancy_at,
    size_agreement,
)
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.notes import say_notes
from recbole_groupmix.files.output_paths import out_file
from recbole_groupmix.files.whole import write_whole
from recbole_groupmix.settings.settings import Settings
from recbole_groupmix.text.untrusted import csv_safe
from recbole_groupmix.training.closed_form.checks import check_closed_form, check_is_ease
from recbole_groupmix.training.memory import memory

METRIC = "precision@20"
_OUTPUTS = (".csv", ".json")


def influence_command(
    settings: Settings,
    say: Callable[[str], None] | None = None,
    *,
    metric: str = METRIC,
    d: int | None = None,
    out: str | Path | None = None,
) -> str:
    """Measure group influence, compare it with the similarity of groups, and return the text.

    Parameters
    ----------
    settings : Settings
        Merged settings of a run with ``model: EASE``. A ``reg_weight`` that the user gave is the
        lambda of all targets, else each has its own.
    say : callable, optional
        Prints a line for people.
    metric : str
        Per-user metric, such as ``recall@20``.
    d : int, optional
        Dimension of Delta_d; default 4, or the least rank of a group.
    out : path, optional
        A CSV file of the rows that
        :func:`~recbole_groupmix.exact.influence.influence_frame` describes with Delta_d of each
        pair as ``delta``, or, where its name ends in ``.json``, those and the comparison.

    Raises
    ------
    ValueError
        For an option or a setting that cannot be used.
    """
    file = out_file(out, suffixes=_OUTPUTS) if out is not None else None
    lam = float(settings["reg_weight"]) if "reg_weight" in settings.given else None
    experiment = Experiment(settings, all_users=not settings.target)
    check_is_ease(experiment)
    check_closed_form(experiment, memory(experiment))
    say_notes(experiment, say)
    delta, d = discrepancy_at(experiment, d)
    changes = measured_changes(experiment, lam, metric=metric)
    influence = influence_frame(experiment, changes)
    near = agreements(experiment, changes, delta)
    size = size_agreement(experiment, delta) if near else None
    left_out = without_users(experiment, influence)
    said = [f"Left out as a target: {name}, {why}." for name, why in left_out.items()]
    lines = [influence_text(influence, metric), *said, "", agreement_text(near, d, size)]
    if file is not None:
        names = list(experiment.groups.names)
        at = {name: index for index, name in enumerate(names)}
        influence["delta"] = delta[influence["target"].map(at), influence["group"].map(at)]
        if file.suffix.lower() == ".json":
            content = {
                "schema_version": 1,
                "dataset": settings.dataset,
                "group_field": experiment.groups.field,
                "groups": names,
                "metric": metric,
                "lambda": dict(changes[0].lambdas),
                "left_out": left_out,
                "rows": json.loads(influence.to_json(orient="records", double_precision=15)),
                "similarity": agreement_dict(near, delta, d, size),
            }
            write_whole(file, json.dumps(content, indent=1, allow_nan=False) + "\n")
        else:
            write_whole(
                file,
                csv_safe(influence).to_csv(
                    index=False,
                    lineterminator="\n",
                ),
            )
        lines += ["", str(file)]
    return "\n".join(lines)
