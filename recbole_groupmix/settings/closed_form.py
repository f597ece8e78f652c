"""Settings of closed-form models: keys that have no effect on them, and the grid of lambda."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from recbole_groupmix.models import RIDGE
from recbole_groupmix.settings.recbole_rows import MOST_FACTOR
from recbole_groupmix.settings.rows import ROWS
from recbole_groupmix.settings.settings import Settings

#: Keys with the value that stands for "once".
_ONCE = {key: row.once for key, row in ROWS.items() if row.once is not None}
#: Keys that only trained models read, and keys that only closed forms with a lambda read.
_OF_TRAINED, _OF_RIDGE = (
    tuple(key for key, row in ROWS.items() if row.models == models)
    for models in ("trained", "ridge")
)


def for_closed_form(settings: Settings) -> Settings:
    """Return the settings that a model needs; those of models that are trained are left alone.

    A closed-form model has no training seeds and no epochs: it is solved once for each mix.
    ``lambdas`` becomes a list, of ``reg_weight`` alone where that was given. Each given key that
    the model does not use has a note. A second call changes no value.

    Raises
    ------
    ValueError
        If a lambda is not above 0, or both keys were given.
    """
    model = settings.model
    if not settings.is_solved:
        if settings.lambdas is not None:
            raise ValueError(
                f"{settings.describe('lambdas')}, which {model} does not read; `groupmix tune` "
                "chooses the reg_weight of models that are trained"
            )
        return settings
    idle = (*_OF_TRAINED, *(() if model in RIDGE else _OF_RIDGE))
    notes = tuple(
        f"{settings.describe(key)} and has no effect: {model} is solved in closed form, without "
        "training seeds and epochs"
        for key in idle
        if key in settings.given
    )
    values = {**settings.values, **_ONCE, "lambdas": _lambdas(settings)}
    origin = {**settings.origin, **dict.fromkeys(_ONCE, f"since {model} is solved in closed form")}
    return replace(settings, values=values, notes=(*settings.notes, *notes), origin=origin)


def _lambdas(settings: Settings) -> list[float] | None:
    if settings.model not in RIDGE:
        return None
    given = [key for key in ("reg_weight", "lambdas") if key in settings.given]
    if len(given) == 2:
        raise ValueError(
            f"{settings.describe('reg_weight')} and {settings.describe('lambdas')}; give one: "
            "reg_weight fixes lambda, lambdas lets every mix choose on the folds"
        )
    key = "reg_weight" if given == ["reg_weight"] or settings.lambdas is None else "lambdas"
    value: Any = settings[key]
    grid = list(value) if isinstance(value, (list, tuple)) else [value]
    good = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in grid)
    if not grid or not good or not all(0 < v <= MOST_FACTOR for v in grid):
        raise ValueError(
            f"{settings.describe(key)}; lambda must be > 0, since the Gram matrix alone is "
            "singular, for example 500 or [100,300,1000]"
        )
    grid = sorted({float(v) for v in grid})
    if len(grid) > 1 and not settings.early_stopping and not settings.trials:
        raise ValueError(
            f"{settings.describe(key)}, but without trials under early_stopping false there are "
            "no folds to choose it on; give one reg_weight, or early_stopping=true"
        )
    return grid
