"""The page of a search: its surface, what was known when, and what racing saved."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from command import call, run_arguments, run_folder
from helpers import write_tiny
from made_runs import write_run
from search_tables import N_USERS, less_of_a, table

from recbole_groupmix.record.finished_run import read_folder
from recbole_groupmix.record.fold_summary import summaries
from recbole_groupmix.report.frame.drawing import drawn
from recbole_groupmix.report.learned.section import learned_sections, surface_section
from recbole_groupmix.report.learned.spent import spent_section
from recbole_groupmix.report.learned.tried import Search, search_of
from recbole_groupmix.report.page import run_sections
from recbole_groupmix.report.run.search import _plot as search_plot
from recbole_groupmix.search import race
from recbole_groupmix.surface.history import History
from recbole_groupmix.surface.spent import believed_after, best_row
from recbole_groupmix.surface.surface import fit_surface
from recbole_groupmix.surface.through_mix import (
    BUDGET_AXIS,
    ON_PLANE,
    line,
    most_interacting,
    moved,
    place_on,
)

SEARCH = {"model": "EASE", "lambdas": "[10,100]", "folds": 3, "epochs": None, "eval_step": None}
SEARCH |= {"embedding_size": None, "repeats": None, "trials": 8, "least_gain": 0}
SIZES = np.array([30.0, 90.0, 60.0])


def finished(data, **options):
    status, _, err = call(*run_arguments(data, **{**SEARCH, **options}))
    assert status == 0, err
    return read_folder(run_folder())


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_tiny(tmp_path_factory.mktemp("larger"), sizes={"A": 40, "B": 24, "C": 16})


@pytest.fixture
def raced(data, monkeypatch):
    """A search in which all but the leader leave after a fold."""
    monkeypatch.setattr(race, "FEW_USERS", 1)
    monkeypatch.setattr(race, "LEVEL", 1.0)
    return finished(data, search="gp")


def made(history, left=()):
    """What a run would have told of a table."""
    names = ["proportional", *(f"trial-{i}" for i in range(len(history) - 1))]
    may_be = np.array([name not in left for name in names])
    surface = fit_surface(history)
    row = best_row(surface, history, may_be)
    return Search(names, [3] * len(names), 1, may_be, history, surface, row)


def run_of(selected="trial-0", left=()):
    search = {"selected": selected, "folds": 3, "waves": {}}
    result = {"valid_metric": "recall@20", "search": search}
    return SimpleNamespace(result=result, on_folds=SimpleNamespace(left=list(left)))


def test_the_page_s_surface_is_the_one_that_the_search_believed(raced):
    search = search_of(raced)
    waves = raced.result["search"]["waves"]
    assert waves["left"] and set(waves["left"]) <= set(search.names)
    weights = search.history.weights
    gains = search.surface.straight(weights, search.surface.gains(weights))
    base = search.history.reference_score
    believed = {name: of["mean"] for name, of in waves["belief"].items()}
    assert dict(zip(search.names, base * (1 + gains), strict=True)) == pytest.approx(believed)
    assert search.names[search.recommended] == waves["recommended"]
    rows = ["proportional", "stratified", "no_augmentation"]
    assert search.names == [*rows, *(f"trial-{i}" for i in range(8))] and search.n_rows == 3


def test_what_racing_saved_is_told_of_how_much_with_who_left_when(raced):
    surface, spent = learned_sections(raced)
    left, saved = raced.result["search"]["waves"]["left"], 0
    for folds in left.values():
        saved += 3 - folds
    assert f"Racing saved {saved} of 33 trainings on the folds" in spent.text[-1]
    assert f"{sum(n == 1 for n in left.values())} after fold 1" in spent.text[-1]
    (rows,) = (of.rows for of in spent.tables)
    assert {row[0].text: int(row[1].text) for row in rows} == left
    assert spent.figures[0].data["trainings"].iloc[-1] == 33 - saved
    names = [section.name for section in run_sections(raced)]
    assert names.index("surface") == names.index("search") + 1
    assert surface.title == "The searched surface"


@pytest.mark.parametrize("model", ["EASE", "BPR"])
def test_a_random_search_has_a_surface_that_it_did_not_use(data, model):
    trained = {"model": "BPR", "lambdas": None, "epochs": 4, "eval_step": 2, "repeats": 1}
    trained |= {"embedding_size": 4, "decays": "[0,1]"}
    run = finished(data, search="random", **({} if model == "EASE" else trained))
    search = search_of(run)
    cv = run.result["search"]["cv"]
    scores = dict(zip(search.names, search.history.scores, strict=True))
    assert scores == pytest.approx({name: cv[name] for name in search.names})
    surface, spent = learned_sections(run)
    assert "The search did not use it" in surface.text[0]
    assert "Racing" not in " ".join(spent.text) and not spent.tables


def test_a_folder_without_values_of_users_or_without_a_search_has_no_such_sections(tmp_path, tiny):
    run = read_folder(write_run(tmp_path / "old", trials=8, budgets=True))
    assert learned_sections(run) == []
    status, _, err = call(*run_arguments(tiny, budget_curve=True, trials=0))
    assert status == 0, err
    assert learned_sections(read_folder(run_folder())) == []


def test_turning_a_weight_leaves_the_budget_and_the_others_among_each_other():
    centre = np.array([2.0, 0.5, 1.5])
    weights = moved(centre, SIZES, [0], np.array([[0.0], [1.0], [4.0]]))
    assert weights @ SIZES == pytest.approx(np.full(3, centre @ SIZES))
    assert weights[:, 2] / weights[:, 1] == pytest.approx([3.0] * 3)
    rest = weights[:, 1:] @ SIZES[1:] / SIZES[1:].sum()
    assert weights[:, 0] == pytest.approx([0, 1, 4] * rest)
    here = moved(centre, SIZES, [0], np.array([[place_on(centre, SIZES, 0)]]))
    assert here[0] == pytest.approx(centre)
    budgets = moved(centre, SIZES, [BUDGET_AXIS], np.array([[0.0], [2.0]]))
    assert budgets @ SIZES / SIZES.sum() == pytest.approx([0, 2])
    assert budgets[1] / centre == pytest.approx([(budgets[1] / centre)[0]] * 3)
    pair = moved(centre, SIZES, [BUDGET_AXIS, 2], np.array([[3.0, 0.5]]))[0]
    assert pair @ SIZES / SIZES.sum() == pytest.approx(3)
    assert pair[2] / (pair[:2] @ SIZES[:2] / SIZES[:2].sum()) == pytest.approx(0.5)


def test_a_line_goes_through_the_mix_and_its_band_is_around_the_mean():
    surface = fit_surface(table(40, less_of_a))
    of = line(surface, np.array([0.1, 1.0, 1.0]), 0)
    one = int(np.abs(of.at - 1).argmin())
    assert of.mean[1] > of.mean[one] > of.mean[-1]  # less of a is better
    assert (of.low <= of.mean).all() and (of.mean <= of.high).all() and (of.low >= -1).all()
    same = line(surface, np.ones(3), BUDGET_AXIS)
    at = int(np.abs(same.at - 1).argmin())
    assert abs(same.mean[at]) < 0.01 and same.high[at] - same.low[at] < 0.01


class Known:
    """A surface of which the gains are known, without doubt about them but for the budget's."""

    def __init__(self, gains):
        self._gains = gains
        self.history = SimpleNamespace(sizes=SIZES)

    def gains(self, weights):
        budget = weights @ SIZES / SIZES.sum()
        return self._gains(np.log(budget), np.log(weights / budget[:, None]))

    def joint_gains(self, weights):
        return self.gains(weights), 0.01 * np.eye(len(weights))

    def straight(self, weights, gains):
        return gains

    def slopes(self, weights, gains):
        return np.ones(len(gains))


def test_an_interaction_is_what_no_sum_over_both_has():
    alone = most_interacting(Known(lambda b, w: 1 + 0.1 * b**2), np.ones(3), 6)
    assert [plane.interaction for plane in alone] == pytest.approx([0] * 6, abs=1e-12)
    (plane,) = most_interacting(Known(lambda b, w: 9 + b * w[:, 1]), np.ones(3), 1)
    assert plane.axes == (BUDGET_AXIS, 1)
    of_budget, of_weight = np.log(ON_PLANE), np.log(plane_weights())
    product = np.outer(of_budget, of_weight - of_weight.mean())
    assert plane.interaction == pytest.approx(np.ptp(product))
    assert plane.sd > 0
    two = Known(lambda b, w: b)
    two.history.sizes = SIZES[:2]
    two.gains = lambda weights: weights[:, 0]
    assert [plane.axes for plane in most_interacting(two, np.ones(2), 2)] == [(BUDGET_AXIS, 0)]


def plane_weights():
    """Weight of a user of the second group relative to the budget, at the places of a plane."""
    rest = SIZES.sum() - SIZES[1]
    return ON_PLANE * SIZES.sum() / (rest + SIZES[1] * ON_PLANE)


def test_what_was_believed_then_is_told_by_those_mixes_alone_and_by_all():
    history = table(40, less_of_a, luck=0.02)
    search = made(history)
    first, last = believed_after(history, search.surface, search.may_be, [6, 40])
    alone = fit_surface(history.rows(np.arange(40) < 6))
    assert first.row < 6 and first.row == best_row(alone, history.rows(slice(6)), np.ones(6, bool))
    mine = history.weights[[first.row]]
    assert first.then == pytest.approx(alone.straight(mine, alone.gains(mine))[0])
    assert last.row == search.recommended and last.then == last.now >= first.now
    (figure,) = spent_section(run_of(), search).figures
    data = figure.data.set_index("mix")
    assert data["regret"].dropna().iloc[-1] == 0 and (data["regret"].dropna() > -1e-9).all()
    assert data["best_score"].is_monotonic_increasing


def test_mixes_that_left_are_neither_the_best_score_nor_believed_in():
    history = table(40, less_of_a)
    best = f"trial-{int(history.scores.argmax()) - 1}"
    search = made(history, left=[best])
    assert search.names[search.recommended] != best
    data = spent_section(run_of(), search).figures[0].data
    highest = history.scores.max() / history.reference_score - 1
    assert data["best_score"].iloc[-1] < highest and best not in set(data["believed_best"])


def several(n_groups):
    rng = np.random.default_rng(n_groups)
    groups = tuple(f"group-{i}" for i in range(n_groups))
    users = {"t": 40, **{g: 20 + 5 * i for i, g in enumerate(groups)}}
    weights = np.vstack([np.ones((1, n_groups)), rng.uniform(0, 3, (14, n_groups))])
    noise = rng.normal(0, 0.02, (15, 50))
    noise[0] = 0
    scores = 0.3 + noise.mean(axis=1)
    return History(groups, users, "t", weights, scores, noise, np.arange(15) == 0)


@pytest.mark.parametrize("n_groups", [1, 2, 5, 19])
def test_a_panel_for_each_group_with_its_axis_named_below(n_groups):
    section = surface_section(run_of(), made(several(n_groups)))
    figures = {figure.name: figure for figure in section.figures}
    if n_groups == 1:
        assert set(figures) == {"surface-budget"} and len(section.text) == 1
        return
    picture = figures["surface-groups"].draw()
    shown = [axes for axes in picture.axes if axes.get_visible()]
    assert [axes.get_title() for axes in shown] == [f"group-{i}" for i in range(n_groups)]
    columns = 2 if n_groups <= 4 else 3
    named = [axes.xaxis.get_tick_params()["labelbottom"] for axes in shown]
    assert named == [i + columns >= n_groups for i in range(n_groups)]
    assert set(figures["surface-groups"].data["group"]) == {f"group-{i}" for i in range(n_groups)}
    planes = figures["surface-pairs"].data
    assert len(planes) == (1 if n_groups == 2 else 2) * len(ON_PLANE) ** 2
    for figure in section.figures:
        assert figure.alt and drawn(figure).png.startswith(b"\x89PNG")


def test_a_mix_without_the_others_is_no_place_to_turn_weights_from():
    history = table(30, lambda weights: 0.3 * (1 - weights @ SIZES / SIZES.sum()).clip(-1, 1))
    weights = np.vstack([history.weights, np.zeros((1, 3))])
    none = np.vstack([history.differences, np.full((1, history.differences.shape[1]), 0.2)])
    scores = np.r_[history.scores, history.reference_score + 0.2]
    more = History(history.groups, N_USERS, "t", weights, scores, none, np.arange(31) == 0)
    search = made(more)
    assert search.recommended == 30
    section = surface_section(run_of(), search)
    assert section.text[1].startswith("From proportional, the weight of group")
    assert drawn(section.figures[0]).svg


def test_of_several_lambdas_one_is_chosen_for_all_folds():
    def of(fold, *scores):
        tried = [
            {"options": {"reg_weight": lam}, "score": s}
            for lam, s in zip((1, 9), scores, strict=True)
        ]
        return {"name": "a", "fold": fold, "score": max(scores), "epochs": 1, "tried": tried}

    found = summaries([of(1, 0.1, 0.4), of(0, 0.6, 0.5)])["a"]
    assert found["options"] == {"reg_weight": 9} and found["scores"] == [0.5, 0.4]


def test_without_a_data_mix_the_panels_of_the_search_keep_their_places():
    """An axis' name lies above the panel below it."""
    search = {"selected": "proportional", "cv": {"proportional": 0.28}}
    run = SimpleNamespace(
        others=["b", "c"],
        groups={"b": 90, "c": 60},
        result={"search": search, "valid_metric": "recall@20"},
    )
    columns = ("alpha_aug", "effective_users", "alpha b", "alpha c", "score")
    tried = pd.DataFrame({name: [0.2, 0.3] for name in columns})
    figure = search_plot(run, tried.assign(name=["trial-0", "trial-1"], sampler="gp"))
    figure.draw_without_rendering()
    above, _, below, _ = figure.axes
    name = above.xaxis.label.get_window_extent()
    assert name.y0 > below.get_window_extent().y1
