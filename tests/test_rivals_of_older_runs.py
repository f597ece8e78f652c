"""A run folder in which ``fine_tuned`` was a baseline, without options, that is resumed today."""

import json

import pandas as pd
from command import call, run_arguments, run_folder

from recbole_groupmix.record.finished_run import read_folder

LENGTHS = (2, 4, 6)


def as_it_was(folder):
    """Add what an older version kept of ``fine_tuned``: the best scores of all, on both folds."""
    older = []
    for name in ("trials.jsonl", "curves.jsonl"):
        lines = [json.loads(line) for line in (folder / name).read_text().splitlines()]
        of_fold = {line["fold"]: line for line in lines if line["name"] == "no_augmentation"}
        of_fold = {fold: {**line, "name": "fine_tuned"} for fold, line in of_fold.items()}
        for line in of_fold.values():
            if "curve" in line:
                line["scores"] = [0.99] * len(line["scores"])
            else:
                line |= {"score": 0.99, "source": "fine_tuned"}
        with open(folder / name, "a") as file:
            file.writelines(json.dumps(line) + "\n" for line in of_fold.values())
        older += of_fold.values()
    assert len(older) == 4
    metrics = pd.read_parquet(next(folder.glob("repeats/proportional-*-0.parquet")))
    for length in LENGTHS:
        made = metrics.assign(mix="fine_tuned", value=0.5)
        made.to_parquet(folder / "repeats" / f"fine_tuned-{length}-0.parquet")
    (folder / "result.json").unlink()
    return older


def test_what_an_older_version_kept_of_a_baseline_is_no_rivals(tiny, tmp_path, undrawn):
    def ran(rivals):
        arguments = run_arguments(tiny, output_dir=tmp_path / "runs", rivals=rivals)
        status, _, err = call(*arguments)
        assert status == 0, err
        return run_folder(tmp_path / "runs")

    folder = ran("none")
    older = as_it_was(folder)
    assert ran("fine_tuned") == folder  # not a new one
    result = json.loads((folder / "result.json").read_text())
    found = result["rivals"]["fine_tuned"]
    assert found["tried"] == 3 and "learning_rate" in found["chosen"] and found["score"] < 0.9
    assert not found["changes_nothing"]
    assert set(result["test"]["fine_tuned"].values()) != {0.5}
    run = read_folder(folder)
    assert not [line for line in (*run.trials, *run.curves) if line in older]
    status, _, err = call("report", folder, f"--out={tmp_path / 'page'}")
    assert status == 0, err
