"""The pooled model that goes on with the target's users alone, as a row beside the mixes."""

import json

import numpy as np
import pytest
from command import call, run_arguments, run_folder
from helpers import SMALL, job

from recbole_groupmix.core.mix import baselines
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.rivals.candidate import RivalCandidate, carried_rivals
from recbole_groupmix.rivals.fine_tuned import RIVAL
from recbole_groupmix.rivals.rival import Reference
from recbole_groupmix.search.jobs import job_of
from recbole_groupmix.settings.merge import merge_settings
from recbole_groupmix.training.fine_tuning import FineTuning
from recbole_groupmix.training.joint import Joint
from recbole_groupmix.training.one_by_one import OneByOne

BACK_ENDS = [OneByOne(), Joint(), Joint(on_torch=True)]


def _experiment(data, **given):
    values = {"dataset": "tiny", "data_path": str(data), "group_field": "group", "target": "A"}
    return Experiment(merge_settings({**SMALL, **values, "init": "normal(0.1)", **given}))


def _alone(experiment, pooled, epochs, **options):
    candidate = RivalCandidate(RIVAL, Reference(pooled), [options])
    return job_of(experiment, candidate, ALL_OF_TRAIN, 0, epochs, options)


def _pooled(experiment, train, epochs):
    mix = baselines(experiment.n_users, "A")["proportional"]
    (fit,) = train.train(
        experiment, [job(experiment, "proportional", mix, ALL_OF_TRAIN, 0, epochs)]
    )
    return fit.model


def _tuned(experiment, train, asked):
    (fit,) = FineTuning(train).train(experiment, [asked])
    assert fit.job == asked
    return fit.model


def _tables(model):
    return [w.detach().numpy() for w in (model.user_embedding.weight, model.item_embedding.weight)]


@pytest.mark.parametrize("model", ["BPR", "LightGCN"])
@pytest.mark.parametrize("train", BACK_ENDS)
def test_without_a_step_it_is_the_pooled_model(tiny, model, train):
    # a step of Adam is at most the learning rate, here 1e-12: below the rounding of any embedding
    experiment = _experiment(tiny, model=model)
    tuned = _tuned(experiment, train, _alone(experiment, 3, 1, learning_rate=1e-12))
    for got, wanted in zip(_tables(tuned), _tables(_pooled(experiment, train, 3)), strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-9)


@pytest.mark.parametrize("train", BACK_ENDS)
def test_users_of_other_groups_stay_as_they_were(tiny, train):
    experiment = _experiment(tiny, model="BPR")
    user, item = _tables(_tuned(experiment, train, _alone(experiment, 3, 4)))
    pooled_user, pooled_item = _tables(_pooled(experiment, train, 3))
    mine = experiment.groups.of_user == experiment.groups.index("A")
    assert np.array_equal(user[~mine], pooled_user[~mine])
    assert (user[mine] != pooled_user[mine]).all()
    assert not np.array_equal(item, pooled_item)


@pytest.mark.parametrize("model", ["BPR", "LightGCN"])
def test_back_ends_agree(tiny, model):
    experiment = _experiment(tiny, model=model)
    wanted, *others = [_tables(_tuned(experiment, t, _alone(experiment, 3, 4))) for t in BACK_ENDS]
    for got in others:
        for a, b in zip(got, wanted, strict=True):
            np.testing.assert_allclose(a, b, atol=2e-4)


def test_a_run_has_the_row_its_folds_and_its_change(tiny, tmp_path):
    arguments = [*run_arguments(tiny, output_dir=tmp_path, rivals="none")]
    assert call(*arguments)[0] == 0
    result = json.loads((run_folder(tmp_path) / "result.json").read_text())
    assert "fine_tuned" not in result["rivals"] and "fine_tuned" not in result["test"]
    # the same run goes on: only the new row is trained
    folds = (run_folder(tmp_path) / "trials.jsonl").read_text()
    status, out, _ = call(*run_arguments(tiny, output_dir=tmp_path, rivals="fine_tuned"))
    assert status == 0 and "fine_tuned" in out
    folder = run_folder(tmp_path)
    more = (folder / "trials.jsonl").read_text()
    assert more.startswith(folds)
    assert more.count("\n") == folds.count("\n") + 6  # two folds, three learning rates
    result = json.loads((folder / "result.json").read_text())
    assert result["rows"]["fine_tuned"]["kind"] == "rival"
    assert "fine_tuned" not in result["mixes"] and result["rivals"]["fine_tuned"]["tried"] == 3
    assert set(result["change"]["fine_tuned"]) == set(result["change"]["stratified"])
    assert result["search"]["selected"] != "fine_tuned" and "fine_tuned" in result["search"]["cv"]
    assert result["trainings"]["rivals"] == {"fine_tuned": 2 * (3 + 1)}


def test_no_rival_where_nothing_is_trained_or_wanted(tiny):
    def names(on_folds=True, **given):
        return [rival.name for rival in carried_rivals(_experiment(tiny, **given), on_folds)[0]]

    assert names(fine_tune=False) == names(rivals=["none"]) == names(False) == []
    assert "fine_tuned" in names() and names(rivals=["fine_tuned"]) == ["fine_tuned"]
    assert "fine_tuned" not in names(model="WeightedSVD", embedding_size=2, epochs=None)
