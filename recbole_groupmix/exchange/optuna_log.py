"""A run's search as a storage of Optuna, which ``optuna-dashboard`` opens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from recbole_groupmix.exchange.tried import FILE, TriedMix

#: Weight that stands for "off" on the logarithmic axes, unless a smaller one was tried.
OFF = 1 / 64


def optuna_log(folder: str | Path, mixes: Sequence[TriedMix]) -> bytes:
    """Return the content of a journal file of Optuna with one study, named after the run folder.

    A trial is a mix. Its parameters are ``log_w[GROUP]``, the natural logarithm of the weight of a
    user of each group besides the target; a group that is off stands at the lower end of its axis,
    and its true weight, 0, in the attribute ``weights``. Value is the mean over the folds, to be
    maximised, intermediate values are those of single folds. A mix that lacks folds, since its run
    goes on or since it left a race, is PRUNED; one of which a model diverged FAILED. Attributes:
    name, source, alpha, alpha_aug, weights, fold_scores, options.

    Parameters
    ----------
    folder : path
        The run folder.
    mixes : sequence of TriedMix
        From :func:`~recbole_groupmix.exchange.tried.tried_mixes`.

    Raises
    ------
    ValueError
        If Optuna is not installed.
    """
    optuna = load_optuna()
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    axes = _axes(mixes)
    distributions = {
        f"log_w[{group}]": optuna.distributions.FloatDistribution(low, high)
        for group, (low, high) in axes.items()
    }
    seconds = sum(mix.seconds for mix in mixes)
    end = datetime.fromtimestamp((Path(folder) / FILE).stat().st_mtime)
    start, trials = end - timedelta(seconds=seconds), []
    for number, mix in enumerate(mixes):
        stop = start + timedelta(seconds=mix.seconds)
        state = optuna.trial.TrialState[_state(mix)]
        trials.append(
            optuna.trial.FrozenTrial(
                number=number,
                trial_id=number,
                state=state,
                value=mix.score,
                datetime_start=start,
                datetime_complete=stop,
                params={
                    f"log_w[{group}]": math.log(weight) if weight > 0 else axes[group][0]
                    for group, weight in mix.weights.items()
                },
                distributions=distributions,
                user_attrs={
                    "name": mix.name,
                    "source": mix.source,
                    "alpha": dict(mix.alpha),
                    "alpha_aug": mix.alpha_aug,
                    "weights": dict(mix.weights),
                    "fold_scores": list(mix.scores.values()),
                    "options": dict(mix.options),
                },
                system_attrs={},
                intermediate_values={
                    fold: score for fold, score in mix.scores.items() if score is not None
                },
            )
        )
        start = stop
    with TemporaryDirectory() as scratch:
        file = Path(scratch) / "optuna.log"
        study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(file))),
            study_name=Path(folder).resolve().name,
            direction="maximize",
        )
        study.add_trials(trials)
        return file.read_bytes()


def _axes(mixes: Sequence[TriedMix]) -> dict[str, tuple[float, float]]:
    """Return the ends of the axis of each group: of `OFF` to 1, wider where weights lie outside."""
    axes = {}
    for group in mixes[0].weights:
        logs = [math.log(mix.weights[group]) for mix in mixes if mix.weights[group] > 0]
        axes[group] = min([math.log(OFF), *logs]), max([0.0, *logs])
    return axes


def _state(mix: TriedMix) -> str:
    if None in mix.scores.values():
        return "FAIL"
    return "COMPLETE" if mix.complete else "PRUNED"


def load_optuna() -> Any:
    """Import Optuna, which is an extra; ``ValueError`` with the way out where it is missing."""
    try:
        import optuna
    except ImportError as error:
        raise ValueError(
            "Optuna is not installed; install the extra, such as by pip install "
            "'recbole-groupmix[optuna]', or export a table by --to=trials.csv"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
