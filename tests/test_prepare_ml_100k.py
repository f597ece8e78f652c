import subprocess
import sys
from collections import Counter

import pytest
from helpers import read_atomic

from recbole_groupmix.prepare import ensure_ml_100k, prepare
from recbole_groupmix.prepare.atomic import write_atomic
from recbole_groupmix.prepare.ml_100k import age_bucket, installed_copy


@pytest.mark.parametrize(
    ("age", "bucket"),
    [
        (1, "1"),
        (17, "1"),
        (18, "18"),
        (24, "18"),
        (25, "25"),
        (34, "25"),
        (35, "35"),
        (44, "35"),
        (45, "45"),
        (49, "45"),
        (50, "50"),
        (55, "50"),
        (56, "56"),
        (120, "56"),
    ],
)
def test_buckets_are_those_of_movielens_1m(age, bucket):
    assert age_bucket(age) == bucket


@pytest.mark.parametrize("age", [0, -3])
def test_no_bucket_below_one_year(age):
    with pytest.raises(ValueError, match=f"age {age} is not a number of years"):
        age_bucket(age)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return prepare("ml-100k", out=tmp_path_factory.mktemp("data"))


def test_only_the_age_group_is_added_to_recboles_copy(made):
    for suffix in ("inter", "item"):
        name = f"ml-100k.{suffix}"
        assert (made.folder / name).read_bytes() == (installed_copy() / name).read_bytes()
    before = read_atomic(installed_copy() / "ml-100k.user")
    after = read_atomic(made.folder / "ml-100k.user")
    assert {field: after[field] for field in before} == before
    assert list(after) == [*before, "age_group:token"]


def test_the_age_groups_hold_all_users(made):
    user = read_atomic(made.folder / "ml-100k.user")
    by_hand = Counter()
    for age in map(int, user["age:token"]):
        by_hand["under 18"] += age < 18
        by_hand["25 to 34"] += 25 <= age <= 34
        by_hand["56 and over"] += age >= 56
    groups = Counter(user["age_group:token"])
    assert groups.total() == 943
    assert (groups["1"], groups["25"], groups["56"]) == tuple(by_hand.values())
    assert sorted(groups) == ["1", "18", "25", "35", "45", "50", "56"]


def test_zip_codes_keep_their_zeros(made):
    assert "05201" in read_atomic(made.folder / "ml-100k.user")["zip_code:token"]


def test_ensure_makes_it_once_and_leaves_it_alone(tmp_path):
    folder = ensure_ml_100k(tmp_path)
    assert folder == tmp_path / "ml-100k"
    assert (folder / "SOURCE.md").is_file()
    write_atomic(folder, "ml-100k", "user", {"user_id:token": ["my own"]})
    assert ensure_ml_100k(tmp_path) == folder
    assert read_atomic(folder / "ml-100k.user") == {"user_id:token": ["my own"]}


def test_ensure_completes_a_folder_that_was_cut_off(tmp_path, made):
    folder = ensure_ml_100k(tmp_path)
    (folder / "ml-100k.inter").unlink()
    ensure_ml_100k(tmp_path)
    assert (folder / "ml-100k.inter").read_bytes() == (made.folder / "ml-100k.inter").read_bytes()


def test_an_age_that_is_no_number_is_named_with_its_user(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    inter = {"user_id:token": ["7"], "item_id:token": ["1"]}
    write_atomic(source, "ml-100k", "inter", inter)
    user = {"user_id:token": ["7"], "age:token": ["old"]}
    write_atomic(source, "ml-100k", "user", user)
    with pytest.raises(ValueError, match="user '7' has age 'old'; expected a number of years"):
        prepare("ml-100k", source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_recbole_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr("recbole_groupmix.prepare.ml_100k.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="recbole, which is not installed"):
        prepare("ml-100k", out=tmp_path)


def test_recbole_is_not_imported_for_it(tmp_path):
    code = (
        "import sys; from recbole_groupmix.prepare import prepare; "
        "prepare('ml-100k', out=sys.argv[1]); "
        "print(sorted({'recbole', 'torch', 'pandas'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
