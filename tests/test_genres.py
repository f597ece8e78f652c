"""The filter of the study of genres, by hand, by brute force, and on MovieLens-1M."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_groupmix.prepare import ml_1m, ml_100k
from recbole_groupmix.prepare.genres import denser_than, genre_ratings, genre_statistics

# Rated more than once: users a, b and c; movies 1, 2 and 3, of which 3 is no longer rated more than
# once when d, with one rating, is left out. Movie 4 has none of the genres.
PAIRS = [("a", "1", 5), ("a", "2", 3), ("b", "1", 4), ("b", "2", 2), ("c", "1", 1), ("c", "2", 2),
         ("c", "3", 3), ("d", "3", 4), ("a", "4", 1), ("b", "4", 1), ("c", "4", 1)]  # fmt: skip


def tables(**more):
    users, items, values = zip(*PAIRS, strict=True)
    made = {
        "inter": {"user_id:token": users, "item_id:token": items, "rating:float": values},
        "user": {"user_id:token": list("abcd"), "gender:token": list("FMFM")},
        "item": {
            "item_id:token": list("1234"),
            "genre:token_seq": ["Drama Romance Crime", "Action", "Crime", "Drama"],
        },
    }
    return {**made, **more}


def test_the_filter_by_hand():
    data = genre_ratings(tables(), more_than=1)
    assert sorted(zip(data.users, data.items, data.ratings, strict=True)) == [
        (0, 0, 5), (0, 1, 3), (1, 0, 4), (1, 1, 2), (2, 0, 1), (2, 1, 2)]  # fmt: skip
    assert data.is_woman.tolist() == [True, False, True]
    found = genre_statistics(data)
    assert found["Romance"] == (1, 1.0, 1.0, 3.0, 4.0)  # 5 and 1 of women, 4 of the man
    assert found["Action"] == (1, 1.0, 1.0, 2.5, 2.0)
    assert found["Crime"].n_movies == 1  # movie 3 is gone
    assert found["Sci-Fi"][:3] == (0, 0.0, 0.0) and np.isnan(found["Sci-Fi"].mean_of_men)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, unique=True),
       st.integers(0, 3))  # fmt: skip
def test_what_is_left_is_the_largest_set_that_is_dense(pairs, most):
    """One user or item at a time, the last one first, until none has too few."""
    left = set(pairs)
    while True:
        few = [(side, one) for side in (1, 0) for one in range(7)
               if 0 < sum(pair[side] == one for pair in left) <= most]  # fmt: skip
        if not few:
            break
        side, one = few[-1]
        left = {pair for pair in left if pair[side] != one}
    kept = denser_than(*np.array(pairs).T, most)
    assert {pair for pair, stays in zip(pairs, kept, strict=True) if stays} == left


@pytest.mark.realdata("ml-1m")
def test_movielens_1m_has_the_printed_counts(shared_data):
    """Table 3.3, whose ratings per user are cut after two places and not rounded."""
    data = genre_ratings(ml_1m.tables(shared_data / "ml-1m"))
    assert (len(data.is_woman), len(data.genres)) == (2953, 1006)
    assert (len(data.users), data.is_woman.sum()) == (436_286, 721)
    found = genre_statistics(data)
    assert [found[genre].n_movies for genre in found] == [325, 425, 237, 93, 142]
    for printed, column in (
        ([54.79, 52.00, 31.19, 15.04, 17.45], "per_woman"),
        ([36.97, 82.97, 50.46, 10.83, 23.90], "per_man"),
    ):
        ours = [np.floor(100 * getattr(found[genre], column)) / 100 for genre in found]
        assert ours == pytest.approx(printed, abs=1e-9)


def test_ml_100k_has_genres_and_ratings():
    data = genre_ratings(ml_100k.tables())
    assert (len(data.is_woman), len(data.genres), len(data.users)) == (339, 256, 32_172)
    assert np.bincount(data.users).min() > 50 and np.bincount(data.items).min() > 50
    found = genre_statistics(data)
    assert (
        found["Action"].per_man > found["Action"].per_woman
    )  # the genres' gender effect is here too
    assert found["Romance"].mean_of_women > 3


def test_pairs_without_ratings_are_enough_for_the_counts():
    inter = {name: column for name, column in tables()["inter"].items() if "rating" not in name}
    data = genre_ratings(tables(inter=inter), more_than=1)
    assert data.ratings is None and np.isnan(genre_statistics(data)["Action"].mean_of_women)


@pytest.mark.parametrize(
    ("change", "more_than", "message"),
    [
        ({"item": {"item_id:token": list("1234")}}, 1, "needs the users' gender and the movies' genres"),
        ({}, 9, "no rating is left .* with more than 9 ratings"),
        ({"item": {"item_id:token": ["1"], "genre:token_seq": ["Drama"]}}, 0, "no rating is left"),
    ],
)  # fmt: skip
def test_bad_input_is_named(change, more_than, message):
    with pytest.raises(ValueError, match=message):
        genre_ratings(tables(**change), more_than)
