"""Learning rate and weight of the L2 term by cross-validation, all grid points trained together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from recbole_groupmix.core.names import REFERENCE
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.notes import say_notes
from recbole_groupmix.files.output_paths import out_file
from recbole_groupmix.files.whole import write_whole
from recbole_groupmix.mixes.candidates import reference_candidate
from recbole_groupmix.record.folder import RunFolder
from recbole_groupmix.search.fold_stage import FoldStage
from recbole_groupmix.search.grid import Grid
from recbole_groupmix.search.identity import config_of
from recbole_groupmix.search.progress import Progress
from recbole_groupmix.search.stages import has_length_stage
from recbole_groupmix.settings.identity import hash8
from recbole_groupmix.settings.model import why_no_reg_weight
from recbole_groupmix.settings.settings import Settings
from recbole_groupmix.text.numbers import count
from recbole_groupmix.text.tables import aligned
from recbole_groupmix.text.untrusted import safe_file_name
from recbole_groupmix.training.back_ends import back_end

#: The default grid, in half decades (the paper, Appendix C, names the kind of search and not its
#: values).
LEARNING_RATES = (3e-3, 1e-2, 3e-2, 1e-1)
REG_WEIGHTS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)


@dataclass(frozen=True)
class Point:
    """A point of the grid with its scores.

    Attributes
    ----------
    options : dict of str to float
        Learning rate and, for models that have it, weight of the L2 term.
    scores : tuple of float
        Validation metric on each fold; NaN where training diverged.
    epochs : int
        The training length: the peak of the smoothed mean curve over the folds.
    at_cap : bool
        Whether the most epochs that are allowed cut that curve off at its peak.
    """

    options: dict[str, float]
    scores: tuple[float, ...]
    epochs: int
    at_cap: bool = False

    @property
    def score(self) -> float:
        """Mean over folds; NaN if training diverged on any."""
        return float(np.mean(self.scores))


@dataclass(frozen=True)
class Tuned:
    """All points of a grid, and the best of them.

    Attributes
    ----------
    points : tuple of Point
        In the order of the grid.
    best : Point
        The point of the highest mean score, the first of equals.
    metric : str
        Validation metric.
    file : pathlib.Path
        The YAML with the best values.
    """

    points: tuple[Point, ...]
    best: Point
    metric: str
    file: Path


def tune(
    settings: Settings,
    learning_rates: Sequence[float] = LEARNING_RATES,
    reg_weights: Sequence[float] = REG_WEIGHTS,
    out: str | Path | None = None,
    say: Callable[[str], None] | None = None,
) -> Tuned:
    """Train Proportional at every point of a grid on every fold and choose the best.

    Parameters
    ----------
    settings : Settings
        Merged settings. The best point is that of the ``target``'s users, or else of all users.
    learning_rates, reg_weights : sequence of float
        The grid; ``reg_weights`` is left out for models without such a key. A key without values
        keeps its setting.
    out : path, optional
        The YAML to write; default ``tuned-DATASET-MODEL-D.yaml`` here.
    say : callable, optional
        Prints a line for people.

    Returns
    -------
    Tuned

    Raises
    ------
    ValueError
        For settings that cannot be used, or if training diverges everywhere.
    """
    if settings.is_solved:
        raise ValueError(
            f"{settings.describe('model')}, which has no learning rate and chooses its lambda in "
            "groupmix run, for every mix on the folds: --lambdas=[100,300,1000]"
        )
    if out is not None:
        out_file(out)  # before the data are read
    experiment = Experiment(settings, all_users=not settings.target)
    grid = _grid(experiment, learning_rates, reg_weights)
    trainer, folds = back_end(experiment), settings.folds
    experiment.check_parts(folds)
    default = f"{safe_file_name(f'tuned-{_name(experiment)}')}.yaml"
    file = out_file(default if out is None else out)
    folder = _open_folder(experiment, grid)
    say_notes(experiment, say)
    if say:
        say(f"{len(grid)} points on {folds} folds; folder {folder.path}")
    fixed = None if has_length_stage(settings) else Grid.of(experiment).cap
    proportional = reference_candidate(experiment.n_users, experiment.target)
    stage = FoldStage(experiment, folder, [proportional], fixed, options=grid)
    most, show = int(experiment.config["epochs"]), settings["show_progress"]
    title, n_models = "grid", stage.n_models
    while jobs := stage.jobs():
        bars = Progress(title, n_models, n_models - len(jobs), most, show)
        for fit in trainer.train(experiment, jobs, bars.epoch):
            stage.take(fit)
            bars.model()
        bars.close()
        title, n_models = "grid, again for longer", len(stage.jobs())
    stage.summaries()
    points = tuple(
        Point(options, tuple(of_point["scores"]), of_point["epochs"], of_point["at_cap"])
        for options, of_point in zip(grid, stage.by_options(REFERENCE), strict=True)
    )
    finite = [point for point in points if np.isfinite(point.score)]
    if not finite:
        raise ValueError(
            "Training diverged at every point of the grid; add smaller learning rates."
        )
    best = max(finite, key=lambda point: point.score)
    tuned = Tuned(points, best, settings.valid_metric, file)
    write_whole(file, _yaml(experiment, tuned))
    return tuned


def tuning_table(tuned: Tuned) -> str:
    """Return the grid as text: one row per point, the best marked."""
    keys = list(tuned.best.options)
    rows = [[*keys, tuned.metric, "sd over folds", "epochs", ""]]
    for point in tuned.points:
        spread = float(np.std(point.scores, ddof=1)) if len(point.scores) > 1 else np.nan
        score = f"{point.score:.4f}" if np.isfinite(point.score) else "diverged"
        rows.append(
            [
                *(f"{point.options[key]:g}" for key in keys),
                score,
                f"{spread:.4f}" if np.isfinite(spread) else "",
                str(point.epochs),
                "best" if point is tuned.best else "",
            ]
        )
    lines = aligned(rows, left=())
    capped = sum(point.at_cap for point in tuned.points)
    if capped:
        lines.append(
            f"{count(capped, 'point')} of {len(tuned.points)} were still rising after the most epochs "
            "that are allowed; raise --epochs."
        )
    return "\n".join([*lines, *filter(None, (_edge(tuned, key) for key in keys))])


def _grid(
    experiment: Experiment, learning_rates: Sequence[float], reg_weights: Sequence[float]
) -> list[dict[str, float]]:
    axes = {"learning_rate": learning_rates}
    problem = why_no_reg_weight(experiment.settings.model)
    if problem is None:
        axes["reg_weight"] = reg_weights
    axes = {key: values for key, values in axes.items() if values}
    if not axes:
        raise ValueError(f"the grid is empty: {problem or 'no key has a value'}")
    return [dict(zip(axes, map(float, point), strict=True)) for point in product(*axes.values())]


def _open_folder(experiment: Experiment, grid: list[dict[str, float]]) -> RunFolder:
    settings = experiment.settings
    values = {**experiment.config.final_config_dict, **settings.values, "grid": grid}
    name = safe_file_name(f"tune-{_name(experiment)}", f"-{hash8(values)}")
    folder = RunFolder(Path(settings.output_dir) / name)
    folder.open(config_of(values, experiment))
    experiment.config["checkpoint_dir"] = str(folder.path)
    return folder


def _name(experiment: Experiment) -> str:
    settings = experiment.settings
    parts = [
        settings.dataset,
        settings.target,
        settings.model,
        settings.embedding_size,
    ]
    return "-".join(str(part) for part in parts if part)


def _edge(tuned: Tuned, key: str) -> str:
    """Return which way an axis should be longer, if its best value is at an end."""
    axis, best = sorted({point.options[key] for point in tuned.points}), tuned.best.options[key]
    if len(axis) < 2 or best not in (axis[0], axis[-1]):
        return ""
    end, further = ("least", "smaller") if best == axis[0] else ("largest", "larger")
    return (
        f"The best {key}, {best:g}, is the {end} of the grid: add {further} values, which may do "
        "better."
    )


def _yaml(experiment: Experiment, tuned: Tuned) -> str:
    settings, best = experiment.settings, tuned.best
    whose = f"users of {settings.target}" if settings.target else "all users"
    lines = [
        f"# {settings.model} on {settings.dataset}, embedding_size {settings.embedding_size}, "
        f"protocol {settings.protocol}:",
        f"# best of {len(tuned.points)} points by {tuned.metric} of {whose} on {settings.folds} "
        f"folds of seed {settings.seed} ({best.score:.4f}), after {best.epochs} epochs.",
        *(f"{key}: {value:g}" for key, value in best.options.items()),
    ]
    return "\n".join(lines) + "\n"
