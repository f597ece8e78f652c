"""AMP-CF against matrix factorisation on ml-100k: what several personas a user are worth.

    python benchmarks/personas.py [--d=32] [--seeds=3] [--out=personas]

The copy of ml-100k inside RecBole, split at random into 80, 10 and 10 % of each user's rows. The
L2 weight of each model is the best on validation with seed 0; other seeds have other initial values
and negatives on the same split. Each training is a file in the folder, so that a command that was
stopped goes on where it was.
"""

import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import torch
from recbole.data import create_dataset, data_preparation

from recbole_groupmix import GroupEvaluator, GroupMixTrainer
from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.config import GroupMixConfig
from recbole_groupmix.adapters.seeding import global_seed
from recbole_groupmix.cli.options import parse_options
from recbole_groupmix.compare import compare
from recbole_groupmix.recommenders.by_name import model_class

L2_WEIGHTS = (0.003, 0.01, 0.03)
MODELS = {
    "BPR": {},
    "AMPCF-2": {"n_personas": 2},
    "AMPCF-4": {"n_personas": 4},
    "AMPCF-1": {"n_personas": 1},
}
METRICS = ("recall@20", "ndcg@20")


def configured(model, d, **more):
    """Return RecBole's configuration of one of the models."""
    keys = {
        "embedding_size": d,
        "learning_rate": 0.003,
        "train_batch_size": 2048,
        "eval_batch_size": 400_000,
        "epochs": 200,
        "eval_step": 2,
        "stopping_step": 4,
        "metrics": ["Recall", "NDCG"],
        "topk": [20],
        "valid_metric": "NDCG@20",
        "eval_args": {"split": {"RS": [0.8, 0.1, 0.1]}, "group_by": "user", "mode": "full"},
        "load_col": {"inter": ["user_id", "item_id"], "user": ["user_id", "gender"]},
        "show_progress": False,
        **MODELS[model],
        **more,
    }
    return GroupMixConfig(model_class(model.partition("-")[0]), "ml-100k", keys)


def loaders(d):
    """Return RecBole's loaders of the one split: of training, validation and test rows."""
    config = configured("BPR", d)
    with recbole_compat(), global_seed(config["seed"]):
        return data_preparation(config, create_dataset(config))


def trained(model, d, seed, reg_weight, data):
    """Train a model; return the metrics of users on test, with what validation said of it."""
    train, valid, test = data
    with tempfile.TemporaryDirectory() as folder, recbole_compat(), global_seed(seed):
        config = configured(model, d, reg_weight=reg_weight, checkpoint_dir=folder)
        net = model_class(config["model"])(config, train.dataset)
        trainer = GroupMixTrainer(config, net)
        score, _ = trainer.fit(train, valid, saved=True, verbose=False)
        best = torch.load(trainer.saved_model_file)
        net.load_state_dict(best["state_dict"])
        users = GroupEvaluator(config, test, "gender").evaluate(net).per_user
    return users.assign(repeat=seed, epochs=best["epoch"] + 1, validation=score)


def main(arguments):
    """Train what is not there yet, and print levels and comparisons."""
    options = {"d": "32", "seeds": "3", "out": "personas", **parse_options(arguments)}
    d, folder = int(options["d"]), Path(options["out"])
    folder.mkdir(parents=True, exist_ok=True)
    data = loaders(d)

    def measured(model, seed, reg_weight):
        file = folder / f"{model}-d{d}-l2_{reg_weight:g}-seed{seed}.parquet"
        if not file.is_file():
            started = time.process_time()
            trained(model, d, seed, reg_weight, data).to_parquet(file)
            print(f"{file.name}: {time.process_time() - started:.0f} s of a core", file=sys.stderr)
        return pd.read_parquet(file)

    tables = {}
    for model in MODELS:
        tried = {weight: measured(model, 0, weight) for weight in L2_WEIGHTS}
        chosen = max(tried, key=lambda weight: tried[weight]["validation"].iloc[0])
        seeds = [measured(model, seed, chosen) for seed in range(int(options["seeds"]))]
        table = tables[model] = pd.concat(seeds, ignore_index=True)
        levels = ", ".join(f"{name} {table[name].mean():.4f}" for name in METRICS)
        epochs = table.groupby("repeat")["epochs"].first().mean()
        print(f"{model}: L2 weight {chosen:g}, {epochs:.0f} epochs on average; {levels}")
    for reference in ("BPR", "AMPCF-1"):
        print(f"\nagainst {reference}\n")
        found = compare(tables, reference=reference, metrics=METRICS, groups=["overall"])
        print(found.to_markdown())


if __name__ == "__main__":
    main(sys.argv[1:])
