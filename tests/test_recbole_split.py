"""RecBole's split under ``eval_args``: the rows of train and test are those of RecBole itself."""

import numpy as np
import pytest
import torch
from helpers import experiment, write_timed
from recbole.data import create_dataset
from recbole.data.utils import data_preparation
from recbole.model.general_recommender import BPR
from recbole.trainer import Trainer
from recbole.utils import init_seed

from recbole_groupmix.adapters.compat import recbole_compat, without_folders
from recbole_groupmix.adapters.config import GroupMixConfig
from recbole_groupmix.adapters.held_out import user_metrics
from recbole_groupmix.evaluation.scoring import with_metrics
from recbole_groupmix.experiment import candidates as module

pytestmark = pytest.mark.contract

SPLITS = {
    "ratios": {"split": {"RS": [0.6, 0.2, 0.2]}},
    "ratios that do not add up to 1": {"split": {"RS": [7, 1, 2]}, "order": "RO"},
    "ratios of all": {"group_by": "none"},
    "in time": {"split": {"RS": [0.7, 0.1, 0.2]}, "order": "TO"},
    "in time, of all": {"order": "TO", "group_by": None},
    "last but one and last": {"split": {"LS": "valid_and_test"}, "order": "TO"},
    "last": {"split": {"LS": "test_only"}, "order": "TO", "group_by": "none"},
    "last of a random order": {"split": {"LS": "test_only"}},
}


def of_recbole(folder, eval_args, seed=2020, **more):
    """Return the loaders of a run of RecBole's own."""
    values = {
        "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
        "eval_args": {"split": {"RS": [0.8, 0, 0.2]}, **eval_args},
        "seed": seed,
        **more,
    }
    config = GroupMixConfig("BPR", "tiny", values, folder=folder / "tiny")
    with recbole_compat():
        init_seed(config["seed"], config["reproducibility"])
        return config, data_preparation(config, create_dataset(config))


def pairs(loader):
    inter = loader._dataset.inter_feat
    return list(zip(inter["user_id"].tolist(), inter["item_id"].tolist(), strict=True))


@pytest.mark.parametrize("name", SPLITS)
@pytest.mark.parametrize("seed", [1, 2020])
def test_rows_of_train_and_test_are_recboles(tmp_path, name, seed):
    folder, args = write_timed(tmp_path), SPLITS[name]
    _, (train, valid, test) = of_recbole(folder, args, seed)
    ex = experiment(folder, eval_args=args, seed=seed)
    rows = list(zip(ex.users.tolist(), ex.items.tolist(), strict=True))
    ours = [[rows[row] for row in part] for part in (ex.split.train, ex.split.test)]
    # loaders sort their rows by user; the training loader leaves them as they are split
    assert ours[0][: len(train._dataset)] == pairs(train)
    assert sorted(ours[0]) == sorted(pairs(train) + pairs(valid))
    assert sorted(ours[1]) == sorted(pairs(test)) and test
    assert np.array_equal(np.flatnonzero(ex.is_test), np.sort(ex.split.test))


def test_the_data_set_and_the_global_generators_are_left_alone(tmp_path):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    ex = experiment(write_timed(tmp_path), eval_args=SPLITS["ratios"], unused_col={"inter": ["a"]})
    assert torch.equal(torch.random.get_rng_state(), before)
    assert set(ex.dataset.inter_feat.columns) == {"user_id", "item_id"}
    files = experiment(tmp_path)
    assert torch.equal(ex.dataset.inter_feat["item_id"], files.dataset.inter_feat["item_id"])


def test_times_are_loaded_for_a_split_in_time(tmp_path):
    write_timed(tmp_path)
    ex = experiment(tmp_path, eval_args={"order": "TO"})
    times = ex.dataset.inter_feat["timestamp"].numpy()
    for user in np.unique(ex.users):
        mine = ex.users == user
        assert times[mine & ~ex.is_test].max() <= times[mine & ex.is_test].min()
    assert "timestamp" not in experiment(tmp_path).dataset.inter_feat.columns


# --- which items are ranked -------------------------------------------------------------------

METRICS = ("recall", "ndcg", "mrr", "hit", "precision", "map")
TOPK = [3, 10]


def recboles_metrics(config, loader, net, seed):
    """Return RecBole's own means under a seed for the negatives, unrounded."""
    trainer_config = with_metrics(config, [name.upper() for name in METRICS], TOPK)
    with recbole_compat(), without_folders():
        trainer = Trainer(trainer_config, net)
        init_seed(seed, True)
        return trainer.evaluate(loader, load_best_model=False)


@pytest.mark.parametrize("mode", ["full", "uni1", "uni7", "pop7", {"test": "uni3"}])
@pytest.mark.parametrize("name", ["ratios", "last but one and last"])
def test_metrics_are_recboles(tmp_path, name, mode):
    folder, args = write_timed(tmp_path), {**SPLITS[name], "mode": mode}
    config, (_, _, loader) = of_recbole(folder, args, gpu_id="")
    net = BPR(config, loader._dataset)
    theirs = recboles_metrics(config, loader, net, 2020)
    ex = experiment(folder, eval_args=args, gpu_id="")
    held_out = ex.part(0).held_out
    ours = user_metrics(net, held_out, TOPK, METRICS)
    assert len(held_out.users) == len(ex.groups.of_user) - 1
    assert set(ours) == set(theirs)
    for key, values in ours.items():
        assert values.mean() == pytest.approx(theirs[key], abs=1e-9), key


@pytest.mark.parametrize("mode", ["uni5", "pop5"])
def test_the_loader_of_test_holds_the_candidates_of_the_run(tmp_path, mode):
    ex = experiment(write_timed(tmp_path), eval_args={"mode": mode}, gpu_id="")
    net, held_out = BPR(ex.config, ex.dataset), ex.part(0).held_out
    with recbole_compat():
        theirs = recboles_metrics(ex.config, ex.test_data(), net, 1)  # the seed changes nothing
    ours = user_metrics(net, held_out, TOPK, METRICS)
    for key, values in ours.items():
        assert values.mean() == pytest.approx(theirs[key], abs=1e-9), key


def test_every_part_has_a_seed_of_its_own(tmp_path, monkeypatch):
    seeds, draw = [], module.sampled_candidates
    monkeypatch.setattr(module, "sampled_candidates", lambda *a: seeds.append(a[-1]) or draw(*a))
    ex = experiment(write_timed(tmp_path), eval_args={"mode": "uni4"}, seed=2**32 - 1)
    for index in range(3):
        ex.part(index)
    assert seeds == [2**32 - 1, 0, 1]


def test_candidates_are_held_out_items_and_negatives_drawn_once(tmp_path):
    ex = experiment(write_timed(tmp_path), eval_args={"mode": {"valid": "uni4", "test": "full"}})
    assert ex.part(0).held_out.catalogues is None
    train = {(u, i) for u, i in zip(ex.part(0).users, ex.part(0).items, strict=True)}
    drawn = []
    for index in (1, 2):
        held_out = ex.part(index).held_out
        ranked = held_out.catalogues.ranked[held_out.catalogues.of_row]
        relevant = held_out.relevant.toarray()
        negatives = ranked & ~relevant
        assert ranked[relevant].all() and not ranked[:, 0].any()
        assert (negatives.sum(axis=1) <= 4 * relevant.sum(axis=1)).all() and negatives.any()
        assert not {(held_out.users[r], i) for r, i in np.argwhere(negatives)} & train
        drawn.append(negatives)
    test = {(u, i) for u, i in zip(ex.users[ex.is_test], ex.items[ex.is_test], strict=True)}
    users = ex.part(1).held_out.users
    assert {(users[r], i) for r, i in np.argwhere(drawn[0])} & test  # as RecBole's validation
    assert not np.array_equal(*drawn)
    again = experiment(tmp_path, eval_args={"mode": {"valid": "uni4", "test": "full"}})
    of_fold = again.part(1).held_out.catalogues.ranked
    assert np.array_equal(of_fold, ex.part(1).held_out.catalogues.ranked)
