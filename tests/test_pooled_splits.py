"""Runs that differ in their seed alone, on the page and in the command's table."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from command import call
from made_runs import write_run
from pages import Page

from recbole_groupmix.core.names import DATA_MIX, REFERENCE
from recbole_groupmix.core.statistics.splits import pooled_changes
from recbole_groupmix.record.established import FEW_SEEDS
from recbole_groupmix.record.finished_run import read_folder, read_folders
from recbole_groupmix.report.run.splits import (
    covers,
    families,
    pooled,
    splits_sections,
    splits_text,
)

KEY = "precision@10"


def edit(folder, configuration=None, data=None, **result):
    """Change what a run says of itself."""
    file = folder / "result.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **result}))
    asked = yaml.safe_load((folder / "config.yaml").read_text())
    asked["configuration"] |= configuration or {}
    asked["data"] |= data or {}
    (folder / "config.yaml").write_text(yaml.safe_dump(asked))
    return folder


def write_split(folder, seed, *, gain=0.0, without=(), **options):
    """Write the run of a seed: Stratified gains in every user, more in later splits.

    `without` are users whom this split does not measure.
    """

    def change(metrics):
        better = metrics["mix"].eq("stratified") * (gain + 0.02 * (seed - 2020))
        rng = np.random.default_rng(seed)
        noise = rng.uniform(0, 0.02, len(metrics))
        metrics = metrics.assign(value=metrics["value"] * (1 + better) + noise)
        return metrics[~metrics["user_id"].isin(without)]

    write_run(folder, change=change, **options)
    return edit(folder, {"seed": seed}, seed=seed)


def write_family(folder, n=3, **options):
    return [
        write_split(folder / f"seed-{seed}", seed, **options) for seed in range(2020, 2020 + n)
    ]


# --- which runs are pooled


def test_runs_that_differ_in_the_seed_alone_are_a_family(tmp_path):
    folders = write_family(tmp_path)
    other = shutil.copytree(folders[0], tmp_path / "other")
    edit(other, {"target": "B"})
    runs = read_folders([folders[2], other, folders[0], folders[1]])
    (family,) = families(runs)
    assert [run.result["seed"] for run in family] == [2020, 2021, 2022]


@pytest.mark.parametrize(
    ("configuration", "data", "result"),
    [
        ({"embedding_size": 16}, {}, {}),
        ({"learning_rate": 0.1}, {}, {}),
        ({}, {"sha256": "0"}, {}),
        ({}, {}, {"search": "one more trial"}),
        ({"seed": 2020}, {}, {"seed": 2020}),  # the same split twice
    ],
)
def test_runs_that_differ_in_more_or_in_nothing_are_not(tmp_path, configuration, data, result):
    one, other = write_family(tmp_path, 2)
    if "search" in result:
        search = json.loads((other / "result.json").read_text())["search"]
        result = {"search": {**search, "trials": search["trials"] + 1}}
    runs = read_folders([one, edit(other, configuration, data, **result)])
    assert families(runs) == [] and splits_sections(runs) == []
    assert families(runs[:1]) == []


def test_two_families_have_sections_of_their_own(tmp_path):
    folders = write_family(tmp_path / "a", 2) + write_family(tmp_path / "b", 2, target="B")
    sections = splits_sections(read_folders(folders))
    assert [section.name for section in sections] == ["splits-1", "splits-2"]
    assert [section.title for section in sections] == [
        "Pooled over splits: made, target A, BPR",
        "Pooled over splits: made, target B, BPR",
    ]
    names = [table.name for section in sections for table in section.tables]
    assert len(set(names)) == len(names) == 6


# --- what is pooled


def test_pooled_changes_are_those_of_the_users_by_their_ids(tmp_path):
    """By hand from the tables of values: a user who is missing in a split, and one in all."""
    folders = write_family(tmp_path, 2)
    folders.append(write_split(tmp_path / "2022", 2022, without=["A-0", "A-7"]))
    everywhere = write_split(tmp_path / "2023", 2023, without=["A-29"])
    folders.append(everywhere)
    family = families(read_folders(folders))[0]
    data = pooled(family)
    users = [f"A-{i}" for i in range(30)]
    arrays = []
    for mix in ("stratified", REFERENCE):
        frames = [run.per_user(mix, KEY, "A") for run in family]
        cube = np.full((4, 2, 30), np.nan)
        for s, frame in enumerate(frames):
            for u, user in enumerate(users):
                if user in frame:
                    cube[s, :, u] = frame[user]
        arrays.append(cube)
    assert np.isnan(arrays[0]).any(axis=1).sum() == 3
    (expected,) = pooled_changes([tuple(arrays)], seed=2020)
    row = data[(data["mix"] == "stratified") & (data["metric"] == KEY)].iloc[0]
    assert row["n_users"] == 30
    for name in ("mean", "ci_low", "ci_high", "p", "spread"):
        # users are sorted as text there and by number here: other resamples, the same users
        tolerance = 1e-12 if name in ("mean", "spread") else 0.02
        assert row[name] == pytest.approx(getattr(expected, name), abs=tolerance), name
    each = [run.result["change"]["stratified"][KEY]["mean"] for run in family[:2]]
    assert row["by_split"][:2] == pytest.approx(each)


def test_marks_are_corrected_over_the_rows_of_a_metric(tmp_path):
    data = pooled(families(read_folders(write_family(tmp_path, 3, gain=0.3)))[0])
    for _, rows in data.groupby("metric"):
        p = rows.set_index("mix")["p"]
        p_holm = rows.set_index("mix")["p_holm"]
        assert p_holm["stratified"] == pytest.approx(min(1, len(p) * p.min()))
        assert set(rows[rows["marked"]]["mix"]) == {"stratified"}


def test_a_row_that_is_another_in_every_split_is_one_comparison(tmp_path):
    folders = write_family(tmp_path, 3, own=["mine"])
    for folder in folders:
        edit(folder, same_mix={"mine": "stratified"})
    family = families(read_folders(folders))[0]
    rows = pooled(family).set_index(["mix", "metric"])
    assert rows.loc[("mine", KEY), "same"] == "stratified"
    assert rows.loc[("mine", KEY), "p_holm"] == rows.loc[("stratified", KEY), "p_holm"]
    assert "same mix as stratified" in splits_text(splits_sections(family))
    edit(folders[0], same_mix={})
    rows = pooled(families(read_folders(folders))[0]).set_index(["mix", "metric"])
    assert rows.loc[("mine", KEY), "same"] == ""


def test_rows_that_a_split_lacks_are_named_and_not_pooled(tmp_path):
    folders = write_family(tmp_path / "with", 2, own=["mine"])
    folders.append(write_split(tmp_path / "without", 2022))
    family = families(read_folders(folders))[0]
    assert "mine" not in set(pooled(family)["mix"])
    text = splits_text(splits_sections(family))
    assert "Not in every split, and so not pooled: mine." in text


# --- what is said


@pytest.mark.parametrize(
    ("splits", "repeats", "closed", "said"),
    [
        (5, 5, False, "over users, splits and the repeats of each split."),
        (5, 2, False, "over users and splits, and with the splits training seeds"),
        (5, 5, True, "over users and splits."),
        (4, 5, False, "over users and the repeats of each split, for these 4 splits alone"),
        (4, 2, False, "over users only, for these 4 splits alone"),
        (2, 5, True, "over users only, for these 2 splits alone"),
    ],
)
def test_what_an_interval_covers(splits, repeats, closed, said):
    assert said in covers(splits, repeats, closed)
    assert ("how far splits differ stands beside" in covers(splits, repeats, closed)) == (
        splits < 5
    )


def test_a_chosen_row_pools_what_each_split_chose_and_says_so(tmp_path):
    folders = write_family(tmp_path, 3)
    for place, folder in enumerate(folders):
        result = json.loads((folder / "result.json").read_text())
        mixes = result["mixes"] | {"data_mix": result["mixes"]["data_mix"] | {"alpha_aug": place}}
        edit(folder, mixes=mixes, search=result["search"] | {"selected": f"trial-{place}"})
    (section,) = splits_sections(read_folders(folders))
    said = [
        line for line in section.text if line.startswith("data_mix: chosen or counted in each")
    ]
    assert len(said) == 1  # and no other row
    rows = {row[0].text: [cell.text for cell in row[1:]] for row in section.tables[2].rows}
    assert [cell.partition(" (")[0] for cell in rows[DATA_MIX]] == [
        "trial-0, 0.00",
        "trial-1, 1.00",
        "trial-2, 2.00",
    ]
    assert len(set(rows["stratified"])) == 1 and rows["stratified"][0].startswith("1.00 (B 0.50")


def test_what_is_not_established_in_few_splits_of_few_seeds(tmp_path):
    folders = write_family(tmp_path, 3, gain=0.3)
    for folder in folders:
        edit(folder, embedding_size=4)
    text = splits_text(splits_sections(read_folders(folders)))
    assert f"Not established: stratified ({FEW_SEEDS})" in " ".join(text.split())
    more = [*folders, *write_family(tmp_path / "more", 5, gain=0.3)[3:]]
    for folder in more:
        edit(folder, embedding_size=4)
    text = splits_text(splits_sections(read_folders(more)))  # splits differ in seeds, too
    assert "Not established" not in text


def test_a_mark_that_lengths_decide_is_not_established(tmp_path):
    folders = write_family(tmp_path, 3, gain=0.3)
    for share, there in ((0.9, False), (0.05, True)):
        for folder in folders:
            change = json.loads((folder / "result.json").read_text())["change"]
            own = {
                mix: {k: {**c, "mean": c["mean"] * share} for k, c in row.items()}
                for mix, row in change.items()
            }
            edit(folder, embedding_size=64, own_length={"test": {}, "change": own})
        text = splits_text(splits_sections(read_folders(folders)))
        found = "Not established: stratified (another verdict with each row" in " ".join(
            text.split()
        )
        assert found == there


def test_the_command_prints_the_table_and_the_page_has_it(undrawn, tmp_path):
    folders = write_family(tmp_path, 5, gain=0.3)
    status, out, err = call("report", *folders, "--out=page")
    assert status == 0, err
    lines = out.splitlines()
    assert lines[0] == "Pooled over splits" and lines[-1] == "page/index.html"
    row = next(line for line in lines if line.startswith("stratified"))
    assert row.count("*") == 3 and row.split()[-1].endswith("%")
    assert "seed 2024" in out and "users and splits, and with the splits training seeds" in out
    page = Page(Path("page/index.html").read_text(encoding="utf-8"))
    assert len(page.ids) == len(set(page.ids))
    shown = {row[0][0]: row[1][0] for row in page.tables["splits"][1:]}
    assert shown["stratified"] in row
    assert len(page.tables["each-split"][0]) == 6
    tables = Path("page/tables.md").read_text(encoding="utf-8")
    assert "## Pooled over splits" in tables


def test_one_run_and_runs_of_two_targets_print_the_page_alone(undrawn, tmp_path):
    folders = [
        write_split(tmp_path / "a", 2020),
        edit(write_split(tmp_path / "b", 2021), {"target": "B"}),
    ]
    for given in (folders[:1], folders):
        status, out, err = call("report", *given, f"--out=page{len(given)}")
        assert status == 0, err
        assert out == f"page{len(given)}/index.html\n"


def test_a_run_read_alone_is_that_of_the_family(tmp_path):
    folders = write_family(tmp_path, 2)
    family = families(read_folders(folders))[0]
    alone = read_folder(folders[0])
    row = pooled(family)
    row = row[(row["mix"] == "stratified") & (row["metric"] == KEY)].iloc[0]
    assert row["by_split"][0] == pytest.approx(alone.result["change"]["stratified"][KEY]["mean"])
