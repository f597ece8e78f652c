from importlib import import_module
from pathlib import Path

import pytest
from helpers import read_atomic

from recbole_groupmix.prepare import DATA_SETS, group_field, prepare

SHIPPED = Path(__file__).resolve().parents[1] / "dataset_atomic"


def recipe(name):
    return import_module(f"recbole_groupmix.prepare.{name.replace('-', '_')}").RECIPE


@pytest.mark.parametrize("name", DATA_SETS)
def test_the_shipped_note_is_the_one_that_is_written(name):
    shipped = (SHIPPED / name / "SOURCE.md").read_bytes()
    assert shipped == recipe(name).source_text().encode()


@pytest.mark.parametrize("name", DATA_SETS)
def test_every_note_names_origin_licence_and_command(name):
    text = recipe(name).source_text()
    assert ("groupmix prepare " + name in text) or ("prepare.blockmix" in text)
    assert "licence" in text or "Terms of use" in text
    assert name == "blockmix" or "## Citation" in text
    assert all(len(line) < 100 for line in text.splitlines())


def test_an_unknown_name_lists_the_known_ones(tmp_path):
    with pytest.raises(
        ValueError,
        match=r"'ml1m'.*blockmix, .*markets, ml-100k, ml-1m \(did you mean 'ml-1m'\?\)",
    ):
        prepare("ml1m", out=tmp_path)
    with pytest.raises(ValueError, match=r"ml-1m\. Your own data set needs no preparation"):
        prepare("netflix-prize", out=tmp_path)


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("ml-1m", "grouplens.org"),
        ("lastfm-asia", "snap.stanford.edu"),
        ("markets", "xmrec.github.io"),
        ("bookcrossing", "BX-CSV-Dump.zip"),
    ],
)
def test_a_missing_source_says_where_it_comes_from(tmp_path, name, where):
    with pytest.raises(
        ValueError, match=rf"{where}.*`groupmix prepare {name} --source FILE_OR_FOLDER`"
    ):
        prepare(name, out=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["ml-1m", "lastfm-asia", "markets", "bookcrossing"])
def test_a_corrupt_archive_leaves_nothing(tmp_path, name):
    (tmp_path / "source.zip").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(ValueError, match=r"source\.zip is not a readable zip archive"):
        prepare(name, tmp_path / "source.zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_folder_is_tried_before_the_source_is_read(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(ValueError, match="out is not a folder"):
        prepare("ml-1m", tmp_path / "absent.zip", tmp_path / "out")


def test_blockmix_takes_no_source(tmp_path):
    with pytest.raises(ValueError, match="takes no source"):
        prepare("blockmix", tmp_path, tmp_path / "out")


def test_options_belong_to_one_data_set(tmp_path):
    with pytest.raises(ValueError, match=r"blockmix takes no --layout"):
        prepare("blockmix", out=tmp_path, options={"layout": "cup"})
    assert list(tmp_path.iterdir()) == []


def test_paths_may_be_strings(tmp_path):
    made = prepare("blockmix", out=str(tmp_path))
    assert made.folder == tmp_path / "blockmix"


@pytest.mark.parametrize("name", ["blockmix", "ml-100k"])
def test_the_group_field_is_a_column_of_the_users(tmp_path, name):
    made = prepare(name, out=tmp_path)
    assert f"{group_field(name)}:token" in read_atomic(made.folder / f"{name}.user")


def test_group_fields():
    fields = {
        "blockmix": "group",
        "bookcrossing": "country",
        "completejourney": "age",
        "lastfm-asia": "country",
        "long_tail": "group",
        "markets": "market",
        "ml-100k": "age_group",
        "ml-1m": "age",
    }
    assert {name: group_field(name) for name in DATA_SETS} == fields
