"""``groupmix influence`` as a whole: what is measured, printed and written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from recbole_groupmix.exact.influence import influence_frame, influence_text, measured_changes
from recbole_groupmix.exact.similarity import (
    agreement_dict,
    agreement_text,
    agreements,
    discrepancy_at,
    size_agreement,
)
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.notes import say_notes
from recbole_groupmix.files.places import out_file
from recbole_groupmix.files.whole import write_whole
from recbole_groupmix.settings.merge import Settings
from recbole_groupmix.settings.options import named, whole_number
from recbole_groupmix.text.untrusted import csv_safe
from recbole_groupmix.training.closed_form.checks import check_closed_form
from recbole_groupmix.training.memory import memory

#: Options of the command that are no settings of a run.
OPTIONS = ("metric", "d", "out")
METRIC = "precision@20"
#: Largest dimension that can be asked for.
MOST_D = 100_000
_OUTPUTS = (".csv", ".json")


def influence_command(
    settings: Settings, options: Mapping[str, str], say: Callable[[str], None] | None = None
) -> str:
    """Measure who helps whom, compare it with who is near to whom, and return the text.

    Parameters
    ----------
    settings : Settings
        Merged settings of a run with ``model: EASE``.
    options : mapping of str to str
        Some of `OPTIONS`, as text. ``out`` is a CSV file of the rows that
        :func:`~recbole_groupmix.exact.influence.influence_frame` describes with Delta_d of each
        pair as ``delta``, or, where its name ends in ``.json``, those and the comparison.
    say : callable, optional
        Prints a line for people.

    Raises
    ------
    ValueError
        For an option or a setting that cannot be used.
    """
    metric = options.get("metric", METRIC)
    asked = whole_number(options, "d", 0, 1, MOST_D, "no group has such a rank") or None
    out = out_file(options["out"], suffixes=_OUTPUTS) if "out" in options else None
    lam = float(settings["reg_weight"])
    experiment = Experiment(settings, for_everyone=not settings["target"])
    check_closed_form(experiment, memory(experiment))
    say_notes(experiment, say)
    with named("d", "--d"):
        delta, d = discrepancy_at(experiment, asked)
    changes = measured_changes(experiment, lam, metric=metric)
    found = influence_frame(experiment, changes)
    near = agreements(experiment, changes, delta)
    size = size_agreement(experiment, delta) if near else None
    lines = [influence_text(found, metric), "", agreement_text(near, d, size)]
    if out is not None:
        names = list(experiment.groups.names)
        at = {name: index for index, name in enumerate(names)}
        found["delta"] = delta[found["target"].map(at), found["group"].map(at)]
        if out.suffix.lower() == ".json":
            content = {
                "schema_version": 1,
                "dataset": settings["dataset"],
                "group_field": experiment.groups.field,
                "groups": names,
                "metric": metric,
                "lambda": lam,
                "rows": json.loads(found.to_json(orient="records", double_precision=15)),
                "similarity": agreement_dict(near, delta, d, size),
            }
            write_whole(out, json.dumps(content, indent=1, allow_nan=False) + "\n")
        else:
            write_whole(
                out,
                csv_safe(found).to_csv(
                    index=False,
                    lineterminator="\
",
                ),
            )
        lines += ["", str(out)]
    return "\n".join(lines)
