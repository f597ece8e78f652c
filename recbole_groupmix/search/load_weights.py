"""The weights of users under a mix of a finished run."""

from __future__ import annotations

from pathlib import Path

from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.core.mix import Mix
from recbole_groupmix.core.names import DATA_MIX, REFERENCE
from recbole_groupmix.exchange.mix_files import UserWeights
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.mixes.candidates import Candidate
from recbole_groupmix.record.finished_run import read_folders
from recbole_groupmix.search.jobs import job_of
from recbole_groupmix.search.load import finished
from recbole_groupmix.text.untrusted import short_repr
from recbole_groupmix.training.job import user_weights


def load_weights(folder: str | Path, row: str | None = None) -> UserWeights:
    """Return a mix of a finished run with the weight of every user who trains (Eq. 8).

    Parameters
    ----------
    folder : path
        A run folder.
    row : str, optional
        Row of the run's table; by default the searched mix, and ``proportional`` where the run
        has none.

    Raises
    ------
    ValueError
        If the folder holds no finished run, its data set has changed or moved, or the row is no
        mix of it.
    """
    result = read_folders([folder])[0].result
    mixes = result["mixes"]
    name = row or (DATA_MIX if DATA_MIX in mixes else REFERENCE)
    if name not in mixes:
        why = " (it is a rival: it has no weights of users)" if name in result["rivals"] else ""
        raise ValueError(
            f"--row is {short_repr(name)}, which is no mix of {folder}{why}; its mixes are "
            f"{', '.join(mixes)}"
        )
    mix = Mix(mixes[name]["alpha"], mixes[name]["alpha_aug"])
    saved, experiment = finished(folder)
    with recbole_compat():
        job = job_of(experiment, Candidate(name, mix, source=""), ALL_OF_TRAIN, epochs=1)
        weights = user_weights(experiment, job)
        part = experiment.part(ALL_OF_TRAIN)
        ids = sorted(set(part.users.tolist()))
        dataset = experiment.dataset_of(part)
        tokens = dataset.id2token(dataset.uid_field, ids)
    groups = experiment.groups
    return UserWeights(
        row=name,
        mix=mix,
        target=result["target"],
        model=result["model"],
        dataset=result["dataset"],
        data_path=str(Path(saved["folder"]).parent),
        user_ids=[str(token) for token in tokens],
        groups=[groups.names[group] for group in groups.of_user[ids]],
        weights=weights[ids],
    )
