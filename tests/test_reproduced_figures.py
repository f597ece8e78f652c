"""What several runs show together: figures, published levels, the four results, controls."""

import json
import zlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_runs import USERS, write_run
from pages import Page
from scipy.stats import rankdata

from recbole_groupmix.cli.main import main
from recbole_groupmix.core.statistics import resampling
from recbole_groupmix.report.frame.drawing import drawn
from recbole_groupmix.report.paper import effects
from recbole_groupmix.report.paper import published as published_module
from recbole_groupmix.report.paper.against_published import published_table
from recbole_groupmix.report.paper.check_file import read_check
from recbole_groupmix.report.paper.effects import (
    Effect,
    against,
    against_searched,
    correlation_over_mixes,
    difference,
    level_changes,
    pooled,
    rank_correlation,
)
from recbole_groupmix.report.paper.findings import findings
from recbole_groupmix.report.paper.gains import changes_beside_published
from recbole_groupmix.report.paper.grid import read_cell
from recbole_groupmix.report.paper.grid_section import grid_part
from recbole_groupmix.report.paper.paper_section import paper_section
from recbole_groupmix.report.paper.published import published
from recbole_groupmix.report.paper.statements import (
    FAILS,
    NO_INTERVAL,
    NO_RIVALS,
    NO_RUN,
    NOT_APPLICABLE,
    NOT_ESTABLISHED,
    OPEN,
    STATEMENTS,
    SURVIVES,
    effects_of,
    gain,
    loss,
    no_gain,
    not_negative,
)
from recbole_groupmix.report.paper.survival import AS_IS, survival
from recbole_groupmix.report.paper.survival_figure import result_figure

MANY = {"A": 30, "B": 20, "C": 12, "D": 11, "E": 10, "F": 9}


def write_cell(folder, *, d=4, model="BPR", protocol="paper", **options):
    """Write a run of another place in the grid."""
    write_run(folder, **options)
    file = folder / "result.json"
    result = json.loads(file.read_text())
    place = {"embedding_size": d, "model": model, "protocol": protocol}
    file.write_text(json.dumps({**result, **place, "closed_form": d is None}))
    return folder


def write_check(folder, users=USERS, sizes=(2, 4, 16), version=1):
    """Write a check in which the k-th group is at a distance of 0.1 |i - j| / d."""
    groups = list(users)
    delta = {
        str(d): [[0.1 * abs(i - j) / d for j in range(len(groups))] for i in range(len(groups))]
        for d in sizes
    }
    content = {
        "schema_version": version,
        "dataset": "made",
        "groups": [{"name": name} for name in groups],
        "delta": delta,
        "het": {str(d): dict.fromkeys(groups, 0.01 / d) for d in sizes},
        "null": {str(d): {name: [0.001, 0.003] for name in groups} for d in sizes},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "check.json").write_text(json.dumps(content))
    return folder


# --- published figures


def test_published_levels_are_those_of_the_file():
    place = ("ml-1m", "BPR", 64, "25")
    assert published(*place, "proportional", "precision@20") == 0.265
    assert published(*place, "no_augmentation", "ndcg@20") == 0.236
    assert published("ml-1m", "LightGCN", 64, "56", "stratified", "recall@20") == 0.236
    assert published("ml-1m", "BPR", 4, "25", "proportional", "precision@20") is None
    assert published("ml-1m", "EASE", None, "25", "proportional", "precision@20") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dataset,model\n", "has columns dataset, model"),
        (
            "dataset,model,d,target,mix,metric,value,source\n" + 2 * "a,m,4,t,x,p@5,0.1,us\n",
            "gives 1 figures twice",
        ),
    ],
)
def test_a_damaged_file_of_published_figures(tmp_path, monkeypatch, text, message):
    (tmp_path / "published.csv").write_text(text)
    monkeypatch.setattr(published_module, "bundled", lambda name: tmp_path / "published.csv")
    published_module._figures.cache_clear()
    with pytest.raises(ValueError, match=message):
        published("a", "m", 4, "t", "x", "p@5")
    published_module._figures.cache_clear()


def test_ours_stand_beside_the_published(tmp_path, monkeypatch):
    cell = read_cell(write_cell(tmp_path / "run"))
    ours = cell.run.result["test"]["proportional"]
    known = {
        ("proportional", "precision@10"): ours["precision@10"],
        ("stratified", "precision@10"): 0.9,
        ("stratified", "ndcg@10"): 0.001,
    }
    monkeypatch.setattr(
        "recbole_groupmix.report.paper.against_published.published",
        lambda *place: known.get(place[-2:]) if place[:4] == ("made", "BPR", 4, "A") else None,
    )
    rows = [[c.text for c in row] for row in published_table([cell]).rows]
    found = {(row[3], row[4]): row[6:] for row in rows}
    assert found["proportional", "precision@10"][1:] == ["+0.0%", "inside"]
    assert found["stratified", "precision@10"][2] == "above"
    assert found["stratified", "ndcg@10"][2] == "below"
    assert found["no_augmentation", "precision@10"] == ["not published", "-", "-"]
    assert ("proportional", "recall@10") not in found  # of other metrics what is published


def test_published_changes_are_ratios_of_published_levels(tmp_path, monkeypatch):
    cell = read_cell(write_cell(tmp_path / "run"))
    known = {"proportional": 0.2, "stratified": 0.15}
    monkeypatch.setattr(
        "recbole_groupmix.report.paper.gains.published", lambda *place: known.get(place[4])
    )
    data = changes_beside_published([cell]).set_index("mix")
    assert data.loc["stratified", "published"] == pytest.approx(0.15 / 0.2 - 1)
    assert np.isnan(data.loc["data_mix", "published"])


# --- check.json


def test_discrepancies_come_from_the_nearest_dimension_below(tmp_path):
    check = read_check(write_check(tmp_path / "check"))
    assert check.discrepancy("A", "C", 4) == pytest.approx(0.2 / 4)
    assert check.discrepancy("A", "B", 8) == pytest.approx(0.1 / 4)  # 4 is known, 16 is above 8
    assert check.discrepancy("A", "B", None) == pytest.approx(0.1 / 16)
    assert check.discrepancy("A", "nobody", 4) is None
    assert check.dimension(1) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"schema_version": 2}', r"schema_version 2; this version .* reads 1"),
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"schema_version": 1}', "cannot be read: it has no 'dataset'"),
    ],
)
def test_checks_that_cannot_be_read(tmp_path, text, message):
    (tmp_path / "check.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_check(tmp_path)


# --- effects


def test_changes_of_levels_are_those_of_the_run(tmp_path):
    cell = read_cell(write_cell(tmp_path / "run", repeats=3))
    found = level_changes(cell, "precision@10")
    change = cell.run.result["change"]
    assert set(found) == set(change)
    for mix, effect in found.items():
        assert effect.estimate == pytest.approx(change[mix]["precision@10"]["mean"])
        low, high = effect.interval
        of_run = change[mix]["precision@10"]
        # other resamples of the same users: ends differ by their noise
        width = of_run["ci_high"] - of_run["ci_low"]
        assert abs(low - of_run["ci_low"]) < 0.15 * width
        assert abs(high - of_run["ci_high"]) < 0.15 * width


def test_over_seeds_the_users_stay(tmp_path):
    def alike(metrics):  # every repeat is the first
        first = metrics[metrics["repeat"] == 0].drop(columns="repeat")
        keys = ["user_id", "group", "mix", "metric", "k"]
        return metrics.drop(columns="value").merge(first, on=keys)

    cell = read_cell(write_cell(tmp_path / "run", repeats=3, change=alike))
    for effect in level_changes(cell, "precision@10", "seeds").values():
        assert effect.interval == pytest.approx((effect.estimate, effect.estimate))
    one = read_cell(write_cell(tmp_path / "one", repeats=1))
    assert level_changes(one, "precision@10", "seeds") == {}


def test_no_change_without_a_level(tmp_path):
    def nothing(metrics):
        return metrics.assign(value=metrics["value"].where(metrics["mix"] != "proportional", 0.0))

    cell = read_cell(write_cell(tmp_path / "run", change=nothing))
    assert level_changes(cell, "precision@10") == {}


def test_differences_and_means_keep_resamples_together():
    one = Effect(0.3, np.array([0.1, 0.5]))
    other = Effect(0.1, np.array([0.0, 0.4]))
    fall = difference(one, other)
    assert fall.estimate == pytest.approx(0.2)
    assert fall.draws == pytest.approx([0.1, 0.1])  # what both share falls out
    mean = pooled([one, other])
    assert (mean.estimate, mean.n) == (pytest.approx(0.2), 2)
    assert mean.draws == pytest.approx([0.05, 0.45])
    assert difference(one, None) is None and pooled([]) is None


def test_a_rank_correlation_over_groups():
    # rank differences are all 1: 1 - 6 x 6 / (6 x 35) = 29 / 35
    assert rank_correlation(range(6), [1, 0, 3, 2, 5, 4]) == pytest.approx(29 / 35)
    assert rank_correlation([1, 2, 3], [1, 2, 3]) is None
    assert rank_correlation([1, 1, 1, 1], [1, 2, 3, 4]) is None


def test_a_chosen_mix_is_compared_with_those_it_was_chosen_from():
    searched = [-0.8] * 39 + [0.2]  # one in 40 lies beyond the upper 2.5 %
    effect = against_searched(-0.9, searched, "key")
    assert effect.estimate == pytest.approx(-0.9 - (-0.8 * 39 + 0.2) / 40)
    assert set(np.unique(effect.draws.round(9))) == {-0.1, -1.1}
    assert (effect.draws < -1).mean() == pytest.approx(1 / 40, abs=0.01)
    # a choice that is like all the others shows nothing, however strong their correlation is
    assert against_searched(-0.8, [-0.8] * 8, "key").interval == (0, 0)
    assert against_searched(0.5, [0.1] * 7, "key") is None


def test_a_correlation_over_mixes_is_freed_of_the_budget():
    rng = np.random.default_rng(0)
    budget = rng.permutation(40).astype(float)
    noise = rng.permutation(40)
    # both follow the budget and nothing else: no correlation is left
    effect = correlation_over_mixes(budget + 0.01 * rng.permutation(40), budget, [budget], "key")
    assert effect is None or abs(effect.estimate) < 0.5
    effect = correlation_over_mixes(noise, -noise, [budget], "key")
    assert effect.estimate == pytest.approx(-1)
    assert effect.interval == pytest.approx((-1, -1))
    assert correlation_over_mixes(noise[:7], -noise[:7], [budget[:7]], "key") is None
    assert correlation_over_mixes(noise, np.ones(40), [budget], "key") is None


def test_a_correlation_is_freed_of_every_given_variable():
    rng = np.random.default_rng(1)
    given = rng.permuted(np.tile(np.arange(60.0), (2, 1)), axis=1)
    x, y = given.sum(axis=0) + rng.normal(0, 9, (2, 60))
    # by hand: what least squares on the ranks of both leave of the ranks of x and y
    design = np.column_stack([np.ones(60), *(rankdata(row) for row in given)])
    left = [
        r - design @ np.linalg.lstsq(design, r, rcond=None)[0] for r in (rankdata(x), rankdata(y))
    ]
    expected = np.corrcoef(*left)[0, 1]
    assert abs(expected) < 0.5 < correlation_over_mixes(x, y, [np.ones(60)], "key").estimate
    for order in (given, given[::-1]):
        estimate = correlation_over_mixes(x, y, list(order), "key").estimate
        assert estimate == pytest.approx(expected)


# --- statements


@pytest.mark.parametrize(
    ("judge", "low", "high", "verdict"),
    [
        (no_gain, -0.05, 0.019, SURVIVES),
        (no_gain, 0.005, 0.019, SURVIVES),  # a gain below 2 % counts as none
        (no_gain, 0.001, 0.05, FAILS),
        (no_gain, -0.01, 0.03, OPEN),
        (gain, 0.001, 0.05, SURVIVES),
        (gain, -0.01, 0.03, OPEN),
        (gain, 0.005, 0.019, FAILS),
        (gain, -0.03, 0.0, FAILS),
        (loss, -0.05, -0.001, SURVIVES),
        (loss, -0.05, 0.01, OPEN),
        (loss, -0.019, -0.005, FAILS),
        (loss, 0.01, 0.05, FAILS),
        (not_negative, -0.9, -0.1, FAILS),
        (not_negative, -0.49, 0.5, SURVIVES),
        (not_negative, -0.6, 0.5, OPEN),
    ],
)
def test_verdicts_of_statements(judge, low, high, verdict):
    assert judge(low, high) == verdict


def test_effects_take_the_sizes_that_their_statements_name(tmp_path):
    low = read_cell(write_cell(tmp_path / "low", d=4, trials=9, users=MANY))
    high = read_cell(write_cell(tmp_path / "high", d=64, trials=9, users=MANY, effect=0.3))
    check = read_check(write_check(tmp_path / "check", MANY))
    found = effects_of([low, high], "precision@10", check)
    change = {c.d: c.run.result["change"] for c in (low, high)}
    value = {d: {m: e["precision@10"]["mean"] for m, e in c.items()} for d, c in change.items()}
    assert found["1a"].estimate == pytest.approx(value[64]["data_mix"])
    assert found["1b"].estimate == pytest.approx(value[64]["no_augmentation"])
    assert found["3"].estimate == pytest.approx(value[4]["data_mix"])
    expected = value[4]["stratified"] - value[64]["stratified"]
    assert found["2"].estimate == pytest.approx(expected)
    assert -2 <= found["4a"].estimate <= 2 and -1 <= found["4b"].estimate <= 1
    alone = effects_of([low], "precision@10", None)
    assert (alone["1a"], alone["2"], alone["4a"]) == (NO_RUN, NO_RUN, NO_RUN)


RIVALS = {"weaker": 0.4, "best": 0.5, "same": None}


@pytest.mark.parametrize("over", ["users", "seeds"])
def test_mixing_is_compared_with_the_best_rival_on_the_folds(tmp_path, over):
    options = {"d": 64, "repeats": 5, "effect": 0.2}
    cell = read_cell(write_cell(tmp_path / "run", rivals=RIVALS, **options))
    found = effects_of([cell], "precision@10", None, over)["1c"]
    means = cell.run.result["test"]
    levels = [means[row]["precision@10"] for row in ("data_mix", "best")]
    assert found.estimate == pytest.approx(levels[0] / levels[1] - 1)
    # paired: as the mix against a reference whose values are the rival's
    values = dict(cell.values)
    values["proportional", "precision@10"] = values["best", "precision@10"]
    direct = level_changes(replace(cell, values=values), "precision@10", over)["data_mix"]
    assert found.interval == pytest.approx(direct.interval)
    change = cell.run.result["against_rival"]
    assert change["rival"] == "best"
    assert change["change"]["precision@10"]["mean"] == pytest.approx(found.estimate)


def test_where_no_rival_is_better_on_the_folds_it_is_proportional(tmp_path):
    cell = read_cell(write_cell(tmp_path / "run", d=64, rivals={"same": None}))
    found = effects_of([cell], "precision@10", None)
    assert found["1c"] is found["1a"]
    none = read_cell(write_cell(tmp_path / "none", d=64))
    assert effects_of([none], "precision@10", None)["1c"] == NO_RIVALS
    low = read_cell(write_cell(tmp_path / "low", d=4, rivals=RIVALS))
    assert effects_of([low], "precision@10", None)["1c"] == NO_RUN


def test_a_change_against_a_row_follows_from_two_changes_against_a_third():
    mix = Effect(0.1, np.array([0.1, 0.2]), own=0.3, few="few")
    rival = Effect(-0.5, np.array([-0.5, 0.0]), own=0.0)
    found = against(mix, rival)
    assert found.estimate == pytest.approx(1.1 / 0.5 - 1) and found.few == "few"
    assert found.draws == pytest.approx([1.2, 0.2]) and found.own == pytest.approx(0.3)
    assert against(mix, Effect(-1.0, np.array([-1.0, 0.0]))) is None and against(mix, None) is None
    assert against(mix, replace(rival, own=None)).own is None


def test_the_page_of_a_grid_tells_the_sister_of_1a(undrawn, tmp_path):
    cells = [
        read_cell(write_cell(tmp_path / "run", d=64, repeats=5, rivals=RIVALS), AS_IS),
        read_cell(write_cell(tmp_path / "control", d=64, repeats=5), "graph=all"),
    ]
    lead, sections = grid_part(cells, [], None)
    assert any("; 1c " in line for line in lead)
    section = next(section for section in sections if section.name == "controls")
    assert "1c says what 1a says" in " ".join(section.text)
    assert [figure.name for figure in section.figures] == ["result-1a", "result-1b", "result-1c"]
    by_name = {table.name: table for table in section.tables}
    shown = {
        row[1].text: row[list(by_name["controls"].header).index("1c")].text
        for row in by_name["controls"].rows
    }
    assert shown["graph=all"] == NO_RIVALS and shown[AS_IS].startswith(("+", "-"))
    each = [row for row in by_name["controls-by-target"].rows if row[4].text == "1c"]
    assert {row[1].text for row in each} == {AS_IS, "intervals over seeds"}


def test_models_without_a_size_have_no_low_one(tmp_path):
    cell = read_cell(write_cell(tmp_path / "run", d=None, model="EASE"))
    found = effects_of([cell], "precision@10", read_check(write_check(tmp_path / "check")))
    assert isinstance(found["1a"], Effect)
    assert (found["2"], found["3"]) == (NOT_APPLICABLE, NOT_APPLICABLE)
    assert found["4a"] == NO_INTERVAL  # two other groups


def test_effects_of_equal_runs_differ_by_nothing(tmp_path):
    cells = [read_cell(write_cell(tmp_path / name, d=d)) for name, d in (("low", 4), ("high", 64))]
    fall = effects_of(cells, "precision@10", None)["2"]
    # the two runs hold the same numbers, and users are resampled together
    assert fall.interval == (0, 0) and fall.estimate == 0


# --- the sections


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    """Cells of two targets, two sizes, a model without one, and a control."""
    place = tmp_path_factory.mktemp("grid")
    cells = []
    for control in ("", AS_IS, "graph=all"):
        for target in ("A", "B"):
            for d, model in ((4, "BPR"), (64, "BPR"), (None, "EASE")):
                name = f"{control or 'main'}-{target}-{model}-{d}"
                folder = write_cell(
                    place / name, d=d, model=model, target=target, trials=9, users=MANY
                )
                cells.append(read_cell(folder, control))
    return cells, read_check(write_check(place / "check", MANY))


def test_the_paper_s_figures(grid):
    cells, check = grid
    main_cells = [cell for cell in cells if not cell.control]
    section = paper_section(main_cells, check)
    assert [figure.name for figure in section.figures] == [
        "figure3-paper",
        "figure6-paper",
        "figure4",
        "figure5-paper",
        "figure7a-paper",
        "figure7b-paper",
    ]
    figures = {figure.name: figure.data for figure in section.figures}
    assert set(figures["figure3-paper"]["model"]) == {"BPR, d = 64", "EASE"}
    assert set(figures["figure6-paper"]["model"]) == {"BPR, d = 4"}
    assert set(figures["figure5-paper"]["d"]) == {4, 64}
    assert set(figures["figure4"]["target"]) == {"A", "B"}
    assert figures["figure4"]["random_mean"].eq(0.002).all()  # (.001 + .003) / 2
    shares = figures["figure7a-paper"].groupby(["model", "target"])["share"].sum()
    assert len(shares) == 4 and shares.to_numpy() == pytest.approx(np.ones(4))
    for figure in section.figures:
        assert b"<svg" in drawn(figure).svg and len(figure.alt) > 20
    notes = {figure.name: figure.caption for figure in section.figures}
    assert "on the training part (the paper's is on all)" in notes["figure4"]
    of_all = {
        f.name: f.caption for f in paper_section(main_cells, replace(check, every=True)).figures
    }
    assert "on all interactions" in of_all["figure4"] and "on all" in of_all["figure7a-paper"]
    without = paper_section(main_cells, None)
    assert not {"figure4", "figure7a-paper"} & {figure.name for figure in without.figures}
    assert "groupmix check" in without.text[0]


def test_runs_that_share_a_place_make_no_figures(grid):
    cells, check = grid
    section = paper_section([cells[0], *cells[:3]], check)
    assert section.figures == () and "share a place: main-A-BPR-4" in section.text[0]


def test_controls_are_judged_by_target_and_over_targets(grid):
    cells, check = grid
    data = survival(cells, check)
    assert list(dict.fromkeys(data["control"])) == [
        "own search",
        "own search, intervals over seeds",
        AS_IS,
        "intervals over seeds",
        "graph=all",
    ]
    of = data.set_index(["control", "model", "target", "statement"]).sort_index()
    for statement in ("1a", "1b", "2", "3"):
        each = of.loc[[("graph=all", "BPR", t, statement) for t in "AB"], "estimate"]
        mean = of.loc[("graph=all", "BPR", "all", statement), "estimate"]
        assert mean == pytest.approx(each.mean())
    known = data[data["estimate"].notna()]
    assert (known["ci_low"] <= known["ci_high"]).all()
    assert known["verdict"].isin([SURVIVES, FAILS, OPEN, NOT_ESTABLISHED]).all()
    assert ((known["verdict"] == NOT_ESTABLISHED) == (known["why"] != "")).all()
    assert set(of.loc[("graph=all", "EASE", "all")]["verdict"][["2", "3"]]) == {NOT_APPLICABLE}
    assert not (data["control"] == "intervals over seeds")[data["model"] == "EASE"].any()


def test_a_search_as_short_as_the_controls_stands_once(grid):
    cells, check = grid
    main = [cell for cell in cells if not cell.control]
    as_it_is = [replace(cell, control=AS_IS) for cell in main]
    names = set(survival([*main, *as_it_is], check)["control"])
    assert names == {AS_IS, "intervals over seeds"}


def test_the_table_of_controls_has_an_interval_in_every_cell(grid):
    cells, check = grid
    sections = {section.name: section for section in grid_part(cells, [], check)[1]}
    assert list(sections) == ["paper", "controls", "runs", "all-runs"]
    table = sections["controls"].tables[1]
    for row in table.rows:
        for cell in row[6:]:
            judged = "[" in cell.text and cell.value is not None
            assert judged or cell.text in (NOT_APPLICABLE, NO_INTERVAL, NO_RIVALS), cell.text
    assert len(sections["all-runs"].tables[0].rows) == len(cells)
    for figure in sections["controls"].figures:
        drawn(figure)


def test_controls_stand_beside_the_level_of_proportional(grid):
    cells, check = grid
    sections = {section.name: section for section in grid_part(cells, [], check)[1]}
    table = sections["controls"].tables[1]
    rows = {tuple(cell.text for cell in row[:3]): row[4:6] for row in table.rows}
    for d, low in ((4, 0), (64, 1)):
        of_d = [c for c in cells if c.d == d and c.control == "graph=all" and c.model == "BPR"]
        means = [c.values["proportional", "precision@10"].to_numpy().mean() for c in of_d]
        assert rows["paper", "graph=all", "BPR"][low].value == pytest.approx(np.mean(means))
    assert rows["paper", "graph=all", "EASE"][0].text == "-"  # no embedding size
    assert rows["paper", "intervals over seeds", "BPR"][1].text == "-"  # those of "as it is"


def test_a_figure_of_controls_keeps_a_far_effect_at_the_edge_and_a_models_colour():
    effects = {
        ("paper", AS_IS, "BPR"): 0.02,
        ("paper", AS_IS, "LightGCN"): -0.01,
        ("paper", "lr and decay as printed", "LightGCN"): 0.95,  # median end .03: far beyond .12
        ("converged", AS_IS, "LightGCN"): 0.01,
    }
    over = pd.DataFrame(
        [
            {
                **dict(zip(("protocol", "control", "model"), place, strict=True)),
                **{"target": "all", "statement": "3", "estimate": effect, "verdict": OPEN},
                **{"ci_low": effect - 0.02, "ci_high": effect + 0.02},
            }
            for place, effect in effects.items()
        ]
    )
    statement = next(s for s in STATEMENTS if s.name == "3")
    figure = result_figure(over, statement, "precision@20").draw()
    paper, converged = figure.axes
    assert [paper.get_title("left"), converged.get_title("left")] == [
        "protocol paper",
        "protocol converged",
    ]
    assert [text.get_text() for text in paper.texts] == ["+95%"]
    assert not converged.texts
    assert paper.get_xlim()[1] < 0.2  # the others can be seen
    colours = {
        panel: {line.get_color() for line in panel.lines if line.get_marker() == "s"}
        for panel in (paper, converged)
    }
    assert colours[paper] == colours[converged] and len(colours[paper]) == 1


def _rows(*rows):
    columns = ["protocol", "control", "model", "statement", "verdict"]
    data = pd.DataFrame(rows, columns=columns).assign(target="all")
    return data.assign(why=np.where(data["verdict"] == NOT_ESTABLISHED, "few", ""))


def test_findings_say_what_holds_and_what_controls_change():
    data = _rows(
        ("paper", AS_IS, "BPR", "1a", SURVIVES),
        ("paper", AS_IS, "EASE", "1a", FAILS),
        ("paper", AS_IS, "BPR", "2", OPEN),
        ("paper", AS_IS, "EASE", "2", NOT_APPLICABLE),
        ("paper", "intervals over seeds", "BPR", "1a", FAILS),
        ("paper", "graph=all", "BPR", "1a", FAILS),  # turns over
        ("paper", "graph=all", "EASE", "1a", OPEN),  # can no longer be told
        ("paper", "graph=all", "BPR", "2", SURVIVES),  # can be told then
        ("paper", "40 updates", "BPR", "1a", SURVIVES),  # stays
        ("paper", "40 updates", "BPR", "2", NO_RUN),
    )
    assert findings(data) == [
        "Protocol paper: 1a survives (BPR), does not survive (EASE); 2 cannot be told (BPR).",
        "Under 2 controls of it 1 of 4 verdicts stay, 1 can no longer be told, 1 can be told then, "
        "1 is reversed: 1a does not survive under graph=all (BPR).",
    ]
    assert findings(_rows(("paper", "own search", "BPR", "3", SURVIVES))) == [
        "Protocol paper: 3 survives (BPR)."
    ]
    assert findings(_rows(("paper", AS_IS, "BPR", "3", NO_RUN))) == []


def test_the_lead_of_a_grid(grid):
    cells, check = grid
    lead, _ = grid_part([*cells, replace(cells[0], control=AS_IS)], ["x, y"], check)
    assert lead[0].startswith(f"{len(cells)} runs with 9 searched mixes each")  # one is twice here
    assert lead[1].startswith("Protocol paper: 1a ")
    assert lead[2].startswith("Under 1 control of it ")
    assert lead[-1] == "Missing because they failed: x, y."


def test_cells_at_other_cut_offs_are_refused(grid, tmp_path):
    folder = write_cell(tmp_path / "run")
    result = json.loads((folder / "result.json").read_text())
    (folder / "result.json").write_text(json.dumps({**result, "topk": [5]}))
    with pytest.raises(ValueError, match=r"topk 5 and .* at 10"):
        grid_part([grid[0][0], read_cell(folder)], [], None)


def test_a_report_of_several_runs_takes_a_check_beside_them(undrawn, tmp_path, capsys):
    runs = [
        write_cell(tmp_path / f"run-{d}-{protocol}", d=d, protocol=protocol)
        for d in (4, 64)
        for protocol in ("paper", "converged")
    ]
    check = write_check(tmp_path / "check")
    out = tmp_path / "out"
    assert main(["report", *map(str, runs), str(check), f"--out={out}"]) == 0
    names = {path.stem for path in (out / "figures").glob("*.svg")}
    assert {"figure3-paper", "figure5-converged", "figure4", "figure7a-paper"} <= names
    page = Page((out / "index.html").read_text())
    assert len(page.ids) == len(set(page.ids))
    assert [row[0][0] for row in page.tables["runs"][1:]] == [
        "made A BPR 4 paper",
        "made A BPR 4 converged",
        "made A BPR 64 paper",
        "made A BPR 64 converged",
    ]
    assert main(["report", str(check)]) == 2
    assert "name run folders to report on" in capsys.readouterr().err


def test_only_the_target_s_metrics_are_read(tmp_path):
    folder = write_cell(tmp_path / "run")
    cell = read_cell(folder)
    metrics = pd.read_parquet(folder / "metrics.parquet")
    mine = metrics[(metrics["group"] == "A") & (metrics["k"] == 10)]
    mine = mine[(mine["mix"] == "stratified") & (mine["metric"] == "recall")]
    values = cell.values["stratified", "recall@10"]
    assert values.shape == (2, USERS["A"])
    assert values.to_numpy().mean() == pytest.approx(mine["value"].mean())
    assert cell.run.metrics.empty


# --- seeds that targets share


def _resampled(rng, n_boot, n):
    """Draw n of n units n_boot times: the units, in no way counted."""
    return rng.integers(0, n, size=(n_boot, n))


@pytest.mark.parametrize("over", ["users", "seeds"])
def test_pooled_effects_by_hand(tmp_path, over):
    """Of two targets: users of their own, and the same seeds in each resample."""
    n_boot = effects.N_BOOT
    cells = [
        read_cell(write_cell(tmp_path / target, target=target, repeats=6)) for target in ("A", "B")
    ]
    found = [level_changes(cell, "precision@10", over)["stratified"] for cell in cells]

    def seeded(text):
        entropy = [resampling._DOMAIN, zlib.crc32(f"made/{text}".encode())]
        return np.random.default_rng(np.random.SeedSequence(entropy))

    of_repeats = _resampled(seeded("seeds"), n_boot, 6)
    each = []
    for cell in cells:
        values, base = (
            cell.values[mix, "precision@10"].to_numpy() for mix in ("stratified", "proportional")
        )
        n_users = values.shape[1]
        of_users = np.tile(np.arange(n_users), (n_boot, 1))
        if over == "users":
            of_users = _resampled(seeded(f"{cell.target}/users"), n_boot, n_users)
        each.append(
            [
                values[np.ix_(repeats, users)].mean() / base[np.ix_(repeats, users)].mean() - 1
                for repeats, users in zip(of_repeats, of_users, strict=True)
            ]
        )
    assert pooled(found).draws == pytest.approx(np.mean(each, axis=0), abs=1e-12)


@pytest.mark.parametrize("over", ["users", "seeds"])
def test_noise_of_seeds_is_not_averaged_over_targets(tmp_path, over):
    """A change that depends on the seed alone has the same interval in the mean over targets."""

    def by_seed(metrics):
        better = metrics["mix"] == "stratified"
        return metrics.assign(value=0.2 + 0.01 * better * (1 + metrics["repeat"]))

    cells = [
        read_cell(write_cell(tmp_path / target, target=target, repeats=5, change=by_seed))
        for target in USERS
    ]
    found = [level_changes(cell, "precision@10", over)["stratified"] for cell in cells]
    low, high = pooled(found).interval
    assert high - low > 0.05
    for effect in found:
        assert effect.interval == pytest.approx((low, high))
