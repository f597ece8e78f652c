"""Weights that change during training: learned with a guide held back, replayed on all rows."""

import numpy as np
import pytest
from helpers import SMALL, write_tiny

from recbole_groupmix.core.mix import mix_from_weights
from recbole_groupmix.core.schedule import Schedule
from recbole_groupmix.core.weight_rules import Adaptive, GroupDRO
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.guided import Guided
from recbole_groupmix.rivals.known import known_rivals
from recbole_groupmix.rivals.learned import mean_mix
from recbole_groupmix.rivals.recipe import Recipe
from recbole_groupmix.rivals.rival import Reference
from recbole_groupmix.settings.merge import merge_settings
from recbole_groupmix.training.job import Job, n_learned
from recbole_groupmix.training.joint import Joint
from recbole_groupmix.training.learned_schedules import LearnedSchedules
from recbole_groupmix.training.one_by_one import OneByOne
from recbole_groupmix.training.weighing import guide_losses

BACK_ENDS = [OneByOne(), Joint(), Joint(on_torch=True)]
RIVALS = [known_rivals()[name] for name in ("adaptive", "group_dro")]
RULE = Adaptive(alpha=0.01)
EPOCHS = 5


def _experiment(data, **given):
    values = {"dataset": "tiny", "data_path": str(data), "group_field": "group", "target": "A"}
    more = {"init": "normal(0.1)", "learning_rate": 0.05, "train_batch_size": 64}
    return Experiment(merge_settings({**SMALL, **values, **more, **given}))


def _job(experiment, rule, part=1, epochs=EPOCHS, **fields):
    weights = dict.fromkeys(experiment.groups.names, 1.0)
    return Job("rival", Recipe(weights, rule=rule), part, 0, epochs, **fields)


def _fits(experiment, train, *jobs):
    return list(LearnedSchedules(train).train(experiment, jobs))


def _fit(experiment, train, *args, **fields):
    (fit,) = _fits(experiment, train, _job(experiment, *args, **fields))
    return fit


def _tables(fit):
    model = fit.model
    return [w.detach().numpy() for w in (model.user_embedding.weight, model.item_embedding.weight)]


def _array(schedule):
    return schedule.by_epoch(EPOCHS, 3)


@pytest.mark.parametrize("part", [0, 1])
def test_a_guide_is_a_tenth_of_the_parts_own_rows(tiny, part):
    experiment = _experiment(tiny)
    whole, without = experiment.part(part), Guided(experiment).part(part)
    assert experiment.part(part).guide is None
    guide = without.guide
    pairs = sorted(
        zip([*without.users, *guide.users], [*without.items, *guide.items], strict=True)
    )
    assert pairs == sorted(zip(whole.users, whole.items, strict=True))
    counts = np.bincount(whole.users)
    held_back = np.bincount(guide.users, minlength=len(counts))
    assert (
        held_back[1:].tolist() == np.minimum(np.maximum(counts // 10, 1), counts - 1)[1:].tolist()
    )
    positive = set(zip(whole.users, whole.items, strict=True))
    assert not positive & set(zip(guide.users, guide.negatives, strict=True))
    assert without.n_users == whole.n_users == experiment.groups.n_users(without.users)


def test_guide_losses_are_means_over_rows(tiny):
    experiment = _experiment(tiny)
    guide, of_user = Guided(experiment).part(1).guide, experiment.groups.of_user
    scores = np.random.default_rng(0).normal(size=experiment.shape).astype(np.float32)
    losses = guide_losses(guide, lambda users, items: scores[users, items], of_user, 4)
    for group in range(3):
        rows = [
            np.log1p(np.exp(float(scores[u, n]) - float(scores[u, i])))
            for u, i, n in zip(guide.users, guide.items, guide.negatives, strict=True)
            if of_user[u] == group
        ]
        assert losses[group] == pytest.approx(np.mean(rows), rel=1e-12)
    assert np.isnan(losses[3])


@pytest.mark.parametrize(
    ("model", "regularizer"), [("BPR", "unweighted"), ("LightGCN", "weighted")]
)
def test_back_ends_learn_and_replay_the_same(tiny, model, regularizer):
    experiment = _experiment(tiny, model=model, regularizer=regularizer, reg_weight=0.01)
    fits = [_fit(experiment, train, RULE) for train in BACK_ENDS]
    assert len(fits[0].schedule.changes) == EPOCHS - 1  # after every epoch but the last
    assert np.ptp(_array(fits[0].schedule)) > 0.1
    for fit in fits[1:]:
        np.testing.assert_allclose(_array(fit.schedule), _array(fits[0].schedule), atol=2e-3)
        for a, b in zip(_tables(fit), _tables(fits[0]), strict=True):
            np.testing.assert_allclose(a, b, atol=2e-4)
    plain = _fit(experiment, OneByOne(), None)
    assert plain.schedule is None and not np.allclose(_tables(plain)[0], _tables(fits[0])[0])


@pytest.mark.parametrize("train", BACK_ENDS)
def test_a_schedule_is_replayed_on_all_rows(tiny, train):
    experiment, asked = _experiment(tiny), Schedule(((1, (2.0, 0.5, 0.0)),))
    replayed = _job(experiment, RULE, schedule=asked)
    (fit,) = train.train(experiment, [replayed])
    assert fit.schedule == asked
    # weights of one kind from the first epoch on are those of a recipe, whatever the rule says
    weights = dict(zip(experiment.groups.names, asked.changes[0][1], strict=True))
    weights = {name: weight or 1e-30 for name, weight in weights.items()}  # 0 leaves the batches
    (same,) = train.train(experiment, [Job("mix", Recipe(weights), 1, 0, EPOCHS)])
    for a, b in zip(_tables(fit), _tables(same), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("model", ["BPR", "LightGCN"])
def test_with_a_gap_of_all_epochs_nothing_changes_to_the_bit(tiny, model):
    experiment = _experiment(tiny, model=model)
    waits, plain = (_fit(experiment, Joint(), rule) for rule in (Adaptive(0.01, gap=EPOCHS), None))
    assert waits.schedule == Schedule()
    assert all(np.array_equal(a, b) for a, b in zip(_tables(waits), _tables(plain), strict=True))
    later = _fit(experiment, Joint(), Adaptive(0.01, gap=EPOCHS - 1))
    assert [epoch for epoch, _ in later.schedule.changes] == [EPOCHS]


@pytest.mark.parametrize("train", BACK_ENDS)
def test_jobs_come_back_as_they_were_given_each_measured_on_its_part(tiny, train):
    experiment = _experiment(tiny)
    jobs = [
        _job(experiment, rule, part, epochs, eval_step=2)
        for rule in (RULE, GroupDRO(0.5), None)
        for part in (1, 2)
        for epochs in (2, EPOCHS)
    ]
    fits = _fits(experiment, train, *jobs)
    key = lambda job: (str(job.recipe.rule), job.part, job.epochs)  # noqa: E731
    assert sorted(map(key, jobs)) == sorted(key(fit.job) for fit in fits)
    assert all(fit.job in jobs and fit.job.schedule is None and fit.curve for fit in fits)
    assert n_learned(jobs) == 4  # two rules on two folds, whatever the lengths
    learned = {key(fit.job): fit.schedule for fit in fits if fit.job.recipe.rule}
    for (rule, part, _), schedule in learned.items():
        assert schedule == learned[rule, part, EPOCHS]  # one training, read at two lengths


class _Counting:
    def __init__(self, train):
        self.train_all, self.n_calls = train.train, 0

    def train(self, *args):
        self.n_calls += 1
        return self.train_all(*args)


@pytest.mark.parametrize("train", [OneByOne(), Joint()])
def test_what_diverges_while_it_learns_is_not_trained_again(tiny, train):
    experiment, counting = _experiment(tiny, learning_rate=1e30), _Counting(train)
    jobs = [_job(experiment, RULE, epochs=epochs) for epochs in (2, 3)]
    fits = _fits(experiment, counting, *jobs)
    assert [fit.job for fit in fits] == jobs and all(fit.diverged for fit in fits)
    assert counting.n_calls == 1


def test_a_rule_needs_a_guide(tiny):
    experiment = _experiment(tiny)
    with pytest.raises(ValueError, match="through LearnedSchedules"):
        list(Joint().train(experiment, [_job(experiment, RULE)]))


@pytest.mark.parametrize("rival", RIVALS, ids=lambda rival: rival.name)
def test_held_out_rows_change_no_schedule(tmp_path, rival):
    data = write_tiny(tmp_path)
    reference = Reference(EPOCHS)

    def schedules(part, changed):
        experiment = _experiment(data)
        if changed is not None:
            rows = np.flatnonzero(changed(experiment))
            items = experiment.items[rows].copy()
            experiment.items = experiment.items.copy()
            experiment.items[rows] = np.roll(items, 7)
            experiment.dataset.inter_feat.interaction["item_id"][rows] = items[0]
        jobs = [
            Job("rival", rival.recipe(experiment, part, point, reference), part, 0, EPOCHS)
            for point in rival.points(experiment, reference)
        ]
        return {fit.job.recipe.rule: fit.schedule for fit in _fits(experiment, Joint(), *jobs)}

    for part, held_out in [(1, lambda e: e.folds == 0), (1, _is_test), (0, _is_test)]:
        assert schedules(part, held_out) == schedules(part, None)
    # the check can fail: rows that train do change it
    assert schedules(1, lambda e: e.folds == 1) != schedules(1, None)


def _is_test(experiment):
    return experiment.is_test


@pytest.mark.parametrize("rival", RIVALS, ids=lambda rival: rival.name)
def test_points_are_numbers_of_different_rules(tiny, rival):
    experiment, reference = _experiment(tiny), Reference(100)
    points = rival.points(experiment, reference)
    recipes = [rival.recipe(experiment, 1, point, reference) for point in points]
    assert len({recipe.identity for recipe in recipes}) == len(points) <= 6
    assert all(isinstance(value, float) for point in points for value in point.values())
    assert all(set(recipe.weights.values()) == {1.0} for recipe in recipes)


@pytest.mark.parametrize("rival", RIVALS, ids=lambda rival: rival.name)
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"model": "EASE"}, "no epochs"),
        ({"weighting": "sample"}, "weighted loss"),
        ({"model": "NeuMF"}, "NeuMF"),
        ({"model": "BPR"}, None),
    ],
)
def test_why_a_model_cannot_carry_it(tiny, rival, given, said):
    why = rival.why_not(_experiment(tiny, **given))
    assert why is None if said is None else said in why


def test_the_mean_mix_is_that_of_the_mean_weights(tiny):
    experiment = _experiment(tiny)
    schedule = Schedule(((3, (2.0, 1.0, 0.0)),))  # two epochs of 1, two of these
    n_users = experiment.part(1).n_users
    wanted = mix_from_weights({"A": 1.5, "B": 1.0, "C": 0.5}, n_users, "A")
    assert mean_mix(experiment, 1, schedule, 4) == wanted
    assert mean_mix(experiment, 1, Schedule(((1, (0.0, 1.0, 1.0)),)), 4) is None
