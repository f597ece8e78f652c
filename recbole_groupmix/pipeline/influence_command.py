"""``groupmix influence`` as a whole: what is measured, printed and written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from recbole_groupmix.pipeline.budget import memory
from recbole_groupmix.pipeline.closed_form_checks import check_closed_form
from recbole_groupmix.pipeline.experiment import Experiment
from recbole_groupmix.pipeline.influence import influence_frame, influence_text, measured_changes
from recbole_groupmix.pipeline.notes import say_notes
from recbole_groupmix.pipeline.settings import Settings
from recbole_groupmix.pipeline.similarity import (
    agreement_dict,
    agreement_text,
    agreements,
    discrepancy_at,
    size_agreement,
)

#: Options of the command that are no settings of a run.
OPTIONS = ("metric", "d", "out")
METRIC = "precision@20"


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
        :func:`~recbole_groupmix.pipeline.influence.group_influence` describes with Delta_d of each
        pair as ``delta``, or, where its name ends in ``.json``, those and the comparison.
    say : callable, optional
        Prints a line for people.

    Raises
    ------
    ValueError
        For an option or a setting that cannot be used.
    """
    metric, text = options.get("metric", METRIC), options.get("d")
    if text is not None and (not text.isdecimal() or int(text) < 1):
        raise ValueError(f"--d is {text!r}; the dimension of Delta_d is a whole number >= 1")
    lam = float(settings["reg_weight"])
    experiment = Experiment(settings, for_everyone=not settings["target"])
    check_closed_form(experiment, memory(experiment))
    say_notes(experiment, say)
    delta, d = discrepancy_at(experiment, None if text is None else int(text))
    changes = measured_changes(experiment, lam, metric=metric)
    found = influence_frame(experiment, changes)
    near = agreements(experiment, changes, delta)
    size = size_agreement(experiment, delta) if near else None
    lines = [influence_text(found, metric), "", agreement_text(near, d, size)]
    if "out" in options:
        names = list(experiment.groups.names)
        at = {name: index for index, name in enumerate(names)}
        found["delta"] = delta[found["target"].map(at), found["group"].map(at)]
        out = Path(options["out"])
        if out.suffix == ".json":
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
            out.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        else:
            found.to_csv(out, index=False)
        lines += ["", str(out)]
    return "\n".join(lines)
