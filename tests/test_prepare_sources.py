import zipfile

import pytest

from recbole_groupmix.prepare.sources import Source


def make_zip(path, **members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/") + ".dat", content)
    return path


def test_a_file_is_found_at_any_depth_of_a_folder(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "x.dat").write_bytes(b"1\r\n2\n\n")
    file = Source(tmp_path).require("x.dat", "x")
    assert file.lines("utf-8") == ["1", "2"]
    assert str(file) == f"a/b/x.dat in {tmp_path}"


def test_a_file_is_found_at_any_depth_of_a_zip(tmp_path):
    source = Source(make_zip(tmp_path / "s.zip", deep__er__x="caf\u00e9".encode("latin-1")))
    assert source.require("x.dat", "x").text("latin-1") == "caf\u00e9"


def test_a_file_is_found_in_a_zip_inside_the_folder(tmp_path):
    make_zip(tmp_path / "s.zip", inner__x="inside")
    assert Source(tmp_path).require("x.dat", "x").text("utf-8") == "inside"


def test_the_folders_own_file_comes_before_that_of_a_zip_in_it(tmp_path):
    make_zip(tmp_path / "s.zip", x="inside")
    (tmp_path / "x.dat").write_text("unpacked")
    assert Source(tmp_path).require("x.dat", "x").text("utf-8") == "unpacked"


def test_two_files_of_one_name_are_refused_and_named(tmp_path):
    path = make_zip(tmp_path / "s.zip", one__x="1", two__x="2")
    with pytest.raises(ValueError, match=r"holds 2 files called x\.dat \(one/x\.dat.*two/x\.dat"):
        Source(path).find("x.dat")


def test_a_missing_member_says_what_is_there_and_what_was_expected(tmp_path):
    path = make_zip(tmp_path / "s.zip", other="1")
    with pytest.raises(
        ValueError, match=r"holds no x\.dat \(it holds other\.dat\); expected this"
    ):
        Source(path).require("x.dat", "this")


def test_no_path_or_nothing_at_it(tmp_path):
    with pytest.raises(ValueError, match="no source is given"):
        Source(None)
    with pytest.raises(ValueError, match=r"absent\.zip does not exist"):
        Source(tmp_path / "absent.zip")


def test_a_file_that_is_no_zip(tmp_path):
    (tmp_path / "ratings.dat").write_text("1::2::3::4")
    with pytest.raises(ValueError, match=r"ratings\.dat is not a readable zip archive"):
        Source(tmp_path / "ratings.dat")


def test_an_archive_cut_off_in_download(tmp_path):
    path = make_zip(tmp_path / "s.zip", x="text " * 1000)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"s\.zip is not a readable zip archive"):
        Source(path)


def test_a_flipped_byte_fails_the_checksum(tmp_path):
    path = make_zip(tmp_path / "s.zip", x="abcdefgh")
    path.write_bytes(path.read_bytes().replace(b"abcdefgh", b"abcdefgX", 1))
    with pytest.raises(ValueError, match=r"cannot read x\.dat in .*s\.zip: Bad CRC-32"):
        Source(path).require("x.dat", "x").text("utf-8")


def test_text_of_another_encoding(tmp_path):
    (tmp_path / "x.dat").write_bytes(b"caf\xe9")
    with pytest.raises(ValueError, match=r"cannot read x\.dat .*utf-8"):
        Source(tmp_path).require("x.dat", "x").text("utf-8")
