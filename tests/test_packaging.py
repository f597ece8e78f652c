"""What an installed copy holds, and what importing it costs."""

import ast
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import recbole_groupmix
from recbole_groupmix.bundled import bundled

# Data sets that a developer may have on disk and nobody may redistribute.
LICENSED = [
    "dataset_atomic/ml-1m/ml-1m.inter",
    "dataset_atomic/ml-1m/ml-1m.user",
    "dataset_atomic/ml-100k/ml-100k.inter",
    "dataset_atomic/lastfm-asia/lastfm_asia_features.json",
    "dataset_atomic/.ml-1m.0123abcd.partial/ml-1m.inter",
]


def _python(code, **options):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, **options
    )
    return done.stdout.strip()


def test_the_version_is_the_same_everywhere(repository):
    changelog = (repository / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## \[(\d[^\]]*)\]", changelog, flags=re.MULTILINE)
    assert released[0] == recbole_groupmix.__version__
    try:
        installed = metadata.version("recbole-groupmix")
    except metadata.PackageNotFoundError:
        pytest.skip("runs from a checkout that is not installed")
    assert installed == recbole_groupmix.__version__


def test_importing_the_package_loads_neither_torch_nor_recbole():
    heavy = {"torch", "recbole", "numpy", "pandas", "scipy"}
    code = f"import sys, recbole_groupmix; print(sorted({heavy!r} & set(sys.modules)))"
    assert _python(code) == "[]"


@pytest.mark.parametrize("name", recbole_groupmix.__all__)
def test_every_public_name_is_there(name):
    assert name in dir(recbole_groupmix)
    if name != "__version__":
        value = getattr(recbole_groupmix, name)
        assert value.__name__ == name
        assert value.__module__.startswith("recbole_groupmix.")


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Groop'"):
        recbole_groupmix.Groop  # noqa: B018


def test_type_checkers_are_told_of_the_same_names():
    tree = ast.parse(Path(recbole_groupmix.__file__).read_text(encoding="utf-8"))
    block = next(n for n in tree.body if isinstance(n, ast.If))
    told = {
        alias.name: node.module.removeprefix("recbole_groupmix.")
        for node in block.body
        for alias in node.names
    }
    assert told == recbole_groupmix._HOME
    assert sorted([*told, "__version__"]) == sorted(recbole_groupmix.__all__)


def test_bundled_finds_the_folders_of_a_checkout(repository):
    assert bundled("properties") == repository / "properties"
    assert bundled("dataset_atomic/blockmix/blockmix.inter").is_file()


def test_bundled_says_what_it_looked_for(repository):
    with pytest.raises(FileNotFoundError, match=r"properties/papre\.yaml' does not ship") as error:
        bundled("properties/papre.yaml")
    assert str(repository) in str(error.value)


def _build(tree, out):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(out)],
        cwd=tree,
        check=True,
        capture_output=True,
    )
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
    return wheel, sdist


@pytest.fixture(scope="module", params=["with .gitignore", "without .gitignore"])
def archives(request, repository, tmp_path_factory):
    """A wheel and an sdist of a checkout that also holds licensed data."""
    pytest.importorskip("hatchling")
    tree = tmp_path_factory.mktemp("tree")
    for name in ("recbole_groupmix", "properties", "dataset_atomic/blockmix", "constraints"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(repository / name, tree / name, ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "run_groupmix.py"):
        shutil.copy(repository / name, tree)
    (tree / "docs").mkdir()
    for name in ("published.csv", "decisions.md"):
        shutil.copy(repository / "docs" / name, tree / "docs")
    if request.param == "with .gitignore":
        shutil.copy(repository / ".gitignore", tree)
    for name in [*LICENSED, "dataset_atomic/ml-1m/SOURCE.md", "runs/a/result.json"]:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("not ours to give away")
    return tree, *_build(tree, tmp_path_factory.mktemp("dist"))


def test_the_wheel_holds_code_settings_and_blockmix_only(archives):
    tree, wheel, _ = archives
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    info = f"recbole_groupmix-{recbole_groupmix.__version__}.dist-info/"
    expected = [path for path in (tree / "recbole_groupmix").rglob("*.py") if path.is_file()]
    expected = [path.relative_to(tree).as_posix() for path in expected]
    templates = (tree / "recbole_groupmix/report/templates").iterdir()
    expected += ["recbole_groupmix/py.typed"]
    expected += [path.relative_to(tree).as_posix() for path in templates]
    shipped = [
        p for top in ("properties", "dataset_atomic/blockmix") for p in tree.glob(f"{top}/**/*")
    ]
    shipped += [tree / "dataset_atomic/ml-1m/SOURCE.md", tree / "docs/published.csv"]
    expected += [
        f"recbole_groupmix/_bundled/{path.relative_to(tree).as_posix()}"
        for path in shipped
        if path.is_file()
    ]
    assert sorted(n for n in names if not n.startswith(info)) == sorted(expected)
    assert f"{info}licenses/LICENSE" in names


def test_the_sdist_holds_no_licensed_data(archives):
    _, _, sdist = archives
    with tarfile.open(sdist) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    data = [name for name in names if name.startswith("dataset_atomic/")]
    assert "dataset_atomic/blockmix/blockmix.inter" in data
    assert [n for n in data if "/blockmix/" not in n] == ["dataset_atomic/ml-1m/SOURCE.md"]
    expected = {"pyproject.toml", "README.md", "constraints/default.txt", "docs/published.csv"}
    assert expected <= set(names)
    assert not [name for name in names if name.startswith("runs")]


def test_a_second_build_elsewhere_and_later_is_the_same_to_the_byte(archives, tmp_path):
    tree, *first = archives
    copy = tmp_path / "copy"
    shutil.copytree(tree, copy, copy_function=shutil.copyfile)  # with other times
    (copy / "README.md").chmod(0o600)
    again = _build(copy, tmp_path / "dist")
    assert [file.read_bytes() for file in again] == [file.read_bytes() for file in first]


def test_a_wheel_finds_its_own_files_from_any_folder(archives, tmp_path):
    _, wheel, _ = archives
    site = tmp_path / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (site / "properties").mkdir()
    (site / "properties" / "other.yaml").touch()  # of some other package
    code = (
        "from recbole_groupmix.bundled import bundled\n"
        "print(bundled('properties'))\n"
        "print(bundled('dataset_atomic/blockmix/blockmix.inter'))\n"
        "print(bundled('docs/published.csv'))\n"
        "try: bundled('properties/other.yaml')\n"
        "except FileNotFoundError as error: print('install recbole-groupmix again' in str(error))"
    )
    found = _python(code, cwd=tmp_path, env={"PYTHONPATH": str(site)}).splitlines()
    inside = site / "recbole_groupmix" / "_bundled"
    assert found == [
        str(inside / "properties"),
        str(inside / "dataset_atomic/blockmix/blockmix.inter"),
        str(inside / "docs/published.csv"),
        "True",
    ]


@pytest.mark.parametrize(
    ("stack", "python"), [("default", "3.10"), ("default", "3.11"), ("modern", "3.12")]
)
def test_every_direct_dependency_is_pinned_within_its_bounds(stack, python, repository):
    tomllib = pytest.importorskip("tomllib", reason="reads pyproject.toml; part of Python 3.11")
    requirements = pytest.importorskip("packaging.requirements")
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = project["dependencies"] + extras["test"]
    if stack == "default":
        wanted += [line for line in extras["dev"] if "recbole-groupmix" not in line]
        wanted += extras["dask"] + extras["optuna"] + extras["docs"]
    environment = {"python_version": python}

    def read(lines):
        bounds = {}
        for requirement in map(requirements.Requirement, lines):
            if requirement.marker is None or requirement.marker.evaluate(environment):
                name = requirement.name.lower()
                own = requirement.specifier
                bounds[name] = bounds[name] & own if name in bounds else own
        return bounds

    text = (repository / "constraints" / f"{stack}.txt").read_text().splitlines()
    pins = read(line for line in text if line and not line.startswith("#"))
    wanted = read(wanted)
    assert sorted(pins) == sorted(wanted)
    for name, bounds in wanted.items():
        (pin,) = pins[name]
        assert pin.operator == "=="
        assert bounds.contains(pin.version), name
