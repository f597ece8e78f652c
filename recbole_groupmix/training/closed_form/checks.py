"""Checks before any work that a closed form can be solved."""

from __future__ import annotations

import numpy as np

from recbole_groupmix.core.linear.item_subspace import check_size
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.rivals.recipe import Recipe
from recbole_groupmix.text.numbers import gib
from recbole_groupmix.training.closed_form.gram_cache import bytes_needed


def check_is_ease(experiment: Experiment) -> None:
    """Raise ``ValueError`` unless the model is EASE, which group Gram matrices solve."""
    if not getattr(experiment.model_class, "from_gram", False):
        raise ValueError(
            f"{experiment.settings.describe('model')}; only EASE is solved from the Gram matrices "
            "of groups: use --model=EASE"
        )


def check_closed_form(experiment: Experiment, free: int) -> None:
    """Raise ``ValueError`` if the settings cannot be solved, before any work.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    free : int
        Bytes of memory that may be used.

    Raises
    ------
    ValueError
        If item-item matrices do not fit into memory, or the rank exceeds the number of the
        target's users or of their items.
    """
    settings, (_, n_items) = experiment.settings, experiment.shape
    if settings.backend != "auto":
        raise ValueError(
            f"{settings.describe('backend')}, but {settings.model} is solved in closed form and "
            "not trained; leave backend out"
        )
    if experiment.model_class.from_gram:
        needed = bytes_needed(experiment)
        if needed > free:
            raise ValueError(
                f"{settings.model} on the {n_items - 1} items of {settings.dataset!r} needs about "
                f"{gib(needed)} for matrices of items by items, and may take "
                f"{gib(free)}; use --model=WeightedSVD, which never forms them, train on the "
                "target's items alone (--train_items=target), leave out "
                'rare items, such as by --item_inter_num_interval="[20,inf)", or raise '
                "--max_memory"
            )
        return
    check_rank(experiment)


def check_recipe(experiment: Experiment, recipe: Recipe) -> None:
    """Raise ``ValueError`` for a recipe that no closed form carries out, and none may ignore.

    It has no L2 term by group and no losses during training, and what comes before is a model to
    stay near, of EASE alone.
    """
    model = experiment.settings.model
    if recipe.l2 is not None or recipe.rule is not None:
        raise ValueError(
            f"{model} is solved in closed form, with neither an L2 weight of its own for each group "
            "nor weights that follow losses; a rival of these says so in why_not"
        )
    if (recipe.first is None) != (recipe.towards is None):
        raise ValueError(
            f"{model} is solved in closed form; a recipe needs both first and towards, the model to "
            "stay near and the weight of the distance, or none of them"
        )
    if recipe.towards is not None and not experiment.model_class.from_gram:
        raise ValueError(
            f"{model} minimises no distance to another model; a rival that needs it says so in "
            "why_not"
        )


def check_rank(experiment: Experiment) -> None:
    """Raise ``ValueError`` if the rank of the target's own data is below ``embedding_size``."""
    settings = experiment.settings
    if not experiment.model_class.has_rank:
        return
    part = experiment.part(ALL_OF_TRAIN)
    mine = experiment.groups.of_user[part.users] == experiment.groups.index(experiment.target)
    n_users, n_mine = len(np.unique(part.users[mine])), len(np.unique(part.items[mine]))
    what = (
        f"{settings.describe('embedding_size')}: users of target {experiment.target!r} and items"
    )
    try:
        check_size(int(experiment.config["embedding_size"]), n_users, n_mine, "they")
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from error
