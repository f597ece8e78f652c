"""Knowledge-based models in runs: losses, training, triples and scores are those of RecBole."""

import shutil
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import numpy as np
import pytest
import torch
from command import run_arguments
from helpers import experiment, job, write_graph
from linearity import (
    NO_NOISE,
    build,
    check_weighted_gradient,
    stock_model,
    trained_by_recbole,
    with_squares,
)
from recbole.data.interaction import Interaction
from recbole.utils import KGDataLoaderState
from test_bad_input import refused_command
from test_models import check_training
from test_recbole_split import METRICS, TOPK, recboles_metrics

from recbole_groupmix.adapters import knowledge as adapter
from recbole_groupmix.adapters import triples as of_triples
from recbole_groupmix.adapters.batches import TrainingBatches
from recbole_groupmix.adapters.held_out import scores_of_all_items, user_metrics
from recbole_groupmix.adapters.triples import KnowledgeBatches, Triples
from recbole_groupmix.core.mix import Mix
from recbole_groupmix.models.knowledge import EXACT, NEEDS, SAMPLED
from recbole_groupmix.search.identity import fingerprint
from recbole_groupmix.training.one_by_one import OneByOne, batch_format, training_batches

WEIGHT_OF_GROUP = np.array([1.0, 0.25, 3.0, 0.0])  # A, B, C, padding
PROPORTIONAL = Mix({"B": 14 / 22, "C": 8 / 22}, 1.0)
LAYERS = {
    "kg_embedding_size": 8,
    "layers": [8],
    "train_batch_size": 64,
    "n_memory": 4,
    "neighbor_sample_size": 2,
    "n_factors": 2,
    "gpu_id": "",
}


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    return write_graph(tmp_path_factory.mktemp("graph"))


@pytest.fixture
def scatter(monkeypatch):
    """Stands for the package torch-scatter, with the two functions that RecBole calls."""

    def scatter_mean(src, index, dim_size, dim=0):
        total = torch.zeros(dim_size, src.shape[1]).index_add(dim, index, src)
        return total / torch.bincount(index, minlength=dim_size).clamp(min=1).unsqueeze(1)

    def scatter_softmax(src, index, dim=0):
        weights = (src - src.max()).exp()
        total = torch.zeros(int(index.max()) + 1, *src.shape[1:]).index_add(dim, index, weights)
        return weights / total[index]

    module = ModuleType("torch_scatter")
    module.__spec__ = ModuleSpec("torch_scatter", None)
    module.scatter_mean, module.scatter_softmax = scatter_mean, scatter_softmax
    monkeypatch.setitem(sys.modules, "torch_scatter", module)


# --- training ---------------------------------------------------------------------------------


@pytest.mark.parametrize("model", EXACT)
def test_models_train_with_weights(graph, scatter, model):
    check_training(graph, model, **LAYERS)


@pytest.mark.parametrize("model", [*SAMPLED, "CKE", "MKR"])
def test_models_train_on_a_drawn_multiset(graph, scatter, model):
    check_training(graph, model, weighting="sample", **LAYERS)


@pytest.mark.parametrize("model", NEEDS)
def test_models_whose_package_is_absent_are_refused(graph, model):
    if "torch_scatter" not in sys.modules:
        with pytest.raises(ValueError, match=r"torch_scatter.*install torch-scatter"):
            experiment(graph, model=model, weighting="loss" if model in EXACT else "sample")


@pytest.mark.parametrize("n_negatives", [1, 2])
@pytest.mark.parametrize(
    ("model", "more"), [*((model, {}) for model in EXACT), ("CFKG", {"loss_function": "transe"})]
)
def test_the_weighted_gradient_is_the_weighted_sum_of_the_groups_gradients(
    graph, scatter, model, more, n_negatives
):
    ex = experiment(
        graph,
        model=model,
        learner="sgd",
        learning_rate=1.0,
        train_neg_sample_args={"distribution": "uniform", "sample_num": n_negatives},
        reg_weight=0.3,
        reg_weights=[0.3, 0.0],  # the L2 term of CKE's triples is a norm of the whole batch
        kg_weight=0.5,
        use_st_gumbel=False,
        train_rec_step=None,  # a plain step on the loss of interactions
        **{**LAYERS, "train_batch_size": 4096, **NO_NOISE, **more},
    )
    part, form = ex.part(0), batch_format(ex)
    rows = next(iter(TrainingBatches(part.users, part.items, part.negatives, form, (1, 0))))
    triples = next(iter(Triples(ex.tensors.graph, 50, (1, 0))))

    def batches(these):
        batch = Interaction(dict((rows if these is None else rows[these]).interaction))
        batch.update(triples)
        return batch

    check_weighted_gradient(
        ex,
        with_squares(ex.model_class if model == "KGAT" else stock_model(model)),  # KGAT needs dgl
        batches,
        WEIGHT_OF_GROUP,
        n_triples=50 if model == "CFKG" else 0,
    )


@pytest.mark.parametrize("model", ["CKE", "KGAT", "KTUP", "MKR"])
def test_the_unweighted_run_is_recboles_training_on_the_same_batches(graph, model):
    # CKE learns from both at once, KGAT in turn, KTUP by epochs, MKR by a trainer of its own.
    ex = experiment(
        graph,
        model=model,
        reg_weight=0.0,
        reg_weights=[0.0, 0.1],
        **({"train_rec_step": 1, "train_kg_step": 1} if model == "KTUP" else {}),
        **LAYERS,
    )
    asked = job(ex, "own", PROPORTIONAL, 0, 0, 3)
    ours, theirs = next(OneByOne().train(ex, [asked])).model, trained_by_recbole(ex, asked)
    for (name, one), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4, msg=name)
    tables = [
        name for name, _ in ours.named_parameters() if name.startswith(("entity", "relation"))
    ]
    assert tables


def test_the_loss_of_triples_has_no_weights(graph):
    """An epoch of triples moves a model in the same way whatever its users weigh."""
    ends = []
    for share in (0.0, 1.0):
        ex = experiment(graph, model="KTUP", train_rec_step=0, train_kg_step=1, **LAYERS)
        asked = job(ex, "own", Mix(PROPORTIONAL.alpha, share), 0, 0, 1)
        ends.append(next(OneByOne().train(ex, [asked])).model.state_dict())
    for name, value in ends[0].items():
        torch.testing.assert_close(value, ends[1][name])


# --- triples ------------------------------------------------------------------------------------


def test_an_epoch_holds_every_triple_once_with_a_tail_that_its_head_lacks(graph):
    ex = experiment(graph, model="CKE", **LAYERS)
    dataset = ex.dataset
    all_of = [f"{field}_id" for field in ("head", "relation", "tail")]
    known = sorted(zip(*(dataset.kg_feat[name].tolist() for name in all_of), strict=True))
    tails = {(head, tail) for head, _, tail in known}
    triples, epochs = Triples(ex.tensors.graph, 20, (1, 0)), []
    for _ in range(2):
        batches = list(triples)
        assert len(batches) == len(triples) == 4
        columns = {
            name: torch.cat([batch[name] for batch in batches]).tolist() for name in batches[0]
        }
        assert sorted(zip(*(columns[name] for name in all_of), strict=True)) == known
        assert not tails & set(zip(columns["head_id"], columns["neg_tail_id"], strict=True))
        assert min(columns["neg_tail_id"]) > 0 and max(columns["neg_tail_id"]) < dataset.entity_num
        epochs.append(columns)
    assert epochs[0] != epochs[1]
    again = next(iter(Triples(ex.tensors.graph, 20, (1, 0))))
    assert again["neg_tail_id"].tolist() == epochs[0]["neg_tail_id"][:20]


def test_the_negatives_of_a_graph_are_counted_once_for_all_mixes(graph, monkeypatch):
    counted, count = [], of_triples.UniformNegatives
    monkeypatch.setattr(
        of_triples, "UniformNegatives", lambda *given: counted.append(1) or count(*given)
    )
    ex = experiment(graph, model="CKE", **LAYERS)
    mixes = [Mix(PROPORTIONAL.alpha, share) for share in (0.0, 0.5, 1.0)]
    list(OneByOne().train(ex, [job(ex, "own", mix, 0, 0, 1) for mix in mixes]))
    assert counted == [1]


def test_triples_stand_beside_interactions_and_begin_anew(graph):
    ex = experiment(graph, model="CKE", **{**LAYERS, "train_batch_size": 16})
    asked = job(ex, "own", PROPORTIONAL, 0, 0, 1)
    batches = training_batches(ex, asked, ex.part(0))
    assert isinstance(batches, KnowledgeBatches)
    batches.set_mode(KGDataLoaderState.RSKG)
    sizes = [(len(batch["user_id"]), len(batch["head_id"])) for batch in batches]
    assert len(sizes) == len(batches) > 10  # 72 triples in batches of 16
    assert [of_graph for _, of_graph in sizes[:7]] == [16, 16, 16, 16, 8, 16, 16]
    batches.set_mode(KGDataLoaderState.KG)
    assert len(batches) == 5 and "user_id" not in next(iter(batches))


# --- scores -------------------------------------------------------------------------------------


@pytest.mark.contract
@pytest.mark.parametrize("model", ["KGCN", "CKE", "CFKG"])
def test_metrics_are_recboles(graph, monkeypatch, model):
    monkeypatch.setattr(adapter, "PAIRS_PER_CALL", 100)
    ex = experiment(graph, model=model, **LAYERS)
    theirs = recboles_metrics(ex.config, ex.test_data(), build(ex, stock_model(model)), 1)
    ours = user_metrics(build(ex, ex.model_class), ex.part(0).held_out, TOPK, METRICS)
    for key, values in ours.items():
        assert values.mean() == pytest.approx(theirs[key], abs=1e-9), key


def test_the_first_graph_of_kgat_is_the_mean_over_the_neighbours_by_relation(graph):
    ex = experiment(graph, model="KGAT", **LAYERS)
    net, dataset = build(ex, ex.model_class), ex.dataset_of(ex.part(0))
    ckg = dataset.ckg_graph("coo", "relation_id")
    expected = np.zeros(ckg.shape)
    for relation in range(1, dataset.relation_num):
        of_relation = np.zeros(ckg.shape)
        mine = ckg.data == relation
        np.add.at(of_relation, (ckg.row[mine], ckg.col[mine]), 1.0)
        out = of_relation.sum(axis=1, keepdims=True)
        expected += np.divide(of_relation, out, out=np.zeros_like(of_relation), where=out > 0)
    made = adapter.KGAT(ex.config, dataset).A_in.to_dense().numpy()
    np.testing.assert_allclose(made, expected, atol=1e-6)
    assert net.A_in.shape == ckg.shape


def test_users_without_interactions_can_be_scored_by_ripplenet(graph):
    ex = experiment(graph, model="RippleNet", **LAYERS)
    asked = job(ex, "own", Mix(PROPORTIONAL.alpha, 0.0), 0, 0, 1)
    model = next(OneByOne().train(ex, [asked])).model.eval()
    assert scores_of_all_items(model, np.arange(ex.shape[0]), ex.shape[1]).isfinite().all()


HEADER = "head_id:token\trelation_id:token\ttail_id:token\n"


# --- files --------------------------------------------------------------------------------------


def changed(graph, folder, name, old, new):
    """Return a copy of the data set with another text in one file; without the file for None."""
    shutil.copytree(graph / "tiny", folder / "tiny")
    file = folder / "tiny" / name
    file.unlink() if old is None else file.write_text(file.read_text().replace(old, new))
    return folder


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("tiny.kg", None, "", r"no tiny\.kg in .*head_id:token, relation_id:token, tail_id:token"),
        ("tiny.link", None, "", r"no tiny\.link in .*item_id:token, entity_id:token"),
        ("tiny.kg", "tail_id", "end", "no column 'tail_id'.*--TAIL_ENTITY_ID_FIELD"),
        ("tiny.link", "entity_id:token", "entity_id:float", "write entity_id:token"),
        ("tiny.kg", "\ne", "\nx", "no interaction of tiny is left: items that tiny.link"),
        ("tiny.link", "\ni", "\nx", "no interaction of tiny is left: items that tiny.link"),
        ("tiny.kg", HEADER, "", "column 'e1' has no type"),
        ("tiny.kg", "\ne2\t", "\n\t", r"tiny\.kg: 2 triples have no head_id; .*remove them"),
        ("tiny.kg", "e1\tgenre\tg1\n", "e1\tgenre\n", r"tiny\.kg: 1 triple has no tail_id"),
        ("tiny.link", "i7\te7", "i7\te8", "links entity e8 to i7, i8; .*keep one"),
        ("tiny.link", "i7\te7", "i7\te7\ni7\tg1", "links item i7 to e7, g1; .*keep one"),
        ("tiny.link", "i7\te7", "i7\te7\nnew\te7", "links entity e7 to i7, new"),
    ],
)
def test_a_graph_that_cannot_be_read_is_refused_in_one_line(
    graph, tmp_path, name, old, new, message
):
    with pytest.raises(ValueError, match=message) as error:
        experiment(changed(graph, tmp_path, name, old, new), model="KGAT")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["tiny.kg", "tiny.link"])
@pytest.mark.parametrize("n_lines", [0, 1])
def test_an_empty_graph_is_refused_by_the_command_which_leaves_nothing(
    graph, tmp_path, name, n_lines
):
    file = changed(graph, tmp_path, name, "", "") / "tiny" / name
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:n_lines]))
    says = [name, "no rows" if n_lines else "is empty"]
    refused_command(*run_arguments(tmp_path, model="CKE"), says=says)


def test_links_without_an_end_or_to_unknown_items_link_nothing(graph, tmp_path):
    more = "i7\te7\ni7\te7\nnew\tg1\n\te90\n\te91\nnew2\t"
    both = [
        experiment(folder, model="CKE").dataset
        for folder in (graph, changed(graph, tmp_path, "tiny.link", "i7\te7", more))
    ]
    for name in ("item_id", "entity_id"):
        assert both[0].field2token_id[name] == both[1].field2token_id[name]


# --- epochs of triples --------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["CKE", "CFKG", "KGCN", "KGNNLS", "RippleNet"])
def test_epochs_of_triples_alone_are_for_models_that_have_them(graph, model):
    with pytest.raises(
        ValueError, match=f"train_kg_step is 1.*{model} has no loss for them"
    ) as error:
        experiment(graph, model=model, train_rec_step=1, train_kg_step=1)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("steps", [(0, 0), (-1, 1), (1, "many"), (1.5, 1), (True, 1)])
def test_numbers_of_epochs_that_give_none_are_refused(graph, steps):
    with pytest.raises(ValueError, match=r"train_rec_step is .* are numbers of epochs"):
        experiment(graph, model="KTUP", train_rec_step=steps[0], train_kg_step=steps[1])
    with pytest.raises(ValueError, match=r"train_kg_step is 'few' .* are numbers of epochs"):
        experiment(graph, model="KTUP", train_kg_step="few")


@pytest.mark.parametrize(
    ("model", "steps", "n_notes"),
    [
        ("KTUP", {"train_rec_step": 0, "train_kg_step": 1}, 0),
        ("CKE", {"train_kg_step": 1}, 1),
        ("KGAT", {"train_rec_step": 1, "train_kg_step": 1}, 2),
        ("MKR", {"train_rec_step": 1, "train_kg_step": 1}, 2),
    ],
)
def test_a_note_says_that_numbers_of_epochs_have_no_effect(graph, model, steps, n_notes):
    notes = [note for note in experiment(graph, model=model, **steps).notes if "_step" in note]
    assert len(notes) == n_notes
    assert all("has no effect: only KTUP takes epochs" in note for note in notes)


def test_items_outside_the_graph_are_left_out_with_a_note(graph, tmp_path):
    folder = changed(graph, tmp_path, "tiny.link", "i7\te7", "i7\te99")
    (note,) = experiment(folder, model="CKE").notes
    assert note.startswith("items that tiny.link links to no entity of tiny.kg: ")
    assert "1 of 40 items" in note


def test_a_run_is_named_by_its_graph_too(graph, tmp_path):
    other = experiment(
        changed(graph, tmp_path, "tiny.kg", "g1\tpart of", "g1\tmade of"), model="CKE"
    )
    one = experiment(graph, model="CKE")
    assert fingerprint(one)["sha256"] != fingerprint(other)["sha256"]
    same = experiment(graph, model="BPR"), experiment(tmp_path, model="BPR")
    assert len({fingerprint(each)["sha256"] for each in same}) == 1
