import os
import shutil

import pytest

from recbole_groupmix.prepare.publish import check_writable, publish

INTER = {"user_id:token": ["u"], "item_id:token": ["i"]}
TABLES = {"inter": INTER, "user": {"user_id:token": ["u"], "g:token": ["x"]}}
OTHER = {**TABLES, "user": {"user_id:token": ["u"], "g:token": ["y"]}}


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_new_folder_is_complete_and_nothing_stays_beside_it(tmp_path):
    publish(tmp_path / "data" / "toy", "toy", TABLES, "note\n")
    assert contents(tmp_path / "data" / "toy") == {
        "toy.inter": "user_id:token\titem_id:token\nu\ti\n",
        "toy.user": "user_id:token\tg:token\nu\tx\n",
        "SOURCE.md": "note\n",
    }
    assert os.listdir(tmp_path / "data") == ["toy"]


def test_a_folder_that_holds_only_its_note_is_filled(tmp_path):
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "SOURCE.md").write_text("older note")
    (tmp_path / "toy" / "mine.txt").write_text("kept")
    publish(tmp_path / "toy", "toy", TABLES, "note\n")
    assert sorted(contents(tmp_path / "toy")) == ["SOURCE.md", "mine.txt", "toy.inter", "toy.user"]
    assert contents(tmp_path / "toy")["SOURCE.md"] == "note\n"


def test_the_same_content_again_is_fine(tmp_path):
    publish(tmp_path / "toy", "toy", TABLES, "note\n")
    before = contents(tmp_path / "toy")
    publish(tmp_path / "toy", "toy", TABLES, "note\n")
    assert contents(tmp_path / "toy") == before
    assert os.listdir(tmp_path) == ["toy"]


def test_other_content_needs_force(tmp_path):
    publish(tmp_path / "toy", "toy", TABLES, "note\n")
    before = contents(tmp_path / "toy")
    with pytest.raises(ValueError, match=r"another version of toy \(toy\.user would change\)"):
        publish(tmp_path / "toy", "toy", OTHER, "note 2\n")
    assert contents(tmp_path / "toy") == before
    assert os.listdir(tmp_path) == ["toy"]
    publish(tmp_path / "toy", "toy", OTHER, "note 2\n", force=True)
    assert contents(tmp_path / "toy")["toy.user"].endswith("u\ty\n")
    assert contents(tmp_path / "toy")["SOURCE.md"] == "note 2\n"


def test_a_file_that_the_new_version_lacks_is_another_version(tmp_path):
    with_items = {**TABLES, "item": {"item_id:token": ["i"]}}
    publish(tmp_path / "toy", "toy", with_items, "note\n")
    with pytest.raises(ValueError, match=r"\(toy\.item would change\)"):
        publish(tmp_path / "toy", "toy", TABLES, "note\n")
    publish(tmp_path / "toy", "toy", TABLES, "note\n", force=True)
    assert sorted(contents(tmp_path / "toy")) == ["SOURCE.md", "toy.inter", "toy.user"]


@pytest.mark.parametrize("exists", [False, True])
def test_a_malformed_table_leaves_nothing(tmp_path, exists):
    if exists:
        (tmp_path / "toy").mkdir()
    bad = {**TABLES, "item": {"item_id:token": ["a\tb"]}}
    with pytest.raises(ValueError, match=r"item_id:token of toy\.item"):
        publish(tmp_path / "toy", "toy", bad, "note\n")
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == ["toy"] * exists


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ValueError, match="No space left on device"):
        publish(tmp_path / "toy", "toy", TABLES, "note\n")
    assert os.listdir(tmp_path) == []


def test_a_stop_in_the_middle_of_an_overwrite_never_looks_complete(tmp_path, monkeypatch):
    publish(tmp_path / "toy", "toy", TABLES, "note\n")
    other = {**OTHER, "inter": {"user_id:token": ["u"], "item_id:token": ["j"]}}
    real, moved = os.replace, []

    def stop_before_the_interactions(source, target):
        if ".part" not in os.path.basename(source) and str(target).endswith("toy.inter"):
            raise OSError(5, "stopped")
        moved.append(os.path.basename(target))
        real(source, target)

    monkeypatch.setattr(os, "replace", stop_before_the_interactions)
    with pytest.raises(ValueError, match="stopped"):
        publish(tmp_path / "toy", "toy", other, "note\n", force=True)
    assert "toy.user" in moved
    assert not (tmp_path / "toy" / "toy.inter").exists()


def test_the_folder_can_be_read_by_whoever_the_umask_allows(tmp_path):
    publish(tmp_path / "toy", "toy", TABLES, "note\n")
    plain = tmp_path / "plain"
    plain.mkdir()
    assert (tmp_path / "toy").stat().st_mode == plain.stat().st_mode


def test_a_file_in_the_way_is_refused_without_a_trace(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="file is not a folder"):
        publish(tmp_path / "file" / "toy", "toy", TABLES, "note\n")
    assert os.listdir(tmp_path) == ["file"]


def test_a_folder_without_permission_is_refused_before_anything_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ValueError, match="no permission to write in"):
        check_writable(tmp_path / "new" / "toy")
    assert os.listdir(tmp_path) == []


def test_someone_else_making_the_same_folder_meanwhile_is_no_error(tmp_path, monkeypatch):
    publish(tmp_path / "elsewhere", "toy", TABLES, "note\n")

    def rename_too_late(staging, target):
        shutil.copytree(tmp_path / "elsewhere", target)
        os.rename(staging, target)

    monkeypatch.setattr("pathlib.Path.rename", rename_too_late)
    publish(tmp_path / "toy", "toy", TABLES, "note\n")
    assert contents(tmp_path / "toy") == contents(tmp_path / "elsewhere")
    assert sorted(os.listdir(tmp_path)) == ["elsewhere", "toy"]
