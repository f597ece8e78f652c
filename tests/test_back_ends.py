"""The two back ends have one meaning: same jobs, same models up to rounding."""

import numpy as np
import pytest
import torch

from recbole_groupmix.core.mix import Mix, baselines
from recbole_groupmix.pipeline.experiment import Experiment
from recbole_groupmix.pipeline.populations import back_end, train_populations, why_not
from recbole_groupmix.pipeline.settings import merge_settings
from recbole_groupmix.pipeline.training import Job, train_sequentially

SMALL = {"dataset": "blockmix", "target": "A", "embedding_size": 4, "epochs": 8, "eval_step": 2}


def _experiment(**given):
    return Experiment(merge_settings({**SMALL, **given}))


def _scores(model):
    model.eval()
    with torch.no_grad():
        if hasattr(model, "n_layers"):
            user, item = model.forward()
        else:
            user, item = model.user_embedding.weight, model.item_embedding.weight
        return (user @ item.T).numpy()[1:, 1:]


@pytest.mark.smoke
@pytest.mark.parametrize("model", ["BPR", "LightGCN"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"protocol": "paper"},
        {"user_loss": "mean", "loss_norm": "weight", "graph": "all"},
        {"regularizer": "unweighted", "train_batch_size": 700},
        {"regularizer": "rows", "reg_weight": 1e-4},
    ],
    ids=["converged", "paper", "mean-weight-all", "unweighted-minibatch", "rows"],
)
def test_same_scores_whichever_back_end_trains(model, options):
    experiment = _experiment(model=model, **options)
    mixes = {
        **baselines(experiment.n_users, "A"),
        "own": Mix(alpha={"B": 0.0, "C": 0.5, "D": 0.5}, alpha_aug=1.5),
    }
    jobs = [Job(name, mix, 1, 2, epochs=4) for name, mix in mixes.items()]
    one_by_one = {fit.job.name: fit.model for fit in train_sequentially(experiment, jobs)}
    at_once = {fit.job.name: fit.model for fit in train_populations(experiment, jobs)}
    assert set(one_by_one) == set(at_once) == set(mixes)
    for name in mixes:
        wanted, got = _scores(one_by_one[name]), _scores(at_once[name])
        assert np.linalg.norm(got - wanted) < 1e-3 * np.linalg.norm(wanted), name


@pytest.mark.parametrize("model", ["BPR", "LightGCN"])
def test_early_stopping_ends_at_the_same_epoch_with_the_same_curve(model):
    experiment = _experiment(model=model, epochs=40, stopping_step=2)
    jobs = [Job(n, m, 1, 0) for n, m in baselines(experiment.n_users, "A").items()]
    one_by_one = {fit.job.name: fit for fit in train_sequentially(experiment, jobs)}
    for fit in train_populations(experiment, jobs):
        other = one_by_one[fit.job.name]
        assert fit.epochs == other.epochs
        assert fit.score == pytest.approx(other.score, abs=0.01)
        assert [entry["epoch"] for entry in fit.curve] == [e["epoch"] for e in other.curve]
        assert set(fit.curve[0]["by_group"]) == {"A", "B", "C", "D"}  # baselines: every group
        assert (
            fit.epochs == max((entry["by_group"]["A"], entry["epoch"]) for entry in fit.curve)[1]
        )


def test_what_the_engine_cannot_train_goes_to_recbole():
    assert why_not(_experiment()) is None
    for given, word in [
        ({"model": "NeuMF"}, "NeuMF"),
        ({"weighting": "sample"}, "sample"),
        ({"learner": "sgd"}, "Adam"),
    ]:
        experiment = _experiment(**given)
        assert word in why_not(experiment)
        assert back_end(experiment) is train_sequentially
        with pytest.raises(ValueError, match=word):
            back_end(_experiment(backend="cpu", **given))


def test_divergence_names_the_mix():
    experiment = _experiment(learning_rate=1e30, epochs=3)
    jobs = [Job(n, m, 1, 0, 3) for n, m in baselines(experiment.n_users, "A").items()]
    with pytest.raises(ValueError, match=r"'proportional' diverged .* smaller learning_rate"):
        list(train_populations(experiment, jobs))
