"""Mixes of the user's own, from the files that ``--mix`` names."""

from __future__ import annotations

import re
from collections.abc import Iterable

from recbole_groupmix.core.mix import Mix, check_groups
from recbole_groupmix.core.names import is_reserved
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.rivals.known import known_rivals
from recbole_groupmix.settings.yaml_files import read_mix_file
from recbole_groupmix.text.untrusted import short_repr

_NAME = re.compile(r"\w[\w.+-]*")  # names are parts of file names too
_LONGEST = 150  # bytes; with the rest of a file's name they must be less than 255


def own_mixes(experiment: Experiment, paths: Iterable[str]) -> dict[str, Mix]:
    """Read mix files and check them against the groups of an experiment.

    Parameters
    ----------
    experiment : Experiment
        Knows the groups and the target.
    paths : iterable of str
        YAML files.

    Returns
    -------
    dict of str to Mix
        Mixes by name, in the order of the files.

    Raises
    ------
    ValueError
        If a file holds no mix, a name is reserved, unfit or used twice, or the groups of a mix
        are not the augmentation groups.
    """
    mixes: dict[str, Mix] = {}
    for path in paths:
        name, mix = read_mix_file(path)
        place = f"mix file {path}: name {short_repr(name)}"
        if not _NAME.fullmatch(name):
            raise ValueError(f"{place} must consist of letters, digits and the signs _ . + -")
        if len(name.encode()) > _LONGEST:
            raise ValueError(f"{place} is too long for names of files; take a shorter one")
        if is_reserved(name) or name in known_rivals():
            raise ValueError(f"{place} is the name of another row of the result; choose another")
        if name in mixes:
            raise ValueError(f"{place} is also the name in another mix file; choose another")
        try:
            check_groups(mix, experiment.n_users, experiment.target)
        except ValueError as error:
            raise ValueError(f"mix file {path}: {error}") from error
        mixes[name] = mix
    return mixes
