"""The table of keys, second part: rows of this plugin's keys on search and evaluation."""

from __future__ import annotations

from collections.abc import Sequence

from recbole_groupmix.settings.key import Key
from recbole_groupmix.settings.our_rows import MODELS

#: The search that draws all mixes beforehand and learns nothing.
RANDOM = "random"


class SearchRows:
    """Keys on the search and on what is ranked, which RecBole does not have."""

    # --- search and evaluation
    trials = Key(
        75,
        "whole",
        "Mixes that are searched at most.",
        most=100_000,
        unset="16; 75 where all are drawn beforehand (search: random)",
        why="each is a mix that is drawn, kept and trained on every fold",
        costs=False,
        identity=False,
    )
    search = Key(
        RANDOM,
        "name",
        "Who proposes the mixes: `random` draws them all beforehand, any other proposer learns from "
        "those that were tried (docs/learned_search.md).",
        allowed="a proposer",
        unset="by protocol; `random` for `target: all`",
        needs=("trials", "trials is 0, so no mix is searched"),
        costs=False,
    )
    hours = Key[float | None](
        None,
        "number",
        "Hours that the run may take: no more mixes are searched than the forecast says will fit.",
        above=True,
        most=1e5,
        why="it is in hours",
        unset="no limit; 1 for models that are trained one by one, where `trials` is not given and the "
        "search would take longer",
        needs=("trials", "trials is 0, so no mix is searched"),
        costs=False,
        identity=False,
    )
    least_gain = Key(
        0.01,
        "number",
        "A search that learns ends early where another mix is unlikely to be better than Proportional "
        "by more than this part of its score; 0 switches that off.",
        most=10,
        why="it is a part of Proportional's score, 0.01 for 1 %",
        costs=False,
        identity=False,
    )
    budgets = Key(
        "uniform(0.5, 2)",
        "own",
        "From which budgets `alpha_aug` mixes are drawn.",
        allowed="`uniform(LOW, HIGH)` or `log_uniform(LOW, HIGH)`",
        unset="by protocol",
        needs=("trials", "trials is 0, so no mix is drawn"),
        costs=False,
    )
    folds = Key(
        5,
        "whole",
        "Folds inside the training part.",
        least=2,
        most=1_000,
        why=MODELS,
        costs=False,
    )
    mix = Key[Sequence[str]](
        (),
        "own",
        "Files with mixes of your own: name, alpha and alpha_aug.",
        allowed="YAML files",
        unset="none",
        costs=False,
        identity=False,
    )

    rank_items = Key(
        "all",
        "name",
        "Items that a user is ranked over: all, those that the user's own group trains on "
        "(`target`), or those that a column of the `.item` file offers to it (docs/items.md).",
        allowed="`all`, `target` or a column",
    )
    train_items = Key(
        "all",
        "choice",
        "Whether other groups train on all items, or only on those that the target trains on "
        "(docs/items.md).",
        choices=("all", "target"),
    )
