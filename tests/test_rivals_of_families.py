"""Rivals of sequential, context-aware and knowledge-based models: a row each, or a note that says why."""

import json
import re

import pytest
from command import call, run_arguments, run_folder
from helpers import experiment, write_contexts, write_graph, write_sequences

from recbole_groupmix.rivals.known import known_rivals

SMALL = {"hidden_size": 8, "inner_size": 8, "n_layers": 1, "n_heads": 1, "MAX_ITEM_LIST_LENGTH": 5}
NO_L2 = "has no reg_weight"
NO_PAIRS = "are of pairs of items"
NO_HISTORIES = "without the histories"
#: Of each model its data set, its keys, and why it lacks the rivals that it lacks.
MODELS = {
    "SASRec": (
        write_sequences,
        {**SMALL, "class_field": "class"},
        {
            **dict.fromkeys(("adaptive", "group_dro"), NO_HISTORIES),
            **dict.fromkeys(("focused", "tuned_lambda"), NO_L2),
        },
    ),
    "SASRec with BPR": (
        write_sequences,
        {**SMALL, "class_field": "class", "loss_type": "BPR"},
        {
            **dict.fromkeys(("adaptive", "group_dro"), NO_HISTORIES),
            **dict.fromkeys(("focused", "tuned_lambda"), NO_L2),
        },
    ),
    "FM": (
        write_contexts,
        {"class_field": "class"},
        {
            **dict.fromkeys(("adaptive", "group_dro"), NO_PAIRS),
            **dict.fromkeys(("focused", "tuned_lambda"), NO_L2),
        },
    ),
    "KGAT": (
        write_graph,
        {"kg_embedding_size": 4, "layers": "[4]"},
        {"calibrated": "no classes of items"},
    ),
}


@pytest.mark.parametrize("model", MODELS)
def test_every_rival_is_a_row_or_a_note_that_says_why(tmp_path, model):
    write, options, lacks = MODELS[model]
    data = write(tmp_path / "data")
    arguments = run_arguments(
        data,
        model=model.split()[0],
        **{
            "rivals": "all",
            "fine_tune": None,
            "epochs": 3,
            "eval_step": 1,
            "trials": 1,
            **options,
        },
    )
    status, _, err = call(*arguments, "--output_dir=runs")
    assert status == 0, err
    notes = dict(re.findall(r"rival (\w+) is left out: (.*)", err))
    assert notes.keys() == lacks.keys()
    assert [name for name, why in lacks.items() if why not in notes[name]] == []
    result = json.loads((run_folder() / "result.json").read_text())
    rows = {*known_rivals()} - lacks.keys()
    assert rows and rows <= {*result["test"]}


@pytest.mark.parametrize("model", ["Caser", "GCSAN", "NextItNet", "DCN", "PNN"])
def test_an_l2_term_of_parameters_has_no_part_of_a_user(tmp_path, model):
    write = write_contexts if model in ("DCN", "PNN") else write_sequences
    rivals, ex = known_rivals(), experiment(write(tmp_path), model=model)
    assert "over parameters and has no part of a user" in rivals["focused"].why_not(ex)
    assert rivals["tuned_lambda"].why_not(ex) is None


@pytest.mark.parametrize("model", ["HGN", "SHAN"])
def test_a_list_of_l2_weights_is_no_weight_to_choose(tmp_path, model):
    rivals, ex = known_rivals(), experiment(write_sequences(tmp_path), model=model)
    for name in ("focused", "tuned_lambda"):
        assert rivals[name].why_not(ex) == f"reg_weight of {model} is a list of several"
    with pytest.raises(
        ValueError, match=r"decays is \[0\.1\].*is a list of several; leave it out"
    ):
        experiment(tmp_path, model=model, decays=[0.1])
