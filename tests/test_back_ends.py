"""The two back ends have one meaning: same jobs, same models up to rounding."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import job

from recbole_groupmix.adapters.held_out import user_metrics
from recbole_groupmix.core.mix import Mix, baselines
from recbole_groupmix.engine.threads import pool
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.settings.merge import merge_settings
from recbole_groupmix.training import joint as populations
from recbole_groupmix.training import memory as budget
from recbole_groupmix.training.back_ends import back_end
from recbole_groupmix.training.joint import Joint, models_at_once, why_not
from recbole_groupmix.training.joint_models import JointModels
from recbole_groupmix.training.memory import memory
from recbole_groupmix.training.one_by_one import OneByOne

CPU, TORCH = Joint(), Joint(on_torch=True)
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


def _assert_same_scores(got, wanted, train):
    """Assert that a model does not depend on its company.

    The compiled engine fixes the order of its additions, so it promises bits; torch's kernels
    choose theirs by CPU and shape, so they promise rounding.
    """
    if train is CPU:
        assert np.array_equal(got, wanted)
    else:
        assert np.linalg.norm(got - wanted) < 1e-3 * np.linalg.norm(wanted)


@pytest.mark.smoke
@pytest.mark.parametrize("model", ["BPR", "LightGCN"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"protocol": "paper", "train_batch_size": 20_000},
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
    jobs = [job(experiment, name, mix, 1, 2, epochs=4) for name, mix in mixes.items()]
    one_by_one = {fit.job.name: fit.model for fit in OneByOne().train(experiment, jobs)}
    for train in (CPU, TORCH):
        at_once = {fit.job.name: fit.model for fit in train.train(experiment, jobs)}
        assert set(one_by_one) == set(at_once) == set(mixes)
        for name in mixes:
            wanted, got = _scores(one_by_one[name]), _scores(at_once[name])
            assert np.linalg.norm(got - wanted) < 1e-3 * np.linalg.norm(wanted), name


@pytest.mark.parametrize("train", [CPU, TORCH], ids=["cpu", "torch"])
@pytest.mark.parametrize("model", ["BPR", "LightGCN"])
def test_early_stopping_ends_at_the_same_epoch_with_the_same_curve(model, train):
    experiment = _experiment(model=model, epochs=40, stopping_step=2)
    jobs = [
        replace(job(experiment, n, m, 1, eval_step=2), every_group=True)
        for n, m in baselines(experiment.n_users, "A").items()
    ]
    one_by_one = {fit.job.name: fit for fit in OneByOne().train(experiment, jobs)}
    for fit in train.train(experiment, jobs):
        other = one_by_one[fit.job.name]
        assert fit.epochs == other.epochs == fit.curve.epochs[-1]
        assert fit.curve.means("A") == pytest.approx(other.curve.means("A"), abs=0.01)
        assert fit.curve.epochs == other.curve.epochs
        first = fit.curve.points()[0]
        assert set(first["by_group"]) == {"A", "B", "C", "D"} and first["epoch"] == 2


@pytest.mark.parametrize("train", [OneByOne(), CPU, TORCH], ids=["recbole", "cpu", "torch"])
@pytest.mark.parametrize("model", ["BPR", "LightGCN"])
def test_one_training_is_read_at_each_length(model, train):
    experiment = _experiment(model=model)
    mix = Mix({"B": 1.0, "C": 0.0, "D": 0.0}, 0.5)
    jobs = [job(experiment, "own", mix, 0, 0, epochs) for epochs in (6, 3)]
    epochs = []
    fits = list(train.train(experiment, jobs, lambda _, done, most: epochs.append(done)))
    assert [fit.epochs for fit in fits] == [3, 6] and epochs == [1, 2, 3, 4, 5, 6]
    for fit in fits:
        (alone,) = train.train(experiment, [job(experiment, "own", mix, 0, 0, fit.epochs)])
        _assert_same_scores(_scores(fit.model), _scores(alone.model), train)
    assert not np.allclose(_scores(fits[0].model), _scores(fits[1].model), rtol=1e-3)


@pytest.mark.parametrize("train", [OneByOne(), CPU, TORCH], ids=["recbole", "cpu", "torch"])
def test_a_curve_is_measured_on_the_grid_and_to_a_length_that_is_given(train):
    experiment = _experiment()
    mix = Mix({"B": 1.0, "C": 0.0, "D": 0.0}, 0.5)
    (fit,) = train.train(experiment, [job(experiment, "own", mix, 1, 0, 7, eval_step=3)])
    assert fit.curve.epochs == [3, 6] and fit.epochs == 7
    (fit,) = train.train(experiment, [job(experiment, "own", mix, 1, 0, 2, eval_step=3)])
    assert fit.curve.epochs == [2]  # once at the end, if that comes before the first point
    values = user_metrics(fit.model, fit.curve.held_out, [20], ["recall"])["recall@20"]
    assert fit.curve.means("A") == pytest.approx([values.mean()], abs=0.01)
    assert fit.curve.values_of("A").counts.dtype == np.uint8
    (fit,) = train.train(experiment, [job(experiment, "own", mix, 1, 0, 2)])
    assert fit.curve is None


def test_what_the_engine_cannot_train_goes_to_recbole():
    assert why_not(_experiment()) is None
    for given, word in [
        ({"model": "NeuMF"}, "NeuMF"),
        ({"weighting": "sample"}, "sample"),
        ({"learner": "sgd"}, "Adam"),
    ]:
        experiment = _experiment(**given)
        assert word in why_not(experiment)
        assert isinstance(back_end(experiment), OneByOne)
        with pytest.raises(ValueError, match=word):
            back_end(_experiment(backend="cpu", **given))


@pytest.mark.filterwarnings("ignore:(overflow|invalid):RuntimeWarning")
@pytest.mark.parametrize("train", [OneByOne(), CPU, TORCH])
def test_divergence_is_told_and_the_other_models_finish(train):
    experiment = _experiment(epochs=4)
    # weights of 1e300 are infinite in float32: the loss is NaN, and the other mix must not notice
    jobs = [
        job(experiment, name, Mix(alpha={"B": 1.0, "C": 0.0, "D": 0.0}, alpha_aug=budget), 1, 0, 4)
        for name, budget in (("sane", 1.0), ("wild", 1e300))
    ]
    fits = {fit.job.name: fit for fit in train.train(experiment, jobs)}
    assert not fits["sane"].diverged and fits["wild"].diverged
    (alone,) = train.train(experiment, jobs[:1])
    _assert_same_scores(_scores(fits["sane"].model), _scores(alone.model), train)


@pytest.mark.parametrize("train", [CPU, TORCH], ids=["cpu", "torch"])
@pytest.mark.parametrize("model", ["BPR", "LightGCN"])
def test_waves_give_the_same_models_as_one_population(model, train, monkeypatch):
    experiment = _experiment(model=model, graph="all")
    mixes = {f"m{i}": Mix({"B": 1.0, "C": 0.0, "D": 0.0}, 0.5 + i) for i in range(5)}
    jobs = [job(experiment, name, mix, 1, 0, 3) for name, mix in mixes.items()]
    labels = []

    def on_epoch(label, done, most):
        labels.append(label)

    together = {fit.job.name: fit.model for fit in train.train(experiment, jobs, on_epoch)}
    assert labels == ["5 models, fold 0"] * 3
    monkeypatch.setattr(populations, "models_at_once", lambda *_: 2)
    labels.clear()
    in_waves = {fit.job.name: fit.model for fit in train.train(experiment, jobs, on_epoch)}
    assert labels == ["2 models, fold 0"] * 6 + ["1 models, fold 0"] * 3
    for name in mixes:
        _assert_same_scores(_scores(in_waves[name]), _scores(together[name]), train)


@pytest.mark.parametrize("train", [CPU, TORCH], ids=["cpu", "torch"])
@pytest.mark.parametrize(
    ("options", "n_populations"),
    [
        ({}, 1),
        ({"loss_norm": "count", "user_loss": "mean"}, 1),
        ({"loss_norm": "weight"}, 1),
        ({"triplets": "sampled", "train_batch_size": 500}, 1),
        ({"train_batch_size": 700}, 4),  # whose triplets share a batch depends on who is present
        ({"model": "LightGCN", "graph": "all"}, 1),
        ({"model": "LightGCN"}, 4),  # a graph each
    ],
    ids=["sum", "mean", "weight", "sampled", "minibatch", "graph-all", "graph-positive"],
)
def test_mixes_without_a_group_are_trained_with_the_others(options, n_populations, train):
    experiment = _experiment(**options)
    mixes = {
        "all": Mix({"B": 0.5, "C": 0.3, "D": 0.2}, 1.5),
        "without B": Mix({"B": 0.0, "C": 0.6, "D": 0.4}, 0.7),
        "without C": Mix({"B": 0.7, "C": 0.0, "D": 0.3}, 0.7),
        "own": Mix({"B": 1.0, "C": 0.0, "D": 0.0}, 0.0),
    }
    jobs = [job(experiment, name, mix, 1, 0, 4) for name, mix in mixes.items()]
    labels = []
    fits = list(train.train(experiment, jobs, lambda label, *_: labels.append(label)))
    of_each = 4 // n_populations
    assert labels == [f"{of_each} models, fold 0"] * 4 * n_populations
    for fit in fits:
        (alone,) = train.train(experiment, [fit.job])
        _assert_same_scores(_scores(fit.model), _scores(alone.model), train)


@pytest.mark.parametrize("model", ["BPR", "LightGCN"])
def test_models_at_once_stay_below_the_memory_asked_for(model):
    experiment = _experiment(model=model, graph="all", embedding_size=64, protocol="converged")
    mixes = [Mix({"B": 1.0, "C": 0.0, "D": 0.0}, 0.5 + i) for i in range(200)]
    jobs = [job(experiment, f"m{i}", mix, 1, 0, 1) for i, mix in enumerate(mixes)]
    once = jobs[: pool().size]  # what is made once, for each thread, is not counted
    list(CPU.train(experiment, once))
    budget = 32 * 2**20
    size = models_at_once(experiment, jobs, budget, False)
    assert 5 < size < 200
    tracemalloc.start()  # numpy tells it of every array
    try:
        fits = JointModels(experiment, jobs[:size], budget, False).train(None)
        next(fits)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 0.6 * budget < peak < budget
    with pytest.raises(ValueError, match=r"max_memory holds .* single model .* --max_memory=GIB"):
        models_at_once(experiment, jobs, 2**16, False)


def test_max_memory_is_in_gib_and_half_of_what_is_free_by_default(monkeypatch):
    assert memory(_experiment(max_memory=1.5)) == 1.5 * 2**30
    monkeypatch.setattr(budget, "free_memory", lambda device: 1000)
    assert memory(_experiment()) == 500
