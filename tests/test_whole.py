"""Files are written whole or not at all, and in one way."""

import ast
import errno
import os
import stat
from pathlib import Path

import pandas as pd
import pytest
import torch

from recbole_groupmix.files.whole import forget_unfinished, write_whole

PACKAGE = Path(__file__).resolve().parent.parent / "recbole_groupmix"


@pytest.mark.parametrize(
    ("content", "bytes_"),
    [
        ("é\r\n\n", "é\r\n\n".encode()),
        (b"\0\xff", b"\0\xff"),
        (lambda file: file.write(b"abc"), b"abc"),
    ],
)
@pytest.mark.parametrize("durable", [False, True])
def test_what_is_written(content, bytes_, durable):
    Path("a.txt").write_bytes(b"before, and longer than what comes")
    write_whole("a.txt", content, durable=durable)
    assert Path("a.txt").read_bytes() == bytes_
    assert os.listdir() == ["a.txt"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit])
def test_a_failure_leaves_what_was_there_and_nothing_else(error):
    Path("a.txt").write_text("before")

    def interrupted(file):
        file.write(b"ha" * 2**20)
        raise error

    with pytest.raises(error):
        write_whole("a.txt", interrupted)
    assert Path("a.txt").read_text() == "before"
    assert os.listdir() == ["a.txt"]


class _Full:
    """A disk with room for so many bytes."""

    def __init__(self, monkeypatch, room):
        import recbole_groupmix.files.whole as module

        class Raw(module._Raw):
            def write(self, data, /):
                nonlocal room
                room -= len(data)
                if room < 0:
                    self.failure = OSError(errno.ENOSPC, "No space left on device")
                    raise self.failure
                return super().write(data)

        monkeypatch.setattr(module, "_Raw", Raw)


@pytest.mark.parametrize("room", [0, 1000, 60_000])
@pytest.mark.parametrize(
    "writer",
    [
        lambda file: torch.save({"a": torch.arange(20_000)}, file),
        pd.DataFrame({"a": range(100_000)}).to_parquet,
        b"x" * 100_000,
    ],
)
def test_a_full_disk_is_an_error_of_the_system_whoever_writes(monkeypatch, writer, room):
    _Full(monkeypatch, room)
    with pytest.raises(OSError, match="No space left on device") as caught:
        write_whole("model.pth", writer)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, "model.pth")
    assert os.listdir() == []


def test_an_error_in_another_language_of_a_full_disk_is_one_of_the_system(monkeypatch):
    """As older versions of torch say it."""
    _Full(monkeypatch, 10)

    def enforce(file):
        try:
            file.write(b"x" * 2**20)
        except OSError:
            raise RuntimeError("[enforce fail at inline_container.cc:672]") from None

    with pytest.raises(OSError, match="No space left on device"):
        write_whole("model.pth", enforce)


def test_names_of_any_length_that_the_file_system_takes():
    name = "é" * 125 + ".json"  # 255 bytes
    write_whole(name, "x")
    assert os.listdir() == [name]
    with pytest.raises(OSError) as caught:
        write_whole("x" * 256, "x")
    assert caught.value.errno == errno.ENAMETOOLONG
    assert os.listdir() == [name]


@pytest.mark.skipif(os.name != "posix", reason="links and rights of POSIX")
def test_links_stay_and_rights_are_those_of_a_new_file():
    Path("deep").mkdir()
    Path("link.txt").symlink_to("deep/real.txt")
    write_whole("link.txt", "x")
    assert Path("link.txt").is_symlink() and Path("deep/real.txt").read_text() == "x"
    Path("new").touch()
    assert stat.S_IMODE(os.stat("deep/real.txt").st_mode) == stat.S_IMODE(os.stat("new").st_mode)


def test_what_a_kill_left_is_removed_and_nothing_else():
    for name in (".trials.jsonl.12.part", ".config.yaml.part", "mine.part", ".note"):
        Path(name).touch()
    Path(".folder.part").mkdir()
    forget_unfinished(Path())
    assert sorted(os.listdir()) == [".folder.part", ".note", "mine.part"]


def test_a_pipe_is_not_replaced_by_a_file():
    os.mkfifo("pipe")
    os.symlink("pipe", "link")
    for name in ("pipe", "link"):
        with pytest.raises(OSError, match="not a regular file"):
            write_whole(Path(name), "text")
    assert Path("pipe").is_fifo() and sorted(os.listdir()) == ["link", "pipe"]


# --- nobody writes otherwise ----------------------------------------------------------------------

_WRITERS = ("to_csv", "to_parquet", "to_json", "to_markdown", "savefig", "save", "dump", "savez")
_ALLOWED = {
    "files/whole.py",  # the one way
    "files/append.py",  # lines that are added
    "record/lock.py:keep_others_out",  # an empty file that is locked
    "cli/exit_status.py:_open_missing_streams",  # the null device
    "cli/exit_status.py:_forget",
    "cli/compare.py:call",  # Comparison.save
    "workers/processes.py:_call",  # messages between processes, in a temporary folder
    "workers/processes.py:_execute",
    "workers/work.py:_scratch",  # whether such a folder can be written to
    "adapters/download.py:_unpack",  # into a folder that is renamed when it is whole
}


def _writes(tree):
    """Yield (function, line) of every call that may write a file by its path."""
    for function in [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]:
        for node in ast.walk(function):
            if not isinstance(node, ast.Call):
                continue
            attribute = isinstance(node.func, ast.Attribute)
            called = node.func.attr if attribute else ""
            called = node.func.id if isinstance(node.func, ast.Name) else called
            first = node.args[0] if node.args else None
            if (
                called in ("write_text", "write_bytes", "touch")
                or (called == "open" and _mode(node) - set("rbt"))
                or (attribute and called in _WRITERS and not _is_no_path(called, node, first))
            ):
                yield function.name, node.lineno


def _mode(node):
    """Return the letters of the mode of an open; all of ``os.open`` and unknown ones count."""
    attribute = isinstance(node.func, ast.Attribute)
    if attribute and ast.unparse(node.func.value) == "os":
        return set("w")
    given = [k.value for k in node.keywords if k.arg == "mode"] + node.args[1 - attribute :]
    if not given:
        return set("r")
    if isinstance(given[0], ast.Constant):
        return set(given[0].value)
    return set("r" if attribute else "w")  # RunFolder.open takes other things than a mode


def _is_no_path(called, node, first):
    """Whether a writer returns text, or is given the open file of ``write_whole`` or a buffer."""
    if called == "to_markdown" or (called in ("to_csv", "to_json") and first is None):
        return True
    if called == "dump" and len(node.args) == 1 and all(k.arg != "stream" for k in node.keywords):
        return True
    where = node.args[1] if called == "save" and len(node.args) > 1 else first
    return isinstance(where, ast.Name) and where.id in ("file", "svg", "png")


def test_no_module_writes_files_otherwise():
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        for function, line in _writes(ast.parse(path.read_text(encoding="utf-8"))):
            if name not in _ALLOWED and f"{name}:{function}" not in _ALLOWED:
                found.append(f"{name}:{line} in {function}")
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "Path(p).write_text('x')",
        "open(p, 'w')",
        "open(p, mode='ab')",
        "p.open('x')",
        "frame.to_csv(p, index=False)",
        "frame.to_parquet(folder / 'x')",
        "figure.savefig(p)",
        "torch.save(state, path)",
        "np.save(p, values)",
    ],
)
def test_the_check_sees(line):
    assert list(_writes(ast.parse(f"def f():\n {line}")))
    assert not list(_writes(ast.parse("def f():\n x.to_csv(index=False); open(p); open(p, 'rb')")))
