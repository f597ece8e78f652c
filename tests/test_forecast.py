"""How long a run takes: what is paid once is in no epoch and in no evaluation."""

from types import SimpleNamespace

import pytest
from helpers import experiment

from recbole_groupmix.core.mix import baselines
from recbole_groupmix.mixes.candidates import Candidate
from recbole_groupmix.search import forecast


class Clocked:
    """A back end by a clock: what is paid once, the making of each model, and each epoch."""

    def __init__(self, once, making, epoch, n_timed=1):
        self.now, self.left, self.making, self.epoch = 0.0, once, making, epoch
        self.n_timed, self.epochs = n_timed, []

    def train(self, experiment, jobs, on_epoch):
        for job in jobs:
            started = self.now
            self.now += self.making + self.left  # in the first epoch of all
            self.left = 0.0
            for number in range(1, job.epochs + 1):
                self.now += self.epoch
                on_epoch(job.name, number, job.epochs)
            self.epochs.append(job.epochs)
            yield SimpleNamespace(model=job, seconds=self.now - started, diverged=False)


@pytest.fixture
def measured(tiny, monkeypatch):
    """Return a function that gives the costs a clock has, evaluation at 0.25 s a user."""
    ex = experiment(tiny)
    mixes = [Candidate(name, mix, "own") for name, mix in baselines(ex.n_users, "A").items()]

    def of(clock, once=0.0):
        def evaluate(model, held_out, topk):
            nonlocal once
            clock.now += once + 0.25 * len(held_out.users)
            once = 0.0

        monkeypatch.setattr(forecast.time, "perf_counter", lambda: clock.now)
        monkeypatch.setattr(forecast, "user_metrics", evaluate)
        return forecast._measure(ex, mixes, clock, 0.3)

    return of


@pytest.mark.parametrize("n_timed", [1, 3])
@pytest.mark.parametrize(
    ("making", "epoch", "lengths"),
    [
        (0.5, 0.1, [2, 1, 3]),  # fast: three epochs against one
        (0.5, 12.0, [2, 1]),  # slow, and much was paid once: the making of a model alone
    ],
)
def test_what_is_paid_once_is_in_no_epoch(measured, making, epoch, lengths, n_timed):
    clock = Clocked(once=700.0, making=making, epoch=epoch, n_timed=n_timed)
    costs = measured(clock)
    assert costs.epoch == pytest.approx(epoch)
    assert costs.model == pytest.approx(making)
    assert clock.epochs == [length for length in lengths for _ in range(n_timed)]


def test_a_slow_epoch_is_trained_twice_and_no_more(measured):
    clock = Clocked(once=2.0, making=0.5, epoch=12.0)
    costs = measured(clock)
    assert (costs.epoch, costs.model) == (pytest.approx(12.0), 0.0)
    assert clock.epochs == [2]


def test_what_the_first_evaluation_pays_once_is_in_no_evaluation(measured):
    assert measured(Clocked(0.0, 0.0, 1.0), once=40.0).evaluation == pytest.approx(0.25 * 32)
