"""``load_run``: the selected model of a run, as it was, wherever it is asked for."""

from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from command import call, run_arguments, run_folder
from finished_runs import K, check_reproduced
from helpers import write_tiny

from recbole_groupmix import GroupEvaluator, load_run, load_test_data


def made(data_path, folder="runs", **options):
    status, _, err = call(*run_arguments(data_path, **options), f"--output_dir={folder}")
    assert status == 0, err
    return run_folder(folder)


@pytest.mark.smoke
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"backend": "recbole", "repeats": 2},
        {"model": "LightGCN"},
        {"backend": "recbole", "regularizer": "rows"},
    ],
)
def test_evaluation_gives_the_metrics_of_the_first_repeat(tiny, options):
    folder = made(tiny, trials=2, epochs=8, **options)
    config, _, dataset = load_run(folder)
    check_reproduced(folder, "data_mix", tiny)
    assert config["model"] == options.get("model", "BPR") and config["embedding_size"] == 4
    assert config["dataset"] == dataset.dataset_name == "tiny"


def test_without_trials_it_is_proportional(tiny):
    folder = made(tiny, trials=0, epochs=8)
    check_reproduced(folder, "proportional", tiny)


def test_it_follows_the_number_of_trials(tiny):
    """Also back to none, where nothing is left to train."""
    for trials, mix in ((2, "data_mix"), (0, "proportional"), (3, "data_mix")):
        folder = made(tiny, trials=trials)
        check_reproduced(folder, mix, tiny)


def test_from_another_folder_with_relative_paths(tmp_path, monkeypatch):
    write_tiny(Path("data"))
    folder = made("data").resolve()
    # neither ./data nor a ./dataset_atomic of other contents may mislead it
    (tmp_path / "other" / "dataset_atomic").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "other")
    check_reproduced(folder, "data_mix", tmp_path / "data")
    assert [path.name for path in Path.cwd().iterdir()] == ["dataset_atomic"]


def test_the_global_random_state_is_left_alone(tiny):
    folder = made(tiny, trials=0, epochs=1)
    torch.manual_seed(1)
    before = torch.rand(1)
    torch.manual_seed(1)
    load_run(folder)
    assert torch.rand(1) == before


def test_data_that_have_changed_are_refused():
    write_tiny(Path("data"))
    folder = made("data", trials=0, epochs=1)
    inter = Path("data/tiny/tiny.inter")
    inter.write_text("".join(inter.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(ValueError, match="other data: n_interactions was"):
        load_run(folder)


def test_data_that_have_gone_are_named():
    write_tiny(Path("data"))
    folder = made("data", trials=0, epochs=1)
    Path("data/tiny/tiny.inter").rename("away")
    with pytest.raises(ValueError, match=r"'tiny': no tiny\.inter in .*--data_path"):
        load_run(folder)


def test_data_that_have_moved_are_found_where_they_were_asked_for(tmp_path):
    """The folder that was recorded is gone, but the data_path of the command holds them."""
    write_tiny(Path("data"))
    folder = made("data", trials=0, epochs=8)
    file = folder / "model.yaml"
    saved = yaml.safe_load(file.read_text())
    assert saved["folder"] == str(tmp_path / "data" / "tiny")
    file.write_text(yaml.safe_dump({**saved, "folder": "/nowhere/tiny"}))
    check_reproduced(folder, "proportional", tmp_path / "data")


def test_a_folder_without_a_finished_run(tmp_path):
    with pytest.raises(ValueError, match=r"holds no finished run: there is no model\.yaml"):
        load_run(tmp_path)


@pytest.mark.contract
@pytest.mark.parametrize("backend", ["cpu", "torch", "recbole"])
def test_the_evaluator_gives_the_model_of_a_run_the_metrics_that_the_run_wrote(
    tiny, tmp_path, monkeypatch, backend
):
    # two implementations of the same metrics: ours on arrays, RecBole's on its loader
    monkeypatch.chdir(tmp_path)
    folder = made(tiny, model="LightGCN", backend=backend, repeats=1)
    config, model, _ = load_run(folder)
    evaluator = GroupEvaluator(
        config, load_test_data(folder), "group", metrics=["Recall", "NDCG", "MAP"], topk=[5, K]
    )
    report = evaluator.evaluate(model)
    frame = pd.read_parquet(folder / "metrics.parquet")
    frame = frame[frame["mix"] == "data_mix"]
    for name in ("recall@5", "ndcg@10", "map@10"):
        metric, k = name.split("@")
        rows = frame[(frame["metric"] == metric) & (frame["k"] == int(k))]
        written = rows.set_index("user_id")["value"]
        mine = report.per_user.set_index("user_id")[name]
        pd.testing.assert_series_equal(
            mine.loc[written.index], written, check_names=False, rtol=0, atol=1e-6
        )
        assert len(mine) == len(written)


class _Touches:
    """What a pickle may do to whoever opens it."""

    def __reduce__(self):
        return Path.touch, (Path("touched"),)


def test_a_checkpoint_of_somebody_else_runs_no_code(tiny, monkeypatch):
    folder = made(tiny, trials=0, early_stopping=False)
    saved = yaml.safe_load((folder / "model.yaml").read_text())
    torch.save({"state_dict": _Touches(), "other_parameter": None}, folder / saved["file"])
    as_before_2_6 = torch.load  # where `weights_only` was False unless asked for

    def load(file, map_location=None, *, weights_only=False, **options):
        return as_before_2_6(file, map_location, weights_only=weights_only, **options)

    monkeypatch.setattr(torch, "load", load)
    with pytest.raises(Exception, match=r"(?i)weights.only|unsupported|cannot be"):
        load_run(folder)
    assert not Path("touched").exists()
    torch.load(folder / saved["file"])
    assert Path("touched").exists()  # it was a pickle that does


def test_model_yaml_names_a_file_of_its_own_folder(tiny):
    folder = made(tiny, trials=0, early_stopping=False)
    saved = yaml.safe_load((folder / "model.yaml").read_text())
    (folder / saved["file"]).rename(folder.parent / "other.pth")
    (folder / "model.yaml").write_text(yaml.safe_dump({**saved, "file": "../other.pth"}))
    with pytest.raises(ValueError, match=r"model.yaml: .*'../other.pth' is not the plain name"):
        load_run(folder)
