"""Places of output are refused before any work, and trying them out leaves nothing."""

import os
from pathlib import Path

import pytest
from command import call, run_arguments, tree
from helpers import write_tiny

from recbole_groupmix.files.output_paths import out_file, out_folder


@pytest.fixture
def places():
    Path("a folder").mkdir()
    Path("a file").touch()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "--out is empty; name a folder"),
        ("a file", "--out is 'a file', which is not a folder"),
        ("a file/deep", "a file is not a folder; choose another place"),
        ("x" * 300, "has more than 255 bytes"),
        ("a\0b", "a path cannot hold a NUL"),
    ],
)
def test_what_is_no_folder_to_write_to(places, text, message):
    before = tree()
    with pytest.raises(ValueError) as caught:
        out_folder(text)
    assert message in str(caught.value)
    assert tree() == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "--out is empty; name a file"),
        ("a folder", "--out is 'a folder', which is a folder"),
        ("a folder.exe", "whose suffix does not say the format; allowed are .csv, .json"),
        ("none/x.csv", "folder none does not exist"),
        ("x" * 300 + ".csv", "has more than 255 bytes"),
        ("a file/x.csv", "folder a file does not exist"),
        *([("/dev/null", "which is not a regular file")] if os.path.exists("/dev/null") else []),
    ],
)
def test_what_is_no_file_to_write_to(places, text, message):
    before = tree()
    suffixes = (".csv", ".json") if text.endswith((".csv", ".exe")) else ()
    with pytest.raises(ValueError) as caught:
        out_file(text, suffixes=suffixes)
    assert message in str(caught.value)
    assert tree() == before


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="a file system of Linux")
def test_a_file_system_that_takes_no_files_is_found_by_trying():
    for check, text in ((out_folder, "/proc/x"), (out_file, "/proc/x.csv")):
        with pytest.raises(ValueError, match="cannot write to --out '/proc/x"):
            check(text)


def test_good_places_come_back_and_nothing_is_made(places):
    assert out_folder("a folder/new/deep") == Path("a folder/new/deep")
    assert out_file("a file") == Path("a file")
    assert out_file("new.CSV", suffixes=(".csv",)) == Path("new.CSV")
    assert sorted(tree()) == ["a file", "a folder"]


@pytest.mark.parametrize(
    ("command", "out"),
    [
        ("tune", "a folder"),
        ("tune", ""),
        ("influence", "none/x.csv"),
        ("influence", "x.exe"),
        ("gradient", "none/g.yaml"),
        ("gradient", "a folder"),
        ("check", "a file/deep"),
        ("check", ""),
        ("profile", "a file"),
        ("shapley", "a file"),
    ],
)
def test_commands_look_before_they_read_the_data(places, command, out, tmp_path_factory):
    """The data set is not there, which is not what they say."""
    before = tree()
    arguments = [f"--out={out}", "--dataset=tiny", "--data_path=nowhere", "--group_field=group"]
    status, shown, err = call(command, "--target=A", *arguments)
    assert (status, shown) == (2, "") and "--out" in err and err.count("\n") == 1
    assert tree() == before


@pytest.mark.parametrize("command", [["prepare", "blockmix"], ["report", "x"], ["compare", "x"]])
def test_an_empty_place_is_refused(command):
    status, shown, err = call(*command, "--out=")
    assert (status, shown) == (2, "") and "--out is ''; give it a value" in err
    assert tree() == {}


def test_a_trial_more_or_less_leaves_a_run_that_can_be_loaded(tmp_path):
    """Whichever mix is chosen in a later call has its model, also where it was measured before."""
    from recbole_groupmix import load_run

    write_tiny(tmp_path / "data")
    for trials in (0, 3, 1):
        arguments = run_arguments(tmp_path / "data", trials=trials, epochs=2, eval_step=1)
        status, out, err = call(*arguments)
        assert status == 0, err
        load_run(out.splitlines()[-1])
