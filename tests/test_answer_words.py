"""What a result says first, and how its tables are written."""

import json
from pathlib import Path

import pytest
from command import call, run_folder

from recbole_groupmix import __version__
from recbole_groupmix.core.better_rows import better_rows, still_possible
from recbole_groupmix.exact.influence import _percent
from recbole_groupmix.record.phrases import change_text
from recbole_groupmix.record.result_table import WIDEST, result_table
from recbole_groupmix.record.rows import advice

KEY = "recall@10"


def change(mean, low, high, p_holm):
    return {"mean": mean, "ci_low": low, "ci_high": high, "p": p_holm, "p_holm": p_holm}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    place = tmp_path_factory.mktemp("answer")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        keys = {"dataset": "blockmix", "target": "A", "embedding_size": 4, "trials": 3, "folds": 2}
        keys |= {"repeats": 1, "epochs": 4, "eval_step": 2, "topk": "[5,10]"}
        status, _, err = call("run", *(f"--{key}={value}" for key, value in keys.items()))
        assert status == 0, err
        return (place / run_folder()).resolve()


def test_fine_tuned_is_no_candidate(undrawn, made, tmp_path):
    status, out, err = call("report", made, f"--out={tmp_path / 'page'}")
    assert status == 0, err
    page = Path(out.strip()).read_text()
    # three trials and theory's mix
    assert " of 4 candidates scored above proportional" in page
    assert "The 4 best searched mixes" in page
    data = (tmp_path / "page" / "figures" / "search.csv").read_text()
    assert "fine_tuned" not in data and "theory" in data
    assert "fine_tuned" not in (tmp_path / "page" / "figures" / "mixes.csv").read_text()


def test_the_answer_is_the_best_row_that_stands_out():
    rows = {
        "data_mix": change(0.01, -0.1, 0.1, 0.9),
        "theory": change(0.10, 0.02, 0.2, 0.01),
        "fine_tuned": change(0.17, 0.05, 0.3, 0.01),
        "mine": change(0.30, 0.01, 0.6, 0.06),
        "stratified": change(None, None, None, None),
    }
    assert better_rows(rows, 0.05) == ["fine_tuned", "theory"]
    assert advice({}, "mine") == "train with the mix mine"


@pytest.mark.parametrize("better", [(), ("fine_tuned",), ("theory", "data_mix")])
def test_table_and_page_lead_with_what_to_do(undrawn, made, tmp_path, better):
    import shutil

    folder = tmp_path / made.name
    shutil.copytree(made, folder)
    result = json.loads((folder / "result.json").read_text())
    for row, by_key in result["change"].items():
        starred = row in better
        for key in by_key:
            gain = 0.2 + 0.1 * (row == "theory") if starred else -0.02
            by_key[key] = change(gain, gain - 0.05, gain + 0.05, 0.001 if starred else 0.6)
    result["own_length"] = None  # else it would have to agree
    result["embedding_size"] = 64  # at d = 4 one repeat establishes nothing
    if better:
        result["change"][better[0]]["ndcg@10"] = change(-0.2, -0.25, -0.15, 0.001)
    (folder / "result.json").write_text(json.dumps(result))
    table = " ".join(result_table(result).split())
    status, out, err = call("report", folder)
    assert status == 0, err
    page = Path(out.strip()).read_text()
    assert ("Metrics disagree" in table) == ("Metrics disagree" in page) == bool(better)
    assert "change against proportional precision@10 ndcg@10" in table
    lead = page.partition('<p class="answer">')[2].partition("</p>")[0]
    if not better:
        assert "Answer: train on everything as it is (proportional)" in table
        assert lead.startswith("Train on everything as it is (proportional)")
    else:
        assert f"Answer: {advice(result, better[0])}; {KEY} against" in table
        assert lead.lower().startswith(advice(result, better[0]).replace("'", "&#39;"))
        assert ("also better: data_mix" in table) == ("data_mix" in better)
        assert ("also better: data_mix" in lead) == ("data_mix" in better)


@pytest.mark.parametrize(
    ("ends", "says"),
    [
        ({"a": 0.04, "b": 0.09}, ""),
        ({"a": 0.04, "b": 0.579}, "; gains of up to 58% cannot be ruled out"),
        ({"a": None, "b": 0.1}, "; there are too few users to rule any gain out"),
        ({}, ""),
    ],
)
def test_wide_intervals_are_said_where_nothing_is_better(ends, says):
    changes = {name: change(0.0, -0.1, end, 0.6) for name, end in ends.items()}
    assert still_possible(changes) == says


def test_many_groups_stand_in_rows(made):
    result = json.loads((made / "result.json").read_text())
    result["own_length"] = None
    short = result_table(result)
    assert short.splitlines()[2].split()[:5] == ["mix", "alpha_aug", "B", "C", "D"]
    names = [f"occupation {n}" for n in range(21)]
    for mix in result["mixes"].values():
        mix["alpha"] = dict.fromkeys(names, 1 / 21)
    result["groups"] = [{"name": "A"}, *({"name": name} for name in names)]
    lines = result_table(result).splitlines()
    assert max(map(len, lines)) <= WIDEST
    assert [line.split()[-1] for line in lines if line.startswith("occupation 7 ")] == ["0.05"]
    assert next(line for line in lines if line.startswith("alpha ")).split()[1] == "proportional"


def test_what_rounds_to_nothing_has_no_sign():
    assert change_text(change(-0.0001, -0.0004, 0.0, 0.9)) == "+0.0% [+0.0%, +0.0%]"
    assert [_percent(x, 3) for x in (-1e-7, 1e-7, -2e-5)] == ["0.000%", "0.000%", "-0.002%"]


def test_version():
    assert call("--version") == (0, f"groupmix {__version__}\n", "")
