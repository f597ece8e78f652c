"""The table of keys: one row for each key that is ours, or RecBole's with a default or check of ours.

Everything else that depends on single keys is derived from it: which keys are known, how their
values are checked, which have no effect, and the table in ``docs/settings.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from recbole_groupmix.settings.key import Key

#: Largest factor of a step or of an L2 term.
MOST_FACTOR = 1e30
_OVERFLOW = "32-bit numbers overflow beyond"
_MODELS = "every one trains each mix anew"
_BITS = "64 bits count no further"
_MOST_BITS = 2**63 - 1
_NOT_STOPPED = ("early_stopping", "early_stopping is off")


class Rows:
    """Every key as an attribute; :class:`~.settings.Settings` reads values by it."""

    # --- data
    dataset = Key("", "name", "Name of the data set.", unset="needed")
    data_path = Key[str | None](
        None,
        "name",
        "Folder that holds NAME/NAME.inter.",
        unset="looked for, see docs/models.md",
        recbole=True,
        identity=False,
    )
    group_field = Key[str | None](
        None,
        "name",
        "Column of the `.user` file that holds the group.",
        unset="by data set",
    )
    target = Key[str | None](
        None,
        "name",
        "Target group, a value of that column; `all` for every group.",
        costs=False,
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
    benchmark_filename = Key[Sequence[str] | None](
        None,
        "own",
        "Parts of a split of your own, of which the last is the test part.",
        allowed="two names or more",
        unset="a random split of each user's interactions, 80 to 20",
        recbole=True,
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
        "Whether the L2 term carries the users' weights, or counts each row of a batch alike.",
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
    embedding_size = Key(
        64,
        "whole",
        "Dimension of the embeddings.",
        least=1,
        most=10**9,
        why="no machine holds such a model",
        may_be_none=True,
        recbole=True,
    )
    init = Key(
        "recbole",
        "own",
        "Initial values of embedding tables: RecBole's, or a normal distribution.",
        allowed="`recbole` or `normal(SD)`",
        models="trained",
    )
    lambdas = Key[Sequence[float] | None](
        None,
        "own",
        "L2 weights of EASE, among which every mix chooses on the folds.",
        allowed="numbers above 0",
        unset="by protocol",
        models="ridge",
    )
    reg_weight = Key[float | None](
        None,
        "number",
        "Weight of the L2 term.",
        most=MOST_FACTOR,
        why=_OVERFLOW,
        unset="by protocol and model",
        recbole=True,
        models="ridge",
    )

    # --- training
    epochs = Key[int | None](
        None,
        "whole",
        "Epochs of training at most.",
        least=1,
        most=10**9,
        why="no model trains so long",
        unset="by protocol and model",
        recbole=True,
        models="trained",
        once=1,
        costs=False,
    )
    eval_step = Key[int | None](
        None,
        "whole",
        "Epochs between two evaluations on a fold.",
        least=1,
        most=_MOST_BITS,
        why=_BITS,
        unset="by protocol and model",
        recbole=True,
        models="trained",
        once=1,
        needs=_NOT_STOPPED,
        costs=False,
    )
    repeats = Key(
        5,
        "whole",
        "Training seeds of the final models.",
        least=1,
        most=10_000,
        why=_MODELS,
        models="trained",
        once=1,
        costs=False,
    )
    learning_rate = Key[float | None](
        None,
        "number",
        "Step of the optimiser.",
        above=True,
        most=MOST_FACTOR,
        why=_OVERFLOW,
        unset="by protocol and model",
        recbole=True,
        models="trained",
    )
    learner = Key[str | None](
        None,
        "choice",
        "The optimiser.",
        choices=(None, "adam", "adamw", "sgd", "adagrad", "rmsprop", "sparse_adam"),
        unset="RecBole's",
        recbole=True,
        models="trained",
    )
    weight_decay = Key[float | None](
        None,
        "number",
        "Weight decay of the optimiser.",
        most=MOST_FACTOR,
        why=_OVERFLOW,
        unset="RecBole's",
        recbole=True,
        models="trained",
    )
    train_batch_size = Key[int | None](
        None,
        "whole",
        "Interactions in a batch.",
        least=1,
        most=_MOST_BITS,
        why=_BITS,
        unset="by protocol and model",
        recbole=True,
        models="trained",
    )
    early_stopping = Key(
        True,
        "choice",
        "Whether training on folds stops early; final models then train for the folds' median.",
        choices=(True, False),
        unset="by protocol",
        costs=False,
    )
    stopping_step = Key[int | None](
        None,
        "whole",
        "Evaluations without a better one after which training stops early.",
        least=1,
        most=_MOST_BITS,
        why=_BITS,
        unset="by protocol and model",
        recbole=True,
        models="trained",
        needs=_NOT_STOPPED,
        costs=False,
    )
    fine_tune = Key(
        True,
        "choice",
        "Whether there is a row for a model of all users that is fine-tuned on the target's.",
        choices=(True, False),
        costs=False,
        identity=False,
    )

    # --- search and evaluation
    trials = Key(
        75,
        "whole",
        "Mixes that are searched.",
        most=100_000,
        why="every one is a mix that is drawn, kept and trained on each fold",
        costs=False,
        identity=False,
    )
    folds = Key(
        5,
        "whole",
        "Folds inside the training part.",
        least=2,
        most=1_000,
        why=_MODELS,
        costs=False,
    )
    seed = Key(
        2020,
        "whole",
        "Fixes split, folds and mixes; repeat r trains with seed + r.",
        most=2**128 - 1,
        why="generators are seeded by 128 bits",
        recbole=True,
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
    topk = Key[Sequence[int]](
        (5, 10, 20),
        "own",
        "Cut-offs of the metrics.",
        allowed="whole numbers above 0",
        recbole=True,
    )
    valid_metric = Key(
        "recall@20",
        "own",
        "Metric by which mixes are chosen and training stops early.",
        allowed="a metric at a cut-off of `topk`",
        unset="recall at the largest `topk`",
        recbole=True,
    )

    # --- computer, files and talk
    backend = Key(
        "auto",
        "choice",
        "What trains: many BPR or LightGCN at once (cpu, torch), or one by one (recbole).",
        choices=("auto", "cpu", "torch", "recbole"),
    )
    gpu_id = Key[Any](
        None,
        "own",
        "GPU that computes; empty for the CPU.",
        allowed="numbers of GPUs",
        unset="RecBole's",
        recbole=True,
        identity=False,
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
    output_dir = Key("runs", "name", "Folder below which run folders are made.", identity=False)
    yes = Key(
        False,
        "choice",
        "Whether what may take more than a day starts without a question on a terminal.",
        choices=(True, False),
        identity=False,
    )
    show_progress = Key[bool | None](
        None,
        "choice",
        "Whether progress bars are shown.",
        choices=(None, True, False),
        unset="RecBole's",
        recbole=True,
        costs=False,
        identity=False,
    )
    log_tensorboard = Key(
        False,
        "choice",
        "Whether scores of mixes are written as TensorBoard events into the run folder.",
        choices=(True, False),
        identity=False,
    )
    log_wandb = Key[bool | None](
        None,
        "choice",
        "Whether scores of mixes go to Weights & Biases.",
        choices=(None, True, False),
        unset="RecBole's",
        recbole=True,
        identity=False,
    )
    wandb_project = Key[str | None](
        None,
        "own",
        "Project there.",
        allowed="a name",
        unset="RecBole's",
        recbole=True,
        needs=("log_wandb", "log_wandb is not on"),
        identity=False,
    )


#: Every row by the name of its key.
ROWS: dict[str, Key[Any]] = {row.name: row for row in vars(Rows).values() if isinstance(row, Key)}
#: Keys of this plugin that RecBole does not have.
OUR_KEYS = frozenset(key for key, row in ROWS.items() if not row.recbole)
#: Keys whose values are names, never numbers: ``target: 007`` is the token "007".
NAME_KEYS = (*(key for key, row in ROWS.items() if row.kind == "name"), "protocol", "mix")
#: Keys that do not change what a model takes.
NO_COST = frozenset(key for key, row in ROWS.items() if not row.costs)
#: Keys that may differ between two commands which continue the same run.
NOT_IDENTITY = frozenset(key for key, row in ROWS.items() if not row.identity)
#: Keys whose defaults stand in ``values``, and so in the names of run folders. This list never
#: grows: the default of a key that is added later is left out, and older runs keep their names.
WRITTEN_DEFAULTS = (
    *("target", "empty_group", "model", "protocol", "weighting", "user_loss", "regularizer"),
    *("loss_norm", "graph", "triplets", "embedding_size", "init", "repeats", "early_stopping"),
    *("fine_tune", "trials", "folds", "seed", "topk", "backend", "max_memory", "output_dir"),
    *("yes", "log_tensorboard"),
)
#: Keys as old as those, which stand in ``values`` only where they are set.
_AS_OLD = ("dataset", "group_field", "class_field", "lambdas", "mix")


def in_identity(key: str, value: Any) -> bool:
    """Return whether a value is part of the name of a run.

    It is for keys that decide results. Of our keys that came after the first version of run
    folders, only a value other than the default is.
    """
    if key in NOT_IDENTITY:
        return False
    later = key in OUR_KEYS and key not in (*WRITTEN_DEFAULTS, *_AS_OLD)
    return not (later and value == ROWS[key].default)
