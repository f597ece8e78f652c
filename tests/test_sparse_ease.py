"""EASE of a sparse catalogue through the back end: as of a dense one, less memory, a forecast."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import experiment, job

from recbole_groupmix.core.linear import elimination
from recbole_groupmix.core.mix import Mix, baselines
from recbole_groupmix.exact.loss_influence import LossProblem
from recbole_groupmix.mixes.candidates import Candidate
from recbole_groupmix.rivals.fine_tuned import RIVAL
from recbole_groupmix.rivals.rival import Reference
from recbole_groupmix.search import forecast
from recbole_groupmix.training.closed_form import back_end
from recbole_groupmix.training.closed_form.back_end import ClosedForms, weighted_ease
from recbole_groupmix.training.closed_form.gram_cache import (
    GramCache,
    bytes_needed,
    bytes_of_matrices,
)
from recbole_groupmix.training.job import Job

OWN = Mix({"B": 0.3, "C": 0.7}, 0.8)


@pytest.fixture
def both(tiny, monkeypatch):
    """The tiny data as a dense and as a sparse catalogue, which steps are worth."""

    def made(**options):
        given = {"model": "EASE", "lambdas": [5, 50], **options}
        dense, sparse = (experiment(tiny, **given) for _ in range(2))
        assert dense.part(0).elimination is None
        for name, value in (
            ("FEWEST_ITEMS", 1),
            ("_MOST_PAIRS", 100),
            ("_LARGEST_CORE", 1),
            ("_DENSE_FLOPS", 1e9),
        ):
            monkeypatch.setattr(elimination, name, value)
        plan = sparse.part(0).elimination
        assert plan is not None and 0 < plan.n_core < 41
        return dense, sparse

    return made


@pytest.mark.parametrize("user_loss", ["sum", "mean"])
def test_jobs_are_solved_as_those_of_a_dense_catalogue(both, user_loss):
    dense, sparse = both(user_loss=user_loss)
    names = baselines(dense.n_users, "A")
    jobs = [job(dense, "own", OWN, part) for part in (1, 2)]
    jobs += [job(dense, "alone", names["no_augmentation"], 1)]
    jobs += [replace(jobs[0], every_group=True)]
    jobs += [job(dense, "own", OWN, 0, options={"reg_weight": 20.0})]
    pairs = zip(*(ClosedForms().train(ex, jobs) for ex in (dense, sparse)), strict=True)
    for expected, found in pairs:
        if expected.curve is None:
            matrices = (fit.model.item_similarity for fit in (found, expected))
            np.testing.assert_allclose(*matrices, atol=1e-6)
            continue
        assert found.curve.means("A") == pytest.approx(expected.curve.means("A"), abs=1e-9)
        whole = found.job.every_group  # else the target's 10 users are scored from the factors
        assert (found.model.item_similarity is None) == (not whole)
        assert ("item_similarity" in found.model.state_dict()) == whole


def test_users_of_own_weights_and_a_model_to_stay_near(both):
    dense, sparse = both()
    weights = np.random.default_rng(0).choice([0.0, 0.5, 2.0], dense.shape[0])
    made = [GramCache(ex).of_users(ex.part(1), weights, 20.0) for ex in (dense, sparse)]
    np.testing.assert_allclose(made[1].toarray(), made[0], atol=1e-5)
    recipe = RIVAL.recipe(dense, 1, {"mu": 30.0}, Reference(1, {"reg_weight": 20.0}))
    near = Job("fine_tuned", recipe, 1, 0, 1, {"mu": 30.0})
    (one,), (other,) = (ClosedForms().train(ex, [near]) for ex in (dense, sparse))
    np.testing.assert_allclose(other.model.item_similarity, one.model.item_similarity, atol=1e-5)


def test_other_uses_of_closed_forms_find_the_same(both):
    dense, sparse = both()
    matrices = [
        weighted_ease(ex, ex.part(1), GramCache(ex), [1.0, 0.0, 2.0], 20.0).item_similarity
        for ex in (dense, sparse)
    ]
    np.testing.assert_allclose(*matrices, atol=1e-6)
    grams = [GramCache(ex).of_part(ex.part(2)) for ex in (dense, sparse)]
    np.testing.assert_array_equal(*grams)
    changes = [LossProblem(ex).changes(dict.fromkeys("ABC", 20.0)) for ex in (dense, sparse)]
    for group in "ABC":
        after = [change.after[group] for change in changes]
        np.testing.assert_allclose(*after, rtol=1e-4)


def test_a_sparse_catalogue_takes_less_memory_and_each_thread_more(both):
    dense, sparse = both()
    assert bytes_needed(dense) == (2 * 3 + 8) * 41**2 * 4
    assert bytes_needed(sparse) < bytes_needed(dense) < bytes_needed(dense, 2)
    assert bytes_needed(sparse, 2) > bytes_needed(sparse)
    assert bytes_of_matrices(sparse) >= bytes_needed(sparse)


class Clocked:
    """A back end whose matrices of a fold take 2 s, and each solution so many, by a clock."""

    def __init__(self, per_solution):
        self.now, self.every, self._each = 0.0, set(), per_solution

    def train(self, experiment, jobs):
        assert all(job.part == 1 for job in jobs)
        self.every |= {job.every_group for job in jobs}
        self.now += 2.0 + len(jobs) * len(experiment.settings.lambdas) * self._each
        return iter(jobs)


@pytest.mark.parametrize(("share", "every"), [(0.3, {False}), (1.0, {True})])
def test_the_forecast_is_of_solutions_on_a_fold_without_what_they_share(
    both, monkeypatch, share, every
):
    dense, _ = both()
    asked = job(dense, "own", OWN, 1)
    clocked = Clocked(0.7)
    monkeypatch.setattr(forecast.time, "perf_counter", lambda: clocked.now)
    monkeypatch.setattr(forecast, "job_of", lambda *_, **__: asked)
    mixes = ["one", "other", "third"]
    found = forecast._seconds_on_a_fold(dense, mixes, clocked, share)
    assert found == pytest.approx((0.7, 2.0)) and clocked.every == every
    slow = Clocked(70.0)
    monkeypatch.setattr(forecast.time, "perf_counter", lambda: slow.now)
    found = forecast._seconds_on_a_fold(dense, mixes, slow, share)
    assert slow.now == 142.0 and found == pytest.approx((71.0, 0.0))


def test_what_the_models_of_a_fold_share_counts_once_for_each_fold():
    costs = forecast.Costs(0.0, 0.5, 0.0, 4.0)
    of = lambda work, folds: forecast.Forecast(  # noqa: E731
        work, 3, 1, 0, False, True, costs, folds=folds
    )
    assert of(forecast.Workload(8, 2), 2).seconds == pytest.approx((8 * 3 + 2) * 0.5 + 2 * 4)
    assert of(forecast.Workload(1, 2), 5).seconds == pytest.approx((3 + 2) * 0.5 + 4)
    assert of(forecast.Workload(0, 2), 5).seconds == pytest.approx(2 * 0.5)


def test_the_solutions_that_are_timed_are_of_different_mixes(both):
    dense, _ = both()
    asked = []

    class Kept(Clocked):
        def train(self, experiment, jobs):
            asked.append([each.name for each in jobs])
            return super().train(experiment, jobs)

    mixes = [Candidate(name, mix, "own") for name, mix in baselines(dense.n_users, "A").items()]
    forecast._seconds_on_a_fold(dense, mixes, Kept(0.7), 0.3)
    names = ["proportional", "stratified", "no_augmentation"]
    assert asked == [names[:1], names[:1], names]


def test_the_forecast_names_the_memory():
    work = forecast.Workload(9, 3)
    costs = forecast.Costs(0.0, 0.5, 0.0)
    text = str(forecast.Forecast(work, 3, 1, 0, False, True, costs, 3 * 2**30))
    assert text.endswith(", and 3 GiB for matrices of items by items")
    assert "matrices" not in str(forecast.Forecast(work, 1, 1, 0, False, True, costs))


def test_a_fold_makes_one_curve_for_each_model(both, monkeypatch):
    made = []

    class Counted(back_end.ValidationCurve):
        def __init__(self, *arguments, **options):
            made.append(options)
            super().__init__(*arguments, **options)

    monkeypatch.setattr(back_end, "ValidationCurve", Counted)
    for ex in both():
        jobs = [job(ex, "own", OWN, 1, eval_step=1)]
        jobs += [replace(jobs[0], targets=("A", "B")), replace(jobs[0], every_group=True)]
        few = [back_end._scores_few(ex, each) for each in jobs]
        n_items = ex.shape[1]
        made.clear()
        curves = [fit.curve for fit in ClosedForms().train(ex, jobs)]
        assert len(made) == len(jobs)
        assert few == [len(c.held_out.users) <= back_end._FEW * n_items for c in curves]
