"""BPR against LightGCN for each age group of ml-100k: metrics, and which differences are significant.

    python examples/compare_models.py [--epochs=10] [any other key of RecBole]

Few epochs keep the example short; they say little about the models. With one training seed per
model the intervals cover sampling of users only, not variation between training seeds.
"""

from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.trainer import Trainer
from recbole.utils import get_model, init_seed

from recbole_groupmix import GroupEvaluator, binned_groups
from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.compare import compare

BINS, NAMES = [0, 25, 35, 50, 100], ["under 25", "25 to 34", "35 to 49", "50 and over"]


def evaluated(name):
    """Train a model and return its report by age."""
    config = Config(
        model=name,
        dataset="ml-100k",
        config_dict={
            "load_col": {"inter": ["user_id", "item_id"], "user": ["user_id", "age"]},
            "metrics": ["Recall", "NDCG"],
            "topk": [20],
            "valid_metric": "NDCG@20",
            "epochs": 10,
            "embedding_size": 32,
            "train_batch_size": 16384,
            "learning_rate": 0.01,
            "eval_batch_size": 400_000,
        },
    )
    init_seed(config["seed"], config["reproducibility"])
    train_data, valid_data, test_data = data_preparation(config, create_dataset(config))
    with recbole_compat():  # RecBole's LightGCN calls what scipy >= 1.13 no longer has
        model = get_model(name)(config, train_data._dataset)
    trainer = Trainer(config, model)
    trainer.fit(train_data, valid_data, saved=False, verbose=False)
    by_age = binned_groups(test_data, "age", BINS, NAMES)
    return GroupEvaluator(config, test_data, by_age).evaluate(model)


reports = {name: evaluated(name) for name in ("BPR", "LightGCN")}
for name, report in reports.items():
    print(f"{name}\n{report.to_markdown()}")
print(compare({name: report.per_user for name, report in reports.items()}).to_markdown())
