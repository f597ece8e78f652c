"""Optuna's samplers as proposers: ``--search=optuna:TPESampler``."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np

from recbole_groupmix.core.mix import Mix
from recbole_groupmix.core.spelling import did_you_mean
from recbole_groupmix.exchange.optuna_log import OFF, load_optuna
from recbole_groupmix.surface.coordinates import RELATIVE_BOX, clip_to_box
from recbole_groupmix.surface.history import History

#: Beginning of the name of such a proposer.
PREFIX = "optuna:"
#: Weights below this are off: the half of a logarithmic axis between them and the next mark.
_OFF_BELOW = math.sqrt(OFF * RELATIVE_BOX[0])


class OptunaProposer:
    """Asks a sampler of Optuna for whole waves, a function of the table and the generator.

    The study is in memory and made anew of the table for each wave: nothing of it is kept, so that
    a run resumes as with any proposer. Parameters are ``log_w[GROUP]`` as ``groupmix export``
    writes them, from 1/64, which is off, to 16. Noise that is known of users is left out: Optuna's
    samplers have no place for it.

    Parameters
    ----------
    sampler : str
        Name of a class of ``optuna.samplers``, such as ``TPESampler`` or ``GPSampler``.

    Raises
    ------
    ValueError
        If Optuna is not installed or has no sampler of that name that a name alone makes.
    """

    def __init__(self, sampler: str) -> None:
        self._optuna = load_optuna()
        samplers = self._optuna.samplers
        known = [
            name
            for name in samplers.__all__
            if name.endswith("Sampler") and _seeded(samplers, name)
        ]
        if sampler not in known:
            raise ValueError(
                f"search is '{PREFIX}{sampler}', and Optuna has no sampler of that name that a seed alone "
                f"makes{did_you_mean(sampler, known)}; there are {', '.join(sorted(known))}"
            )
        self._sampler: Any = getattr(samplers, sampler)

    def __call__(self, history: History, n: int, rng: np.random.Generator) -> list[Mix]:
        """Return n mixes to try next; see :data:`~recbole_groupmix.search.proposers.known.Propose`."""
        options: dict[str, Any] = {"seed": int(rng.integers(2**31))}
        if "constant_liar" in inspect.signature(self._sampler).parameters:
            options["constant_liar"] = True  # mixes of a wave are asked for before one is told
        low, high = math.log(OFF), math.log(RELATIVE_BOX[1])
        axes = {
            f"log_w[{group}]": self._optuna.distributions.FloatDistribution(low, high)
            for group in history.groups
        }
        study = self._optuna.create_study(direction="maximize", sampler=self._sampler(**options))
        known = history.rows(history.is_finite)
        logs = np.clip(np.log(np.maximum(known.weights, OFF)), low, high)
        study.add_trials(
            [
                self._optuna.trial.create_trial(
                    params=dict(zip(axes, row.tolist(), strict=True)),
                    distributions=axes,
                    value=score,
                )
                for row, score in zip(logs, known.scores.tolist(), strict=True)
            ]
        )
        asked = [study.ask(axes).params for _ in range(n)]
        weights = np.exp([[params[name] for name in axes] for params in asked])
        weights[weights < _OFF_BELOW] = 0.0
        return history.mixes(clip_to_box(weights, history.sizes))


def _seeded(samplers: Any, name: str) -> bool:
    """Return whether a sampler is made from a seed alone."""
    parameters = inspect.signature(getattr(samplers, name)).parameters
    needed = [p for p in parameters.values() if p.default is p.empty and p.name != "self"]
    return "seed" in parameters and not any(p.kind is p.POSITIONAL_OR_KEYWORD for p in needed)
