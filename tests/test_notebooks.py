"""The notebooks of examples/ run as they stand, without Jupyter, and hold no outputs."""

import ast
import json
import re

import matplotlib
import matplotlib.pyplot as plt
import pytest

from recbole_groupmix.evaluation.report import GroupReport
from recbole_groupmix.run import RunResult

NOTEBOOKS = ("which_groups_help", "which_countries_help")


def notebook(repository, name):
    return json.loads((repository / "examples" / f"{name}.ipynb").read_text(encoding="utf-8"))


def run(book):
    """Run all cells in one namespace, as a kernel does; return it and what cells end with."""
    scope, shown = {"__name__": "__main__"}, []
    for cell in book["cells"]:
        if cell["cell_type"] != "code":
            continue
        source = "".join(cell["source"])
        tree = ast.parse(source)
        ends_with_value = isinstance(tree.body[-1], ast.Expr) and not source.endswith(";")
        last = tree.body.pop() if ends_with_value else None
        exec(compile(tree, cell["id"], "exec"), scope)
        if last is not None:
            shown.append(eval(compile(ast.Expression(last.value), cell["id"], "eval"), scope))
    return scope, [value for value in shown if value is not None]


@pytest.fixture
def figures():
    """Figures are drawn to no screen, and closed at the end."""
    backend = matplotlib.get_backend()
    matplotlib.use("Agg")
    plt.close("all")
    yield lambda: [plt.figure(number) for number in plt.get_fignums()]
    plt.close("all")
    matplotlib.use(backend)


def changes(figure):
    """The points of a figure of changes by the label of their row, in %."""
    (axes,) = figure.axes
    points = axes.containers[0].lines[0].get_xdata()
    return dict(zip([label.get_text() for label in axes.get_yticklabels()], points, strict=True))


def test_every_notebook_is_run(repository):
    assert {file.stem for file in (repository / "examples").glob("*.ipynb")} == set(NOTEBOOKS)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_valid_and_holds_no_outputs(repository, name):
    """What the schema of nbformat 4.5 asks of cells of text and of code."""
    book = notebook(repository, name)
    assert set(book) == {"cells", "metadata", "nbformat", "nbformat_minor"}
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    assert book["metadata"]["kernelspec"]["name"] == "python3"
    ids = [cell["id"] for cell in book["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in book["cells"]:
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", cell["id"])
        assert cell["metadata"] == {}
        assert all(isinstance(line, str) for line in cell["source"])
        assert all(line.endswith("\n") for line in cell["source"][:-1])
        of_code = {"execution_count", "outputs"} if cell["cell_type"] == "code" else set()
        assert cell["cell_type"] in ("code", "markdown")
        assert set(cell) == {"id", "cell_type", "metadata", "source"} | of_code
        if of_code:
            assert cell["outputs"] == [] and cell["execution_count"] is None
    assert book["cells"][0]["source"][0].startswith("# Which ")


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_links_of_a_notebook_exist(repository, name):
    text = "\n".join("".join(cell["source"]) for cell in notebook(repository, name)["cells"])
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert links and all((repository / "examples" / link).is_file() for link in links)


def test_which_groups_help(repository, figures, capsys):
    scope, shown = run(notebook(repository, "which_groups_help"))
    assert [type(value) for value in shown] == [RunResult, GroupReport]
    assert all("<table>" in value._repr_html_() for value in shown)
    assert "run folder" in capsys.readouterr().out
    by_mix, left_out, trained, _ = figures()
    assert {"stratified", "no_augmentation"} <= set(changes(by_mix)) & set(changes(trained))
    # what the text says of the search
    assert "data_mix" not in scope["result"]["mixes"]
    waves = scope["result"]["search"]["waves"]
    assert waves["ended"] == "gain" and waves["recommended"] == "proportional"
    others = [f"without {age}" for group, age in scope["AGES"].items() if group != scope["TARGET"]]
    assert set(others) <= set(changes(left_out))
    # what the text says of the figures: all other groups together are missed, no single one is
    key = scope["left_out"]["valid_metric"]
    ends = {row: by[key]["ci_high"] for row, by in scope["left_out"]["change"].items()}
    assert ends["no_augmentation"] < 0
    assert min(end for row, end in ends.items() if row.startswith("without_")) > 0
    assert scope["report"].groups == list(scope["AGES"])


def test_which_countries_help(repository, figures):
    scope, shown = run(notebook(repository, "which_countries_help"))
    assert [type(value) for value in shown] == [RunResult, GroupReport]
    by_mix, left_out, _ = figures()
    # what the text says of the figures, and what the made-up markets are
    assert changes(by_mix)["no_augmentation"] < -10
    assert {f"without_{market}" for market in ("sg", "jp", "de", "us")} <= set(changes(left_out))
    key = scope["left_out"]["valid_metric"]
    ends = {row: by[key]["ci_high"] for row, by in scope["left_out"]["change"].items()}
    assert max(ends["without_sg"], ends["without_jp"]) < 0
    assert min(ends["without_de"], ends["without_us"]) > 0
    assert scope["report"].groups == sorted(scope["SHOPPERS"])


def test_a_mix_without_a_group_leaves_all_other_users_as_they_are(repository, tmp_path):
    """By hand: of 10 B, 30 C and 60 D, without C, a user of B weighs alpha alpha_aug 100 / 10 = 1."""
    sizes = {"B": 10, "C": 30, "D": 60}
    mixes = {"proportional": {"alpha": {group: n / 100 for group, n in sizes.items()}}}
    for name in NOTEBOOKS:
        source = "".join(
            "".join(cell["source"]) + "\n"
            for cell in notebook(repository, name)["cells"]
            if "def without_each" in "".join(cell["source"])
        )
        scope = {}
        tree = ast.parse(source)
        tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        exec("import json\nfrom recbole_groupmix import Mix", scope)
        exec(compile(tree, name, "exec"), scope)
        files = scope["without_each"]({"mixes": mixes}, tmp_path / name)
        mix = json.loads((tmp_path / name / "without_C.yaml").read_text())
        assert len(files) == 3
        weights = {g: mix["alpha"][g] * mix["alpha_aug"] * 100 / n for g, n in sizes.items()}
        assert weights == pytest.approx({"B": 1, "C": 0, "D": 1})
