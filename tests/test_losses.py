"""The weighted twins of RecBole's loss modules, one by one."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from recbole.model.loss import BPRLoss, EmbLoss
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from recbole_groupmix.adapters.batch_weights import BatchWeights
from recbole_groupmix.adapters.losses import (
    TableEmbLoss,
    WeightedBCEWithLogitsLoss,
    WeightedBPRLoss,
    WeightedCrossEntropyLoss,
    WeightedEmbLoss,
    WeightedMSELoss,
    attach_weighted_losses,
)


def numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def labels(n):
    return torch.arange(n) % 2


N = 7
#: module, its twin, and arguments for N rows
PAIRS = {
    "BPR": (BPRLoss(), WeightedBPRLoss, (numbers(N), numbers(N, seed=1))),
    "BCE": (nn.BCEWithLogitsLoss(), WeightedBCEWithLogitsLoss, (numbers(N), labels(N).float())),
    "MSE": (nn.MSELoss(), WeightedMSELoss, (numbers(N), labels(N).float())),
    "cross entropy": (nn.CrossEntropyLoss(), WeightedCrossEntropyLoss, (numbers(N, 3), labels(N))),
    "L2": (
        EmbLoss(),
        WeightedEmbLoss,
        (numbers(N, 4), numbers(N, 4, seed=1), numbers(N, 4, seed=2)),
    ),
}


def weighted_value(name, weights, norm="count", rows=slice(None)):
    module, twin, arguments = PAIRS[name]
    shared = BatchWeights(norm)
    with shared.batch(weights, weights):
        return twin(module, shared)(*(argument[rows] for argument in arguments))


def recbole_value(name, rows=slice(None)):
    module, _, arguments = PAIRS[name]
    options = {"require_pow": True} if name == "L2" else {}
    return module(*(argument[rows] for argument in arguments), **options).squeeze()


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("norm", ["count", "weight"])
def test_weights_of_1_give_recboles_number(name, norm):
    value = weighted_value(name, torch.ones(N), norm)
    assert value.item() == pytest.approx(recbole_value(name).item(), rel=1e-6)
    if name == "BPR":
        assert value.item() == recbole_value(name).item()


@pytest.mark.parametrize("name", PAIRS)
@given(weights=st.lists(st.floats(0, 8, width=32), min_size=N, max_size=N))
def test_a_value_is_the_weighted_sum_of_the_values_of_single_rows(name, weights):
    # count: sum of w_i l_i over n; weight: over sum of w_i. RecBole's module on one row gives l_i.
    single = [recbole_value(name, slice(i, i + 1)).item() for i in range(N)]
    total = float(np.dot(weights, single))
    tensor = torch.tensor(weights, dtype=torch.float32)
    assert weighted_value(name, tensor).item() == pytest.approx(total / N, rel=1e-5, abs=1e-6)
    if sum(weights) > 0.01:
        by_weight = weighted_value(name, tensor, "weight").item()
        assert by_weight == pytest.approx(total / sum(weights), rel=1e-5, abs=1e-6)


def test_the_small_number_of_bpr_is_recboles():
    # a difference of -200 makes sigmoid 0 in float32: -log(gamma)
    module = BPRLoss(gamma=1e-3)
    shared = BatchWeights()
    with shared.batch(torch.ones(1), torch.ones(1)):
        value = WeightedBPRLoss(module, shared)(torch.tensor([-200.0]), torch.tensor([0.0]))
    assert value.item() == pytest.approx(-np.log(1e-3))


def test_positives_stacked_on_negatives_share_the_weights_of_their_users():
    # GCMC: rows 0, 1 positives and rows 2, 3 negatives of users with weights 3 and 0:
    # (3 l_0 + 3 l_2) / 4
    logits, target = numbers(4, 2), torch.tensor([1, 1, 0, 0])
    per_row = nn.functional.cross_entropy(logits, target, reduction="none")
    shared = BatchWeights()
    weights = torch.tensor([3.0, 0.0])
    with shared.batch(weights, weights):
        value = WeightedCrossEntropyLoss(nn.CrossEntropyLoss(), shared)(logits, target)
    assert value.item() == pytest.approx(3 * (per_row[0] + per_row[2]).item() / 4)


def test_the_data_term_and_the_l2_term_have_weights_of_their_own():
    shared = BatchWeights()
    data, penalty = WeightedBPRLoss(BPRLoss(), shared), WeightedEmbLoss(EmbLoss(), shared)
    ones = torch.ones(N)
    with shared.batch(2 * ones, 3 * ones):
        assert data(*PAIRS["BPR"][2]) == 2 * recbole_value("BPR")
        assert penalty(*PAIRS["L2"][2]).item() == pytest.approx(3 * recbole_value("L2").item())


def test_the_squared_form_is_taken_whether_asked_for_or_not():
    shared = BatchWeights()
    ones = torch.ones(N)
    with shared.batch(ones, ones):
        penalty = WeightedEmbLoss(EmbLoss(), shared)
        assert penalty(*PAIRS["L2"][2], require_pow=False) == penalty(*PAIRS["L2"][2])


def test_rows_takes_every_row_of_the_tables_but_the_padding_once():
    # rows 1 and 2: 1 + 4 + 9 + 16 = 30, and 25 + 36 + 49 + 64 = 174
    tables = [nn.Embedding(3, 2), nn.Embedding(3, 2)]
    for table, first in zip(tables, (1.0, 5.0), strict=True):
        table.weight.data = torch.tensor(
            [[100.0, 100.0], [first, first + 1], [first + 2, first + 3]]
        )
    assert TableEmbLoss(tables)(numbers(5, 2)).item() == 204.0


@pytest.mark.parametrize("name", PAIRS)
def test_a_twin_outside_a_batch_raises(name):
    module, twin, arguments = PAIRS[name]
    shared = BatchWeights()
    with shared.batch(torch.ones(N), torch.ones(N)):
        twin(module, shared)(*arguments)
    with pytest.raises(RuntimeError, match=r"outside BatchWeights\.batch"):
        twin(module, shared)(*arguments)


def test_weights_are_forgotten_after_an_error_too():
    shared = BatchWeights()
    with pytest.raises(KeyError), shared.batch(torch.ones(N), torch.ones(N)):
        raise KeyError
    with pytest.raises(RuntimeError, match="outside"):
        shared.mean(torch.ones(N))


@pytest.mark.parametrize("name", PAIRS)
def test_other_rows_than_the_batchs_are_refused(name):
    module, twin, arguments = PAIRS[name]
    shared = BatchWeights()
    with (
        shared.batch(torch.ones(N - 1), torch.ones(N - 1)),
        pytest.raises(RuntimeError, match="one row per interaction"),
    ):
        twin(module, shared)(*arguments)


def test_a_loss_that_gives_one_number_for_all_rows_is_refused():
    shared = BatchWeights()
    with (
        shared.batch(torch.ones(N), torch.ones(N)),
        pytest.raises(RuntimeError, match="one row per interaction"),
    ):
        shared.mean(torch.tensor(1.0))


def test_unknown_norms_are_refused():
    with pytest.raises(ValueError, match="'rows' is not one of count, weight"):
        BatchWeights("rows")
    with pytest.raises(ValueError, match="norm 1 has no weighted twin"):
        WeightedEmbLoss(EmbLoss(norm=1), BatchWeights())


class Model(nn.Module):
    def __init__(self, **children):
        super().__init__()
        self.table = nn.Embedding(3, 2)
        for name, child in children.items():
            setattr(self, name, child)


def test_attaching_swaps_the_losses_and_nothing_else():
    model = Model(loss=BPRLoss(), reg_loss=EmbLoss(), linear=nn.Linear(2, 2))
    before = set(dict(model.named_parameters()))
    attach_weighted_losses(model, BatchWeights())
    assert type(model.loss) is WeightedBPRLoss and type(model.reg_loss) is WeightedEmbLoss
    assert type(model.linear) is nn.Linear and type(model.table) is nn.Embedding
    assert set(dict(model.named_parameters())) == before


def test_attaching_by_rows_adds_no_parameter():
    model = Model(loss=BPRLoss(), reg_loss=EmbLoss())
    attach_weighted_losses(model, BatchWeights(), "rows")
    assert type(model.reg_loss) is TableEmbLoss
    assert set(model.state_dict()) == {"table.weight"}


def test_models_without_a_loss_to_swap_are_refused():
    with pytest.raises(ValueError, match="Model has no loss module"):
        attach_weighted_losses(Model(reg_loss=EmbLoss()), BatchWeights())
    with pytest.raises(ValueError, match="'rows' needs a model with an L2 term"):
        attach_weighted_losses(Model(loss=BPRLoss()), BatchWeights(), "rows")


def test_a_subclass_of_a_loss_is_not_taken_for_it():
    # it may compute something else
    class OwnLoss(BPRLoss):
        pass

    with pytest.raises(ValueError, match="no loss module"):
        attach_weighted_losses(Model(loss=OwnLoss()), BatchWeights())


class TensorsOfSize(TorchDispatchMode):
    """Counts the tensors with that many numbers that operations make, whoever calls them."""

    def __init__(self, size):
        super().__init__()
        self.size, self.made = size, 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        inputs = {t.data_ptr() for t in args if isinstance(t, torch.Tensor)}
        if isinstance(out, torch.Tensor) and out.numel() == self.size:
            self.made += out.data_ptr() not in inputs
        return out


def gradient_of_l2(weights, embedding):
    shared, leaf = BatchWeights(), embedding.clone().requires_grad_()
    with shared.batch(weights, weights), TensorsOfSize(embedding.numel()) as counted:
        WeightedEmbLoss(EmbLoss(), shared)(leaf).backward()
    return leaf.grad, counted.made


def test_the_slope_of_the_l2_term_is_a_rows_weight_times_the_row():
    # d/de of w e^2 / 2, over 8 rows, of which a row of zeros; exact: a division by 8
    embedding = numbers(8, 3)
    embedding[2] = 0.0
    weights = torch.tensor([0.0, 1.0, 2.0, 0.5, 3.0, 1.0, 0.25, 4.0])
    slope, _ = gradient_of_l2(weights, embedding)
    assert torch.equal(slope, weights[:, None] * embedding / 8)


def test_the_l2_term_makes_one_tensor_of_the_size_of_a_batchs_embeddings():
    _, made = gradient_of_l2(torch.ones(8), numbers(8, 3))
    assert made == 1  # its gradient: such tensors are what a pass in full batches spends time on
