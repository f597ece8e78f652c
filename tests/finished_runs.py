"""What tests ask of the folder of a finished run."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from recbole.data.interaction import Interaction

from recbole_groupmix import load_run

K = 10


def timeless(result):
    return {key: value for key, value in result.items() if key != "seconds"}


def recall_by_user(model, dataset, data_path):
    """Return recall@10 of every user token, ranked and counted by hand.

    Held out is what stands in the .inter file and not in the returned data set.
    """
    inter = pd.read_csv(Path(data_path) / "tiny" / "tiny.inter", sep="\t")
    rows = dataset.inter_feat
    train = {}
    for user, item in zip(rows["user_id"].tolist(), rows["item_id"].tolist(), strict=True):
        train.setdefault(user, set()).add(item)
    recall = {}
    for token, items in inter.groupby("user_id:token")["item_id:token"]:
        user = dataset.token2id("user_id", token)
        seen = train[user]
        held_out = {dataset.token2id("item_id", item) for item in items} - seen
        with torch.no_grad():
            scores = model.full_sort_predict(Interaction({"user_id": torch.tensor([user])}))
        order = np.argsort(-scores.numpy().ravel(), kind="stable")
        ranked = [item for item in order if item != 0 and item not in seen][:K]
        recall[token] = len(held_out & set(ranked)) / len(held_out)
    return recall


def check_reproduced(folder, mix, data_path):
    _, model, dataset = load_run(folder)
    assert not model.training
    frame = pd.read_parquet(folder / "metrics.parquet")
    chosen = (frame["mix"] == mix) & (frame["repeat"] == 0)
    chosen &= (frame["metric"] == "recall") & (frame["k"] == K)
    written = frame[chosen].set_index("user_id")["value"].to_dict()
    assert len(written) == 32
    assert recall_by_user(model, dataset, data_path) == pytest.approx(written, abs=1e-12)
