"""The format of a model's training batches."""

from __future__ import annotations

from dataclasses import dataclass

from recbole.utils import InputType


@dataclass(frozen=True)
class BatchFormat:
    """The format of a model's batches.

    Attributes
    ----------
    kind : {"pairwise", "pointwise", "positives", "users"}
        Triplets, labelled pairs (positives first), rows without negatives (a loss over all items,
        or of labelled rows), or users alone (RecBole's auto-encoders).
    user, item, negative, label : str
        Field names.
    n_negatives : int
        Negatives per positive, 0 for positives alone.
    batch_size : int
        Rows per batch as RecBole counts them (``train_batch_size``).
    """

    kind: str
    user: str
    item: str
    negative: str
    label: str
    n_negatives: int
    batch_size: int

    @classmethod
    def of_config(
        cls, config: object, user_wise: bool = False, needs_negatives: bool = True
    ) -> BatchFormat:
        """Read the format from a RecBole ``Config``.

        Parameters
        ----------
        config : Config
            Configuration of the model.
        user_wise : bool
            Whether batches hold users alone, as RecBole's auto-encoders have them.
        needs_negatives : bool
            Whether the loss needs negatives. Models whose loss is over all items, or over labelled
            rows, need none; they get those that the configuration asks for.

        Raises
        ------
        ValueError
            With the key as its first word, if the configuration asks for popularity-based or
            dynamic negatives, for none although the loss needs them, or for ratings in batches.
        """
        sampling = config["train_neg_sample_args"]  # type: ignore[index]
        if sampling.get("dynamic") or sampling["distribution"] not in ("uniform", "none"):
            raise ValueError(
                f"train_neg_sample_args {sampling} is not supported: negatives here are uniform "
                "over a user's non-positive items (distribution 'uniform', dynamic False)"
            )
        if config["inter_matrix_type"] == "rating":  # type: ignore[index]
            raise ValueError(
                "inter_matrix_type is 'rating', which learns to predict ratings; batches here hold "
                "interactions without them, so use inter_matrix_type=01"
            )
        n_negatives = sampling["sample_num"]
        if not isinstance(n_negatives, int) or sampling["distribution"] == "none":
            n_negatives = 0
        if not user_wise and needs_negatives and n_negatives < 1:
            raise ValueError(
                "train_neg_sample_args draws no negatives, and the loss needs at least one per "
                "positive; leave it out, or give a sample_num of 1 or more, such as "
                "{'distribution': 'uniform', 'sample_num': 1}"
            )
        kind = "users" if user_wise else "positives"
        if n_negatives and not user_wise:
            pairwise = config["MODEL_INPUT_TYPE"] == InputType.PAIRWISE  # type: ignore[index]
            kind = "pairwise" if pairwise else "pointwise"
        item = config["ITEM_ID_FIELD"]  # type: ignore[index]
        return cls(
            kind=kind,
            user=config["USER_ID_FIELD"],  # type: ignore[index]
            item=item,
            negative=config["NEG_PREFIX"] + item,  # type: ignore[index]
            label=config["LABEL_FIELD"],  # type: ignore[index]
            n_negatives=n_negatives,
            batch_size=int(config["train_batch_size"]),  # type: ignore[index]
        )

    @property
    def positives_per_batch(self) -> int:
        """Positives in a batch: RecBole's batch size counts negatives too."""
        extra = {
            "users": 1,
            "positives": 1,
            "pairwise": self.n_negatives,
            "pointwise": 1 + self.n_negatives,
        }
        return max(self.batch_size // max(extra[self.kind], 1), 1)
