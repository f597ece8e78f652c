import zipfile

import pytest
from helpers import read_atomic

from recbole_groupmix.prepare import prepare
from recbole_groupmix.prepare.atomic import write_atomic

RATINGS = "1::10::5::978300760\n2::10::3::978302109\n2::20::1::978301968\n"
USERS = "1::F::1::10::02138\n2::M::56::16::70072-12\n"
MOVIES = (
    "10::Misérables, Les (1995)::Drama|Musical\n"
    '20::"Wow" (a film) (1961)::Children\'s\n'
    "30::Untitled::Sci-Fi\n"
)


@pytest.fixture
def files():
    return {"ratings.dat": RATINGS, "users.dat": USERS, "movies.dat": MOVIES, "README": "hello"}


def as_zip(path, files, inside="ml-1m/"):
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(inside + name, text.encode("latin-1"))
    return path


def as_folder(path, files):
    path.mkdir(parents=True)
    for name, text in files.items():
        (path / name).write_bytes(text.encode("latin-1"))
    return path


def test_the_three_files_become_atomic_tables(tmp_path, files):
    made = prepare("ml-1m", as_zip(tmp_path / "ml-1m.zip", files), tmp_path / "out")
    assert made.folder == tmp_path / "out" / "ml-1m"
    assert read_atomic(made.folder / "ml-1m.inter") == {
        "user_id:token": ["1", "2", "2"],
        "item_id:token": ["10", "10", "20"],
        "rating:float": ["5", "3", "1"],
        "timestamp:float": ["978300760", "978302109", "978301968"],
    }
    assert read_atomic(made.folder / "ml-1m.user") == {
        "user_id:token": ["1", "2"],
        "age:token": ["1", "56"],
        "gender:token": ["F", "M"],
        "occupation:token": ["10", "16"],
        "zip_code:token": ["02138", "70072-12"],
    }
    assert read_atomic(made.folder / "ml-1m.item") == {
        "item_id:token": ["10", "20", "30"],
        "movie_title:token_seq": ["Misérables, Les", "'Wow' (a film)", "Untitled"],
        "release_year:token": ["1995", "1961", ""],
        "genre:token_seq": ["Drama Musical", "Children's", "Sci-Fi"],
    }
    assert "MovieLens-1M" in (made.folder / "SOURCE.md").read_text()
    assert "DIFFERS from Table 2" in made.comparison_text


def test_zip_folder_and_a_zip_in_a_folder_give_the_same(tmp_path, files):
    sources = [
        as_zip(tmp_path / "flat.zip", files, inside=""),
        as_folder(tmp_path / "unpacked" / "deep" / "ml-1m", files).parents[1],
        as_zip(as_folder(tmp_path / "download", {}) / "ml-1m.zip", files).parent,
    ]
    for source in sources:  # other content would be refused
        prepare("ml-1m", source, tmp_path / "out")


def test_lines_ended_as_on_windows_give_the_same(tmp_path, files):
    prepare("ml-1m", as_folder(tmp_path / "unix", files), tmp_path / "out")
    windows = {name: text.replace("\n", "\r\n") for name, text in files.items()}
    prepare("ml-1m", as_folder(tmp_path / "windows", windows), tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (
            "ratings.dat",
            "2::10::3::",
            "2::10::",
            r"line 2 of ml-1m/ratings\.dat .*expected UserID::M",
        ),
        ("ratings.dat", "::3::", "::six::", r"line 2 of ml-1m/ratings\.dat .*rating 'six'"),
        ("ratings.dat", "978301968", "today", r"line 3 of ml-1m/ratings\.dat .*'today'"),
        ("ratings.dat", "1::10", "::10", r"line 1 of ml-1m/ratings\.dat .*expected UserID"),
        ("users.dat", "::56::", "::57::", r"line 2 of ml-1m/users\.dat .*age '57'; .*1, 18, 25"),
        ("users.dat", "2::M", "1::M", "user '1' is described twice"),
        ("users.dat", "2::M", "3::M", "1 users have interactions but no description .*'2'"),
        ("users.dat", USERS, "", r"line 1 of ml-1m/users\.dat .*expected UserID::Gender"),
        ("movies.dat", "::Sci-Fi", "", r"line 3 of ml-1m/movies\.dat .*MovieID::Title::Genres"),
    ],
)
def test_malformed_files_are_refused_and_leave_nothing(tmp_path, files, name, old, new, message):
    assert old in files[name]
    files[name] = files[name].replace(old, new, 1)
    with pytest.raises(ValueError, match=message):
        prepare("ml-1m", as_zip(tmp_path / "ml-1m.zip", files), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["ratings.dat", "users.dat", "movies.dat"])
def test_a_missing_member_is_named(tmp_path, files, name):
    del files[name]
    with pytest.raises(ValueError, match=rf"holds no {name} .*expected GroupLens' ml-1m\.zip"):
        prepare("ml-1m", as_zip(tmp_path / "ml-1m.zip", files), tmp_path / "out")


def test_atomic_files_are_copied_with_the_columns_that_they_have(tmp_path):
    inter = {"user_id:token": ["1"], "item_id:token": ["10"]}
    user = {"user_id:token": ["1"], "age:token": ["18"], "mine:float": ["0.5"]}
    source = as_folder(tmp_path / "a" / "ml-1m", {})
    write_atomic(source, "ml-1m", "inter", inter)
    write_atomic(source, "ml-1m", "user", user)
    made = prepare("ml-1m", tmp_path / "a", tmp_path / "out")
    assert read_atomic(made.folder / "ml-1m.inter") == inter
    assert read_atomic(made.folder / "ml-1m.user") == user
    assert not (made.folder / "ml-1m.item").exists()


def test_atomic_files_without_ages_are_refused(tmp_path):
    source = as_folder(tmp_path / "a", {})
    inter = {"user_id:token": ["1"], "item_id:token": ["10"]}
    write_atomic(source, "ml-1m", "inter", inter)
    write_atomic(source, "ml-1m", "user", {"user_id:token": ["1"]})
    with pytest.raises(ValueError, match=r"ml-1m\.user .*has no column age:token"):
        prepare("ml-1m", source, tmp_path / "out")


def test_the_prepared_folder_can_be_its_own_source(tmp_path, files):
    made = prepare("ml-1m", as_folder(tmp_path / "raw", files), tmp_path / "out")
    prepare("ml-1m", made.folder, tmp_path / "out")


@pytest.mark.realdata("ml-1m")
def test_the_real_counts_agree_with_table_2(tmp_path, shared_data):
    made = prepare("ml-1m", shared_data / "ml-1m", tmp_path)
    lines = [line.split() for line in made.comparison_text.splitlines()]
    assert ["1", "222", "222", "27,211", "27,211", "ok"] in lines
    assert ["25", "2,096", "2,096", "395,556", "395,556", "ok"] in lines
    assert ["all", "6,040", "6,040", "1,000,209", "1,000,209", "ok"] in lines
    assert made.comparison_text.endswith(
        "items: 3,706, expected 3,706; agrees with Table 2 of the paper"
    )
