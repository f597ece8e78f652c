"""Trial results reach TensorBoard and W&B when asked, and nothing is written when not."""

import json
import sys
import types

import pytest
from command import call, run_arguments, run_folder
from helpers import write_tiny


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_tiny(tmp_path_factory.mktemp("data"))


def _run(data, runs, *options):
    status, _, err = call(*run_arguments(data), f"--output_dir={runs}", *options)
    assert status == 0, err
    return run_folder(runs)


def _records(folder):
    return [json.loads(line) for line in (folder / "trials.jsonl").read_text().splitlines()]


def test_nothing_is_tracked_by_default(data, tmp_path):
    assert not (_run(data, tmp_path) / "tensorboard").exists()


def test_tensorboard_holds_the_scores_of_every_fold_the_mixes_and_the_test(data, tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    folder = _run(data, tmp_path, "--log_tensorboard=True")
    events = accumulator.EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    result = json.loads((folder / "result.json").read_text())
    names = list(result["search"]["cv"])  # in the order of the candidates
    for fold in (0, 1):
        scores = {r["name"]: r["score"] for r in _records(folder) if r["fold"] == fold}
        got = {e.step: e.value for e in events.Scalars(f"search/recall@10/fold_{fold}")}
        assert got == pytest.approx({n: scores[name] for n, name in enumerate(names)}, rel=1e-6)
    means = [e.value for e in events.Scalars("mixes/recall@10/mean")]
    assert means == pytest.approx([result["search"]["cv"][name] for name in names], rel=1e-6)
    budgets = [e.value for e in events.Scalars("mixes/alpha_aug")]
    firsts = {r["name"]: r["alpha_aug"] for r in _records(folder) if r["fold"] == 0}
    assert budgets == pytest.approx([firsts[name] for name in names], rel=1e-6)
    (test,) = events.Scalars("test/data_mix/recall@10")
    assert test.value == pytest.approx(result["test"]["data_mix"]["recall@10"], rel=1e-6)


class _Wandb(types.ModuleType):
    """Stands in for the package: keeps what it is given."""

    def __init__(self):
        super().__init__("wandb")
        self.run, self.logged, self.project = None, [], None
        self.__spec__ = types.SimpleNamespace(name="wandb")

    def init(self, project, config):
        self.project, self.run = project, types.SimpleNamespace(summary={})

    def define_metric(self, *args, **kwargs):
        """Accept axes."""

    def log(self, metrics, commit=True):
        self.logged.append(metrics)


def test_wandb_receives_them_through_recboles_logger(data, tmp_path, monkeypatch):
    wandb = _Wandb()
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    folder = _run(data, tmp_path, "--log_wandb=True", "--wandb_project=mixes")
    assert wandb.project == "mixes"
    scores = [m["search/recall@10/fold_1"] for m in wandb.logged if "search/recall@10/fold_1" in m]
    assert scores == [r["score"] for r in _records(folder) if r["fold"] == 1]
    result = json.loads((folder / "result.json").read_text())
    assert wandb.run.summary["test/data_mix/recall@10"] == result["test"]["data_mix"]["recall@10"]


def test_a_tracker_that_is_missing_is_named_before_anything_is_written(
    data, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "wandb", None)
    arguments = run_arguments(data, output_dir=tmp_path, log_wandb=True)
    status, _, err = call(*arguments)
    assert status == 2 and "pip install wandb" in err
    assert not list(tmp_path.iterdir())
