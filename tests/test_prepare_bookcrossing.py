"""Book-Crossing, by a small dump in the form that the sources describe."""

import zipfile

import pytest
from helpers import read_atomic

from recbole_groupmix.prepare import bookcrossing, prepare

USERS = """"User-ID";"Location";"Age"
"1";"nyc, new york, usa";NULL
"2";"stockton, california, USA";"18"
"3";"zürich, zürich, switzerland";"244"
"4";"\\"somewhere\\", n/a, ";"34"
"5";"lurker, only, usa";"50"
"""
BOOKS = """"ISBN";"Book-Title";"Book-Author";"Year-Of-Publication";"Publisher";"Image-URL-S"
"0195153448";"Classical; Mythology";"Mark Morford";"2002";"Oxford &amp; Co";"http://x"
"034545104X";"\\"Flesh\\" Tones";"M. J. Rose";"2002";"Ballantine";"http://y"
"0000000000";"Nobody's";"X";"2002";"Y";"http://z"
"""
RATINGS = """"User-ID";"ISBN";"Book-Rating"
"1";"034545104X";"0"
"2";"0195153448";"8"
"2";"0-19-515344-8";"3"
"3";"\\"034545104x";"10"
"4";"?";"5"
"4";"9999999999";"5"
"""


def dump(path, **changes):
    texts = {"BX-Users": USERS, "BX-Books": BOOKS, "BX-Book-Ratings": RATINGS, **changes}
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in texts.items():
            if text is not None:
                archive.writestr(f"{name}.csv", text.encode("latin-1").replace(b"\n", b"\r\n"))
    return path


@pytest.fixture(autouse=True)
def every_country_of_two_readers(monkeypatch):
    monkeypatch.setattr(bookcrossing, "FEWEST", 2)


def test_what_is_kept_of_a_small_dump(tmp_path):
    made = prepare("bookcrossing", dump(tmp_path / "BX-CSV-Dump.zip"), tmp_path / "out")
    assert read_atomic(made.folder / "bookcrossing.inter") == {
        "user_id:token": ["1", "2", "3", "4"],
        "item_id:token": ["034545104X", "0195153448", "034545104X", "9999999999"],
        "rating:float": ["0", "8", "10", "5"],
    }
    assert read_atomic(made.folder / "bookcrossing.user") == {
        "user_id:token": ["1", "2", "3", "4"],
        "country:token": ["usa", "usa", "other", ""],
        "age_group:token": ["", "18", "", "25"],
    }
    assert read_atomic(made.folder / "bookcrossing.item") == {
        "item_id:token": ["0195153448", "034545104X"],
        "book_title:token_seq": ["Classical; Mythology", "'Flesh' Tones"],
        "book_author:token": ["Mark Morford", "M. J. Rose"],
        "release_year:token": ["2002", "2002"],
        "publisher:token": ["Oxford &amp; Co", "Ballantine"],
    }
    text = " ".join(made.comparison_text.split())
    assert "without an opinion (rating 0), which are kept: 1 of 4" in text
    assert (
        "Dropped: 1 repeat of a user and a book, of which the first row stays, and 1 row whose"
        in text
    )


def test_books_may_be_left_out(tmp_path):
    source = dump(tmp_path / "s.zip", **{"BX-Books": None})
    assert not (prepare("bookcrossing", source, tmp_path).folder / "bookcrossing.item").exists()


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("BX-Users", ';"18"', ';"old"', r"line 3 of BX-Users\.csv .*age 'old' of user 2"),
        (
            "BX-Users",
            '"3";"z',
            '"9";"z',
            r"1 users of BX-Book-Ratings\.csv, among them 3, are not",
        ),
        ("BX-Users", "Location", "Place", r"line 1 of BX-Users\.csv .* expected User-ID;Location"),
        ("BX-Book-Ratings", '"8"', '"11"', r"line 3 of BX-Book-Ratings\.csv .*rating '11'"),
        ("BX-Book-Ratings", ';"8"', "", r"line 3 of BX-Book-Ratings.* expected 3 cells, not 2"),
        ("BX-Book-Ratings", RATINGS, None, r"holds no BX-Book-Ratings\.csv .*BX-CSV-Dump\.zip"),
    ],
)
def test_a_malformed_line_is_named(tmp_path, name, old, new, says):
    text = {"BX-Users": USERS, "BX-Book-Ratings": RATINGS}[name]
    changed = None if new is None else text.replace(old, new)
    with pytest.raises(ValueError, match=says):
        prepare("bookcrossing", dump(tmp_path / "s.zip", **{name: changed}), tmp_path / "out")
    assert not (tmp_path / "out").exists()
