"""``groupmix doctor``: what it says of an installation, also of a broken one."""

import json
import os
import platform
import re
import sys
from importlib import metadata
from pathlib import Path

import pytest
from command import call, process

from recbole_groupmix import __version__, doctor
from recbole_groupmix.doctor import Fact, examine, to_text


@pytest.fixture(scope="module")
def facts():
    return examine()


def of(facts, about):
    return {fact.name: fact for fact in facts if fact.about == about}


def test_versions_are_those_that_are_loaded(facts):
    packages = of(facts, "packages")
    assert packages["groupmix"].value == __version__
    assert packages["python"].value.startswith(platform.python_version())
    for name in ("torch", "numpy", "scipy", "pandas", "numba", "llvmlite", "pyarrow"):
        assert packages[name].value == sys.modules[name].__version__
    assert packages["recbole"].value == "1.2.1" and "matplotlib" in packages
    assert of(facts, "imports")["all of these"].value == "can be imported"


def test_the_machine_the_threads_and_the_folders_are_there(facts):
    assert {"platform", "CPU", "cores", "memory"} <= set(of(facts, "machine"))
    threads = of(facts, "threads")
    assert threads["torch"].value == str(sys.modules["torch"].get_num_threads())
    assert threads["numba"].value == str(sys.modules["numba"].config.NUMBA_NUM_THREADS)
    assert threads["blas"].value[0].isdecimal()
    assert of(facts, "CUDA")["torch is built for"].value
    kept = of(facts, "compiled code")["cache"]
    assert kept.problem or Path(kept.value).expanduser().is_dir()
    assert "blockmix" in [
        name for fact in of(facts, "data sets").values() for name in fact.value.split(", ")
    ]


def test_a_version_outside_the_range_and_a_missing_package_are_marked(monkeypatch):
    real = metadata.version

    def version(name):
        if name == "psutil":
            raise metadata.PackageNotFoundError(name)
        return {"numpy": "9.9", "jinja2": "1.0"}.get(name) or real(name)

    required = ["numpy>=1.24,<2", "psutil>=5.9", "jinja2>=3.1", "tqdm>=1; extra == 'dev'"]
    required += ["pyarrow>=16.1", "pyarrow<26", "colorlog>=99; python_version < '3'"]
    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr(metadata, "requires", lambda name: required)
    packages = {name: problem for name, _, problem in map(_filled, doctor._packages())}
    assert packages["numpy"] == "outside <2,>=1.24"
    assert packages["psutil"] == "needed is psutil>=5.9"
    assert packages["jinja2"] == "outside >=3.1"  # shown since something is wrong with it
    assert packages["scipy"] == packages["pyarrow"] == ""
    assert not {"tqdm", "colorlog"} & set(packages)


def _filled(given):
    return (*given, "", "")[:3]


def test_without_an_installed_package_the_versions_are_still_shown(monkeypatch):
    def requires(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", requires)
    packages = {name: problem for name, _, problem in map(_filled, doctor._packages())}
    assert "recbole-groupmix" in packages["supported versions"]
    assert packages["torch"] == "" and "numpy" in packages


def test_a_section_that_fails_is_a_problem_and_stops_no_other(monkeypatch):
    def broken():
        yield "first", "x"
        raise RuntimeError("no\nluck")

    monkeypatch.setattr(doctor, "_machine", broken)
    monkeypatch.setattr(doctor, "_imports", lambda: iter(()))
    facts = examine()
    assert of(facts, "machine") == {
        "first": Fact("machine", "first", "x"),
        "the rest": Fact("machine", "the rest", "cannot be examined", "RuntimeError: no luck"),
    }
    assert of(facts, "threads") and of(facts, "data sets")


def test_the_home_folder_is_a_tilde(monkeypatch):
    home = os.sep + os.path.join("home", "somebody")
    monkeypatch.setenv("HOME", home)
    for text, shown in (
        (f"{home}/x: {home}", "~/x: ~"),
        (f"{home}else/x", f"{home}else/x"),
        ("/x", "/x"),
    ):
        assert doctor._without_home(text) == shown
    monkeypatch.setenv("HOME", "/")
    assert doctor._without_home("/x") == "/x"
    monkeypatch.setenv("HOME", home)
    monkeypatch.setenv("NUMBA_CACHE_DIR", f"{home}/cache")
    monkeypatch.setenv("SOME_TOKEN", "secret")
    text = to_text(examine())
    assert "NUMBA_CACHE_DIR" in text and "~/cache" in text
    assert home not in text and "secret" not in text


def test_the_text_marks_problems_and_counts_them():
    facts = [Fact("a", "x", "1"), Fact("a", "long name", "2", "bad"), Fact("b", "y", "3")]
    assert to_text(facts).splitlines() == [
        "a",
        "  x          1",
        "! long name  2  <- bad",
        "",
        "b",
        "  y          3",
        "",
        "1 problem",
    ]


def test_the_command_prints_text_or_json(monkeypatch, facts):
    monkeypatch.setattr(doctor, "examine", lambda: facts)
    status, out, err = call("doctor")
    problems = [fact for fact in facts if fact.problem]
    assert (status, err) == (int(bool(problems)), "")
    assert out.startswith("packages\n  python ") and out.endswith(
        f"\n{len(problems)} problem{'s' * (len(problems) != 1)}\n"
    )
    status, out, _ = call("doctor", "--json")
    assert [Fact(**fact) for fact in json.loads(out)] == facts
    monkeypatch.setattr(doctor, "examine", lambda: [*facts, Fact("a", "b", "c", "bad")])
    assert call("doctor")[0] == 1


def test_it_works_where_nothing_can_be_imported(tmp_path):
    """In a process of its own, in which no third-party package can be imported at all."""
    code = """
import sys
for name in ("torch", "recbole", "numpy", "scipy", "pandas", "numba", "llvmlite", "pyarrow",
             "matplotlib", "yaml", "psutil", "threadpoolctl", "packaging", "tqdm"):
    sys.modules[name] = None
from recbole_groupmix.cli.main import main
sys.exit(main(["doctor"]))
"""
    done = process(cwd=tmp_path, code=code)
    assert (done.returncode, done.stderr) == (1, "")
    text = done.stdout
    assert re.search(r"^  torch +\d", text, re.MULTILINE)  # versions come from the metadata
    assert re.search(r"^! torch +cannot be imported  <- ModuleNotFoundError", text, re.MULTILINE)
    assert re.search(r"^  CPU +\S", text, re.MULTILINE)
    assert re.search(r"^! the rest +cannot be examined", text, re.MULTILINE)
    assert text.endswith(" problems\n")
