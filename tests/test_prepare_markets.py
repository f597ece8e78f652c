"""Markets from the layouts in which they are published, and from tables of one's own."""

import gzip
import zipfile

import pytest
from command import call
from helpers import read_atomic

from recbole_groupmix.prepare import prepare
from recbole_groupmix.prepare.publish import publish

FOREC = "userId itemId rate date\n"
CUP = "userId\titemId\trating\n"


def write(folder, **files):
    """Write files whose names have ``__`` for a slash and ``_dot_`` for a dot."""
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def forec(folder, **more):
    return write(
        folder,
        jp_5core_dot_txt=FOREC + "u a 4.0 2015-12-27\nv b 5.0 2016-01-01\n",
        in_5core_dot_txt=FOREC + "u a 3.0 2018-01-02\nu b 2.0 2018-01-03\nu a 1.0 2018-01-01\n",
        **more,
    )


def made(tmp_path, source, name="markets", **options):
    data = prepare("markets", source, tmp_path / "out", options={"name": name, **options})
    tables = {
        suffix: read_atomic(data.folder / f"{name}.{suffix}")
        for suffix in ("inter", "user", "item", "train.inter", "valid.inter")
        if (data.folder / f"{name}.{suffix}").exists()
    }
    return data, tables


def test_forec_keeps_the_earliest_row_and_tells_users_of_two_markets_apart(tmp_path):
    data, tables = made(tmp_path, forec(tmp_path / "s"))
    assert tables == {
        "inter": {
            "user_id:token": ["in:u", "in:u", "jp:u", "jp:v"],
            "item_id:token": ["a", "b", "a", "b"],
            "rating:float": ["1.0", "2.0", "4.0", "5.0"],
            "timestamp:float": ["1514764800", "1514937600", "1451174400", "1451606400"],
        },
        "user": {
            "user_id:token": ["in:u", "jp:u", "jp:v"],
            "market:token": ["in", "jp", "jp"],
        },
    }
    assert "Layout: forec (found from the names of the files)" in data.comparison_text
    assert "Repeats dropped: 1 (in 1)" in data.comparison_text
    source = (data.folder / "SOURCE.md").read_text()
    assert "## Licence" in source
    assert "- Repeats dropped: 1 (in 1)" in source


def test_a_whole_table_beside_the_5_core_and_other_texts_are_left_alone_and_named(tmp_path):
    source = forec(tmp_path / "s", in_dot_txt=FOREC + "w a 1 2018-01-01\n", README_dot_txt="Hi.")
    data, tables = made(tmp_path, source)
    assert "in:w" not in tables["user"]["user_id:token"]
    assert "Files left alone: README.txt, in.txt." in data.comparison_text


def test_official_files_of_several_categories_are_put_together(tmp_path):
    source = write(
        tmp_path / "s",
        ratings_us_Books_dot_txt_dot_gz=gzip.compress(b"u a 4.0 2015-12-27\n"),
        ratings_us_Home_and_Kitchen_dot_txt_dot_gz=gzip.compress(b"u c 4.0 2015-12-28\n"),
        ratings_de_Books_dot_txt=b"u b 4.0 2015-12-27\n",
    )
    data, tables = made(tmp_path, source)
    assert tables["inter"]["item_id:token"] == ["b", "a", "c"]
    assert tables["item"] == {
        "item_id:token": ["b", "a", "c"],
        "category:token": ["Books", "Books", "Home_and_Kitchen"],
    }
    assert "Layout: official" in data.comparison_text


@pytest.mark.parametrize("names", ["{0}__train_5core_dot_tsv", "{0}_train_5core_dot_tsv"])
def test_the_cups_validation_rows_are_a_split_of_their_own(tmp_path, names):
    valid = names.replace("train_5core", "valid_qrel")
    files = {
        names.format("t1"): CUP + "u\ta\t1.0\nu\tb\t1.0\nu\tb\t1.0\n",
        valid.format("t1"): CUP + "u\tc\t1\nu\ta\t1\n",
        names.format("s1"): CUP + "x\ta\t1.0\n",
        valid.format("s1"): CUP + "x\tb\t1\n",
    }
    data, tables = made(tmp_path, write(tmp_path / "s", **files))
    assert tables["inter"] == tables["train.inter"]
    assert tables["inter"]["item_id:token"] == ["a", "a", "b"]
    assert tables["valid.inter"]["user_id:token"] == ["s1:x", "t1:u"]
    assert tables["valid.inter"]["item_id:token"] == ["b", "c"]  # t1:u has a in train already
    assert "timestamp:float" not in tables["inter"]
    assert "Repeats dropped: 2 (t1 2)" in data.comparison_text
    assert "--benchmark_filename=\"['train','valid']\"" in data.comparison_text


def test_a_run_takes_the_given_split(tmp_path):
    rows = {"train": [], "valid": []}
    for market in ("s", "t"):
        for user in range(12):
            rows["train"] += [(market, user, (user + n) % 9) for n in range(4)]
            rows["valid"] += [(market, user, (user + 5) % 9)]
    files = {
        f"{market}_{file}_dot_tsv": CUP
        + "".join(f"{u}\ti{i}\t1\n" for m, u, i in rows[part] if m == market)
        for market in ("s", "t")
        for part, file in (("train", "train"), ("valid", "valid_qrel"))
    }
    made(tmp_path, write(tmp_path / "s", **files))
    status, out, err = call(
        "run",
        f"--data_path={tmp_path / 'out'}",
        "--dataset=markets",
        "--benchmark_filename=['train','valid']",
        "--model=EASE",
        "--target=t",
        "--topk=[3]",
        "--trials=0",
        "--folds=2",
        f"--output_dir={tmp_path / 'runs'}",
    )
    assert status == 0, err
    assert "12 of the target's 12 users" in out


def test_tables_of_ones_own_with_usual_names_and_with_flags(tmp_path):
    source = write(
        tmp_path / "s",
        fr_dot_csv='Customer ID,"Product ID",Score,Date\n7,"a, b",4,2020-01-01T00:00:00Z\n',
        de_dot_csv="\ufeffuser_id:token;item_id:token;stars;time\n7;c;4;86400\n",
        it_dot_tsv="uid\tasin\n7\td\n",
    )
    data, tables = made(tmp_path, source, "shops")
    assert tables["inter"]["item_id:token"] == ["c", "a, b", "d"]
    assert set(tables["inter"]) == {"user_id:token", "item_id:token"}
    assert "Left out, since not all files have it: rating:float, timestamp:float." in " ".join(
        data.comparison_text.split()
    )
    (source / "it.tsv").unlink()
    _, tables = made(tmp_path, source, "two")
    assert tables["inter"]["timestamp:float"] == ["86400", "1577836800"]
    other = write(
        tmp_path / "o", a_dot_csv="who,what,how\n1,x,2\n", b_dot_csv="who,what,how\n1,y,3\n"
    )
    columns = {"user_column": "who", "item_column": "what", "rating_column": "how"}
    _, tables = made(tmp_path, other, "flags", **columns)
    assert tables["inter"]["rating:float"] == ["2", "3"]
    texts = write(
        tmp_path / "t", a_dot_txt="who what\n1 x\n", b_dot_txt="who what\n1 y\n", c_dot_txt="Hi."
    )
    _, tables = made(tmp_path, texts, "texts", user_column="who", item_column="what")
    assert tables["user"]["market:token"] == ["a", "b"]


def test_a_zip_archive_is_a_source_too(tmp_path):
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        archive.writestr("FOREC/in.txt", FOREC + "u a 3.0 2018-01-02\n")
        archive.writestr("FOREC/jp.txt", FOREC + "u a 3.0 2018-01-02\n")
        archive.writestr("__MACOSX/FOREC/._jp.txt", FOREC + "u a 3.0 2018-01-02\n")
    _, tables = made(tmp_path, tmp_path / "s.zip")
    assert tables["user"]["market:token"] == ["in", "jp"]


ROW = "u a 3 2018-01-02\n"


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"in": ROW + "u b\n"}, r"line 3 of in\.txt in .* is 'u b': expected 4 cells"),
        ({"in": "u  3 2018-01-02\n"}, r"line 2 of in\.txt in .*: the item is empty"),
        ({"in": "u b x 2018-01-02\n"}, r"line 2 of in\.txt .*: rating 'x' is not a number"),
        ({"in": "u b nan 2018-01-02\n"}, r"rating 'nan' is not a number"),
        ({"in": "u b 3 2018-13-02\n"}, r"time '2018-13-02' is neither .* nor a date"),
        ({"in": ""}, r"in\.txt in .* holds no interaction, so its market has no users"),
        ({}, r"the single market jp in layout forec"),
        ({"in": ROW, "x__in": ROW}, r"2 files of market in \(in\.txt, x/in\.txt\)"),
        ({"i n": ROW}, r"i n\.txt in .* is of a market called 'i n'; .*rename the file"),
        ({"-in": ROW}, r"market called '-in'"),
    ],
)
def test_a_source_that_cannot_be_used_is_refused_in_one_line(tmp_path, files, says):
    texts = {f"{name}_dot_txt": FOREC + rows for name, rows in {**files, "jp": ROW}.items()}
    with pytest.raises(ValueError, match=says) as refused:
        prepare("markets", write(tmp_path / "s", **texts), tmp_path / "out")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (
            {"x_dot_md": "hi"},
            r"holds no files of markets \(it holds 'x\.md'\); expected XMarket's",
        ),
        (
            {"a_dot_csv": "who,item\n1,2\n", "b_dot_csv": "user,item\n1,2\n"},
            r"a\.csv in .* has no column of users .*'who, item': name it by --user_column",
        ),
        (
            {"a_dot_csv": "user,item\n1,\x00\n", "b_dot_csv": 'user,item\n"1"x,2\n'},
            r"line 2 of [ab]\.csv in .* (cannot be read|is)",
        ),
        (
            {"a_train_dot_tsv": CUP + "1\t2\t1\n", "b_valid_qrel_dot_tsv": CUP + "1\t2\t1\n"},
            r"b_valid_qrel\.tsv .* of market b, which has no training table",
        ),
        ({"ratings_a_b_dot_txt_dot_gz": b"no gzip", "ratings_b_b_dot_txt": ROW}, r"cannot read"),
    ],
)
def test_other_layouts_that_cannot_be_used(tmp_path, files, says):
    with pytest.raises(ValueError, match=says):
        prepare("markets", write(tmp_path / "s", **files), tmp_path / "out")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"layout": "forc"}, r"layout is 'forc'; allowed are official, .* \(did you mean 'forec'"),
        ({"layout": "cup"}, r"holds no files of markets in layout cup"),
        ({"name": "../x"}, r"name is '\.\./x', which cannot be the name of files"),
        ({"name": "ml-1m"}, r"name is 'ml-1m', which is another data set"),
        (
            {"item_column": "thing"},
            r"has no column 'thing' \(--item_column\); its first line names",
        ),
    ],
)
def test_options_that_cannot_be_used(tmp_path, options, says):
    with pytest.raises(ValueError, match=says):
        prepare("markets", forec(tmp_path / "s"), tmp_path / "out", options=options)


def test_a_gzip_bomb_is_counted_while_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("recbole_groupmix.prepare.sources.MOST_BYTES", 100_000)
    source = write(
        tmp_path / "s",
        ratings_a_b_dot_txt_dot_gz=gzip.compress(b"0" * 3_000_000),
        ratings_b_b_dot_txt=ROW,
    )
    with pytest.raises(ValueError, match="more than 100,000 bytes"):
        prepare("markets", source, tmp_path / "out")


def test_the_command_has_the_options_of_markets(tmp_path):
    forec(tmp_path / "s")
    arguments = [f"--source={tmp_path / 's'}", f"--out={tmp_path / 'out'}", "--name=xm"]
    status, out, err = call("prepare", "markets", *arguments, "--layout=forec")
    assert status == 0, err
    assert "Layout: forec, 2 files of 2 markets." in out
    assert (tmp_path / "out" / "xm" / "xm.inter").is_file()


def test_parts_that_a_new_version_lacks_make_it_another_version(tmp_path):
    inter = {"user_id:token": ["u"], "item_id:token": ["i"]}
    publish(tmp_path / "x", "x", {"inter": inter, "valid.inter": inter}, "note\n")
    with pytest.raises(ValueError, match=r"another version of x \(x\.valid\.inter would change"):
        publish(tmp_path / "x", "x", {"inter": inter}, "note\n")
    publish(tmp_path / "x", "x", {"inter": inter}, "note\n", force=True)
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == ["SOURCE.md", "x.inter"]
