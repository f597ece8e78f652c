"""The table of keys, first part: rows of this plugin's keys on data, model and training.

A row is all that a key needs. Which keys are known, how their values are checked, which have no
effect, the typed attributes of the settings and the table in ``docs/settings.md`` follow from it.
"""

from __future__ import annotations

from collections.abc import Sequence

from recbole_groupmix.settings.key import Key

#: Why the number of folds and of repeats has a limit.
MODELS = "each of them trains every mix once more"


class OurRows:
    """Keys that RecBole does not have."""

    # --- data
    dataset = Key("", "name", "Name of the data set.", unset="needed")
    group_field = Key[str | None](
        None, "name", "Column of the `.user` file that holds the group.", unset="by data set"
    )
    group_by = Key[str | None](
        None,
        "choice",
        "Groups of equal size in place of a column, from the training part: by how near a user's "
        "items are to all others' (mainstream), or by their number (activity).",
        choices=(None, "mainstream", "activity"),
        unset="a column",
    )
    bins = Key(
        5,
        "whole",
        "Number of groups that `group_by` makes.",
        least=2,
        most=1_000,
        why="every group has a weight of its own and is measured by itself",
        needs=("group_by", "groups are read from a column, since group_by is not given"),
    )
    target = Key[str | None](
        None, "name", "Target group, a value of that column; `all` for every group.", costs=False
    )
    empty_group = Key(
        "refuse",
        "choice",
        "What becomes of users without a group token: an error, or a group `(empty)`.",
        choices=("refuse", "keep"),
    )
    class_field = Key[str | None](
        None,
        "name",
        "Column of the `.item` file with the classes of items, from which theory makes its mix.",
        unset="by data set",
        costs=False,
    )

    # --- model and loss
    model = Key("BPR", "name", "Model that is trained or solved (docs/models.md).")
    protocol = Key(
        "converged",
        "choice",
        "Defaults of training in properties/: until converged, or 40 updates as in the paper.",
        choices=("converged", "paper"),
    )
    weighting = Key(
        "loss",
        "choice",
        "How a mix enters training: the weighted loss (Eq. 8) or the sampler of triplets (Eq. 7).",
        choices=("loss", "sample"),
    )
    user_loss = Key(
        "sum",
        "choice",
        "What a user's loss is over the user's interactions.",
        choices=("sum", "mean"),
        unset="by protocol",
    )
    regularizer = Key(
        "weighted",
        "choice",
        "Whether the L2 term carries the users' weights, does not, or counts each embedding once.",
        choices=("weighted", "unweighted", "rows"),
        unset="by protocol",
        models="trained",
        weighting="loss",
    )
    loss_norm = Key(
        "count",
        "choice",
        "Divisor of the weighted loss: the number of triplets, or the sum of their weights.",
        choices=("count", "weight"),
        models="trained",
        weighting="loss",
    )
    graph = Key(
        "positive",
        "choice",
        "Which users the model sees: those of positive weight only, or all.",
        choices=("positive", "all"),
        unset="by protocol and model",
    )
    triplets = Key(
        "all",
        "choice",
        "What an epoch is: every interaction once, or `train_batch_size` draws.",
        choices=("all", "sampled"),
        unset="by protocol",
        models="trained",
    )
    init = Key(
        "recbole",
        "own",
        "Initial values of embedding tables: RecBole's, or a normal distribution.",
        allowed="`recbole` or `normal(SD)`",
        unset="by protocol and model",
        models="trained",
    )
    lambdas = Key[Sequence[float] | None](
        None,
        "own",
        "L2 weights of EASE, among which every mix chooses on the folds; a grid for MovieLens unless "
        "it is given, and never widened by itself.",
        allowed="numbers above 0",
        unset="by protocol",
        models="ridge",
    )

    # --- training
    repeats = Key(
        5,
        "whole",
        "Training seeds of the final models.",
        least=1,
        most=10_000,
        why=MODELS,
        models="trained",
        once=1,
        costs=False,
    )
    early_stopping = Key(
        True,
        "choice",
        "Whether the folds choose how long to train, by Proportional's mean curve; else `epochs`.",
        choices=(True, False),
        unset="by protocol",
        costs=False,
    )
    own_length = Key(
        True,
        "choice",
        "Whether each row is also trained for the length of its own curve, as a control.",
        choices=(True, False),
        models="trained",
        needs=("early_stopping", "early_stopping is off"),
        costs=False,
        identity=False,
    )
    decays = Key[Sequence[float] | None](
        None,
        "own",
        "Values of `reg_weight` among which every mix chooses on the folds; each costs a training.",
        allowed="numbers from 0",
        unset="none",
        models="trained",
        costs=False,
    )
    rivals = Key[Sequence[str] | None](
        None,
        "own",
        "Other ways to serve the target than a mix, chosen on the folds (docs/rivals.md).",
        allowed="names of rivals, `all` or `none`",
        unset="those that cost little",
        costs=False,
        identity=False,
    )
    fine_tune = Key(
        True,
        "choice",
        "`false` is an older way to write `rivals: none`.",
        choices=(True, False),
        costs=False,
        identity=False,
    )

    budget_curve = Key(
        True,
        "choice",
        "Whether the folds try nine budgets of all other data, seven of them models of their own on "
        "each fold; the best is the baseline `budget`.",
        choices=(True, False),
        costs=False,
        identity=False,
    )
