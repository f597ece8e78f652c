"""Which module may import which, and that importing one has no side effects."""

import ast
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "recbole_groupmix"

# The rooms from the ground up: which of those above it in this table a room may import, and which
# third-party packages (None: any). A room imports nothing that stands below it here.
LAYERS = {
    "bundled": ("", set()),
    # which model is trained how: tables
    "models": ("", set()),
    "files": ("", {"yaml"}),
    "core": ("", {"numpy", "scipy"}),
    "surface": ("core", {"numpy", "scipy"}),
    "text": ("", {"matplotlib"}),
    "settings": ("bundled core files text models", {"numpy", "yaml"}),
    "record": ("files core text", {"numpy", "pandas", "pyarrow", "yaml"}),
    "prepare": ("core files text", {"numpy", "pandas"}),
    "exchange": ("models core surface files record text", {"numpy", "pandas", "yaml", "optuna"}),
    "compare": ("core files record text", {"numpy", "scipy", "pandas", "pyarrow"}),
    # torch for the tensors of its GPU back end; never recbole: what a model means stays outside
    "engine": ("core", {"numpy", "scipy", "llvmlite", "numba", "threadpoolctl", "torch"}),
    "adapters": ("core engine files models", None),
    "evaluation": ("core adapters files text", None),
    # models by name, and ours for any RecBole script
    "recommenders": ("core models adapters files text", None),
    "experiment": ("bundled core models text prepare adapters recommenders settings", None),
    "rivals": ("core models text adapters settings experiment", {"numpy", "scipy"}),
    "mixes": ("core text record adapters settings experiment rivals", {"numpy", "scipy"}),
    "training": ("core models text engine adapters experiment rivals", None),
    "search": (
        "core models surface files text record exchange adapters settings experiment rivals mixes "
        "training",
        None,
    ),
    # the same training by other processes
    "workers": ("core text engine record settings experiment training search", None),
    "all_targets": ("core text record experiment mixes training search workers", None),
    "run": (
        "record text settings experiment mixes training search workers all_targets",
        None,
    ),
    "exact": (
        "core files text models engine adapters settings experiment rivals mixes training",
        None,
    ),
    "report": (
        "bundled core surface files text record",
        {"numpy", "scipy", "pandas", "matplotlib", "jinja2", "yaml"},
    ),
    "check": (
        "core files text record settings experiment mixes training exact",
        {"numpy", "scipy", "threadpoolctl", "matplotlib"},
    ),
    "reproduce": (
        "core files text models record prepare adapters evaluation recommenders settings experiment "
        "mixes training search run report check",
        {"numpy", "torch", "recbole"},
    ),
    "doctor": ("text engine experiment run", {"psutil", "threadpoolctl", "packaging", "torch"}),
    "cli": (
        "core files text record prepare exchange compare settings search all_targets run exact report check "
        "reproduce doctor",
        set(),
    ),
}
#: Lines of a module, and the share of the package's lines that a room has, at the most.
MOST_LINES, MOST_OF_PACKAGE = 300, 0.17
# recbole.quick_start imports ray, which modern Pythons cannot have, and hyperopt drives it
FORBIDDEN = ("recbole.quick_start", "ray", "hyperopt")

SOURCES = {
    path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", "."): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path != PACKAGE / "__init__.py"  # its names are loaded lazily, from all layers
}


def _imported(tree, module, is_package=False):
    """Full dotted names that a module imports, at any depth and under TYPE_CHECKING too."""
    package = module if is_package else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1]
            parts = [*(base if node.level else []), *([node.module] if node.module else [])]
            yield from (".".join([*parts, alias.name]) for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = _dotted(node.func).rpartition(".")[2]
            if called in ("import_module", "__import__", "patch") and node.args[0].value:
                yield str(node.args[0].value)


def _dotted(node):
    """``a.b.c`` for a name with attributes, else an empty string."""
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _violations(name, tree, is_package=False):
    """Return the imports of module ``name`` (within the package) that the table forbids."""
    layer = name.split(".")[0]
    allowed_layers, allowed_packages = set(LAYERS[layer][0].split()), LAYERS[layer][1]
    found = []
    for target in _imported(tree, f"recbole_groupmix.{name}", is_package):
        top, _, rest = target.partition(".")
        if top == "recbole_groupmix":
            below = rest.split(".")[0]
            if below != "__version__" and below not in allowed_layers | {layer}:
                found.append(target)
        elif any(f"{target}.".startswith(f"{bad}.") for bad in FORBIDDEN) or (
            allowed_packages is not None
            and top not in sys.stdlib_module_names
            and top not in allowed_packages
        ):
            found.append(target)
    return found


def _side_effects(tree):
    """Return the lines of module-level statements that do more than define a name.

    Such are bare calls, assignments to an attribute or an item, deletions, and calls anywhere at
    module level that set global state. A class or function of the module itself may be completed
    so (``Loader.add_constructor(...)``); the ``__main__`` block is left out.
    """
    own = {node.name for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
    lines = []
    pending = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and "__main__" in ast.unparse(node.test):
            continue
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            pending += [*node.decorator_list, *node.args.defaults]
            continue
        if isinstance(node, ast.Lambda):
            continue
        targets = node.targets if isinstance(node, (ast.Assign, ast.Delete)) else []
        if isinstance(node, (ast.AugAssign, ast.AnnAssign)):
            targets = [node.target]
        changed = [
            target for target in targets if isinstance(target, (ast.Attribute, ast.Subscript))
        ]
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            changed.append(node.value.func)
        if (
            isinstance(node, ast.Delete)
            or any(not _is_attribute_of(target, own) for target in changed)
            or (isinstance(node, ast.Call) and _sets_global_state(_dotted(node.func)))
        ):
            lines.append(node.lineno)
        pending += ast.iter_child_nodes(node)
    return sorted(set(lines))


def _is_attribute_of(node, names):
    return isinstance(node, ast.Attribute) and _dotted(node).split(".")[0] in names


def _sets_global_state(called):
    last = called.rpartition(".")[2]
    return last in ("basicConfig", "seed", "manual_seed", "chdir", "setLevel") or last.startswith(
        ("filterwarnings", "simplefilter", "set_")
    )


def test_no_room_stands_on_one_above_it():
    order = list(LAYERS)
    for place, (room, (below, _)) in enumerate(LAYERS.items()):
        assert set(below.split()) <= set(order[:place]), room


@pytest.mark.parametrize("name", SOURCES)
def test_imports_point_down(name):
    path = SOURCES[name]
    name = name.removesuffix(".__init__")
    assert name.split(".")[0] in LAYERS, (
        f"add {name.split('.')[0]} to LAYERS, with what it may use"
    )
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert _violations(name, tree, path.name == "__init__.py") == []


def _too_large(lines):
    """Return modules of too many lines, and rooms of too large a share, of lines by module."""
    rooms = Counter()
    for name, n in lines.items():
        rooms[name.split(".")[0]] += n
    most = MOST_OF_PACKAGE * rooms.total()
    return [
        *(name for name, n in lines.items() if n > MOST_LINES),
        *(room for room, n in rooms.items() if n > most),
    ]


def test_no_module_and_no_room_is_too_large():
    lines = {
        name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in SOURCES.items()
    }
    assert _too_large(lines) == []


def test_the_size_check_sees():
    fine = {f"{room}.{number}": 160 for room in LAYERS for number in range(3)}
    assert _too_large(fine) == []
    assert _too_large({**fine, "core.mix": 300}) == []
    assert _too_large({**fine, "core.mix": 301}) == ["core.mix"]
    assert _too_large({**fine, **{f"core.{letter}": 300 for letter in "abcdefgh"}}) == ["core"]


@pytest.mark.parametrize("name", ["__init__", *SOURCES])
def test_importing_only_defines(name):
    path = SOURCES.get(name, PACKAGE / "__init__.py")
    assert _side_effects(ast.parse(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("core.mix", "import torch", ["torch"]),
        ("core.mix", "def f():\n import pandas as pd", ["pandas"]),
        ("core.mix", "from ..adapters import groups", ["recbole_groupmix.adapters.groups"]),
        ("core.mix", "from . import split\nfrom .split import x\nimport numpy.typing", []),
        ("core.mix", "from recbole_groupmix import Groups", ["recbole_groupmix.Groups"]),
        ("core.mix", "from recbole_groupmix import __version__", []),
        ("prepare.ml_1m", "importlib.import_module('recbole.data')", ["recbole.data"]),
        ("prepare.ml_1m", "import recbole_groupmix.core.mix, pandas, zipfile", []),
        ("adapters.x", "import recbole_groupmix.prepare", ["recbole_groupmix.prepare"]),
        ("adapters.x", "from recbole import quick_start", ["recbole.quick_start"]),
        ("adapters.x", "from ray.tune import run\nimport raytracer", ["ray.tune.run"]),
        ("engine.x", "import torch\nfrom recbole.model import loss", ["recbole.model.loss"]),
        (
            "search.x",
            "from recbole_groupmix.cli.main import main",
            ["recbole_groupmix.cli.main.main"],
        ),
        ("cli.main", "from recbole_groupmix.run import run_groupmix", []),
    ],
)
def test_the_direction_check_sees(name, source, expected):
    assert _violations(name, ast.parse(source)) == expected


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("import logging\nlogging.basicConfig()", [2]),
        ("try:\n import x\nexcept ImportError:\n warnings.filterwarnings('ignore')", [4]),
        ("class A:\n np.random.seed(1)", [2]),
        ("np.float = float\nos.environ['A'] = '1'\ndel np.int", [1, 2, 3]),
        ("state = torch.manual_seed(3)", [1]),
        ("A: int = 1\nlog = logging.getLogger(__name__)\n'''text'''\ndef f():\n seed(1)", []),
        ("if __name__ == '__main__':\n logging.basicConfig()", []),
        ("class A(Base):\n x = 1\nA.register('x')\nA.y = 2\nBase.register('x')", [5]),
        ("def f():\n np.float = float\nf()", [3]),
    ],
)
def test_the_side_effect_check_sees(source, lines):
    assert _side_effects(ast.parse(source)) == lines


#: What rooms load without, the rooms with the least first: all load in one process, in this order.
ABSENT = {
    "models": {"torch", "recbole", "numpy", "pandas"},
    "files": {"torch", "recbole", "numpy", "pandas"},
    "core": {"torch", "recbole", "pandas"},
    "surface": {"torch", "recbole", "pandas"},
    "text": {"torch", "recbole", "pandas"},
    "settings": {"torch", "recbole", "pandas"},
    "prepare": {"torch", "recbole", "ray"},
    "compare": {"torch", "recbole", "ray"},
    "report": {"torch", "recbole", "ray"},
    "record": {"torch", "recbole", "ray"},
}
LOADED = """
import importlib, json, sys
for room, (modules, absent) in json.loads(sys.argv[1]).items():
    for name in modules:
        importlib.import_module(name)
    print(room, sorted(set(absent) & set(sys.modules)))
"""


def _loaded(absent):
    """Load rooms after each other in a process; return a line for each, and what went wrong."""
    of_room = {
        room: [
            f"recbole_groupmix.{name.removesuffix('.__init__')}"
            for name in SOURCES
            if name.split(".")[0] == room
        ]
        for room in absent
    }
    assert all(of_room.values())
    asked = json.dumps({room: (of_room[room], sorted(absent[room])) for room in absent})
    done = subprocess.run(
        [sys.executable, "-c", LOADED, asked], cwd=PACKAGE.parent, capture_output=True, text=True
    )
    return done.stdout.splitlines(), done.stderr


def test_pure_rooms_load_without_the_others():
    assert _loaded(ABSENT) == ([f"{room} []" for room in ABSENT], "")


def test_the_loading_check_sees():
    assert _loaded({"models": {"json"}, "core": {"numpy"}}) == (
        ["models ['json']", "core ['numpy']"],
        "",
    )
