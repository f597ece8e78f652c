"""Whether a weighted loss is what Eq. 8 says, for models whose loss also has terms without users."""

import torch
from helpers import step_gradient
from torch import nn

from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.seeding import global_seed

#: No noise, so that a row's loss depends on parameters and the row alone.
NO_NOISE = {
    **dict.fromkeys(("dropout_prob", "hidden_dropout_prob", "attn_dropout_prob"), 0.0),
    **dict.fromkeys(("drop_ex", "drop_im", "mess_dropout"), 0.0),
    **dict.fromkeys(("node_dropout_rate", "mess_dropout_rate"), 0.0),
}


def build(ex, cls, part=0):
    """A model with parameters large enough for its loss to be far from linear."""
    with global_seed(3), recbole_compat():
        net = cls(ex.config, ex.dataset_of(ex.part(part)))
        for parameter in net.parameters():
            nn.init.normal_(parameter, std=0.3)
    for module in net.modules():
        if isinstance(
            module, nn.BatchNorm1d
        ):  # statistics of the batch mix its rows: use fixed ones
            module.eval()
            module.train = lambda mode=True, module=module: module
    return net


def difference_to_groupwise_sum(ex, stock, batches, weights, count=len):
    """Largest difference between a weighted gradient and its meaning by RecBole's own loss.

    With rows of group g alone RecBole's gradient is ``D_g + T``: a mean over the group's rows and
    terms without users. Weighted by w it must be ``T`` plus the sum over groups of w_g times the
    share of the group's rows times ``D_g``, where ``T`` is the gradient at weights of 0.
    Returned beside the largest entry of that sum.

    Parameters
    ----------
    ex : Experiment
        With steps of SGD of length 1.
    stock : type
        RecBole's class of the model.
    batches : callable
        Maps rows of the batch, None for all, to the batch.
    weights : array
        Weight of each group, the last for the padding user.
    count : callable
        What RecBole's mean over a batch divides by; default the number of rows.
    """
    batch = batches(None)
    group = ex.groups.of_user[batch["user_id"].numpy()]
    net = build(ex, ex.model_class)
    start = {name: value.clone() for name, value in net.state_dict().items()}

    def ours(by_group):
        net = build(ex, ex.model_class)
        return step_gradient(ex.config, net, batch, by_group[ex.groups.of_user])

    weighted, at_zero = ours(weights), ours(0 * weights)
    expected = {name: value.clone() for name, value in at_zero.items()}
    for index in range(len(ex.groups.names)):
        (rows,) = (group == index).nonzero()
        theirs = build(ex, stock)
        theirs.load_state_dict(start, strict=False)
        with recbole_compat():
            losses = theirs.calculate_loss(batches(rows))
            (sum(losses) if isinstance(losses, tuple) else losses).backward()
        share = count(batches(rows)) / count(batch)
        for name, value in theirs.named_parameters():
            gradient = torch.zeros_like(value) if value.grad is None else value.grad
            expected[name] += weights[index] * share * (gradient - at_zero[name])
    moved = max((expected[name] - at_zero[name]).abs().max().item() for name in expected)
    return moved, max((weighted[name] - expected[name]).abs().max().item() for name in expected)
