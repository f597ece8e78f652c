"""A recipe: how a model is trained, as data that back ends carry out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from recbole_groupmix.core.weight_rules import WeightRule

#: Turns scores of all items, float (n, n_items), of users (internal ids, int64 (n,)) into others
#: of the same shape, of the training rows of a part alone.
Rerank = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Recipe:
    """How a model is trained. A mix is the recipe whose only knob is one weight per group.

    Attributes
    ----------
    weights : dict of str to float
        Weight of a user of each group in the data term, of any scale (Eq. 8).
    l2 : dict of str to float or None
        Factor of the L2 term of a user of each group, besides what ``regularizer`` says; None is 1
        for all.
    by_user : numpy.ndarray of float64, shape (n_users,), or None
        Factor of the weight of every internal user id, in both terms; None is 1 for all.
    options : dict of str to float
        RecBole keys of this model alone: ``learning_rate``, ``reg_weight``.
    first : First or None
        What is trained before; its model is where this one starts.
    towards : float or None
        Of EASE: weight of the distance to the model of `first`, the closed form's way to start
        there.
    rule : WeightRule or None
        How further factors of the weights of groups follow from losses during training; without
        one they are 1.
    rerank : callable or None
        What becomes of the scores of the trained model.
    key : tuple
        Whatever tells `by_user` and `rerank` of two recipes apart, in numbers and text.
    """

    weights: Mapping[str, float]
    l2: Mapping[str, float] | None = None
    by_user: np.ndarray | None = field(default=None, compare=False)
    options: Mapping[str, float] = field(default_factory=dict)
    first: First | None = None
    towards: float | None = None
    rule: WeightRule | None = None
    rerank: Rerank | None = field(default=None, compare=False)
    key: tuple[object, ...] = ()

    @property
    def plain(self) -> Recipe:
        """The recipe of the model whose lists are ranked anew; itself where none are."""
        return self if self.rerank is None else replace(self, rerank=None, key=())

    @property
    def identity(self) -> tuple[object, ...]:
        """What two recipes share if and only if they train the same model."""
        l2 = None if self.l2 is None else tuple(sorted(self.l2.items()))
        first = None if self.first is None else (*self.first.recipe.identity, self.first.epochs)
        weights, options = sorted(self.weights.items()), sorted(self.options.items())
        return (tuple(weights), l2, tuple(options), first, self.towards, self.rule, self.key)


@dataclass(frozen=True)
class First:
    """What is trained before a model starts from it.

    Attributes
    ----------
    recipe : Recipe
        How it is trained.
    epochs : int
        For how long.
    """

    recipe: Recipe
    epochs: int


def n_models(recipes: Iterable[Recipe]) -> int:
    """Return how many models are trained for some recipes on a part.

    Recipes that differ in their re-ranking alone share a model; those that start from a model share
    that one, which counts too; and a rule is learned by a training of its own.
    """
    models, firsts, learned = set(), set(), set()
    for recipe in recipes:
        models.add(recipe.plain.identity)
        if recipe.first is not None:
            firsts.add((recipe.first.epochs, *recipe.first.recipe.identity))
        if recipe.rule is not None:
            learned.add(recipe.identity)
    return len(models) + len(firsts) + len(learned)
