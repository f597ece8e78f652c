"""Models that are fed with users: their weighted loss against RecBole's own, value and gradient."""

import numpy as np
import pytest
import torch
from helpers import experiment
from noise_by_user import NoiseByUser
from recbole.data.interaction import Interaction
from recbole.model import general_recommender
from test_models import LAYERS, OPTIONS, OWN_WHOLE_ROWS, SUMS, WHOLE_ROWS, build

from recbole_groupmix.adapters.batch_weights import BatchWeights
from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.losses import attach_weighted_losses
from recbole_groupmix.adapters.seeding import global_seed
from recbole_groupmix.models import OVER_ALL_ITEMS, USER_WISE
from recbole_groupmix.rivals.adaptive import RIVAL as ADAPTIVE
from recbole_groupmix.rivals.focused import RIVAL as FOCUSED
from recbole_groupmix.settings.merge import merge_settings
from recbole_groupmix.training.one_by_one import triplet_factors

USERS = torch.arange(1, 33)
TWICE = torch.tensor([7, 13, 30])


class Loss:
    """The weighted loss of a model on batches of users, and RecBole's."""

    def __init__(self, folder, model, options, loss_norm="count"):
        phases = ("n_enc_epochs", "n_dec_epochs")
        given = {key: value for key, value in options.items() if key not in phases}
        self.ex = experiment(folder, model=model, **LAYERS, **OPTIONS.get(model, {}), **given)
        self.stock = build(self.ex, getattr(general_recommender, model, self.ex.model_class))
        self.weights = BatchWeights(loss_norm)
        self.ours = build(self.ex, self.ex.model_class)
        attach_weighted_losses(self.ours, self.weights)
        self.ours.load_state_dict(self.stock.state_dict())
        self.options = {}
        if model == "RecVAE":
            self.options = {"encoder_flag": options.get("n_enc_epochs", 1) > 0}

    def of(self, net, users):
        net.zero_grad()
        with recbole_compat():
            loss = net.calculate_loss(Interaction({"user_id": users}), **self.options)
            loss.backward()
        trained = [p for p in net.parameters() if p.requires_grad]
        slopes = [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in trained]
        return loss.item(), slopes

    def weighted(self, users, weights):
        with self.weights.batch(weights, weights):
            return self.of(self.ours, users)

    def by_user(self, users, weights):
        """The weighted loss of the first batch, with noise that depends on the user alone."""
        self.ours = build(self.ex, self.ex.model_class)
        attach_weighted_losses(self.ours, self.weights)
        with NoiseByUser(users, self.ex.shape[0]):
            return self.weighted(users, weights)


def assert_same(found, expected, factor=1.0):
    assert found[0] == pytest.approx(factor * expected[0], rel=1e-6)
    largest = max(slope.abs().max().item() for slope in expected[1])
    for slope, other in zip(found[1], expected[1], strict=True):
        torch.testing.assert_close(slope, factor * other, rtol=1e-5, atol=2e-6 * largest)


@pytest.mark.parametrize(("model", "options"), WHOLE_ROWS)
def test_weights_of_1_give_recboles_loss_batch_after_batch(tiny, model, options):
    # the same random numbers, and the same annealing: its weights change with each batch
    loss = Loss(tiny, model, options)
    for number in range(3):
        users = USERS[number::3]
        with global_seed(number):
            expected = loss.of(loss.stock, users)
        with global_seed(number):
            found = loss.weighted(users, torch.ones(len(users)))
        assert_same(found, expected)


@pytest.mark.parametrize(("model", "options"), [*WHOLE_ROWS, *OWN_WHOLE_ROWS])
def test_a_user_of_weight_0_is_absent_and_one_of_weight_2_there_twice(tiny, model, options):
    # a mean by weight has no other divisor for a user twice than for weight 2; a sum has none
    loss = Loss(tiny, model, options, "count" if model in SUMS else "weight")
    kept = USERS[USERS % 4 > 0]
    weights = (USERS % 4 > 0).float()
    assert_same(loss.by_user(USERS, weights), loss.by_user(kept, torch.ones(len(kept))))
    weights[TWICE - 1] = 2.0
    more = torch.cat([kept, TWICE])
    found = loss.by_user(USERS, weights)
    assert_same(found, loss.by_user(more, torch.ones(len(more))))
    assert found[0] != loss.by_user(USERS, torch.ones(len(USERS)))[0]


@pytest.mark.parametrize("model", ["CDAE", "ENMF"])
def test_a_sum_by_weight_does_not_depend_on_the_scale_of_the_weights(tiny, model):
    loss = Loss(tiny, model, {"reg_weight": 0.0, "reg_weight_1": 0.0, "reg_weight_2": 0.0})
    of_1 = loss.by_user(USERS, torch.ones(32))
    assert_same(loss.by_user(USERS, torch.full((32,), 3.0)), of_1, factor=3.0)
    loss = Loss(
        tiny, model, {"reg_weight": 0.0, "reg_weight_1": 0.0, "reg_weight_2": 0.0}, "weight"
    )
    assert_same(loss.by_user(USERS, torch.full((32,), 3.0)), of_1)


def test_without_weights_the_loss_is_recboles_to_the_bit(tiny):
    ex = experiment(tiny, model="MultiVAE", **LAYERS)
    losses = []
    for cls in (ex.model_class, general_recommender.MultiVAE):
        net = build(ex, cls)
        with global_seed(1), recbole_compat():
            losses += [net.calculate_loss(Interaction({"user_id": USERS})).item()]
    assert losses[0] == losses[1]


def test_recboles_own_object_becomes_ours_where_it_is_weighted_and_no_other(tiny):
    # anybody's script makes it by RecBole's get_model
    ex = experiment(tiny, model="RecVAE", **LAYERS)
    net = build(ex, general_recommender.RecVAE)
    attach_weighted_losses(net, BatchWeights())
    assert type(net) is ex.model_class is not general_recommender.RecVAE

    class RecVAE(general_recommender.RecVAE):
        """Somebody's, with another loss."""

    with pytest.raises(ValueError, match="no loss module with a weighted twin"):
        attach_weighted_losses(build(ex, RecVAE), BatchWeights())


@pytest.mark.parametrize("model", ["CDAE", "MultiVAE"])
def test_squared_norms_of_tables_have_no_place_in_these_losses(tiny, model):
    ex = experiment(tiny, model=model, **LAYERS)
    with pytest.raises(ValueError, match=f"needs an L2 term of each row.*{model}.*regularizer"):
        attach_weighted_losses(build(ex, ex.model_class), BatchWeights(), "rows")


# --- the mean over a user's interactions ----------------------------------------------------


@pytest.mark.parametrize("triplets", ["all", "sampled"])
@pytest.mark.parametrize("model", sorted(USER_WISE - {"RaCT"}))
def test_a_mean_over_interactions_divides_by_their_number(tiny, model, triplets):
    # whatever `triplets` says: batches of users hold each once
    ex = experiment(tiny, model=model, user_loss="mean", triplets=triplets, **LAYERS)
    part = ex.part(0)
    counts = np.bincount(part.users, minlength=33)[1:]
    factors = triplet_factors(ex, part)[1:]
    if model in OVER_ALL_ITEMS:
        assert (factors == 1).all()
    else:
        assert factors == pytest.approx(counts.mean() / counts)
        assert factors.std() > 0.1


def test_keys_that_change_nothing_where_users_are_fed_are_said():
    def notes(model, **given):
        return merge_settings({"dataset": "blockmix", "model": model, **given}, where="here").notes

    given = {"user_loss": "mean", "triplets": "sampled"}
    fed = (
        "triplets is 'sampled' (here) and has no effect: {} is fed with users, each once an epoch"
    )
    assert notes("MultiVAE", **given) == (fed.format("MultiVAE"),)
    assert set(notes("ENMF", **given)) == {
        fed.format("ENMF"),
        "user_loss is 'mean' (here) and has no effect: ENMF's loss of a user is over all items, as "
        "many for every user",
    }
    assert notes("BPR", **given) == notes("ENMF", weighting="sample", **given) == ()


@pytest.mark.parametrize("model", ["ENMF", "MultiVAE"])
def test_rivals_of_pairs_and_of_l2_terms_by_user_say_why_not(tiny, model):
    ex = experiment(tiny, model=model, reg_weight=0.1, **LAYERS)
    assert "of pairs of items" in ADAPTIVE.why_not(ex)
    assert "over whole tables" in FOCUSED.why_not(ex)
    bpr = experiment(tiny, reg_weight=0.1)
    assert ADAPTIVE.why_not(bpr) is None and FOCUSED.why_not(bpr) is None
