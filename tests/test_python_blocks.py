"""The Python of README and of the how-to pages runs as it stands, on a small data set.

That of docs/evaluator.md: ``test_docs.py``. The blocks of docs/api.md are written from the code: signatures,
and the example of `GroupEvaluator`, which stands in docs/how_to/own_script.md, too.
"""

import ast
import doctest
import importlib
import re
from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
import yaml
from blocks import PAGES, REPOSITORY, blocks_of, name_of
from command import SMALL_RUN, call
from helpers import groups_of_users, interactions
from recbole.trainer import Trainer
from recbole_project import project

import recbole_groupmix
from recbole_groupmix import Mix, run_groupmix
from recbole_groupmix.adapters.compat import recbole_compat

WITH_PYTHON = [p for p in PAGES if p.name != "api.md" and blocks_of(p, "python")]
WITH_EXAMPLE = [
    file
    for file in sorted(REPOSITORY.glob("recbole_groupmix/**/*.py"))
    if ">>> " in file.read_text(encoding="utf-8") and file.name != "evaluator.py"
]
WITH_SMALL = (r"config_dict=\{[^}]*\}", "config_dict=small")
#: What the pages name -> what stands for it here.
HERE = {
    r'dataset="[\w-]+"': 'dataset="tiny"',
    r'target="\w+"': 'target="A"',
    WITH_SMALL[0]: WITH_SMALL[1],
    r'"(?:age_group|gender)"': '"group"',
    r'"RUN_FOLDER(/?)': r'f"{run_folder}\1',
    r'(open\(|Path\()"RUN_FOLDER': r'\1f"{run_folder}',
}


@pytest.fixture
def scope(tmp_path):
    """What a RecBole script has made, and the folder of a finished run."""
    config, loaders, model = project(tmp_path)
    train_data, valid_data, test_data = loaders
    small = {**SMALL_RUN, "topk": [5, 10], "data_path": str(tmp_path), "show_progress": False}
    done = run_groupmix("BPR", "tiny", "A", config_dict=small)
    return {
        **{"config": config, "model": model, "other_model": deepcopy(model), "Trainer": Trainer},
        **{"train_data": train_data, "valid_data": valid_data, "test_data": test_data},
        **{"small": small, "run_folder": done["run_folder"]},
    }


def run(page, scope):
    """Run the Python of a page in a scope; return how many blocks that were."""
    blocks = blocks_of(page, "python")
    for block in blocks:
        for there, here in HERE.items():
            block = re.sub(there, here, block)
        with recbole_compat():  # stands for RecBole's Config, which gives numpy its old names back
            exec(compile(block, page, "exec"), scope)
    return len(blocks)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("page", ["README.md", "docs/how_to/own_script.md"])
def test_the_scripts_of_a_page_run(page, scope, capsys):
    assert run(page, scope) > 0
    weights = scope.get("weights")
    if (
        weights is not None
    ):  # Eq. 8: in all, the target's users and the budget's share of the others
        n_users = len(scope["train_data"]._dataset.field2id_token["user_id"]) - 1
        sizes = dict(zip(*np.unique(groups_of_users(), return_counts=True), strict=True))
        others = scope["mix"].alpha_aug * (n_users - sizes["A"])
        assert weights.sum() == pytest.approx(sizes["A"] + others)
    assert "recall@5" in capsys.readouterr().out


def test_own_tables_become_a_data_set(capsys):
    """A table of orders and one of customers, by the how-to to the first run and its groups."""
    users, items = interactions()
    dates = [f"2025-03-{1 + n % 28:02}" for n in range(len(users))]
    orders = {"customer": users, "product": items, "date": dates}
    pd.DataFrame(orders).to_csv("orders.csv", index=False)
    groups = pd.Series(groups_of_users()).map({"A": "FR", "B": "DE", "C": "007"})
    customers = {"customer": np.arange(1, len(groups) + 1), "country": groups}
    pd.DataFrame(customers).to_csv("customers.csv", index=False)
    assert run("docs/how_to/own_data.md", {}) == 1
    first_row = pd.read_csv("dataset/mine/mine.inter", sep="\t").iloc[0]
    assert first_row["timestamp:float"] == 1_740_787_200  # 2025-03-01, by `date -u -d ... +%s`
    first, check, search = (
        line.partition("#")[0].split()[1:]
        for line in blocks_of("docs/how_to/own_data.md", "bash")[0].splitlines()
    )
    status, _, err = call(*first)
    assert status == 2 and all(f"{name} (" in err for name in ("FR", "DE", "007")), err
    assert call(*check, "--relabellings=19", "--influence=false")[0] == 0
    small = {k: v for k, v in SMALL_RUN.items() if k not in ("group_field", "target")}
    status, out, err = call(*search, *(f"--{key}={value}" for key, value in small.items()))
    assert status == 0, err
    assert "target FR of country" in out and "Answer: " in out


def test_a_knowledge_graph_is_made_of_the_columns_of_items():
    assert call("prepare", "ml-100k")[0] == 0
    assert run("docs/models.md", {}) == 1
    triples = pd.read_csv("data/ml-100k/ml-100k.kg", sep="\t", dtype=str)
    links = pd.read_csv("data/ml-100k/ml-100k.link", sep="\t", dtype=str)
    assert set(triples["head_id:token"]) <= set(links["entity_id:token"])
    classes = pd.read_csv("data/ml-100k/ml-100k.item", sep="\t", dtype=str)["class:token_seq"]
    relations = triples["relation_id:token"].value_counts()
    assert relations["class"] == classes.fillna("").str.split().str.len().sum()


@pytest.mark.filterwarnings("ignore")
def test_the_script_of_tall_runs(capsys):
    block = blocks_of("docs/studies/tall.md", "python")[0]
    small = {"n_experts": 2, "mlp_hidden_size": [16], "latent_dimension": 4, "epochs": 1}
    scope = {"small": {**small, "eval_batch_size": 400_000, "show_progress": False}}
    with recbole_compat():
        exec(compile(re.sub(*WITH_SMALL, block), "docs/studies/tall.md", "exec"), scope)
    assert scope["model"].n_experts == 2
    assert "recall@10" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore")
def test_the_script_of_personas_runs(capsys):
    block = blocks_of("docs/studies/personas.md", "python")[0]
    small = {"n_personas": 2, "embedding_size": 4, "train_batch_size": 100_000, "epochs": 1}
    scope = {"small": {**small, "eval_batch_size": 400_000, "show_progress": False}}
    with recbole_compat():
        exec(compile(re.sub(*WITH_SMALL, block), "docs/studies/personas.md", "exec"), scope)
    assert scope["persona"].shape == (10,) and set(scope["persona"].tolist()) <= {0, 1}


@pytest.mark.parametrize("file", WITH_EXAMPLE, ids=name_of)
def test_examples_in_docstrings_hold(file):
    name = ".".join(file.relative_to(REPOSITORY).with_suffix("").parts)
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted and not result.failed


@pytest.mark.parametrize("page", WITH_PYTHON, ids=name_of)
def test_names_of_the_package_exist(page):
    for block in blocks_of(page, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module == "recbole_groupmix":
                assert {name.name for name in node.names} <= set(recbole_groupmix.__all__)


@pytest.mark.parametrize("page", [p for p in PAGES if blocks_of(p, "yaml")], ids=name_of)
def test_yaml_can_be_read(page):
    for block in blocks_of(page, "yaml"):
        content = yaml.safe_load(block)
        if "alpha" in content:
            content.pop("name")
            assert sum(Mix.from_dict(content).alpha.values()) == pytest.approx(1)


def test_every_page_with_python_is_run_here_or_by_the_tutorial():
    here = {"README.md", "docs/how_to/own_script.md", "docs/how_to/own_data.md", "docs/models.md"}
    assert {name_of(page) for page in WITH_PYTHON} == here | {
        "docs/evaluator.md",
        "docs/studies/personas.md",
        "docs/studies/tall.md",
    }
