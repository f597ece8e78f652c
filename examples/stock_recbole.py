"""A RecBole script as it stands in many projects, and three lines for metrics by group.

    python examples/stock_recbole.py [--epochs=5] [any other key of RecBole]

Only `load_col` is unusual: it loads the column that holds the groups.
"""

from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.model.general_recommender import BPR
from recbole.trainer import Trainer
from recbole.utils import init_seed

config = Config(
    model="BPR",
    dataset="ml-100k",
    config_dict={
        "load_col": {"inter": ["user_id", "item_id"], "user": ["user_id", "gender"]},
        "metrics": ["Recall", "NDCG"],
        "topk": [10, 20],
        "valid_metric": "NDCG@10",
        "epochs": 5,
        "eval_batch_size": 400_000,  # RecBole's default ranks two users of ml-100k at a time
    },
)
init_seed(config["seed"], config["reproducibility"])
train_data, valid_data, test_data = data_preparation(config, create_dataset(config))
model = BPR(config, train_data._dataset)
trainer = Trainer(config, model)
trainer.fit(train_data, valid_data, saved=False, verbose=False)
print(dict(trainer.evaluate(test_data, load_best_model=False)))

# --- three lines ---------------------------------------------------------------------------------
from recbole_groupmix import GroupEvaluator  # noqa: E402

report = GroupEvaluator(config, test_data, "gender").evaluate(model)
print(report.to_markdown())
