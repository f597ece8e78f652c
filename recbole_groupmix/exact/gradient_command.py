"""``groupmix gradient``: optimises a mix, prints it and writes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from recbole_groupmix.exact.gradient import gradient_search, gradient_text, next_step, write_mix
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.notes import say_notes
from recbole_groupmix.files.output_paths import out_file
from recbole_groupmix.settings.settings import Settings
from recbole_groupmix.training.memory import memory


def gradient_command(
    settings: Settings,
    say: Callable[[str], None] | None = None,
    *,
    most: int = 8,
    follow: int = 1,
    out: str | Path = "gradient.yaml",
) -> tuple[str, Path]:
    """Optimise the mix of EASE, write it, and return the text and the file.

    Parameters
    ----------
    settings : Settings
        Merged settings of a run with ``model: EASE``.
    say : callable, optional
        Prints a line for people.
    most, follow : int
        See :func:`~recbole_groupmix.exact.gradient.gradient_search`.
    out : path
        YAML file of the mix of the least loss.

    Raises
    ------
    ValueError
        For an option or a setting that cannot be used.
    """
    file = out_file(out)
    experiment = Experiment(settings)
    experiment.check_parts(settings.folds)
    say_notes(experiment, say)
    lam, free = float(settings["reg_weight"]), memory(experiment)
    mixes = gradient_search(experiment, lam, free=free, follow=follow, most=most)
    write_mix(mixes[0], file)
    return f"{gradient_text(mixes)}\n\n{next_step(settings, mixes[0], file)}", file
