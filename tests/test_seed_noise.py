"""The engine and RecBole's trainer on ml-100k: metrics differ by less than seeds make them."""

import numpy as np
import pandas as pd
import pytest

from recbole_groupmix import run_groupmix


@pytest.mark.slow
@pytest.mark.parametrize("model", ["BPR", "LightGCN"])
def test_back_ends_agree_within_seed_noise(tmp_path, model):
    means = {}
    for backend in ("cpu", "recbole"):
        result = run_groupmix(
            model=model,
            dataset="ml-100k",
            target="25",
            config_dict={
                "protocol": "paper",
                "trials": 0,
                "epochs": 15,
                "repeats": 3,
                "embedding_size": 16,
                "train_batch_size": 100_000,  # ml-100k has about 80,000 to train on
                "backend": backend,
                "output_dir": str(tmp_path),
                "show_progress": False,
            },
        )
        frame = pd.read_parquet(f"{result['run_folder']}/metrics.parquet")
        frame = frame[(frame["group"] == "25") & (frame["k"] == 20)]
        means[backend] = frame.pivot_table("value", ["mix", "metric"], "repeat")
    noise = means["recbole"].std(axis=1)
    gap = (means["cpu"] - means["recbole"]).mean(axis=1).abs()
    assert np.median(gap / noise) < 0.5
