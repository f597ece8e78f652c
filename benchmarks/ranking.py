"""Ranking all items for many users, and EASE's scores: microseconds a user, and ratios to the peers.

    python benchmarks/ranking.py [--users=6040] [--items=3706] [--sizes=4,64] [--seen=134] [--rounds=5]

One thread. The peers are ``torch.topk`` with masks by index and a table of the relevant items, and
SciPy's product of sparse rows with a dense matrix. Synthetic scores in which few items are popular.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable

os.environ["NUMBA_NUM_THREADS"] = "1"  # read when Numba is imported

import numpy as np
import torch
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from recbole_groupmix.cli.options import parse_options
from recbole_groupmix.engine.hits import hits_at
from recbole_groupmix.engine.sparse_product import sparse_product

DEPTH, USERS_AT_ONCE = 20, 512


def main(arguments: list[str]) -> None:
    given = parse_options(arguments)
    options = {"users": "6040", "items": "3706", "sizes": "4,64", "seen": "134", "rounds": "5"}
    options |= given
    n_users, n_items, rounds = (int(options[key]) for key in ("users", "items", "rounds"))
    rng = np.random.default_rng(0)
    popular = rng.pareto(1.2, n_items) + 0.01
    masked = _pairs(rng, n_users, popular, int(options["seen"]))
    relevant = _pairs(rng, n_users, popular, 20)
    relevant = (relevant > relevant.multiply(masked)).tocsr()
    for size in map(int, options["sizes"].split(",")):
        user = rng.normal(size=(n_users, size)).astype(np.float32)
        item = rng.normal(size=(n_items, size)).astype(np.float32)
        user[:, 0], item[:, 0] = 1.0, np.log(popular)
        ways = {
            "product alone": lambda user=user, item=item: _products(user, item),
            "torch.topk": lambda user=user, item=item: _by_torch(user, item, masked, relevant),
            "ours": lambda user=user, item=item: hits_at(user, item, masked, relevant, DEPTH),
        }
        if not np.array_equal(ways["torch.topk"](), ways["ours"]()):
            raise AssertionError("the two rankings differ")
        _report(f"rankings, d = {size}", ways, n_users, rounds, "torch.topk")
    matrix = rng.normal(size=(n_items, n_items)).astype(np.float32)
    rows = masked.astype(np.float32)
    products = {
        "SciPy": lambda: [rows[s : s + USERS_AT_ONCE] @ matrix for s in _starts(n_users)],
        "ours": lambda: [
            sparse_product(rows[s : s + USERS_AT_ONCE], matrix) for s in _starts(n_users)
        ],
    }
    _report(
        f"sparse products, {rows.nnz / n_users:.0f} items a user",
        products,
        n_users,
        rounds,
        "SciPy",
    )


def _starts(n_users: int) -> range:
    return range(0, n_users, USERS_AT_ONCE)


def _pairs(rng: np.random.Generator, n_users: int, popular: np.ndarray, mean: int) -> csr_matrix:
    """Some items of every user, the popular ones more often; never the padding item."""
    chances = np.r_[0.0, popular[1:]] / popular[1:].sum()
    many = np.minimum(rng.geometric(1.0 / mean, n_users), len(popular) // 4)
    items = [np.sort(rng.choice(len(popular), n, replace=False, p=chances)) for n in many]
    starts = np.r_[0, np.cumsum(many)]
    shape = (n_users, len(popular))
    return csr_matrix((np.ones(starts[-1], bool), np.concatenate(items), starts), shape=shape)


def _products(user: np.ndarray, item: np.ndarray) -> None:
    for start in range(0, len(user), 64):
        user[start : start + 64] @ item.T


def _by_torch(
    user: np.ndarray, item: np.ndarray, masked: csr_matrix, relevant: csr_matrix
) -> np.ndarray:
    hits = np.zeros((len(user), DEPTH), dtype=bool)
    users, items = torch.from_numpy(user), torch.from_numpy(item)
    for start in _starts(len(user)):
        rows = slice(start, start + USERS_AT_ONCE)
        scores, out = users[rows] @ items.T, masked[rows].tocoo()
        scores[:, 0] = -torch.inf
        scores[torch.from_numpy(out.row).long(), torch.from_numpy(out.col).long()] = -torch.inf
        best = torch.topk(scores, DEPTH, dim=1).indices.numpy()
        hits[rows] = np.take_along_axis(relevant[rows].toarray(), best, axis=1)
    return hits


def _report(
    title: str, ways: dict[str, Callable[[], object]], n_users: int, rounds: int, peer: str
) -> None:
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, way in ways.items():
            start = time.process_time()
            way()
            taken[name].append(time.process_time() - start)
    medians = {name: statistics.median(seconds[1:]) for name, seconds in taken.items()}
    print(f"{title}: us a user, medians of {rounds}")
    for name, seconds in medians.items():
        ratio = f"  {medians[peer] / seconds:.1f} x" if name == "ours" else ""
        print(f"  {name:14}{seconds / n_users * 1e6:7.1f}{ratio}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    with threadpool_limits(1):
        main(sys.argv[1:])
