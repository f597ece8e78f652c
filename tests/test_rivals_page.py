"""Rivals of mixing on the page of a run, of several runs, and in the index of all targets."""

import html
import json
import re

import numpy as np
import pytest
from command import call, run_arguments, run_folder
from made_runs import USERS, rival_record, write_run
from pages import Page
from test_pooled_splits import edit

from recbole_groupmix.all_targets.index import against_rivals, index_table
from recbole_groupmix.record.finished_run import read_folder, read_folders
from recbole_groupmix.record.rival_sentences import against_rival_sentence
from recbole_groupmix.report.frame import style
from recbole_groupmix.report.frame.drawing import drawn
from recbole_groupmix.report.page import report_files
from recbole_groupmix.report.run.on_test import change_section
from recbole_groupmix.report.run.rival_weights import weights_by_epoch
from recbole_groupmix.report.run.rivals import rivals_section
from recbole_groupmix.report.run.several_runs import several_runs_section
from recbole_groupmix.report.run.splits import splits_sections

KEY = "recall@10"
IMPLIED = {"alpha": {"B": 0.25, "C": 0.75}, "alpha_aug": 1.5}
WEIGHTS = [(1, dict.fromkeys("ABC", 3.0)), (4, {"A": 2.0, "B": 4.0, "C": 0.0})]
RIVALS = {
    "moving": rival_record(
        "weights move", 0.5, {"speed": 0.125, "gap": 3.0}, implied=IMPLIED, weights=WEIGHTS
    ),
    "idle": rival_record("nothing comes of it", 0.1),
    "other": rival_record("something else", 0.45, {"power": 2.0}),
}


@pytest.fixture
def run(tmp_path):
    return read_folder(write_run(tmp_path / "made-A-BPR-01234567", rivals=RIVALS))


def cells(table):
    """Return the texts of a table by the name of the row."""
    return {row[0].text: [cell.text for cell in row[1:]] for row in table.rows}


def table_of(section, name):
    (found,) = [table for table in section.tables if table.name == name]
    return found


def test_the_page_says_mix_against_best_rival_after_the_advice(undrawn, run):
    text = report_files([run])["index.html"].decode()
    first, second = re.findall(r'<p class="(?:answer|beside)">(.*?)</p>', text)[:2]
    assert first.startswith("Train on everything as it is")
    assert html.unescape(second) == against_rival_sentence(run.result, KEY)
    assert "(data_mix)" in second and "the best rival (moving)" in second
    page = Page(text)
    assert len(page.ids) == len(set(page.ids))
    titles = [title for level, title in page.headings if level == 2]
    assert titles.index("Rivals") == titles.index("On test") + 1


def test_the_table_has_choice_scores_change_and_cost_beside_the_mixes(run):
    section, result = rivals_section(run), run.result
    table = table_of(section, "rivals")
    assert list(table.header) == [
        *("row", f"change of {KEY}", "recall@10 on folds", "chosen on the folds", "models")
    ]
    rows, search = cells(table), result["search"]
    assert list(rows) == ["proportional", "data_mix", "moving", "idle", "other"]
    assert rows["proportional"][:2] == ["reference", f"{search['cv']['proportional']:.4f}"]
    n_mixes = result["trainings"]["mixes"]
    assert rows["data_mix"][1::2] == [f"{search['best_cv']:.4f}", f"{n_mixes} (all mixes)"]
    assert rows["moving"][1:] == ["0.5000", "speed 0.125, gap 3", "6"]
    words = "no point of it was better than proportional on the folds"
    assert rows["idle"] == ["is proportional", "0.1000", words, "6"]
    means = {row[0].text: row[1].value for row in table.rows}
    for name in ("data_mix", "moving", "other"):
        assert means[name] == result["change"][name][KEY]["mean"]
    what = cells(table_of(section, "rivals-are"))
    assert what["other"] == ["something else", "3", "these tests"]
    assert f"{n_mixes} for mixes and 18 models for rivals" in section.text[1]


def test_the_figure_has_the_best_mix_and_the_rivals_that_change_something(run):
    figure = rivals_section(run).figures[0]
    assert list(dict.fromkeys(figure.data["row"])) == ["data_mix", "moving", "other"]
    assert len(figure.data) == 3 * 3
    row = figure.data.set_index(["row", "metric"]).loc[("moving", KEY)]
    assert row["ci_low"] == run.result["change"]["moving"][KEY]["ci_low"]
    assert drawn(figure).png.startswith(b"\x89PNG") and f"moving, {KEY}: " in figure.alt
    # so that the figure of the mixes is not crowded; the table has all rows
    changes = change_section(run)
    assert set(changes.figures[0].data["mix"]) == {"data_mix", "stratified", "no_augmentation"}
    assert [*cells(changes.tables[0])][-3:] == ["moving", "idle", "other"]


def test_a_rival_that_changes_nothing_is_proportional_and_no_mix(run, undrawn):
    files = report_files([run])
    for name in ("index.html", "tables.md"):
        text = files[name].decode()
        assert "idle is proportional, since no point of it was better" in text.replace("\\_", "_")
        assert "idle is the same mix" not in text and "same mix as" not in text
    assert cells(change_section(run).tables[0])["idle"] == ["is proportional"] * 3


def test_weights_are_relative_to_the_mean_over_users(run):
    data = weights_by_epoch(run)
    assert sorted(set(data["epoch"])) == [1, 4] and set(data["rival"]) == {"moving"}
    wide = data.pivot(index="epoch", columns="group", values="weight")
    n_users = np.array([USERS[group] for group in wide])
    assert wide.to_numpy() @ n_users == pytest.approx([n_users.sum()] * 2)
    assert wide.loc[1].tolist() == pytest.approx([1, 1, 1])
    assert wide.loc[4, "B"] == pytest.approx(2 * wide.loc[4, "A"]) and wide.loc[4, "C"] == 0
    figure = rivals_section(run).figures[1]
    svg = drawn(figure).svg.decode()
    assert "weight / mean over users" in svg and "moving, C: 0" in figure.alt
    assert all(f">{group}</text>" in svg for group in USERS)  # direct labels


def test_weights_hold_to_the_last_epoch(run):
    epochs = dict.fromkeys(run.rows, 9)
    run.result["lengths"] = {
        **{"rule": "common", "common": 9, "cap": 20, "at_cap": []},
        **{"epochs": epochs, "own": epochs},
    }
    last = weights_by_epoch(run).groupby("group").last()
    assert set(last["epoch"]) == {9} and last.loc["C", "weight"] == 0
    assert cells(table_of(rivals_section(run), "rivals"))["moving"][-2:] == ["9", "6"]
    run.result["lengths"]["epochs"] = {**epochs, "moving": 3}  # the second change never came
    assert set(weights_by_epoch(run)["epoch"]) == {1, 3}


def test_the_mix_that_a_rival_comes_to_stands_beside_proportional(run):
    rows = cells(table_of(rivals_section(run), "implied"))
    assert list(rows) == ["proportional", "moving"]
    assert rows["moving"][:3] == ["1.500", "0.250", "0.750"]
    assert rows["proportional"][:3] == ["1.000", "0.625", "0.375"]


def test_a_run_whose_rivals_all_change_nothing(tmp_path, undrawn):
    run = read_folder(write_run(tmp_path / "run", rivals={"idle": RIVALS["idle"]}))
    section = rivals_section(run)
    assert section.text[0] == (
        "Mixing against rivals: no rival was better than proportional on the folds."
    )
    assert not section.figures
    assert {table.name for table in section.tables} == {"rivals", "rivals-are"}
    report_files([run])


def test_a_run_without_a_mix_but_proportional(tmp_path, undrawn):
    lost = ["stratified", "no_augmentation"]
    run = read_folder(write_run(tmp_path / "run", trials=0, rivals=RIVALS, diverged=lost))
    assert run.result["against_rival"] is None
    section = rivals_section(run)
    assert set(section.figures[0].data["row"]) == {"moving", "other"}
    assert [*cells(section.tables[0])] == ["proportional", "moving", "idle", "other"]
    (table,) = change_section(run).tables
    assert [*cells(table)] == ["proportional", "moving", "idle", "other"]
    report_files([run])


def test_results_that_know_no_rivals(tmp_path, undrawn):
    folder = write_run(tmp_path / "run", own=["fine_tuned"])
    result = json.loads((folder / "result.json").read_text())
    del result["rows"], result["rivals"]
    (folder / "result.json").write_text(json.dumps(result))
    run = read_folder(folder)
    section = rivals_section(run)
    assert (
        section.text[0].startswith("fine_tuned: a baseline without a mix") and not section.tables
    )
    assert "fine_tuned" in set(change_section(run).figures[0].data["mix"])
    page = report_files([run])["index.html"].decode()
    assert "mix or rival" not in page and "Mixing against rivals" not in page
    plain = read_folder(write_run(tmp_path / "plain"))
    assert rivals_section(plain).text == ["This run has no rivals of mixing."]


def test_several_runs_say_mix_against_rival(run, tmp_path):
    plain = read_folder(write_run(tmp_path / "made-A-BPR-89abcdef"))
    section = several_runs_section([run, plain])
    (line,) = table_of(section, "against-rivals").rows
    found = run.result["against_rival"]["change"][KEY]
    assert [line[i].text for i in (0, 1, 3)] == ["made A BPR 01234567", "data_mix", "moving"]
    assert line[5].value == found["mean"]
    assert [line[6].value, line[7].value] == [run.result["trainings"]["mixes"], 18]
    texts = {row[1].text: row[2].text for row in table_of(section, "changes").rows}
    assert texts["idle"] == "is proportional" and texts["moving"].endswith("~")
    assert "idle" not in set(section.figures[0].data["mix"])
    assert not [t for t in several_runs_section([plain]).tables if t.name == "against-rivals"]


def test_splits_tell_what_the_folds_of_each_chose(tmp_path):
    folders = []
    for seed in (2020, 2021):
        point = {**RIVALS["other"], "chosen": {"power": float(seed - 2019)}}
        rivals = {**RIVALS, "other": point}
        folder = write_run(tmp_path / f"run-{seed}", rivals=rivals, config={"seed": seed})
        edit(folder, seed=seed)
        folders.append(folder)
    (section,) = splits_sections(read_folders(folders))
    assert any(re.match(r"other: chosen or counted in each split anew", s) for s in section.text)
    assert cells(table_of(section, "split-mixes"))["other"] == ["power 1", "power 2"]
    assert cells(table_of(section, "splits"))["idle"][0] == "is proportional"


def test_a_run_with_all_rivals_and_all_targets(tiny, undrawn):
    options = {"target": "all", "fine_tune": None, "rivals": "all"}
    status, out, err = call(*run_arguments(tiny, **options))
    assert status == 0, err
    index = json.loads((run_folder() / "index.json").read_text())
    words = " ".join(out.split())
    assert "Mixing against rivals: change of recall@10" in words
    for target, entry in index["targets"].items():
        folder = run_folder() / entry["folder"]
        run = read_folder(folder)
        assert entry["rows"] == run.result["rows"] and run.rivals
        assert entry["against_rival"] == run.result["against_rival"]
        assert entry["trainings"] == run.result["trainings"]
        found = entry["against_rival"]
        if found:
            assert f"({found['mix']} against {found['rival']})" in words, target
        section = rivals_section(run)
        names = [*cells(table_of(section, "rivals"))]
        assert names[-len(run.rivals) :] == list(run.rivals)
        for row in run.rivals:
            changed = not run.rivals[row]["changes_nothing"]
            assert bool(run.rivals[row]["weights"]) == (
                changed and row in set(weights_by_epoch(run).get("rival", []))
            )
        report_files([run])


def test_the_index_says_which_rivals_are_proportional():
    reference = {"mean": 0.1, "ci_low": 0.0, "ci_high": 0.2, "p": 0.5, "p_holm": 0.5}
    test = {f"{metric}@10": 0.5 for metric in ("precision", "recall", "ndcg")}
    entry = {
        "test": {"proportional": test, "theory": test, "idle": test},
        "change": {name: {KEY: reference} for name in ("theory", "idle")},
        "same_mix": {"theory": "proportional", "idle": "proportional"},
        "rows": {name: {"kind": "mix", "chosen": {}} for name in ("proportional", "theory")}
        | {"idle": {"kind": "rival", "chosen": {}}},
        **{"n_users": 3, "mix": None, "against_rival": None},
    }
    index = {
        **{"topk": [10], "intervals": "intervals", "targets": {"A": entry}, "dataset": "d"},
        **{"group_field": "g", "model": "BPR", "valid_metric": "recall@10", "pool": []},
        "left_out": {},
    }
    lines = {line.split()[0]: line for line in index_table(index).splitlines() if line.split()}
    assert lines["theory"].endswith("same mix as proportional")
    assert lines["idle"].endswith("  is proportional") and not against_rivals(index, KEY)
    del entry["rows"], entry["against_rival"]  # an index of an older version
    assert "same mix as proportional" in index_table(index)


def test_rows_of_a_figure_look_different():
    names = ["proportional", "stratified", "no_augmentation", "data_mix", *map(str, range(16))]
    assert len({style.mix_style(name, names) for name in names}) == len(names)


def test_labels_keep_their_order_and_a_distance():
    places = [0.5, 0.51, 0.49, 1.0, 0.98]
    found = style.spread(places, 0.1)
    assert np.argsort(found).tolist() == np.argsort(places).tolist()
    assert np.diff(sorted(found)).min() >= 0.1 - 1e-12
    assert max(found) <= 1 and min(found) >= 0
    assert style.spread([0.2, 0.9], 0.1) == [0.2, 0.9]
