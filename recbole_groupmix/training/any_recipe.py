"""Trains jobs of any recipe: what a back end leaves to others is put around it."""

from __future__ import annotations

from recbole_groupmix.training.back_end import Trains
from recbole_groupmix.training.fine_tuning import FineTuning
from recbole_groupmix.training.learned_schedules import LearnedSchedules
from recbole_groupmix.training.reranking import Reranking


def of_any_recipe(back_end: Trains) -> Trains:
    """Return a back end that also re-ranks, fine-tunes and learns schedules."""
    return Reranking(FineTuning(LearnedSchedules(back_end)))
