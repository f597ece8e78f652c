"""Trial results for TensorBoard and Weights & Biases, by RecBole's own logger; off by default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import Any

from recbole.utils.wandblogger import WandbLogger

from recbole_groupmix.adapters.config import GroupMixConfig
from recbole_groupmix.mixes.candidates import Candidate
from recbole_groupmix.record.fold_schema import FoldRecord, FoldSummary
from recbole_groupmix.record.schema import Means
from recbole_groupmix.search.trainable import Trainable

#: Folder in the run folder that ``tensorboard --logdir`` is given.
BOARD = "tensorboard"


def check_trackers(config: GroupMixConfig) -> None:
    """Raise ``ValueError`` if the settings name a tracker that is not installed."""
    for key, package in (("log_wandb", "wandb"), ("log_tensorboard", "tensorboard")):
        if config[key] and find_spec(package) is None:
            raise ValueError(
                f"{key} is true, but {package} is not installed; pip install {package}"
            )


class Tracking:
    """Sends the scores of a run to the trackers that its settings name.

    Parameters
    ----------
    config : GroupMixConfig
        ``log_wandb`` and ``wandb_project`` mean what they mean in RecBole; ``log_tensorboard``
        (ours, default False) writes event files.
    folder : path
        The run folder, in which the event files lie.

    """

    def __init__(self, config: GroupMixConfig, folder: Path) -> None:
        self._wandb: WandbLogger | None = None
        self._board: Any = None
        if config["log_wandb"]:
            self._wandb = WandbLogger(config)
        if config["log_tensorboard"]:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / BOARD))

    def of_fold(self, number: int, record: FoldRecord, metric: str) -> None:
        """Send the score of one mix on one fold.

        Parameters
        ----------
        number : int
            Place of the mix among the candidates, from 0: the axis of the plots.
        record : FoldRecord
            A line of ``trials.jsonl``.
        metric : str
            Name of its score.
        """
        if record["score"] is None:
            return
        values = {f"{metric}/fold_{record['fold']}": record["score"]}
        self._send("search", number, values)

    def of_mixes(
        self, candidates: Sequence[Trainable], cv: Mapping[str, FoldSummary], metric: str
    ) -> None:
        """Send all mixes, in the order of their numbers, with their mean scores over the folds.

        Parameters
        ----------
        candidates : sequence of Trainable
            Trained mixes and rivals.
        cv : mapping of str to FoldSummary
            Their summaries on the folds; those without one, or whose score is NaN since training
            diverged, are not sent.
        metric : str
            Name of the score.
        """
        for number, candidate in enumerate(c for c in candidates if c.name in cv):
            score = cv[candidate.name]["score"]
            if not isfinite(score):
                continue
            values = {f"{metric}/mean": score}
            if isinstance(candidate, Candidate):
                mix = candidate.mix
                values["alpha_aug"] = mix.alpha_aug
                values.update({f"alpha/{group}": share for group, share in mix.alpha.items()})
            self._send("mixes", number, values)

    def of_test(self, means: Mapping[str, Means]) -> None:
        """Send the target's means on test, by mix and metric, and close the trackers."""
        values = {f"{mix}/{metric}": v for mix, row in means.items() for metric, v in row.items()}
        if self._wandb is not None:
            self._wandb.log_eval_metrics(values, head="test")
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(f"test/{name}", value, 0)
            self._board.close()

    def _send(self, head: str, number: int, values: Mapping[str, float]) -> None:
        if self._wandb is not None:
            self._wandb.log_metrics({**values, "trial_step": number}, head=head)
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(f"{head}/{name}", value, number)
