"""``groupmix reproduce tall`` and ``unfairness``: cells, resumed work, the page, published figures."""

import json

import numpy as np
import pytest
from command import call
from helpers import write_tiny

from recbole_groupmix.record.study_cell import read_cell, write_cell
from recbole_groupmix.report.paper import statements
from recbole_groupmix.report.studies import tall, unfairness
from recbole_groupmix.report.studies.claims import Claim, claims_table, ratio
from recbole_groupmix.report.studies.published import published, rows_of
from recbole_groupmix.reproduce.studies.rated_model import measures
from recbole_groupmix.reproduce.studies.study import StudyCell
from recbole_groupmix.reproduce.studies.tall import TallStudy
from recbole_groupmix.reproduce.studies.tall_models import MODELS
from recbole_groupmix.reproduce.studies.unfairness import UnfairnessStudy

TALL = ["reproduce", "tall", "--quick", "--datasets=tiny", "--models=uniform,TALL", "--epochs=5",
        "--weight_gap=1", "--learning_rate=0.01", "--train_batch_size=16"]  # fmt: skip


# --- end to end


def test_tall_resumes_between_cells_and_writes_its_page(tmp_path, monkeypatch):
    write_tiny(tmp_path)
    out = tmp_path / "out"
    options = [*TALL, f"--data_path={tmp_path}", f"--out={out}"]
    status, text, _ = call(*options, "--plan")
    assert status == 0 and "4 of 4 cells to make, at most about" in text
    assert not out.exists()

    measured, made = TallStudy.measured, []

    def stopped(self, cell, say):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(cell.name)
        return measured(self, cell, say)

    monkeypatch.setattr(TallStudy, "measured", stopped)
    status, _, err = call(*options)
    assert status == 130 and "run the same command again to resume" in err
    files = sorted(file.stem for file in (out / "cells").iterdir())
    assert files == ["tiny-TALL-seed_0", "tiny-uniform-seed_0"]
    before = {file.name: file.read_bytes() for file in (out / "cells").iterdir()}
    monkeypatch.setattr(TallStudy, "measured", measured)
    status, text, err = call(*options)
    assert status == 0, err
    assert "2 of 4 cells to make" in text and "tiny, TALL, seed 0: finished" in text
    assert {name: (out / "cells" / name).read_bytes() for name in before} == before

    page = (out / "report" / "tables.md").read_text(encoding="utf-8")
    cells = [read_cell(out / "cells" / f"tiny-uniform-seed_{seed}.json") for seed in (0, 1)]
    ours = np.array([cell["measured"]["ndcg@20"] for cell in cells])
    lowest = np.array(cells[0]["measured"]["group"]) == "L"
    assert (
        f"| ours | {ours.mean():.4f} [" in page and f"] | {ours[:, lowest].mean():.4f} [" in page
    )
    assert "| published | 0.3456 | 0.2746 |" in page
    assert "| TALL against uniform |" in page
    # another penalty of TALL's weights is another training of TALL and of nothing else
    _, text, _ = call(*options, "--weight_alpha=2", "--plan")
    assert "2 of 4 cells to make" in text and "tiny, uniform, seed 1: finished" in text


def test_local_models_start_from_a_global_one(tmp_path):
    write_tiny(tmp_path)
    out = tmp_path / "out"
    options = [option for option in TALL if "models" not in option]
    options += ["--models=LOCA,EnLFT", f"--data_path={tmp_path}", f"--out={out}"]
    status, _, err = call(*options)
    assert status == 0, err
    cells = [read_cell(file) for file in sorted((out / "cells").iterdir())]
    assert [cell["given"]["model"] for cell in cells] == ["EnLFT"] * 2 + ["LOCA"] * 2
    assert all(1 <= cell["measured"]["experts"] <= 2 for cell in cells)
    page = (out / "report" / "tables.md").read_text(encoding="utf-8")
    assert "| published | 0.3341 | 0.2586 |" in page and "| published | 0.3308 | 0.2551 |" in page


def test_lists_on_test_leave_out_the_items_of_train_alone(tmp_path):
    # as in the authors' code; RecBole's own loader leaves out those of validation, too
    write_tiny(tmp_path)
    study = TallStudy({"data_path": str(tmp_path), "seed": 3}, quick=True, datasets=["tiny"])
    train, valid, test = study._parts["tiny"]._loaders
    items = [{}, {}, {}]
    for of_user, loader in zip(items, (train, valid, test), strict=True):
        rows = loader.dataset.inter_feat
        for user, item in zip(rows["user_id"].tolist(), rows["item_id"].tolist(), strict=True):
            of_user.setdefault(user, set()).add(item)
    assert test.uid_list.tolist() == sorted(items[2])
    left_out = {user: set(test.uid2history_item[user].tolist()) for user in items[2]}
    assert left_out == {user: items[0].get(user, set()) for user in items[2]}
    assert any(user in items[1] for user in items[2])  # so that the two would differ


def test_a_damaged_cell_is_made_again_and_a_failed_one_is_told(tmp_path, monkeypatch):
    out = tmp_path / "out"
    cells = [StudyCell({"dataset": "d", "table": str(n)}, ("d", str(n))) for n in (1, 2)]

    def measured(self, cell, say):
        if cell.parts[1] == "2":
            raise ValueError("it diverged")
        return {"users": 1, "women": 1, "movies": 1, "rows": 1, "genres": {}}

    monkeypatch.setattr(UnfairnessStudy, "cells", lambda self: cells)
    monkeypatch.setattr(UnfairnessStudy, "seconds", lambda self, left: {c.name: 0 for c in left})
    monkeypatch.setattr(UnfairnessStudy, "measured", measured)
    (out / "cells").mkdir(parents=True)
    (out / "cells" / "d-1.json").write_text('{"schema_version": 1, "given"')
    status, text, err = call("reproduce", "unfairness", f"--out={out}")
    assert (status, "2 of 2 cells" in text, "d-1.json cannot be read" in err) == (1, True, True)
    assert "failed: d, 2: it diverged" in text
    page = (out / "report" / "tables.md").read_text(encoding="utf-8")
    assert "Left out: d, 2." in page
    _, text, _ = call("reproduce", "unfairness", f"--out={out}", "--plan")
    assert "1 of 2 cells" in text and "d, 1: finished" in text


def test_unfairness_end_to_end(tmp_path):
    out = tmp_path / "out"
    options = ["reproduce", "unfairness", "--quick", "--epochs=2", f"--out={out}"]
    status, text, err = call(*options)
    assert status == 0, err
    assert "43 of 43 cells to make" in text
    assert "L2 weight" in err
    page = (out / "report" / "tables.md").read_text(encoding="utf-8")
    assert "# block-model: unfairness as a penalty" in page
    assert "# ml-100k: unfairness as a penalty" in page
    assert "| value | published | 0.130 | 0.245 | 0.177 | 0.063 | 0.199 |  |" in page
    assert "| Musical | published, ML-1M | 93 | 15.04 | 10.83 | 3.79 | 3.58 |" in page
    assert "not established" in page  # two seeds at d = 2
    names = [
        f"block-model-O_P-value-code-seed_{seed}.json".replace("O_P", "O+P") for seed in (0, 1)
    ]
    cells = [json.loads((out / "cells" / name).read_text()) for name in names]
    mean = np.mean([cell["measured"]["code"]["value"] for cell in cells])
    assert "| value | ours, code |" in page and f" | {mean:.3f} [" in page
    status, text, _ = call(*options, "--plan")
    assert status == 0 and "0 of 43 cells to make" in text


# --- what cannot be used


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("tal", "unknown study 'tal'; did you mean 'tall'?; studies are mixing, tall, unfairness"),
        ("tall mixing", "studies are mixing, tall, unfairness"),
        ("tall --dims=4", "--dims belongs to groupmix reproduce mixing"),
        ("unfairness --models=BPR", "--models belongs to groupmix reproduce mixing"),
        ("tall --models=LFT", "--models names 'LFT'"),
        ("tall --models=TALL,TALL", "name each of them once"),
        ("tall --folds=2", "groupmix reproduce tall does not take --folds"),
        ("tall --n_expert=2", "did you mean 'n_experts'?"),
        ("tall --repeats=1", "--repeats is 1; give a whole number >= 2"),
        ("tall --weight_alpha=0", "--weight_alpha is 0; give a number > 0"),
        ("tall --epochs=1.5", "--epochs is 1.5; give a whole number >= 1"),
        ("unfairness --datasets=ml-1m", "ml-1m needs --data_path"),
        ("unfairness --datasets=ml-2m", "--datasets names 'ml-2m'"),
    ],
)
def test_what_cannot_be_asked(words, message):
    status, _, err = call("reproduce", *words.split(), "--plan")
    assert (status, err.count("\n")) == (2, 1)
    assert message in err


def test_mixing_is_the_default():
    given = ["--datasets=blockmix", "--models=EASE", "--targets=A", "--plan", "--trials=2"]
    assert call("reproduce", "mixing", *given)[:2] == call("reproduce", *given)[:2]


# --- published figures, read from the papers again by hand


@pytest.mark.parametrize(
    ("study", "table", "row", "column", "value"),
    [
        # TALL, page 9, Table 2, ML1M
        ("tall", "Table 2", "MultVAE", "overall", 0.3260),
        ("tall", "Table 2", "EnLFT", "M", 0.3025),
        ("tall", "Table 2", "LFT", "ML", 0.2918),
        ("tall", "Table 2", "TALL", "H", 0.4734),
        # TALL, Table 3
        ("tall", "Table 3", "MoE", "L", 0.2513),
        ("tall", "Table 3", "LMoE", "MH", 0.3736),
        # the dissertation, Tables 3.2, 3.3 and 3.4
        ("unfairness", "Table 3.2", "none", "error", 0.317),
        ("unfairness", "Table 3.2", "absolute", "underestimation", 0.135),
        ("unfairness", "Table 3.2", "overestimation", "value", 0.296),
        ("unfairness", "Table 3.3", "Action", "of a man", 82.97),
        ("unfairness", "Table 3.3", "Sci-Fi", "mean of women", 3.42),
        ("unfairness", "Table 3.4", "value", "overestimation", 0.148),
        ("unfairness", "Table 3.4", "underestimation", "error", 0.888),
        ("unfairness", "Section 3.5.2", "all", "users", 2953),
    ],
)
def test_published_figures_are_those_of_the_papers(study, table, row, column, value):
    assert published(study, row, column, table) == value


def test_published_rows():
    assert rows_of("tall") == ["MultVAE", "WL", "EnLFT", "LOCA", "LFT", "TALL", "MoE", "LMoE"]
    assert published("tall", "uniform", "overall") is None
    assert published("tall", "LMoE", "H") == 0.4594
    assert set(tall.SAYS) == set(MODELS)
    assert ratio(0.3, 0.2) == pytest.approx(0.5) and ratio(None, 0.2) is None


# --- verdicts and pages from files alone


def test_verdicts_are_by_the_rule_of_mixing():
    base = np.full((6, 1), 0.5) + np.arange(6)[:, None] / 1000
    rises, same = base * np.linspace(1.09, 1.11, 6)[:, None], base * 1.001
    claims = [
        Claim("rises", statements.gain, rises, base, 0.05),
        Claim("does not rise", statements.no_gain, rises, base),
        Claim("rises by less than counts", statements.gain, same, base),
        Claim("falls", statements.loss, rises, base),
    ]
    rows = [[cell.text for cell in row] for row in claims_table(claims).rows]
    assert [row[-1] for row in rows] == [
        statements.SURVIVES, statements.FAILS, statements.FAILS, statements.FAILS
    ]  # fmt: skip
    assert (rows[0][1], rows[1][1]) == ("+5.0%", "") and rows[0][2].startswith("+10.0% [")
    few = [row[-1].text for row in claims_table(claims, few=True).rows]
    assert few == [statements.NOT_ESTABLISHED] * 4


def cell_of(given, measured, seconds=1.0):
    return {"schema_version": 1, "given": given, "seconds": seconds, "measured": measured}


def test_the_page_of_tall_has_intervals_over_users_and_over_seeds():
    rng = np.random.default_rng(0)
    base = rng.uniform(0.2, 0.6, 60)
    cells = []
    for model, times in (("MultVAE", 1.0), ("TALL", 1.1)):
        for seed in range(3):
            values = (base * times * (1 + seed / 1000) + rng.normal(0, 1e-4, 60)).tolist()
            measured = {"ndcg@20": values, "group": ["L", "ML", "M", "MH", "H"] * 12,
                        "experts": 4.0, "epochs": 10}  # fmt: skip
            given = {"dataset": "d", "model": model, "seed": seed}
            cells.append(cell_of(given, measured))
    _, (claims, levels, changes) = tall.sections(cells)
    (table,) = claims.tables
    assert list(table.header[2:]) == [
        "change, over users", "verdict", "change, over seeds", "verdict"
    ]  # fmt: skip
    first = [cell.text for cell in table.rows[0]]
    assert first[1] == "+6.0%" and first[2].startswith("+10.") and first[4].startswith("+10.")
    assert (first[3], first[5]) == (statements.SURVIVES, statements.SURVIVES)
    assert [row[0].text for row in changes.tables[0].rows] == ["TALL against MultVAE"]
    assert [row[0].text for row in levels.tables[0].rows][:4] == ["MultVAE"] * 2 + ["TALL"] * 2
    other = cell_of({"dataset": "d", "model": "WL", "seed": 0}, {**measured, "group": ["H"] * 60})
    with pytest.raises(ValueError, match="measure other users"):
        tall.sections([*cells, other])


def test_the_page_of_files_without_ratings_has_counts_alone():
    genres = {"Romance": [325, 54.79, 36.98, None, None]}
    measured = {"users": 2953, "women": 721, "movies": 1006, "rows": 436_286, "genres": genres}
    lead, found = unfairness.sections([cell_of({"dataset": "ml-1m", "table": "counts"}, measured)])
    assert "published are 2,953 users and 1,006 movies" in lead[0] and "no ratings" in lead[1]
    (section,) = found
    assert [cell.text for cell in section.tables[0].rows[1]] == [
        "Romance", "ours", "325", "54.79", "36.98", "", ""
    ]  # fmt: skip


def test_a_cell_is_read_as_it_was_written(tmp_path):
    write_cell(tmp_path / "cells" / "a.json", {"dataset": "d", "list": [1]}, 1.26, {"x": 0.5})
    assert read_cell(tmp_path / "cells" / "a.json") == cell_of(
        {"dataset": "d", "list": [1]}, {"x": 0.5}, 1.3
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"model": "TALL"}, "'measured' of it has no 'ndcg@20'"),
        ({"penalty": "none"}, "'measured' of it has no 'weight_decay'"),
        ({"table": "counts"}, "'measured' of it has no 'users'"),
    ],
)
def test_a_cell_that_lacks_what_its_page_reads_is_damaged(tmp_path, given, message):
    write_cell(tmp_path / "a.json", {"dataset": "d", **given}, 1, {})
    with pytest.raises(ValueError, match=f"a.json cannot be read: {message}; remove the file"):
        read_cell(tmp_path / "a.json")


def test_measures_leave_out_pairs_without_a_prediction():
    # one item: the woman's error is -1, the man's +1; another item has no prediction
    predicted, truth = np.array([2.0, 4.0, np.nan]), np.array([3.0, 3.0, 3.0])
    found = measures(predicted, truth, np.array([0, 0, 1]), np.array([True, False, True]))
    assert found["paper"]["value"] == 2 and found["code"]["absolute"] == 0
    assert found["code"]["error"] == 1
    assert measures(
        predicted * 2, truth, np.array([0, 0, 1]), np.array([True, False, True]), True
    )["paper"]["error"] == pytest.approx(np.sqrt((1 + 25) / 2))
