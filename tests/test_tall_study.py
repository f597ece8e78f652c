"""The study of TALL: it resumes, and its page has ours beside the published rows."""

import json

import numpy as np
import pytest
import tall
from helpers import write_tiny


def test_the_study_resumes_and_writes_its_page(tmp_path, capsys):
    write_tiny(tmp_path)
    options = ["--dataset=tiny", f"--data_path={tmp_path}", "--systems=uniform,TALL", "--experts=2",
               "--epochs=5", "--gap=1", "--rate=0.01", "--batch=16", f"--out={tmp_path / 'out'}"]  # fmt: skip
    tall.main([*options, "--seeds=1", "--cost"])
    assert not (tmp_path / "out").exists()
    tall.main([*options, "--seeds=1"])
    capsys.readouterr()
    tall.main([*options, "--seeds=2"])
    said = capsys.readouterr().out
    assert said.startswith("2 trainings, 2 are done")
    written = (tmp_path / "out" / "tiny.jsonl").read_text(encoding="utf-8").splitlines()
    lines = [json.loads(line) for line in written]
    assert [(line["system"], line["seed"]) for line in lines] == [
        ("uniform", 0), ("TALL", 0), ("uniform", 1), ("TALL", 1)
    ]  # fmt: skip
    page = (tmp_path / "out" / "tiny.md").read_text(encoding="utf-8")
    assert page in said
    ours = np.array([line["ndcg@20"] for line in lines if line["system"] == "uniform"])
    assert f"| uniform | {ours.mean():.4f} [" in page
    lowest = np.array(lines[0]["groups"]) == 0
    assert f"] | {ours[:, lowest].mean():.4f} [" in page
    assert "| published TALL, ML-1M | 0.3456 | 0.2746 |" in page
    assert "| TALL against uniform |" in page
    # another penalty of TALL's weights is another training of TALL and of nothing else
    capsys.readouterr()
    tall.main([*options, "--seeds=1", "--alpha=2", "--cost"])
    assert capsys.readouterr().out.startswith("1 trainings, 1 are done")


def test_what_the_study_does_not_know_is_refused():
    with pytest.raises(SystemExit, match="unknown: LFT; systems are MultVAE, WL"):
        tall.main(["--systems=LFT"])
    with pytest.raises(SystemExit, match="unknown: seed"):
        tall.main(["--seed=3"])
