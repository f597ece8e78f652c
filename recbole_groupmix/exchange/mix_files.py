"""A mix as files: to run again, as weights of users, and as a RecBole script that trains on them."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import yaml

from recbole_groupmix.core.mix import Mix
from recbole_groupmix.files.output_paths import out_folder
from recbole_groupmix.files.whole import write_whole
from recbole_groupmix.models import USER_WISE, models_of
from recbole_groupmix.text.untrusted import error_text

_SCRIPT = '''"""{model} on {dataset}, trained on the mix {row!r} for the target {target!r} in a RecBole script."""

from pathlib import Path

import numpy as np
import pandas as pd
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.utils import {utils}

from recbole_groupmix import GroupMixTrainer{imports}

place = {{"data_path": {data_path!r}}}
config = Config({named}, {dataset!r}, config_dict=place)
init_seed(config["seed"], config["reproducibility"])
dataset = create_dataset(config)
train_data, valid_data, test_data = data_preparation(config, dataset)
table = pd.read_csv(Path(__file__).with_name("user_weights.csv"), dtype={{"user_id": str}})
weights = np.zeros(dataset.user_num)
weights[dataset.token2id(dataset.uid_field, table["user_id"].to_numpy())] = table["weight"]
model = {cls}(config, train_data._dataset).to(config["device"])
trainer = GroupMixTrainer(config, model, weights)
trainer.fit({rows}, valid_data, saved=False)
print(trainer.evaluate(test_data, load_best_model=False))
'''


@dataclass(frozen=True)
class UserWeights:
    """A mix of a run and what it makes of every user who trains.

    Attributes
    ----------
    row, model, dataset, target : str
        Row of the run's table, model, data set and target group.
    mix : Mix
        The mix.
    data_path : str
        Folder that holds the data set's folder.
    user_ids, groups : sequence of str, length n_users
        Token and group of every user with a training interaction.
    weights : numpy.ndarray of float64, shape (n_users,)
        Eq. 8: 1 for the target's users, never below 0.
    """

    row: str
    mix: Mix
    target: str
    model: str
    dataset: str
    data_path: str
    user_ids: Sequence[str]
    groups: Sequence[str]
    weights: npt.NDArray[np.float64]


def mix_files(chosen: UserWeights) -> dict[str, bytes]:
    """Return the files of a mix by name.

    Returns
    -------
    dict of str to bytes
        ``mix.yaml`` for ``--mix``; ``user_weights.csv`` and ``user_weights.parquet`` with
        user_id, group and weight; ``train.py``, a RecBole script that trains on them.
    """
    named = {"name": f"chosen_{chosen.row}", **chosen.mix.to_dict()}
    users = pd.DataFrame(
        {"user_id": chosen.user_ids, "group": chosen.groups, "weight": chosen.weights}
    )
    file = io.BytesIO()
    users.to_parquet(file, index=False)
    given = {key: getattr(chosen, key) for key in _IN_SCRIPT}
    script = _SCRIPT.format(**given, **_names(chosen.model))
    return {
        "mix.yaml": yaml.safe_dump(named, sort_keys=False, allow_unicode=True).encode(),
        "user_weights.csv": users.to_csv(index=False).encode(),
        "user_weights.parquet": file.getvalue(),
        "train.py": script.encode(),
    }


_IN_SCRIPT = ("model", "dataset", "row", "target", "data_path")


def _names(model: str) -> dict[str, str]:
    """Return how the script names a model and what the model is fed with: RecBole knows its own alone."""
    utils, imports, rows = "get_model, init_seed", "", "train_data"
    named, cls = repr(model), 'get_model(config["model"])'
    if model in models_of("of this package"):
        utils, named = "init_seed", f"model_class({model!r})"
        cls = named
        imports = "\nfrom recbole_groupmix.recommenders.by_name import model_class"
        if model in USER_WISE:
            rows = "user_loader(config, train_data)"
            imports += "\nfrom recbole_groupmix.recommenders.mult_vae import user_loader"
    return {"utils": utils, "imports": imports, "named": named, "cls": cls, "rows": rows}


def write_mix_files(files: Mapping[str, bytes], folder: str | Path) -> Path:
    """Write files to a folder, each whole, in the place of earlier ones; return the folder.

    Raises
    ------
    ValueError
        If the folder cannot be used.
    """
    place = out_folder(folder, "--to")
    try:
        place.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_whole(place / name, content)
    except OSError as error:
        raise ValueError(f"cannot write to {place}: {error_text(error)}") from error
    return place
