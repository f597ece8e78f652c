"""Files that RecBole cannot load: one line that names file, line, column and the way out.

The line never holds a key that has nothing to do with it, such as ``embedding_size``.
"""

import itertools
from pathlib import Path

import pytest
from command import call, run_arguments, tree

from recbole_groupmix.adapters.atomic_header import TYPES, FileError, read_header

INTER = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n" + "".join(
    f"u{user}\ti{(user + step) % 9}\t{1 + step % 5}\t{100 + step}\n"
    for user, step in itertools.product(range(8), range(6))
)
USER = "user_id:token\tgroup:token\tage:float\n" + "".join(
    f"u{user}\t{'AB'[user % 2]}\t{20 + user}\n" for user in range(8)
)
ITEM = "item_id:token\tgenres:token_seq\n" + "".join(f"i{item}\ta b\n" for item in range(9))
GOOD = {"d.inter": INTER, "d.user": USER, "d.item": ITEM}
ALL = {"load_col": "~"}
RATING = {"load_col": "{'inter':['user_id','item_id','rating']}"}


def line_of(files, **options):
    """Write files, run the command, and return what it says: one line, and nothing is written."""
    folder = Path("data/d")
    folder.mkdir(parents=True)
    for name, content in {**GOOD, **files}.items():
        if content is not None:
            data = content if isinstance(content, bytes) else content.encode()
            (folder / name).write_bytes(data)
    before = tree()
    given = {"dataset": "d", "topk": "[2]", "trials": 0, "epochs": 1, "eval_step": 1, **options}
    status, out, err = call(*run_arguments("data", **given))
    assert tree() == before or status == 0
    return status, out, err.removesuffix("\n")


def refused(says, files, **options):
    status, out, line = line_of(files, **options)
    assert (status, out) == (2, ""), line
    assert line.startswith("groupmix: ") and "\n" not in line and len(line) < 600, line
    assert [part for part in says if part not in line] == [], line
    innocent = {"embedding_size", "epochs", "seed"} - set(says)
    assert [key for key in innocent if key in line] == [], line


def spaced(text):
    return text.replace("\t", " ")


def first(text, header):
    """Return a file's text with another first line."""
    return f"{header}\n{text.partition(chr(10))[2]}"


@pytest.mark.parametrize(
    ("files", "says"),
    [
        # separators
        (
            {"d.inter": spaced(INTER), "d.user": spaced(USER)},
            ["d.inter, line 1", "the tab of field_separator", "--field_separator=' '"],
        ),
        ({"d.user": USER.replace("\t", ",")}, ["d.user, line 1", "--field_separator=','"]),
        ({"d.user": USER.replace("\t", ";")}, ["d.user, line 1", "--field_separator=';'"]),
        (
            {"d.inter": first(spaced(INTER), INTER.partition("\n")[0])},
            ["d.inter, line 2", "split by a space", "the header by a tab"],
        ),
        # names and types
        (
            {"d.inter": first(INTER, "user_id\titem_id\trating\ttimestamp")},
            ["d.inter, line 1", "column 'user_id' has no type", "user_id:token"],
        ),
        (
            {"d.inter": first(INTER, "user_id,item_id,rating,timestamp")},
            ["d.inter, line 1", "--field_separator=','"],
        ),
        (
            {
                "d.inter": first(
                    INTER, "user_id:text\titem_id:token\trating:float\ttimestamp:float"
                )
            },
            ["d.inter, line 1", "'user_id' has type 'text'", "token, float, token_seq, float_seq"],
        ),
        (
            {"d.inter": first(INTER, "# user_id:token\titem_id:token\tr:float\tt:float")},
            ["d.inter, line 1", "numpy.savetxt", "comments=''"],
        ),
        (
            {"d.inter": first(INTER, "a:user_id:token\titem_id:token\tr:float\tt:float")},
            ["d.inter, line 1", "more than one colon"],
        ),
        (
            {"d.inter": first(INTER, "user_id:token\titem_id:token\trating:float\t:float")},
            ["d.inter, line 1", "no name"],
        ),
        (
            {"d.inter": first(INTER, "user_id:token\titem_id:token\tuser_id:token\tt:float")},
            ["d.inter, line 1", "'user_id' appears twice"],
        ),
        # ids
        (
            {"d.inter": first(INTER, "customer:token\tarticle:token\trating:float\tt:float")},
            [
                "d.inter has no column 'user_id'",
                "USER_ID_FIELD is 'user_id' (the default)",
                "customer, article, rating, t",
                "--USER_ID_FIELD=customer --ITEM_ID_FIELD=article",
            ],
        ),
        (
            {"d.user": first(USER, "user:token\tgroup:token\tage:float")},
            ["d.user has no column 'user_id'", "user, group, age", ".inter file"],
        ),
        (
            {"d.user": first(USER, "user_id:float\tgroup:token\tage:float")},
            ["d.user, line 1", "'user_id' has type 'float'", "user_id:token"],
        ),
        # contents
        ({"d.inter": ""}, ["d.inter", "is empty"]),
        ({"d.inter": "\n" + INTER}, ["d.inter begins with an empty line"]),
        ({"d.inter": INTER.partition("\n")[0] + "\n"}, ["d.inter has a header and no rows"]),
        ({"d.user": USER.partition("\n")[0] + "\n\n"}, ["d.user has a header and no rows"]),
        (
            {"d.user": USER.replace("A\t20\n", "A\t20\tx\n")},
            ["d.user, line 2", "4 cells", "3 columns"],
        ),
        (
            {"d.user": USER.replace("A\t24\n", "A\t24\tx\n")},
            ["d.user, line 6", "4 cells", "3 columns", "'x'"],
        ),
        # encodings
        ({"d.user": USER.encode("utf-8-sig")}, ["d.user", "byte order mark", "=utf-8-sig"]),
        ({"d.user": USER.encode("utf-16")}, ["d.user", "of UTF-16", "--encoding=utf-16"]),
        (
            {"d.user": USER.replace("A", "男").encode("gbk")},
            ["d.user, line 2", "not written in utf-8", "--encoding=gbk"],
        ),
        # files
        ({"d.user": None}, ["there is no d.user", "user_id:token", "group:token"]),
    ],
)
def test_files_that_are_refused(files, says):
    refused(says, files)


def test_another_encoding_far_behind_the_header():
    text = USER + "".join(f"x{user}\tA\t3\n" for user in range(9000)) + "x\t男\t3\n"
    refused(["d.user, line 9010", "not written in utf-8"], {"d.user": text.encode("gbk")})


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"field_separator": ";"}, ["field_separator is ';' (on the command line)", "leave"]),
        ({"field_separator": r"\t"}, [r"the two characters \ and t", "a tab is the default"]),
        ({"field_separator": "3"}, ["field_separator is 3", "must be a text"]),
        ({"encoding": "utf9"}, ["encoding is 'utf9'", "--encoding=utf-8"]),
        ({"USER_ID_FIELD": "uid"}, ["d.inter", "USER_ID_FIELD is 'uid'", "=user_id"]),
        ({"ITEM_ID_FIELD": "group"}, ["d.inter", "no column 'group'", "=item_id"]),
        (
            {"val_interval": "{'rating':'[3,inf)'}"},
            [
                "val_interval is {'rating': '[3,inf)'} (on the command line)",
                "rating is in d.inter and is not loaded",
                "--load_col=\"{'inter':['user_id','item_id','rating'],",
            ],
        ),
        (
            {"val_interval": "{'age':'[3,inf)'}"},
            ["age is in d.user", "'user':['user_id','group','age']}\""],
        ),
        ({"val_interval": "{'ratng':'[3,inf)'}", **ALL}, ["'ratng' (did you mean 'rating'?)"]),
        (
            {"load_col": "~", "unload_col": "{'inter':['rating']}", "threshold": "{'rating':3}"},
            ["threshold is", "take it out of unload_col"],
        ),
        ({"threshold": "{'rating':4}"}, ["threshold is", "rating is in d.inter", "--load_col"]),
        ({"threshold": "{'age':4}", **ALL}, ["threshold is", "no file has a column 'age'"]),
        ({"threshold": "{'user_id':4}"}, ["threshold is", "type 'token'", "user_id:float"]),
        (
            {"threshold": "{'rating':9}", **RATING},
            ["threshold {'rating': 9}", "48 of 48 interactions"],
        ),
        ({"LABEL_FIELD": "rating"}, ["LABEL_FIELD is 'rating'", "not loaded", "--load_col"]),
        ({"preload_weight": "{'user_id':'vector'}"}, ["preload_weight", "'vector'"]),
        ({"normalize_field": "['ages']"}, ["normalize_field is ['ages']", "mean 'age'?"]),
        ({"alias_of_user_id": "friend"}, ["alias_of_user_id is 'friend'", "must be a list"]),
        ({"eval_args": "3"}, ["eval_args is 3 (on the command line)", "must be a mapping"]),
        ({"load_col": "{'itm':['item_id']}"}, ["load_col", "'itm' is not a kind of file", "item"]),
        ({"load_col": "{'inter':'rating'}"}, ["load_col", "inter must list names of columns"]),
        (
            {"load_col": "{'inter':['user_id','item_id','ratng']}"},
            ["load_col", "d.inter has no column 'ratng' (did you mean 'rating'?)"],
        ),
        (
            {"load_col": "{'inter':['user_id']}"},
            [
                "load_col is {'inter': ['user_id']}",
                "item_id of d.inter is not loaded",
                "--load_col=\"{'inter':['user_id','item_id'],",
            ],
        ),
        (
            {"load_col": "{'inter':['user_id','item_id'],'item':['genres']}"},
            ["load_col", "item_id of d.item is not loaded"],
        ),
        ({"unload_col": "{'user':['group']}", **ALL}, ["unload_col", "leaves out 'group'"]),
        ({"unload_col": "{'inter':['rating']}"}, ["unload_col", "--load_col=~"]),
        ({"additional_feat_suffix": "['vec']"}, ["there is no d.vec"]),
        (
            {"user_inter_num_interval": "[100,inf)"},
            [
                "48 of 48 interactions",
                "user_inter_num_interval is '[100,inf)' (on the command line)",
            ],
        ),
        (
            {
                "val_interval": "{'rating':'[4,inf)'}",
                "user_inter_num_interval": "[5,inf)",
                **RATING,
            },
            ["val_interval {'rating': '[4,inf)'}: 32 of 48", "[5,inf)", "16 of 16"],
        ),
    ],
)
def test_settings_that_do_not_fit_the_files(options, says):
    refused(says, {}, **options)


@pytest.mark.parametrize(
    ("files", "options", "says"),
    [
        ({"d.user": USER.replace("24", "—")}, ALL, ["d.user, line 6", "age:float holds '—'"]),
        (
            {"d.user": USER.replace("24", "2025-03-03")},
            ALL,
            [
                "age:float holds '2025-03-03'; write a number, of a date its seconds since 1970, leave"
            ],
        ),
        (
            {
                "d.item": ITEM.replace("genres:token_seq", "v:float_seq")
                .replace("a b", "1 2")
                .replace("i3\t1 2", "i3\t1 x")
            },
            ALL,
            ["d.item, line 5", "v:float_seq holds 'x'"],
        ),
        (
            {"d.inter": INTER.replace("\nu0", "\n1.0").replace("\nu", "\n1.")},
            {},
            ["8 of 8 users", "'1.0' in d.inter", "'u0' in d.user", "one form"],
        ),
    ],
)
def test_values_that_do_not_fit(files, options, says):
    refused(says, files, **options)


@pytest.mark.parametrize("wrong", ["['train','dev','test']", "['dev','valid','test']"])
def test_parts_of_a_given_split(wrong):
    parts = {f"d.{part}.inter": INTER for part in ("train", "valid", "test")}
    refused(
        ["benchmark_filename is", "there is no d.dev.inter", "d.train.inter, d.valid.inter"],
        parts,
        benchmark_filename=wrong,
    )


def test_a_column_that_one_part_lacks():
    parts = {"d.train.inter": INTER, "d.test.inter": INTER.replace("rating:", "stars:")}
    refused(
        ["threshold", "'rating' is in d.train.inter and not in d.test.inter"],
        parts,
        benchmark_filename="['train','test']",
        threshold="{'rating':3}",
        **ALL,
    )


@pytest.mark.parametrize(
    "files",
    [
        {name: text.replace("\n", "\r\n") for name, text in GOOD.items()},
        {name: text.replace("\n", "\r") for name, text in GOOD.items()},
        {name: text.rstrip("\n") for name, text in GOOD.items()},
        {"d.user": USER + "\n\t\t\n"},
        {"d.user": USER.replace("A\t24", 'A\t"24"')},
        {"d.user": USER.replace("A\t24\n", "A\n")},
        {"d.user": USER.replace("A\t24\n", "A\t24\t\n")},
        {"d.item": "whatever"},
        {"d.inter": first(INTER, "user_id:token\titem_id:token\tr:float\tr:float")},
    ],
)
def test_files_that_are_fine_are_not_refused(files):
    status, _, line = line_of(files)
    assert status == 0, line


@pytest.mark.parametrize(
    "options",
    [
        {"LABEL_FIELD": "label", "RATING_FIELD": "rating", "TIME_FIELD": "timestamp"},
        {"load_col": "{'inter':['user_id','item_id'],'net':['a']}"},
        {"val_interval": "{'rating':'[1,inf)'}", "threshold": "{'rating':1}", **RATING},
        {"load_col": "{'inter':'*','user':'*'}", "normalize_field": "['age']"},
    ],
)
def test_settings_that_are_fine_are_not_refused(options):
    status, _, line = line_of({}, **options)
    assert status == 0, line


def test_ids_of_other_names_need_no_load_col():
    files = {
        name: text.replace("user_id", "uid").replace("item_id", "iid")
        for name, text in GOOD.items()
    }
    status, _, line = line_of(files, USER_ID_FIELD="uid", ITEM_ID_FIELD="iid")
    assert status == 0, line


def test_only_the_first_lines_are_read(tmp_path):
    file = tmp_path / "big.inter"
    file.write_bytes(INTER.encode() * 300 + b"\xff\xfe\n")
    assert read_header(file, "\t", None).types["rating"] == "float"


def test_separators_are_guessed_whatever_the_types(tmp_path):
    for separator, kind in itertools.product(",;| ", TYPES):
        file = tmp_path / "x.user"
        file.write_text(f"user_id:token{separator}a:{kind}\nu{separator}1\n")
        with pytest.raises(FileError, match="field_separator") as caught:
            read_header(file, "\t", "utf-8")
        assert repr(separator) in str(caught.value)
        assert caught.value.key == "field_separator"
        assert read_header(file, separator, "utf-8").columns == (("user_id", "token"), ("a", kind))
