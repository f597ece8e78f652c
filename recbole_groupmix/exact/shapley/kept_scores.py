"""Scores on the folds in a file, so that a command that was stopped does not solve them again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recbole_groupmix.experiment.data_digest import data_digest
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.files.append import append_line
from recbole_groupmix.files.bounded import read_bytes_bounded
from recbole_groupmix.files.opened import note_opened
from recbole_groupmix.files.parse import parse_json_bounded
from recbole_groupmix.settings.identity import configuration

FloatArray = npt.NDArray[np.float64]
#: What was solved: a training, from :func:`training_identity`, the fold and the union.
Place = tuple[str, int, int]


def training_identity(experiment: Experiment) -> str:
    """Return 16 hexadecimal digits of what decides the scores of a union, but for whom they measure.

    These are the settings without the target, the data with their groups, and the rows that train.
    """
    values = {**experiment.config.final_config_dict, **experiment.settings.values}
    kept = {key: value for key, value in configuration(values).items() if key != "target"}
    digest = hashlib.sha256(json.dumps(kept, sort_keys=True).encode())
    digest.update(data_digest(experiment).encode())
    digest.update(np.ascontiguousarray(experiment.part(ALL_OF_TRAIN).rows, np.int64).tobytes())
    return digest.hexdigest()[:16]


class KeptScores:
    """Scores of targets on the folds under unions of groups, a line of JSON for each fold and union.

    The file is no result: a line that cannot be read, such as the last of a command that was
    stopped, stands for work that is done again.

    Parameters
    ----------
    file : pathlib.Path, optional
        Where lines are read from and appended to, its folder made with the first; without a file
        scores are kept in memory alone.

    Raises
    ------
    ValueError
        If there is something else than a regular file.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._known: dict[tuple[Place, str], FloatArray] = {}
        if file is None or not file.exists():
            return
        try:
            content = read_bytes_bounded(file)
        except ValueError as error:
            raise ValueError(f"{file} cannot be used: {error}; remove it") from error
        for line in content.split(b"\n"):
            self._read(line)

    @property
    def any_known(self) -> bool:
        """Whether there are scores of any place."""
        return bool(self._known)

    def of(
        self, place: Place, targets: Collection[str], n_lambdas: int
    ) -> dict[str, FloatArray] | None:
        """Return the scores of targets, None unless those of all are known.

        Parameters
        ----------
        place : Place
            What was solved.
        targets : collection of str
            Whom it serves.
        n_lambdas : int
            Number of scores of each.
        """
        found = {target: self._known.get((place, target)) for target in targets}
        whole = {
            target: of
            for target, of in found.items()
            if of is not None and of.shape == (n_lambdas,) and np.isfinite(of).all()
        }
        return whole if len(whole) == len(found) else None

    def keep(self, place: Place, scores: Mapping[str, FloatArray]) -> None:
        """Keep the scores of the targets that a union was solved for on a fold.

        Parameters
        ----------
        place : Place
            What was solved.
        scores : dict of str to numpy.ndarray of float64, shape (n_lambdas,)
            Means over each target's users, by target.
        """
        self._known.update({(place, target): of for target, of in scores.items()})
        if self._file is not None:
            training, fold, union = place
            listed = {target: of.tolist() for target, of in scores.items()}
            record = {"training": training, "fold": fold, "union": union, "scores": listed}
            self._file.parent.mkdir(parents=True, exist_ok=True)
            append_line(self._file, record)
            note_opened(self._file.parent)

    def _read(self, line: bytes) -> None:
        try:
            record = parse_json_bounded(line)
            place = str(record["training"]), int(record["fold"]), int(record["union"])
            scores = {t: np.array(of, np.float64) for t, of in record["scores"].items()}
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            return
        self._known.update({(place, target): of for target, of in scores.items()})
