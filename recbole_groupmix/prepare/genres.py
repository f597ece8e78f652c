"""Ratings of movies of five genres by women and men, as a dissertation filters MovieLens-1M.

Section 3.5.2 of S. Yao's dissertation "Evaluating, Understanding, and Mitigating Unfairness in
Recommender Systems". It keeps movies of five genres and "users who rated at least 50 of the selected
movies", which leaves 3,010 users and 1,305 movies, not its 2,953 and 1,006. Those, and all counts of
its Table 3.3, come out where users *and movies* keep more than 50 ratings of each other.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from recbole_groupmix.prepare.publish import Tables

GENRES = ("Romance", "Action", "Sci-Fi", "Musical", "Crime")
"""The genres, in the order of Table 3.3."""
MORE_THAN = 50
"""Ratings that a user gives to kept movies, and a movie gets of kept users, at the least: one more."""
_GENRE_COLUMNS = ("genre:token_seq", "class:token_seq")


@dataclass(frozen=True)
class GenreRatings:
    """Ratings that are left by the filter.

    Attributes
    ----------
    users, items : int array, shape (n_ratings,)
        Indices from 0 of the users and movies that are left.
    ratings : float64 array, shape (n_ratings,), or None
        From 1 to 5; None if the files have pairs alone.
    is_woman : bool array, shape (n_users,)
        Gender of each user.
    genres : bool array, shape (n_items, 5)
        Which of ``GENRES`` each movie has, one or more.
    """

    users: npt.NDArray[np.intp]
    items: npt.NDArray[np.intp]
    ratings: npt.NDArray[np.float64] | None
    is_woman: npt.NDArray[np.bool_]
    genres: npt.NDArray[np.bool_]


class GenreStatistics(NamedTuple):
    """A column of Table 3.3: movies, ratings per user and mean ratings (NaN without ratings)."""

    n_movies: int
    per_woman: float
    per_man: float
    mean_of_women: float
    mean_of_men: float


def denser_than(
    users: npt.NDArray[np.integer[Any]], items: npt.NDArray[np.integer[Any]], most: int
) -> npt.NDArray[np.bool_]:
    """Return which pairs are left if users and items need more than some pairs with each other.

    Those with fewer are left out until none is; the result does not depend on the order.

    Parameters
    ----------
    users, items : int array, shape (n_pairs,)
        Indices from 0.
    most : int
        Pairs of a user or an item that are not enough.

    Returns
    -------
    bool array, shape (n_pairs,)
    """
    kept = np.ones(len(users), bool)
    while True:
        enough = [np.bincount(ids[kept], minlength=ids.max() + 1) > most for ids in (users, items)]
        left: npt.NDArray[np.bool_] = kept & enough[0][users] & enough[1][items]
        if left.sum() in (kept.sum(), 0):
            return left
        kept = left


def genre_ratings(tables: Tables, more_than: int = MORE_THAN) -> GenreRatings:
    """Filter a data set of MovieLens.

    Parameters
    ----------
    tables : mapping
        Atomic tables ``"inter"``, ``"user"`` with ``gender`` and ``"item"`` with genres, as
        :func:`~.ml_1m.tables` and :func:`~.ml_100k.tables` return them.
    more_than : int
        Ratings that are not enough for a user or a movie, >= 0.

    Raises
    ------
    ValueError
        If a column is missing, or no rating is left.
    """
    inter, user, item = (tables.get(name, {}) for name in ("inter", "user", "item"))
    genre_column = next((name for name in _GENRE_COLUMNS if name in item), None)
    if genre_column is None or "gender:token" not in user:
        raise ValueError(
            "the study of genres needs the users' gender and the movies' genres: give MovieLens' "
            "files with users and movies"
        )
    has_genre = {
        token: [genre in str(words).split() for genre in GENRES]
        for token, words in zip(item["item_id:token"], item[genre_column], strict=True)
    }
    none = [False] * len(GENRES)
    items, item_of_row = np.unique(np.array(inter["item_id:token"], str), return_inverse=True)
    users, user_of_row = np.unique(np.array(inter["user_id:token"], str), return_inverse=True)
    genres = np.array([has_genre.get(str(token), none) for token in items], bool)
    chosen = np.flatnonzero(genres.any(axis=1)[item_of_row])
    left = (
        chosen[denser_than(user_of_row[chosen], item_of_row[chosen], more_than)]
        if chosen.size
        else chosen
    )
    if not left.size:
        raise ValueError(
            f"no rating is left of users and movies of {', '.join(GENRES)} with more than "
            f"{more_than} ratings"
        )
    gender = dict(zip(user["user_id:token"], user["gender:token"], strict=True))
    kept_users, new_user = np.unique(user_of_row[left], return_inverse=True)
    kept_items, new_item = np.unique(item_of_row[left], return_inverse=True)
    values = inter.get("rating:float")
    return GenreRatings(
        new_user,
        new_item,
        None if values is None else np.array(values, float)[left],
        np.array([gender.get(str(users[code])) == "F" for code in kept_users]),
        genres[kept_items],
    )


def genre_statistics(data: GenreRatings) -> dict[str, GenreStatistics]:
    """Return Table 3.3 by genre."""
    woman, n_women = data.is_woman[data.users], int(data.is_woman.sum())
    sides = ((woman, n_women), (~woman, len(data.is_woman) - n_women))
    found = {}
    for column, genre in enumerate(GENRES):
        of_genre = data.genres[data.items, column]
        counts = [float((of_genre & side).sum()) for side, _ in sides]
        means = [
            np.nan
            if data.ratings is None or not n
            else float(data.ratings[of_genre & side].mean())
            for n, (side, _) in zip(counts, sides, strict=True)
        ]
        per_user = [n / max(size, 1) for n, (_, size) in zip(counts, sides, strict=True)]
        found[genre] = GenreStatistics(int(data.genres[:, column].sum()), *per_user, *means)
    return found
