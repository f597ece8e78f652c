"""Small problems for the engine, and their solution by autograd."""

import numpy as np
import scipy.sparse as sp
import torch

from recbole_groupmix.adapters.batch_weights import BatchWeights
from recbole_groupmix.adapters.losses import WeightedBPRLoss, WeightedEmbLoss
from recbole_groupmix.engine.terms import Shared
from recbole_groupmix.engine.threads import pool
from recbole_groupmix.engine.triplets import Triplets

N_USERS, N_ITEMS, N_GROUPS = 30, 40, 3
#: Columns of tables: less than a vector of the kernels has, and two of them and a rest.
NARROW, WIDE = 5, 37


def make_problem(seed=0, n_triplets=400, width=NARROW):
    rng = np.random.default_rng(seed)
    users = rng.integers(1, N_USERS, n_triplets)
    pos, neg = rng.integers(1, N_ITEMS, (2, n_triplets))
    group = np.r_[-1, rng.integers(0, N_GROUPS, N_USERS - 1)]
    factor = rng.uniform(0.5, 2.0, N_USERS)
    tables = rng.normal(0, 0.5, (N_USERS + N_ITEMS, width)).astype(np.float32)
    return users, pos, neg, group, factor, tables


def make_graph(users, items):
    size = N_USERS + N_ITEMS
    a = np.zeros((size, size))
    a[users, N_USERS + items] = a[N_USERS + items, users] = 1.0
    scale = np.power(a.sum(1) + 1e-7, -0.5)
    return sp.csr_matrix((scale[:, None] * a * scale).astype(np.float32))


def reference_tables(problem, member, n_steps, *, loss_norm, rows, graph, n_layers):
    """The same training by autograd in float64 through the weighted twins of RecBole's losses."""
    return reference(problem, member, n_steps, loss_norm, rows, graph, n_layers)[0]


def reference(problem, member, n_steps, loss_norm, rows, graph, n_layers):
    """Tables after some steps, and the gradient of the last."""
    users, pos, neg, group, factor, tables = problem
    theta = torch.tensor(tables, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([theta], lr=member.learning_rate)
    weights = BatchWeights(loss_norm)
    bpr = WeightedBPRLoss(type("L", (), {"gamma": 1e-10}), weights)
    l2 = WeightedEmbLoss(type("L", (), {"norm": 2}), weights)
    u, i, j = (torch.from_numpy(x) for x in (users, pos, neg))
    data = torch.from_numpy(member.data_weights[group[users]] * factor[users])
    regularizer = torch.from_numpy(member.l2_weights[group[users]] * factor[users])
    adjacency = None if graph is None else torch.tensor(graph.toarray(), dtype=torch.float64)
    for _ in range(n_steps):
        layers = [theta]
        for _ in range(n_layers if graph is not None else 0):
            layers.append(adjacency @ layers[-1])
        final = torch.stack(layers).mean(0)
        ego_u, ego_i, ego_j = theta[u], theta[N_USERS + i], theta[N_USERS + j]
        x_i = (final[u] * final[N_USERS + i]).sum(1)
        x_j = (final[u] * final[N_USERS + j]).sum(1)
        with weights.batch(data, regularizer):
            loss = bpr(x_i, x_j)
            if rows:
                kept = torch.ones(len(theta), dtype=torch.bool)
                kept[[0, N_USERS]] = False
                loss = loss + member.reg_weight * (theta[kept] ** 2).sum()
            else:
                loss = loss + member.reg_weight * l2(ego_u, ego_i, ego_j)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return theta.detach().numpy(), theta.grad.numpy()


def make_shared(problem, **options):
    _, _, _, group, factor, tables = problem
    return Shared(N_USERS, tables, group, factor, **options)


def make_batch(problem):
    users, pos, neg, *_ = problem
    return Triplets.of_rows(users, pos, neg, pool().size)
