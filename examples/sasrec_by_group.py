"""SASRec for one group of users, trained on a mix of the others' data, in a stock RecBole script.

    python examples/sasrec_by_group.py [--epochs=5] [any other key of RecBole]

Here the group is women in ml-100k; with markets it is a country, as in COLUMN, TARGET = "country", "jp".
"""

from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.model.sequential_recommender import SASRec
from recbole.trainer import Trainer
from recbole.utils import init_seed

from recbole_groupmix import (
    GroupEvaluator,
    GroupMixTrainer,
    Mix,
    group_weighted_sampler,
    mix_weights,
)

COLUMN, TARGET = "gender", "F"
MIX = Mix({"M": 1.0}, 0.5)  # all that is added comes from men, half as many users as there are

columns = {"inter": ["user_id", "item_id", "timestamp"], "user": ["user_id", COLUMN]}
quick = {"epochs": 5, "train_neg_sample_args": None, "MAX_ITEM_LIST_LENGTH": 10, "n_layers": 1}
config = Config("SASRec", "ml-100k", config_dict={"load_col": columns, **quick})
train_data, valid_data, test_data = data_preparation(config, create_dataset(config))
evaluator = GroupEvaluator(config, test_data, COLUMN, metrics=["NDCG"], topk=[10])


def trained(trainer_of, loader):
    """Print the metrics by group of a new model that a trainer has fitted."""
    init_seed(config["seed"], config["reproducibility"])
    model = SASRec(config, train_data._dataset).to(config["device"])
    trainer_of(model).fit(loader, valid_data, saved=False, verbose=False)
    print(evaluator.evaluate(model).to_markdown())


# the loss of each sequence times the weight of its user (Eq. 8)
weights = mix_weights(train_data, COLUMN, TARGET, MIX)
trained(lambda model: GroupMixTrainer(config, model, weights), train_data)

# RecBole's own trainer and loss, users drawn by group in every epoch (Eq. 7)
drawn = group_weighted_sampler(train_data, COLUMN, TARGET, MIX)
trained(lambda model: Trainer(config, model), drawn)
