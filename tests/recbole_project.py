"""A project of RecBole as its users have it, on the tiny data set."""

from helpers import write_tiny
from recbole.data import create_dataset, data_preparation
from recbole.utils import get_model, init_seed

from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.config import GroupMixConfig

RANKING_METRICS = ["Recall", "MRR", "NDCG", "Hit", "Precision", "MAP", "GAUC"]


def project(folder, model="BPR", metrics=RANKING_METRICS, mode="full", write=write_tiny, **more):
    """A RecBole project as its users have it: config, loaders and a model."""
    write(folder)
    settings = {
        "data_path": str(folder),
        "load_col": {"inter": ["user_id", "item_id"], "user": ["user_id", "group"]},
        "metrics": metrics,
        "topk": [3, 5],
        "valid_metric": "MRR@5",
        "epochs": 3,
        "embedding_size": 8,
        "metric_decimal_place": 17,
        "eval_args": {"split": {"RS": [0.6, 0.2, 0.2]}, "mode": mode},
        **more,
    }
    config = GroupMixConfig(model, "tiny", settings)
    init_seed(7, True)
    with recbole_compat():
        dataset = create_dataset(config)
        loaders = data_preparation(config, dataset)
        net = get_model(model)(config, loaders[0]._dataset)
    return config, loaders, net
