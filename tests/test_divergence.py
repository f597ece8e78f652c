"""A mix whose training diverges is left out and named; the others are compared as usual."""

import json
from pathlib import Path
from unittest.mock import patch

import pytest

from recbole_groupmix import run_groupmix
from recbole_groupmix.record.result_table import result_table
from recbole_groupmix.settings import yaml_files

pytestmark = pytest.mark.filterwarnings("ignore:(overflow|invalid):RuntimeWarning")


def _run(folder, backend, **more):
    # a budget of 1e300, which a run would refuse, gives weights that are infinite in float32
    (folder / "wild.yaml").write_text("name: wild\nalpha: {B: 1, C: 0, D: 0}\nalpha_aug: 1e+300\n")
    given = {
        "mix": str(folder / "wild.yaml"),
        "trials": 1,
        "folds": 2,
        "repeats": 1,
        "epochs": 2,
        "eval_step": 1,
        "embedding_size": 4,
        "budget_curve": False,
        "backend": backend,
        "output_dir": str(folder),
        **more,
    }
    with patch.object(yaml_files, "MOST_BUDGET", 1e301):
        return run_groupmix(dataset="blockmix", target="A", config_dict=given)


@pytest.mark.parametrize("backend", ["cpu", "recbole"])
@pytest.mark.parametrize("early_stopping", [True, False])
def test_a_mix_that_diverges_is_named_and_left_out(tmp_path, backend, early_stopping):
    result = _run(tmp_path, backend, early_stopping=early_stopping)
    assert result["diverged"] == ["wild"]
    baselines = {"proportional", "stratified", "no_augmentation"}
    assert set(result["mixes"]) == {*baselines, "theory", "data_mix"}
    assert set(result["test"]) == set(result["rows"]) == {*result["mixes"], *result["rivals"]}
    assert result["search"]["cv"]["wild"] is None
    assert "Left out, since training diverged: wild" in result_table(result)
    lines = (Path(result["run_folder"]) / "trials.jsonl").read_text().splitlines()
    wild = [record for record in map(json.loads, lines) if record["name"] == "wild"]
    assert [record["score"] for record in wild] == [None, None]
    again = _run(tmp_path, backend, early_stopping=early_stopping)  # reads those lines
    assert again["diverged"] == ["wild"] and again["test"] == result["test"]


def test_one_that_diverges_on_all_of_train_only_is_left_out_too(tmp_path):
    # no trials and no early stopping: nothing is trained on folds
    result = _run(tmp_path, "cpu", trials=0, early_stopping=False)
    assert result["diverged"] == ["wild"] and "wild" not in result["mixes"]
