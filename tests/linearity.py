"""Comparisons with RecBole's own losses and training, for models that read more than ids."""

from contextlib import nullcontext

import torch
from helpers import step_gradient
from recbole.model.loss import EmbLoss
from recbole.utils import get_model, get_trainer
from torch import nn

from recbole_groupmix.adapters.compat import recbole_compat, without_folders
from recbole_groupmix.adapters.seeding import MODEL_NOISE, global_seed, torch_seed
from recbole_groupmix.adapters.trainer import GroupMixTrainer, trainer_class
from recbole_groupmix.models import family_of
from recbole_groupmix.recommenders.by_name import model_class
from recbole_groupmix.training.one_by_one import build_model, stream_key, training_batches

#: No noise, so that a row's loss depends on parameters and the row alone.
NO_NOISE = {
    **dict.fromkeys(("dropout_prob", "hidden_dropout_prob", "attn_dropout_prob"), 0.0),
    **dict.fromkeys(("drop_ex", "drop_im", "mess_dropout"), 0.0),
    **dict.fromkeys(("node_dropout_rate", "mess_dropout_rate"), 0.0),
    **dict.fromkeys(("dropout", "message_dropout", "node_dropout"), 0.0),
}


def stock_model(name):
    """RecBole's class of a name, or ours where RecBole has none.

    Looked up plainly, RecBole's leaves detection of anomalies on.
    """
    if family_of(name) == "of this package":
        return model_class(name)
    with recbole_compat():
        return get_model(name)


def build(ex, cls):
    """A model with parameters large enough for its loss to be far from linear."""
    spread = 1.0 if ex.settings.model == "GCMC" else 0.3  # GCMC has no table, products only
    with global_seed(3), recbole_compat():
        net = cls(ex.config, ex.dataset_of(ex.part(0)))
        for parameter in net.parameters():
            nn.init.normal_(parameter, std=spread)
    if hasattr(net, "Lt_history"):  # losses of earlier steps are there, and rise with the step
        net.Lt_count.fill_(net.history_num_per_term)
        net.Lt_history.copy_(torch.arange(1.0, net.steps + 1)[:, None])
    if hasattr(net, "epoch_losses"):  # users weigh by them
        net.user_weights.copy_(torch.linspace(0.0, 2.0, net.n_users))
    for module in net.modules():
        if isinstance(
            module, nn.BatchNorm1d
        ):  # statistics of the batch mix its rows: use fixed ones
            module.eval()
            module.train = lambda mode=True, module=module: module
    return net


class SquaredEmbLoss(EmbLoss):
    """RecBole's ``EmbLoss`` of rows in its squared form, the one that is a sum over rows."""

    def forward(self, *embeddings, require_pow=True):
        is_table = len(embeddings) == 1  # RippleNet's matrix, which belongs to no row
        return super().forward(*embeddings, require_pow=not is_table)


def with_squares(cls):
    """Return what makes a model of RecBole whose L2 modules have their squared form."""

    def make(config, dataset):
        net = cls(config, dataset)
        for name, child in list(net.named_children()):
            if isinstance(child, EmbLoss):
                setattr(net, name, SquaredEmbLoss())
        return net

    return make


def trained_by_recbole(ex, job):
    """The model of a job, trained by RecBole's own trainer for it on the job's batches."""
    config, part, key = job.config(ex), ex.part(job.part), stream_key(ex, job)
    with global_seed(torch_seed(MODEL_NOISE, *key)), recbole_compat(), without_folders():
        net = build_model(ex, part, None, key, config)
        trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, net)
        trainer.epochs = job.epochs
        batches = training_batches(ex, job, part)
        trainer.fit(batches, None, verbose=False, saved=False)
    return net


def stock_gradient(ex, net, rows):
    """Gradient of RecBole's loss of rows, by name; zeros for what a step does not change."""
    options, trained = {}, net
    if ex.settings.model == "RecVAE":
        options = {"encoder_flag": ex.config["n_enc_epochs"] > 0}
        trained = net.encoder if options["encoder_flag"] else net.decoder
        if not options["encoder_flag"]:
            net.update_prior()
    loss_of = getattr(net, "calculate_rs_loss", net.calculate_loss)  # MKR's name
    losses = loss_of(rows, **options)
    (sum(losses) if isinstance(losses, tuple) else losses).backward()
    moved = set(trained.parameters())
    return {
        name: torch.zeros_like(value) if value.grad is None or value not in moved else value.grad
        for name, value in net.named_parameters()
        if value.requires_grad
    }


def difference_to_groupwise_sum(
    ex, stock, batches, weights, count=len, n_triples=0, noise=lambda rows: nullcontext()
):
    """Largest difference between a weighted gradient and its meaning by RecBole's own loss.

    With rows of group g alone RecBole's gradient is ``D_g + T``: a mean over the group's rows and
    terms without users. Weighted by w it must be ``T`` plus the sum over groups of w_g times the
    share of the group's rows times ``D_g``, where ``T`` is the gradient at weights of 0.
    Returned beside the largest entry of that sum. A part of the loss that the weights do not
    reach, or reach twice, breaks this.

    Parameters
    ----------
    ex : Experiment
        With steps of SGD of length 1.
    stock : callable
        RecBole's class of the model.
    batches : callable
        Maps rows of the batch, None for all, to the batch.
    weights : array
        Weight of each group, the last for the padding user.
    count : callable
        What RecBole's mean over a batch divides by; default the number of rows. 1 for a sum.
    n_triples : int
        Triples that are in one mean with the rows: their sum is then a term without users.
    noise : callable
        Maps a batch to what is active while its loss is computed.
    """
    batch, model = batches(None), ex.settings.model
    group = ex.groups.of_user[batch["user_id"].numpy()]
    net = build(ex, ex.model_class)
    start = {name: value.clone() for name, value in net.state_dict().items()}
    # one step on the loss of interactions
    trainer = (
        GroupMixTrainer if family_of(model) == "knowledge-based" else trainer_class(ex.config)
    )

    def ours(by_group):
        net, of_users = build(ex, ex.model_class), by_group[ex.groups.of_user]
        with noise(batch):
            return step_gradient(ex.config, net, batch, of_users, trainer=trainer)

    weighted, at_zero = ours(weights), ours(0 * weights)
    expected = {name: value.clone() for name, value in at_zero.items()}
    for index in range(len(ex.groups.names)):
        (rows,) = (group == index).nonzero()
        theirs = build(ex, stock)
        if type(theirs) is not type(net):  # else the seed of `build` has given both the same
            theirs.load_state_dict(start, strict=False)
        if model == "MKR":  # its L2 term is a sum over rows
            theirs.reg_weight *= len(group) / len(rows)
        with recbole_compat(), noise(batches(rows)):
            gradient = stock_gradient(ex, theirs, batches(rows))
        share = (count(batches(rows)) + n_triples) / (count(batch) + n_triples)
        of_terms = 1.0 if n_triples else share
        for name, value in gradient.items():
            expected[name] += weights[index] * (share * value - of_terms * at_zero[name])
    moved = max((expected[name] - at_zero[name]).abs().max().item() for name in expected)
    return moved, max((weighted[name] - expected[name]).abs().max().item() for name in expected)


def check_weighted_gradient(ex, stock, batches, weights, **more):
    """The weighted gradient is the weighted sum of the groups' gradients, and is no small one."""
    largest, difference = difference_to_groupwise_sum(ex, stock, batches, weights, **more)
    assert largest > 0.01
    assert difference < 1e-5 * max(largest, 1.0)
