"""``groupmix profile``: computes profile curves, prints them and writes their files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from recbole_groupmix.core.names import REFERENCE
from recbole_groupmix.exact.profile import factors_of, profile
from recbole_groupmix.exact.profile_figure import draw
from recbole_groupmix.exact.profile_files import to_json, to_rows, to_text
from recbole_groupmix.exact.progress import progress
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.notes import say_notes
from recbole_groupmix.files.output_paths import given_folder
from recbole_groupmix.files.whole import write_whole
from recbole_groupmix.mixes.own import own_mixes
from recbole_groupmix.models import CLOSED_FORM
from recbole_groupmix.settings.settings import Settings
from recbole_groupmix.text.untrusted import csv_safe, safe_file_name
from recbole_groupmix.training.closed_form.checks import check_closed_form
from recbole_groupmix.training.memory import memory


def profile_command(
    settings: Settings,
    say: Callable[[str], None],
    *,
    points: int = 7,
    reach: float = 8.0,
    out: str | Path | None = None,
) -> tuple[str, Path]:
    """Compute a profile, write its files, and return the text and their folder.

    Parameters
    ----------
    settings : Settings
        Merged settings of a run with a closed-form model; ``mix`` may name one file.
    say : callable
        Prints a line for people.
    points : int
        Weights of each group, an odd number.
    reach : float
        They go from ``1/reach`` to ``reach`` times the weight in the mix.
    out : path, optional
        Folder to write to; default one in ``output_dir``.

    Raises
    ------
    ValueError
        For an option or a setting that cannot be used.
    """
    if points % 2 == 0:
        raise ValueError(f"points is {points}; it must be odd, with the mix itself in the middle")
    if not settings.is_solved:
        raise ValueError(
            f"{settings.describe('model')}; a profile takes many models, so it needs one "
            f"that is solved in closed form: {', '.join(CLOSED_FORM)}"
        )
    folder = given_folder(out, settings.output_dir)
    experiment = Experiment(settings)
    settings = experiment.settings
    say_notes(experiment, say)
    own = own_mixes(experiment, settings.mix)
    if len(own) > 1:
        raise ValueError(f"{settings.describe('mix')}; a profile is for a single mix")
    name, mix = next(iter(own.items()), (REFERENCE, None))
    experiment.check_parts(settings.folds, own.values())
    check_closed_form(experiment, memory(experiment))
    curves = profile(experiment, mix, name, factors_of(points, reach), progress(say))
    target, model = experiment.target, settings.model
    place = safe_file_name(f"profile-{settings.dataset}-{target}-{model}-{name}")
    folder = folder or Path(settings.output_dir) / place
    folder.mkdir(parents=True, exist_ok=True)
    about = {"dataset": settings.dataset, "target": target, "model": model}
    content = to_json(curves, **about, folds=int(settings.folds))
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    write_whole(folder / "profile.json", text)
    table = pd.DataFrame(to_rows(curves)).drop(columns="folds")
    csv = csv_safe(table).to_csv(
        index=False,
        lineterminator="\n",
    )
    write_whole(folder / "profile.csv", csv)
    title = f"{settings.dataset}, target {target}, {model} around {name}"
    draw(curves, title, folder / "profile.png")
    return to_text(curves), folder
