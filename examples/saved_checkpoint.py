"""Metrics by group of a model that RecBole trained and saved earlier.

    python examples/saved_checkpoint.py [saved/BPR-....pth] [--epochs=5]

Without a checkpoint it first trains one on ml-100k. Its configuration does not mention groups: they
are read from a file afterwards.
"""

import os
import sys
from pathlib import Path

# RecBole's checkpoints hold its configuration as a Python object, which torch >= 2.6 does not
# unpickle unless told to. Unpickling can run any code: only load files that you trust.
os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"

import pandas as pd
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.model.general_recommender import BPR
from recbole.quick_start import load_data_and_model
from recbole.trainer import Trainer
from recbole.utils import init_seed

from recbole_groupmix import GroupEvaluator


def train():
    """Train as RecBole does and return the path of the checkpoint."""
    config = Config("BPR", "ml-100k", config_dict={"epochs": 5, "eval_batch_size": 400_000})
    init_seed(config["seed"], config["reproducibility"])
    train_data, valid_data, _ = data_preparation(config, create_dataset(config))
    trainer = Trainer(config, BPR(config, train_data._dataset))
    trainer.fit(train_data, valid_data, verbose=False)
    return trainer.saved_model_file


checkpoints = [argument for argument in sys.argv[1:] if argument.endswith(".pth")]
config, model, _, _, _, test_data = load_data_and_model((checkpoints or [train()])[0])

file = Path(config["data_path"]) / f"{config['dataset']}.user"
users = pd.read_csv(file, sep="\t", dtype=str).set_index("user_id:token")
decade = (users["age:token"].astype(int) // 10 * 10).astype(str) + "s"
evaluator = GroupEvaluator(
    config,
    test_data,
    decade,
    metrics=["Recall", "NDCG"],
    topk=[20],
    min_users=30,
    small="merge",  # decades of fewer users
)
report = evaluator.evaluate(model)
print(report.to_markdown())
print(report.worst_group)
