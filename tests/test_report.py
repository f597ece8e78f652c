"""``groupmix report``: pages about run folders that no training made."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from browser import CHROMIUM, seen_in_browser
from made_runs import USERS, write_run
from pages import Page

from recbole_groupmix.cli.main import main
from recbole_groupmix.core.mix import baselines
from recbole_groupmix.core.names import BASELINES, REFERENCE
from recbole_groupmix.record.finished_run import read_folder
from recbole_groupmix.report import write as write_module
from recbole_groupmix.report.frame.blocks import Cell, Section, Table
from recbole_groupmix.report.frame.drawing import drawn
from recbole_groupmix.report.frame.forest import forest
from recbole_groupmix.report.frame.style import clipped
from recbole_groupmix.report.frame.text_tables import latex, markdown
from recbole_groupmix.report.run.answer import answer, beside, short, verdict
from recbole_groupmix.report.run.search import searched
from recbole_groupmix.report.run.several_runs import changes, several_runs_section
from recbole_groupmix.report.run.users import n_test_items
from recbole_groupmix.report.write import write_report

PDFLATEX = shutil.which("pdflatex")
METRICS = ("precision", "recall", "ndcg")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = write_run(tmp_path_factory.mktemp("runs") / "made-A-BPR-01234567", own=("mine",))
    return folder, write_report([folder])


@pytest.fixture(scope="module")
def page(report):
    return Page(report[1].read_text(encoding="utf-8"))


def test_the_rows_without_a_search_are_the_baselines():
    assert tuple(baselines(USERS, "A")) == BASELINES


def test_the_page_is_well_formed_and_refers_to_nothing_outside(report, page):
    text = report[1].read_text(encoding="utf-8")
    assert len(page.ids) == len(set(page.ids))
    for link in page.links:
        inside = link.startswith("#") and link[1:] in page.ids
        assert inside or (report[1].parent / link).is_file(), link
    assert "//" not in re.sub(r"(?m)^\s*//.*$|\s//[^/\n]*$", "", text)
    assert not re.search(r"url\((?!#)|@import", text)
    for link in re.findall(r"url\(#([^)]+)\)", text):
        assert link in page.ids
    assert len(text.encode()) < 3e6


def test_every_figure_has_an_alternative_and_its_files(report, page):
    out = report[1].parent
    names = {"change", "mixes", "optimism", "search", "users", "activity", "groups", "pace"}
    endings = [".csv", ".png", ".svg"]
    files = sorted(path.name for path in (out / "figures").iterdir())
    assert files == sorted(name + ending for name in names for ending in endings)
    assert len(page.svg) == len(names)
    for svg in page.svg:
        assert svg["role"] == "img" and len(svg["aria-label"]) > 40
    for name in names:
        assert len(pd.read_csv(out / "figures" / f"{name}.csv")) > 0
        assert (out / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_headings_leave_out_no_level(page):
    levels = [level for level, _ in page.headings]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))


def test_table_headers_say_what_they_head(page):
    for rows in page.tables.values():
        assert all(cell[1].get("scope") == "col" for cell in rows[0])
        assert all(row[0][1].get("scope") == "row" for row in rows[1:])


def _values(rows):
    return {
        (row[0][0], head[0]): float(cell[1]["data-value"])
        for row in rows[1:]
        for head, cell in zip(rows[0][1:], row[1:], strict=True)
        if "data-value" in cell[1]
    }


def test_numbers_are_those_of_the_result(report, page):
    result = json.loads((report[0] / "result.json").read_text())
    keys = [f"{metric}@10" for metric in METRICS]
    mixes = list(result["mixes"])
    assert _values(page.tables["test"]) == {
        (mix, key): result["test"][mix][key] for mix in mixes for key in keys
    }
    assert _values(page.tables["test-all"]) == {
        (key, mix): value for mix in mixes for key, value in result["test"][mix].items()
    }
    expected = {(REFERENCE, key): 0.0 for key in keys}
    expected |= {(m, k): result["change"][m][k]["mean"] for m in result["change"] for k in keys}
    assert _values(page.tables["change"]) == expected
    shares = _values(page.tables["mixes"])
    for mix, values in result["mixes"].items():
        assert shares[mix, "alpha_aug"] == values["alpha_aug"]
        assert {g: shares[mix, f"alpha {g}"] for g in "BC"} == values["alpha"]
    folds = _values(page.tables["optimism"])
    cv = result["search"]["cv"]
    for mix in mixes:
        score = cv[result["search"]["selected"] if mix == "data_mix" else mix]
        assert folds[mix, "on folds"] == score
        assert folds[mix, "on test"] == result["test"][mix]["recall@10"]
        assert folds[mix, "gain on folds"] == pytest.approx(score / cv[REFERENCE] - 1)
    sizes = _values(page.tables["sizes"])
    for group in result["groups"]:
        assert sizes[group["name"], "users"] == group["n_users"]
        assert sizes[group["name"], "interactions"] == group["n_interactions"]


def test_changes_on_other_groups_are_ratios_of_their_means(report, page):
    result = json.loads((report[0] / "result.json").read_text())
    values = _values(page.tables["groups"])
    for group in "BC":
        means = result["test_by_group"][group]
        for mix in result["change"]:
            expected = means[mix]["recall@10"] / means[REFERENCE]["recall@10"] - 1
            assert values[group, mix] == pytest.approx(expected)


def test_text_tables_say_the_same(report, page):
    text = (report[1].parent / "tables.md").read_text()
    tex = (report[1].parent / "tables.tex").read_text()
    for rows in page.tables.values():
        for row in rows[1:]:
            line = " | ".join(cell[0] for cell in row)
            assert f"| {line} |" in text
    assert tex.count(r"\begin{table}[htbp]") == tex.count(r"\end{table}") == len(page.tables)
    assert r"no\_augmentation" in tex and not re.search(r"(?<!\\)[_#&]\w*_", tex)


def test_text_tables_escape_what_their_languages_mean():
    table = Table(
        "t", "50 % of a_b", ("x|y", "n"), [[Cell("a&b_$"), Cell("-1.5% [-2, +3]", -1.5)]]
    )
    section = Section("s", "S", tables=[table])
    assert markdown("T", [section]).splitlines()[6:9] == [
        r"| x\|y | n |",
        "| --- | ---: |",
        "| a&b_$ | -1.5% [-2, +3] |",
    ]
    tex = latex("T", [section], "r")
    assert r"a\&b\_\$ & $-$1.5\% [$-$2, +3] \\" in tex
    assert r"\begin{tabular}{lr}" in tex and r"\caption{50 \% of a\_b}" in tex


@pytest.mark.parametrize("first", ["[18, 25)", "*"])
def test_a_row_s_first_character_is_no_option_of_the_row_before(first):
    table = Table("t", "T", ("[x", "[n"), [[Cell(first), Cell("[1, 2]")]] * 2)
    tex = latex("T", [Section("s", "S", tables=[table])], "r")
    assert r"{[}x & [n \\" in tex
    assert tex.count(f"{{{first[0]}}}{first[1:]} & [1, 2] \\\\") == 2


@pytest.mark.skipif(PDFLATEX is None, reason="no pdflatex")
def test_latex_can_set_the_tables(report, tmp_path):
    odd = Table("odd", "T", ("x", "[n"), [[Cell("[18, 25)"), Cell("~^\\{}<>|#&$%_")]] * 2)
    many = [replace(odd, name=f"odd-{n}") for n in range(5)]
    section = latex("T", [Section("s", "S", tables=many)] * 12, "r")  # 60, more than it holds back
    (tmp_path / "odd.tex").write_text(section)
    shutil.copy(report[1].parent / "tables.tex", tmp_path / "tables.tex")
    (tmp_path / "paper.tex").write_text(
        r"\documentclass{article}\usepackage{booktabs,graphicx}\begin{document}"
        r"\input{tables}\input{odd}\end{document}"
    )
    command = [PDFLATEX, "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="latin-1")
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull \\hbox" not in done.stdout


def entry(mean, low, high, p_holm):
    return {"mean": mean, "ci_low": low, "ci_high": high, "p": p_holm, "p_holm": p_holm}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (entry(0.1, 0.05, 0.15, 0.01), "better"),
        (entry(-0.1, -0.15, -0.05, 0.01), "worse"),
        (entry(0.1, 0.05, 0.15, 0.05), "not told apart"),  # the level itself is not below it
        (entry(0.1, -0.05, 0.15, 0.01), "not told apart"),  # both are needed
        (entry(-0.1, -0.15, -0.05, None), "not told apart"),
        (entry(None, None, None, None), "undefined"),
        (entry(0.1, 0.05, None, 0.01), "better"),  # unbounded above
        (entry(0.1, None, None, 0.01), "not told apart"),
        (None, "undefined"),
    ],
)
def test_verdicts(change, expected):
    assert verdict(change) == expected


@pytest.fixture(scope="module")
def five_repeats(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("five") / "run", repeats=5)


def said(folder, **change):
    """The answer where data_mix changed so."""
    run = read_folder(folder)
    run.result["change"]["data_mix"]["recall@10"] = change.get("entry")
    run.result.update({k: v for k, v in change.items() if k != "entry"})
    return answer(run)


def test_the_answer_where_the_mix_is_better(five_repeats):
    assert said(five_repeats, entry=entry(0.031, 0.01, 0.052, 0.01)) == (
        "For the users with group A, the best of 4 searched mixes serves them better than "
        "training on everything as it is (proportional): recall@10 changes by +3.1% "
        "[+1.0%, +5.2%]."
    )


def test_the_answer_where_the_mix_is_worse(five_repeats):
    assert "serves them worse than training on everything" in said(
        five_repeats, entry=entry(-0.031, -0.052, -0.01, 0.01)
    )


def test_the_answer_where_nothing_is_shown(five_repeats):
    sentence = said(five_repeats, entry=entry(0.01, -0.02, 0.03, 0.4))
    assert "cannot be told apart from training on everything" in sentence
    assert sentence.endswith("changes by +1.0% [-2.0%, +3.0%].")


def test_the_answer_where_only_the_correction_forbids_it(five_repeats):
    sentence = said(five_repeats, entry=entry(-0.017, -0.031, -0.002, 0.08))
    assert "cannot be told apart from training on everything" in sentence
    assert sentence.endswith(
        "-1.7% [-3.1%, -0.2%]; the interval excludes 0, but p is 0.080 after Holm's "
        "correction over the 3 rows compared."
    )


def test_the_answer_where_the_change_is_undefined(five_repeats):
    assert "is undefined: the mean under proportional" in said(five_repeats, entry=None)


def test_theory_is_one_candidate_more(five_repeats):
    run = read_folder(five_repeats)
    run.result["search"]["cv"]["theory"] = 0.3
    assert "the best of 4 searched mixes and theory's " in answer(run)
    run.result["search"]["trials"] = 1
    assert "the best of 1 searched mix and theory's " in answer(run)


def test_without_trials_theory_alone_is_no_search(tmp_path):
    run = read_folder(write_run(tmp_path / "run", trials=0))
    run.result["search"]["cv"]["theory"] = 0.3
    mix = run.result["mixes"]["stratified"]
    run.trials.append({"name": "theory", "source": "theory", "fold": 0, "score": 0.3, **mix})
    assert searched(run).empty
    run.result["search"]["cv"]["trial-0"] = 0.4
    run.trials.append({"name": "trial-0", "source": "dirichlet", "fold": 0, "score": 0.4, **mix})
    assert searched(run)["name"].tolist() == ["theory", "trial-0"]


def test_few_repeats_speak_for_themselves_only(five_repeats):
    change = entry(0.031, 0.01, 0.052, 0.01)
    few = "and the 4 trainings of each row (too few to cover variation between training seeds), the best of"
    assert few in said(five_repeats, entry=change, repeats=4)
    one = "and the one training of each row (too few to cover variation between training seeds), the best of"
    assert one in said(five_repeats, entry=change, repeats=1)
    assert "too few" not in said(five_repeats, entry=change, repeats=1, closed_form=True)


def test_without_trials_the_answer_is_about_the_baselines(tmp_path, undrawn):
    folder = write_run(tmp_path / "run", trials=0)
    run = read_folder(folder)
    sentence = answer(run)
    assert sentence.startswith(
        "For the users with group A, no mix was searched; the other rows, in the 2 trainings of "
        "each row (too few to cover variation between training seeds): stratified "
    )
    assert (beside(run), short(run)) == ("", "none searched")
    text = write_report([folder]).read_text()
    assert "This run did not search mixes." in text


def test_a_run_without_folds(tmp_path, undrawn):
    folder = write_run(tmp_path / "run", trials=0)
    result = json.loads((folder / "result.json").read_text())
    result["search"] |= {"cv": {}, "epochs": {}, "options": {}}
    (folder / "result.json").write_text(json.dumps(result))
    for name in ("trials.jsonl", "curves.jsonl"):
        (folder / name).unlink()
    text = write_report([folder]).read_text()
    assert "did not train on folds" in text and "no learning curves of several groups" in text


def test_diverged_mixes_are_named(tmp_path, undrawn):
    folder = write_run(tmp_path / "run", diverged=("trial-1", "stratified"))
    text = write_report([folder]).read_text()
    assert "Left out because training diverged: trial-1, stratified." in text
    assert "Training of 1 candidate diverged." in text
    assert "of 3 candidates scored above proportional" in text


def test_all_trials_diverged(tmp_path, undrawn):
    folder = write_run(tmp_path / "run", trials=2, diverged=("trial-0", "trial-1"))
    sentence = answer(read_folder(folder))
    assert "each of 2 searched mixes diverged" in sentence
    write_report([folder])


def test_one_repeat_and_a_mean_of_0(tmp_path, sketched):
    def nothing(metrics):
        return metrics.assign(value=metrics["value"].where(metrics["mix"] != REFERENCE, 0.0))

    folder = write_run(tmp_path / "run", repeats=1, change=nothing)
    page = Page(write_report([folder]).read_text())
    changes = {cell[0] for row in page.tables["change"][2:] for cell in row[1:]}
    assert changes == {"undefined"}
    assert "0.0000, is 0 or too close to 0" in "".join(page.text)


def test_values_that_are_undefined(tmp_path, sketched):
    def holes(metrics):
        of_b = (metrics["metric"] == "ndcg") | (metrics["group"] == "B")
        return metrics.assign(value=metrics["value"].mask(of_b))

    folder = tmp_path / "run"
    write_run(folder)
    metrics = holes(pd.read_parquet(folder / "metrics.parquet"))
    metrics.to_parquet(folder / "metrics.parquet")
    result = json.loads((folder / "result.json").read_text())
    for mix in result["test"]:
        result["test"][mix] |= {"ndcg@5": None, "ndcg@10": None}
        result["test_by_group"]["B"][mix] = dict.fromkeys(result["test"][mix])
        if mix in result["change"]:
            result["change"][mix]["ndcg@10"] = entry(None, None, None, None)
    (folder / "result.json").write_text(json.dumps(result))
    page = Page(write_report([folder]).read_text())
    assert [row[3][0] for row in page.tables["test"][1:]] == ["undefined"] * 4
    of_b = next(row for row in page.tables["groups"][1:] if row[0][0] == "B")
    assert [cell[0] for cell in of_b[2:]] == ["undefined"] * 4


def test_names_that_mean_something_elsewhere(tmp_path):
    users = {"<b>$x$": 12, "_hidden": 10, "a|b & c": 9, "\u00e9\\%": 8}
    folder = write_run(tmp_path / "made-<b>_x", users=users, own=("_mine $1$",))
    page = Page(write_report([folder]).read_text(encoding="utf-8"))
    assert "<b>$x$ (target)" in [row[1][0] for row in page.tables["pace"][1:]]
    assert [row[0][0] for row in page.tables["groups"][1:]] == list(users)[1:]


def test_long_names_keep_both_ends():
    assert clipped("lastfm-asia 10 LightGCN 0123abcd") == "lastfm-a...123abcd"
    assert clipped("x" * 18) == "x" * 18
    assert clipped("_hidden") == " _hidden"  # matplotlib leaves _names out of legends


def test_many_groups(tmp_path):
    users = {f"g{i}": 4 + i for i in range(23)}
    folder = write_run(tmp_path / "run", users=users, trials=1, repeats=1)
    page = Page(write_report([folder]).read_text())
    assert len(page.tables["groups"]) == 23


def test_test_items_are_told_from_precision_and_recall(tmp_path):
    run = read_folder(write_run(tmp_path / "run"))
    items = np.random.default_rng(2).integers(4, 16, sum(USERS.values()))[: USERS["A"]]
    found = n_test_items(run)
    order = [int(user[2:]) for user in found.index]
    assert found.tolist() == items[order].tolist()  # with chance .4 everyone has a hit somewhere


def test_several_runs(tmp_path, undrawn):
    one = write_run(tmp_path / "one-01234567", effect=0.3, repeats=5)
    two = write_run(tmp_path / "two-89abcdef", trials=0, config={"learning_rate": 0.5})
    index = write_report([one, two], tmp_path / "out")
    page = Page(index.read_text())
    assert len(page.ids) == len(set(page.ids))
    rows = page.tables["changes"][1:]
    assert [(row[0][0], row[1][0]) for row in rows] == [
        ("made A BPR 01234567", "data_mix"),
        ("made A BPR 01234567", "stratified"),
        ("made A BPR 01234567", "no_augmentation"),
        ("made A BPR 89abcdef", "stratified"),
        ("made A BPR 89abcdef", "no_augmentation"),
    ]
    # p = 2 / 10001 of the bootstrap times 5 rows is below the level
    assert rows[0][2][0].endswith(" *") and not rows[3][2][0].endswith("*")
    assert [row[6][0] for row in page.tables["runs"][1:]] == ["better", "none searched"]
    differ = {row[0][0]: [cell[0] for cell in row[1:]] for row in page.tables["differ"][1:]}
    assert differ == {"learning_rate": ["-", "0.5"], "repeats": ["5", "2"], "trials": ["4", "0"]}
    for name in ("one-01234567", "two-89abcdef"):
        assert (tmp_path / "out" / "figures" / name / "mixes.svg").is_file()


def test_equal_numbers_make_equal_figures(report, five_repeats):
    runs = [read_folder(report[0]), read_folder(five_repeats)]
    (figure,) = several_runs_section(runs).figures
    assert drawn(figure) == drawn(figure)
    assert b"made A BPR 01234567" in drawn(figure).svg


def test_correction_over_runs_is_over_all_rows():
    class Made:
        compared, shown, key, name = ["data_mix"], ["recall@10"], "recall@10", "run-x"

        def __init__(self, target, p):
            self.compared_as = {}
            entry = {"mean": 0.1, "ci_low": 0.0, "ci_high": 0.2, "p": p, "p_holm": p}
            self.target = target
            self.result = {"dataset": "d", "target": target, "model": "m", "protocol": "main"}
            self.result["embedding_size"] = None
            self.result["change"] = {"data_mix": {"recall@10": entry}}

    table = changes([Made("a", 0.03), Made("b", 0.02)])
    assert table["p_holm"].tolist() == [0.04, 0.04]  # 2 x .02, then at least that
    table = changes([Made("a", 0.03), Made("b", 0.04), Made("c", 0.9)])
    assert table["p_holm"].tolist() == pytest.approx([0.09, 0.09, 0.9])  # 3 x .03; 2 x .04 < .09
    assert table["marked"].tolist() == [False] * 3


def test_a_row_that_is_another_does_not_count_over_runs():
    class Made:
        compared, shown, key, name = ["theory", "data_mix"], ["recall@10"], "recall@10", "run-x"
        target = "a"

        def __init__(self, model, p):
            self.compared_as = {"theory": "data_mix"}
            change = {"mean": 0.1, "ci_low": 0.0, "ci_high": 0.2, "p_holm": p}
            self.result = {"dataset": "d", "target": "a", "model": model, "protocol": "main"}
            self.result["embedding_size"] = None
            self.result["change"] = {
                "theory": {"recall@10": {**change, "p": None}},
                "data_mix": {"recall@10": {**change, "p": p}},
            }

    table = changes([Made("m", 0.03), Made("n", 0.02)])
    assert table["p_holm"].tolist() == [0.04] * 4
    assert table["marked"].tolist() == [True] * 4


def test_an_unbounded_interval_is_an_arrow():
    rows = pd.DataFrame(
        [
            {"metric": "m", "mix": "data_mix", "mean": 0.1, "ci_low": -1.0, "ci_high": None},
            {"metric": "m", "mix": "theory", "mean": 0.2, "ci_low": 0.1, "ci_high": 0.3},
        ]
    ).assign(marked=True)
    figure, axes = forest(rows, "metric", "mix", "change", ["data_mix", "theory"])
    (arrow,) = [text for text in axes.texts if text.arrow_patch is not None]
    assert (arrow.xy[0], arrow.xyann[0]) == (1.0, 0.1)  # from the mean to the right edge
    stars = [text for text in axes.texts if text.get_text() == "*"]
    assert [star.xy[0] for star in stars] == [0.1, 0.3]
    lines = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 2]
    assert any(np.allclose(line, [-1.0, 0.1]) for line in lines)
    figure.canvas.draw()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda f: (f / "result.json").unlink(),
            "does not hold a finished run: result.json is missing",
        ),
        (lambda f: (f / "metrics.parquet").unlink(), "metrics.parquet is missing"),
        (lambda f: (f / "config.yaml").unlink(), "is not a run folder: config.yaml is missing"),
        (lambda f: (f / "trials.jsonl").unlink(), "not complete: trials.jsonl is missing"),
        (lambda f: shutil.rmtree(f), "does not exist"),
        (lambda f: (f / "result.json").write_text("{"), "result.json cannot be read"),
        (lambda f: (f / "result.json").write_text("[]"), "result.json cannot be read"),
        (lambda f: (f / "config.yaml").write_text("a: ["), "config.yaml cannot be read"),
        (lambda f: (f / "config.yaml").write_text("a: 1"), "has no 'configuration'"),
        (lambda f: (f / "metrics.parquet").write_text("x"), "metrics.parquet cannot be read"),
        (
            lambda f: (f / "trials.jsonl").write_text("{}\n"),
            "trials.jsonl, line 1 is not the record",
        ),
    ],
)
def test_folders_that_cannot_be_read(tmp_path, five_repeats, damage, message, capsys):
    folder = tmp_path / "run"
    shutil.copytree(five_repeats, folder)
    damage(folder)
    assert main(["report", str(folder)]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (folder / "report").exists()


def test_another_schema_is_refused(tmp_path, five_repeats):
    folder = tmp_path / "run"
    shutil.copytree(five_repeats, folder)
    result = json.loads((folder / "result.json").read_text())
    (folder / "result.json").write_text(json.dumps({**result, "schema_version": 3}))
    with pytest.raises(ValueError, match=r"schema_version 3; this version .* reads 1 and 2"):
        write_report([folder])


def test_runs_that_no_table_can_hold(tmp_path, five_repeats):
    folder = tmp_path / "run"
    shutil.copytree(five_repeats, folder)
    result = json.loads((folder / "result.json").read_text())
    (folder / "result.json").write_text(json.dumps({**result, "topk": [5]}))
    with pytest.raises(ValueError, match=r"topk 5 and .* at 10"):
        write_report([five_repeats, folder], tmp_path / "out")
    with pytest.raises(ValueError, match="given twice"):
        write_report([folder, folder / "."], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_line_cut_short_is_left_where_it_is(tmp_path, five_repeats):
    folder = tmp_path / "run"
    shutil.copytree(five_repeats, folder)
    content = (folder / "trials.jsonl").read_text() + '{"name": "tri'
    (folder / "trials.jsonl").write_text(content)
    assert len(read_folder(folder).trials) == 2 * 7  # folds x (baselines + trials)
    assert (folder / "trials.jsonl").read_text() == content


def test_the_command(tmp_path, five_repeats, capsys, undrawn):
    out = tmp_path / "page"
    assert main(["report", str(five_repeats), f"--out={out}"]) == 0
    assert capsys.readouterr().out.strip() == str(out / "index.html")
    before = (out / "index.html").read_bytes()
    assert main(["report", str(five_repeats), "--out", str(out)]) == 2
    assert "is not empty; choose another place by --out" in capsys.readouterr().err
    assert main(["report", "--force", str(five_repeats), "--out", str(out)]) == 0
    assert (out / "index.html").read_bytes() == before
    assert main(["report", str(five_repeats), "--form=x"]) == 2
    assert "report takes --out, --force; did you mean --force?" in capsys.readouterr().err
    assert main(["report"]) == 2
    assert "name the run folders" in capsys.readouterr().err


def test_a_report_that_was_cut_is_written_by_the_same_command(
    tmp_path, five_repeats, undrawn, monkeypatch
):
    class Killed(BaseException):
        pass

    out, write, left = tmp_path / "page", write_module.write_whole, [3]

    def killed(*given):
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        write(*given)

    monkeypatch.setattr(write_module, "write_whole", killed)
    monkeypatch.setattr(write_module.shutil, "rmtree", lambda *given, **more: None)
    with pytest.raises(Killed):
        main(["report", str(five_repeats), f"--out={out}"])
    assert [f.name for f in tmp_path.iterdir() if f != five_repeats] == [".page.part"]
    monkeypatch.undo()
    monkeypatch.setattr(write_module, "report_files", lambda *given: {"index.html": b"whole"})
    assert main(["report", str(five_repeats), f"--out={out}"]) == 0
    assert (out / "index.html").read_bytes() == b"whole"
    assert not (tmp_path / ".page.part").exists()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
def test_in_a_browser(report, tmp_path):
    seen = seen_in_browser(report[1].read_text(encoding="utf-8"), tmp_path, "groups", 1)
    assert seen["errors"] == []
    assert seen["width"] == 390
    assert seen["column"] == [["20", "12"], ["12", "20"], ["20", "12"]]
    assert len(seen["figures"]) == 8 and min(seen["figures"]) > 100
