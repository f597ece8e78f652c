import json
import zipfile

import pytest
from helpers import read_atomic

from recbole_groupmix.prepare import prepare

# user: (country, artists); kept are 4, 0 and 9, in the order of the countries' file
TARGET = "id,target\n4,17\n0,0\n1,5\n2,3\n3,10\n9,10\n8,0\n"
LIKES = {
    "0": [5, 6, 7, 8, 9],  # exactly five
    "1": [5, 6, 7, 8, 9, 10],  # country 5 is not kept
    "2": [5, 6, 7, 8],  # four are too few
    "3": [5, 5, 6, 7, 8],  # four different ones
    "4": [9, 5, 5, 1, 2, 3],  # five different ones, in this order
    "9": [20, 21, 22, 23, 24, 25],
}  # user 8 has no likes at all


def archive(path, target=TARGET, features=None, inside="lasftm_asia/"):
    text = json.dumps(LIKES) if features is None else features
    with zipfile.ZipFile(path, "w") as zipped:
        if target is not None:
            zipped.writestr(inside + "lastfm_asia_target.csv", target)
        zipped.writestr(inside + "lastfm_asia_features.json", text)
        zipped.writestr(inside + "lastfm_asia_edges.csv", "node_1,node_2\n0,1\n")
    return path


def test_countries_then_users_then_artists_are_filtered(tmp_path):
    made = prepare("lastfm-asia", archive(tmp_path / "a.zip"), tmp_path / "out")
    assert read_atomic(made.folder / "lastfm-asia.user") == {
        "user_id:token": ["4", "0", "9"],
        "country:token": ["17", "0", "10"],
    }
    assert read_atomic(made.folder / "lastfm-asia.inter") == {
        "user_id:token": ["4"] * 5 + ["0"] * 5 + ["9"] * 6,
        "item_id:token": [*"95123", *"56789", "20", "21", "22", "23", "24", "25"],
    }
    assert not (made.folder / "lastfm-asia.item").exists()
    assert "CIKM '20" in (made.folder / "SOURCE.md").read_text()
    # items: 1 2 3 5 6 7 8 9 and 20 to 25; artist 10 is liked by nobody who is kept
    assert f"items: {8 + 6}, expected 7,832; DIFFERS" in made.comparison_text


def test_a_folder_gives_the_same_as_the_archive(tmp_path):
    prepare("lastfm-asia", archive(tmp_path / "a.zip"), tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "a.zip") as zipped:
        zipped.extractall(tmp_path / "unpacked")
    prepare("lastfm-asia", tmp_path / "unpacked", tmp_path / "out")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target": "user,country\n0,0\n"}, r"line 1 of .*target\.csv .*expected id,target"),
        ({"target": "id,target\n0,0\n1;5\n"}, r"line 3 of .*target\.csv .*'1;5'"),
        ({"target": "id,target\n0,0\n1,\n"}, r"line 3 of .*target\.csv .*'1,'"),
        ({"target": "id,target\n0,0\n0,3\n"}, r"line 3 of .*: user 0 has two countries"),
        ({"target": "id,target\n0,0\n"}, "5 users, among them '1', have no country"),
        ({"features": '{"0": [1, 2'}, r"line 1 of .*features\.json .*not JSON"),
        ({"features": "[1, 2]"}, r"features\.json .*does not hold a JSON object"),
        ({"features": '{"0": ["a"]}'}, r"user '0' has \['a'\]; expected a list of artists"),
        ({"features": '{"0": 5}'}, "user '0' has 5; expected a list of artists"),
        ({"target": None}, r"holds no lastfm_asia_target\.csv .*expected the SNAP archive"),
    ],
)
def test_malformed_files_are_refused_and_leave_nothing(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        prepare("lastfm-asia", archive(tmp_path / "a.zip", **changes), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.realdata("lastfm-asia")
@pytest.mark.parametrize("source", ["lastfm_asia_PARTIAL.zip", "."])
def test_the_archive_with_part_of_the_users(tmp_path, shared_data, source):
    made = prepare("lastfm-asia", shared_data / "lastfm-asia" / source, tmp_path)
    counts = {line.split()[0]: line.split()[1] for line in made.comparison_text.splitlines()}
    assert [counts[country] for country in ("0", "3", "10", "17")] == ["265", "111", "294", "367"]
    assert ["all", "1,037", "4,320", "415,903", "1,747,000", "differs"] in [
        line.split() for line in made.comparison_text.splitlines()
    ]
    assert "items: 7,801, expected 7,832" in made.comparison_text
