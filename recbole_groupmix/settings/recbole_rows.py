"""The table of keys, last part: a row for each key of RecBole that we give a default or check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from recbole_groupmix.settings.key import Key

#: Largest factor of a step or of an L2 term.
MOST_FACTOR = 1e30
_OVERFLOW = "32-bit numbers overflow beyond"
_BITS = "64 bits count no further"
_MOST_BITS = 2**63 - 1
_NOT_STOPPED = ("early_stopping", "early_stopping is off")


class RecBoleRows:
    """Keys of RecBole; None stands for its own default."""

    # --- data
    data_path = Key[str | None](
        None,
        "name",
        "Folder that holds NAME/NAME.inter.",
        unset="`./dataset_atomic`, `./dataset`, then what ships with the plugin",
        identity=False,
    )
    benchmark_filename = Key[Sequence[str] | None](
        None,
        "own",
        "Parts of a split of your own, of which the last is the test part.",
        allowed="two names or more",
        unset="a random split of each user's interactions, 80 to 20",
    )
    eval_args = Key[Mapping[str, Any] | None](
        None,
        "own",
        "How RecBole splits and which items it ranks (docs/splits.md).",
        allowed="`split`, `order`, `group_by` and `mode`",
        unset="`{split: {RS: [0.8, 0, 0.2]}, order: RO, group_by: user, mode: full}`, drawn by us",
    )

    # --- model and loss
    embedding_size = Key(
        64,
        "whole",
        "Dimension of the embeddings.",
        least=1,
        most=10**9,
        why="no machine holds such a model",
        may_be_none=True,
    )
    reg_weight = Key[float | None](
        None,
        "number",
        "Weight of the L2 term.",
        most=MOST_FACTOR,
        why=_OVERFLOW,
        unset="by protocol and model",
        models="ridge",
    )

    # --- training
    epochs = Key[int | None](
        None,
        "whole",
        "Most epochs of training.",
        least=1,
        most=10**9,
        why="no model trains so long",
        unset="by protocol and model",
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
        models="trained",
        once=1,
        needs=_NOT_STOPPED,
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
        models="trained",
    )
    learner = Key[str | None](
        None,
        "choice",
        "The optimiser.",
        choices=(None, "adam", "adamw", "sgd", "adagrad", "rmsprop", "sparse_adam"),
        unset="RecBole's",
        models="trained",
    )
    weight_decay = Key[float | None](
        None,
        "number",
        "Weight decay of the optimiser.",
        most=MOST_FACTOR,
        why=_OVERFLOW,
        unset="RecBole's",
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
        models="trained",
    )
    stopping_step = Key[int | None](
        None,
        "whole",
        "Fewest evaluations without a better one after which training on a fold may end.",
        least=1,
        most=_MOST_BITS,
        why=_BITS,
        unset="by protocol and model",
        models="trained",
        needs=_NOT_STOPPED,
        costs=False,
    )

    # --- search and evaluation
    seed = Key(
        2020,
        "whole",
        "Fixes split, folds and mixes; repeat r trains with seed + r.",
        most=2**128 - 1,
        why="generators are seeded by 128 bits",
        costs=False,
    )
    topk = Key[Sequence[int]](
        (5, 10, 20), "own", "Cut-offs of the metrics.", allowed="whole numbers above 0"
    )
    valid_metric = Key(
        "recall@20",
        "own",
        "Metric by which mixes are chosen and training stops early.",
        allowed="a metric at a cut-off of `topk`, or `auc` under `mode: labeled`",
        unset="recall at the largest `topk`",
    )

    # --- computer, files and talk
    gpu_id = Key[Any](
        None,
        "own",
        "GPU that computes; empty for the CPU.",
        allowed="numbers of GPUs",
        unset="RecBole's",
        identity=False,
    )
    show_progress = Key[bool | None](
        None,
        "choice",
        "Whether progress bars are shown.",
        choices=(None, True, False),
        unset="RecBole's",
        costs=False,
        identity=False,
    )
    log_wandb = Key[bool | None](
        None,
        "choice",
        "Whether scores of mixes go to Weights & Biases.",
        choices=(None, True, False),
        unset="RecBole's",
        identity=False,
    )
    wandb_project = Key[str | None](
        None,
        "own",
        "Project there.",
        allowed="a name",
        unset="RecBole's",
        needs=("log_wandb", "log_wandb is not on"),
        identity=False,
    )
