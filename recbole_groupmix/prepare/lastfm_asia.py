"""LastFM-Asia from the SNAP archive: who likes which artist, and the users' countries."""

import json
from collections import Counter
from pathlib import Path

from recbole_groupmix.files.parse import parse_json_bounded
from recbole_groupmix.prepare.publish import Tables
from recbole_groupmix.prepare.recipe import Recipe
from recbole_groupmix.prepare.sources import Source, SourceFile
from recbole_groupmix.text.untrusted import short_repr

COUNTRIES = ("0", "3", "10", "17")
"""The countries that the paper keeps, as codes of the source."""

MIN_LIKES = 5
"""Least number of different artists that a user must like to be kept."""

_EXPECTED = (
    "the SNAP archive lastfm_asia.zip or its unpacked folder, with lastfm_asia_features.json and "
    "lastfm_asia_target.csv"
)


def tables(source: Path | None) -> Tables:
    """Read LastFM-Asia and keep what the paper keeps.

    Users of `COUNTRIES`, of these the users with at least `MIN_LIKES` likes (an artist that a
    user lists twice counts once), and the artists that one of them likes.

    Parameters
    ----------
    source : pathlib.Path
        Zip archive or folder that holds, at any depth, ``lastfm_asia_features.json`` and
        ``lastfm_asia_target.csv``.

    Returns
    -------
    dict from str to dict
        Suffix -> columns; users in the order of ``lastfm_asia_target.csv``.

    Raises
    ------
    ValueError
        If the source is missing or damaged, a file is malformed, or a user with likes has no
        country.
    """
    files = Source(source)
    country_of_user = _countries(files.require("lastfm_asia_target.csv", _EXPECTED))
    features = files.require("lastfm_asia_features.json", _EXPECTED)
    likes_of_user = _likes(features)
    strangers = sorted(likes_of_user.keys() - country_of_user.keys())
    if strangers:
        raise ValueError(
            f"{features}: {len(strangers)} users, among them {strangers[0]!r}, have no country in "
            f"lastfm_asia_target.csv; the two files are of different data sets"
        )
    kept = [
        user
        for user, country in country_of_user.items()
        if country in COUNTRIES and len(likes_of_user.get(user, ())) >= MIN_LIKES
    ]
    pairs = [(user, artist) for user in kept for artist in likes_of_user[user]]
    return {
        "inter": {
            "user_id:token": [user for user, _ in pairs],
            "item_id:token": [artist for _, artist in pairs],
        },
        "user": {
            "user_id:token": kept,
            "country:token": [country_of_user[user] for user in kept],
        },
    }


def _countries(file: SourceFile) -> dict[str, str]:
    header, *lines = file.lines("utf-8")
    if header != "id,target":
        raise ValueError(f"line 1 of {file} is {header[:60]!r}; expected id,target")
    countries: dict[str, str] = {}
    for number, line in enumerate(lines, start=2):
        user, _, country = line.partition(",")
        if not user.isdigit() or not country.isdigit():
            raise ValueError(
                f"line {number} of {file} is {line[:60]!r}; expected a user and a country, two "
                f"whole numbers with a comma between them"
            )
        if user in countries:
            raise ValueError(f"line {number} of {file}: user {user} has two countries")
        countries[user] = country
    return countries


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    content = dict(pairs)
    if len(content) < len(pairs):
        twice = next(key for key, n in Counter(key for key, _ in pairs).items() if n > 1)
        raise ValueError(f"{twice!r} occurs in it twice")
    return content


def _likes(file: SourceFile) -> dict[str, list[str]]:
    try:
        content = parse_json_bounded(file.text("utf-8"), object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"line {error.lineno} of {file} is not JSON ({error.msg} at column {error.colno}); "
            f"the copy is cut off or damaged, download it again"
        ) from error
    except ValueError as error:
        raise ValueError(f"{file}: {error}; the copy is damaged, download it again") from error
    if not isinstance(content, dict):
        raise ValueError(f"{file} does not hold a JSON object; expected user -> list of artists")
    likes = {}
    for user, artists in content.items():
        if not isinstance(artists, list) or not all(type(artist) is int for artist in artists):
            raise ValueError(
                f"{file}: user {user!r} has {short_repr(artists, 60)}; expected a list of artists, "
                f"each a whole number"
            )
        likes[user] = [str(artist) for artist in dict.fromkeys(artists)]
    return likes


def source_text() -> str:
    """Return the text of SOURCE.md."""
    return f"""\
# lastfm-asia: LastFM Asia Social Network, the likes of four countries

7,624 users of the music site last.fm in Asian countries, with the artists that each of them likes
and a code of the user's country, collected from the public interface of the site in March 2020.
Kept are users of countries {", ".join(COUNTRIES)}; in the paper these are 4,320 users with 1.75
million likes of 7,832 artists.

## Origin and how it is made

https://snap.stanford.edu/data/feather-lastfm-social.html has the archive. From it, or from its
unpacked folder:

    groupmix prepare lastfm-asia --source FILE_OR_FOLDER

which reads `lastfm_asia_features.json` and `lastfm_asia_target.csv`, keeps users of countries
{", ".join(COUNTRIES)}, of these the users with at least {MIN_LIKES} likes (an artist that a user lists twice
counts once), and the artists that at least one of them likes. The group column is `country`. The
friendships are not used. That the paper filters in this way is the reading that fits its counts
best; it does not say so.

## Licence

The authors publish the data together with their code (FEATHER), which is under the MIT licence,
Copyright (c) 2020 Benedek Rozemberczki. The likes come from last.fm, whose terms apply beside it.
The data files are not part of this repository and git ignores them here.

## Citation

Benedek Rozemberczki and Rik Sarkar. 2020. Characteristic Functions on Graphs: Birds of a Feather,
from Statistical Descriptors to Parametric Models. In Proceedings of the 29th ACM International
Conference on Information and Knowledge Management (CIKM '20), 1325-1334.
https://doi.org/10.1145/3340531.3411866
"""


RECIPE = Recipe(
    "lastfm-asia",
    "country",
    tables,
    source_text,
    needs="the SNAP archive lastfm_asia.zip from "
    "https://snap.stanford.edu/data/feather-lastfm-social.html, or its unpacked folder",
)
"""LastFM-Asia, grouped by country."""
