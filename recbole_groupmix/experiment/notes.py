"""Prints the notes of an experiment, in the same way for all commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.item_notes import item_notes


def say_notes(
    experiment: Experiment,
    say: Callable[[str], None] | None,
    more: Sequence[str] = (),
    *,
    by_workers: bool = False,
) -> None:
    """Print every note of an experiment, a line each.

    Parameters
    ----------
    experiment : Experiment
        Its notes are those of its settings and those that need the data; those about the items of
        rankings and of training follow.
    say : callable or None
        Prints a line for people; None prints nothing.
    more : sequence of str
        Notes of the command.
    by_workers : bool
        Whether the command trains by the workers that the settings ask for.
    """
    if say is None:
        return
    settings = experiment.settings
    if settings.workers is not None and not by_workers:
        why = "this command trains in its own process"
        more = [*more, f"{settings.describe('workers')} and has no effect: {why}"]
    for note in (*experiment.notes, *item_notes(experiment), *more):
        say(f"note: {note}")
