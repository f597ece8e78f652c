"""The page about TALL: its cells by quintile of mainstream score, beside the published rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.statistics.bootstrap import relative_changes
from recbole_groupmix.record.study_cell import StudyCellFile
from recbole_groupmix.report.frame.blocks import Cell, Section, Table, number, text
from recbole_groupmix.report.paper.statements import gain
from recbole_groupmix.report.studies.claims import Claim, claims_table, ratio, shown_mean
from recbole_groupmix.report.studies.published import published, rows_of
from recbole_groupmix.text.numbers import percent_interval

Floats = npt.NDArray[np.float64]
QUINTILES = ("L", "ML", "M", "MH", "H")
PARTS = ("overall", *QUINTILES)
SAYS = {
    "MultVAE": "RecBole's MultiVAE",
    "WL": "users far from the mainstream weigh more",
    "DC": "made-up users far from the mainstream",
    "fine-tuned": "copies of MultVAE, each fine-tuned on a fifth of the users and serving it",
    "LOCA": "local models around anchors, from scratch",
    "EnLFT": "copies of WL, fine-tuned around anchors",
    "MoE": "gate: a perceptron of the user's items",
    "uniform": "experts count alike",
    "uniform-": "uniform, without the guide items",
    "LMoE": "gate: losses on guide items, as printed",
    "LMoE+": "the same, mean losses, temperature .005",
    "TALL": "LMoE, and weights of users by falls of their losses",
    "TALL*": "the same, with the printed rule, by batch as in its code",
}
"""What each model is."""
PAIRS = (
    *(("TALL", other) for other in ("uniform", "uniform-", "LMoE", "MultVAE")),
    *(("LMoE", "uniform-"), ("LMoE+", "uniform-"), ("MoE", "uniform")),
    *((model, "MultVAE") for model in ("uniform", "WL", "DC", "fine-tuned", "LOCA", "EnLFT")),
    *(("TALL", "fine-tuned"), ("TALL", "LOCA"), ("TALL", "EnLFT")),
)
#: Statements: what is said, the model, the one that it is compared with, the part of the users.
_STATEMENTS = (
    ("TALL serves all users better than MultVAE.", "TALL", "MultVAE", "overall"),
    ("TALL serves the fifth furthest from the mainstream better than MultVAE.",
     "TALL", "MultVAE", "L"),
    ("WL serves that fifth better than MultVAE.", "WL", "MultVAE", "L"),
    ("TALL serves that fifth better than LOCA.", "TALL", "LOCA", "L"),
    ("TALL serves that fifth better than EnLFT.", "TALL", "EnLFT", "L"),
    ("The loss-driven gate is better than a perceptron (LMoE, MoE).", "LMoE", "MoE", "overall"),
    ("The weights of users help (TALL, LMoE).", "TALL", "LMoE", "overall"),
    ("They help the fifth furthest from the mainstream.", "TALL", "LMoE", "L"),
    ("Not published: the loss-driven gate is better than none, on the same training items (LMoE, uniform-).",
     "LMoE", "uniform-", "overall"),
    ("Not published: TALL is better than its uniform ensemble on all training items.",
     "TALL", "uniform", "overall"),
)  # fmt: skip


def sections(cells: Sequence[StudyCellFile]) -> tuple[list[str], list[Section]]:
    """Return the lead and the sections about the cells of one data set, at least one.

    Raises
    ------
    ValueError
        If cells do not measure the same users.
    """
    of_model: dict[str, list[StudyCellFile]] = {}
    for cell in cells:
        of_model.setdefault(cell["given"]["model"], []).append(cell)
    groups = np.array(cells[0]["measured"]["group"])
    if any(list(groups) != cell["measured"]["group"] for cell in cells):
        raise ValueError("cells of one data set measure other users; choose another --out")
    values = {
        model: np.array([cell["measured"]["ndcg@20"] for cell in found], float)
        for model, found in of_model.items()
    }
    n_seeds = max(len(found) for found in of_model.values())
    lead = [
        f"NDCG@20 of {groups.size:,} users with test items on one random split, {n_seeds} seeds, and of "
        "the fifths by mainstream score, L the furthest from the mainstream. Published rows are of "
        "ML-1M with 100 experts.",
    ]
    found = [
        Section(
            "levels", "Ours beside the published rows", tables=[_levels(of_model, values, groups)]
        ),
        Section("changes", "Paired changes", tables=[_changes(values, groups)]),
    ]
    if claims := _claims(values, groups):
        found.insert(0, Section("statements", "Statements", tables=[claims_table(claims)]))
    return lead, found


def _of(values: Floats, groups: npt.NDArray[np.str_], part: str) -> Floats:
    return values if part == "overall" else values[:, groups == part]


def _levels(
    of_model: Mapping[str, Sequence[StudyCellFile]],
    values: Mapping[str, Floats],
    groups: npt.NDArray[np.str_],
) -> Table:
    rows = []
    for model in dict.fromkeys((*of_model, *rows_of("tall"))):
        theirs = [published("tall", model, part) for part in PARTS]
        if model in of_model:
            cells = of_model[model]
            means = [
                np.mean([cell["measured"][key] for cell in cells]) for key in ("experts", "epochs")
            ]
            means.append(np.mean([cell["seconds"] for cell in cells]))
            rows.append(
                [text(model), text(SAYS.get(model, "")), text("ours")]
                + [shown_mean(_of(values[model], groups, part), 4) for part in PARTS]
                + [
                    number(float(m), form)
                    for m, form in zip(means, (".3f", ".0f", ".0f"), strict=True)
                ]
            )
        if theirs[0] is not None:
            rows.append(
                [text(model), text(SAYS.get(model, "")), text("published")]
                + [number(value, ".4f") for value in theirs]
                + [text("")] * 3
            )
    return Table(
        "levels",
        "NDCG@20",
        ["model", "what it is", "", *PARTS, "effective experts", "epochs", "s of a core"],
        rows,
        "Means over users and seeds with 95 % intervals over users, and over seeds from 5 on.",
    )


def _changes(values: Mapping[str, Floats], groups: npt.NDArray[np.str_]) -> Table:
    rows = []
    for model, other in PAIRS:
        if model not in values or other not in values:
            continue
        pairs = [_pair(values, groups, model, other, part) for part in PARTS]
        changes = relative_changes(pairs, seed=0)
        rows.append(
            [text(f"{model} against {other}")]
            + [Cell(percent_interval(c.mean, c.ci_low, c.ci_high), c.mean) for c in changes]
        )
    return Table(
        "changes", "Relative changes of NDCG@20, paired by user and seed", ["change", *PARTS], rows
    )


def _pair(
    values: Mapping[str, Floats], groups: npt.NDArray[np.str_], model: str, other: str, part: str
) -> tuple[Floats, Floats]:
    n = min(len(values[model]), len(values[other]))
    return _of(values[model][:n], groups, part), _of(values[other][:n], groups, part)


def _claims(values: Mapping[str, Floats], groups: npt.NDArray[np.str_]) -> list[Claim]:
    found = []
    for says, model, other, part in _STATEMENTS:
        if model in values and other in values:
            change = ratio(published("tall", model, part), published("tall", other, part))
            pair = _pair(values, groups, model, other, part)
            if len(pair[0]) > 1:
                found.append(Claim(says, gain, *pair, change))
    return found
