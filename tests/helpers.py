"""Small data sets in RecBole's format, and runs on them, for several test modules."""

import numpy as np

from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.trainer import trainer_class
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.mixes.candidates import Candidate
from recbole_groupmix.prepare.atomic import parse_atomic, write_atomic
from recbole_groupmix.search.jobs import job_of
from recbole_groupmix.settings.merge import merge_settings

#: Users by group, in order of their numbers: 1 to 10 are of A, 11 to 24 of B, 25 to 32 of C.
SIZES = {"A": 10, "B": 14, "C": 8}
N_ITEMS = 40
#: What makes a run small.
SMALL = {"embedding_size": 8, "topk": [5, 10], "epochs": 1, "init": "recbole", "folds": 2}


def interactions(seed=0, sizes=SIZES, n_items=N_ITEMS):
    """Return user and item numbers, from 1, of 5 to 14 items a user; every group has a taste.

    Users 1 to 24 have all items among them, so later users bring no new ones.
    """
    rng = np.random.default_rng(seed)
    users, items = [], []
    for group, size in enumerate(sizes.values()):
        liked = np.full(n_items, 1.0)
        liked[group::3] = 4.0
        for _ in range(size):
            user = users[-1] + 1 if users else 1
            chosen = rng.choice(n_items, rng.integers(5, 13), replace=False, p=liked / liked.sum())
            chosen = np.union1d(chosen, [(user - 1) % n_items, (user + 23) % n_items])
            users += [user] * len(chosen)
            items += (chosen + 1).tolist()
    return np.array(users), np.array(items)


def groups_of_users(sizes=SIZES):
    """Return the group of user 1, 2, ... as a list."""
    return [name for name, size in sizes.items() for _ in range(size)]


def write_data_set(folder, name, inter, user=None, item=None, suffix="inter"):
    """Write atomic files to ``folder/name``; columns are mappings of field:type to values."""
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    for ending, columns in ((suffix, inter), ("user", user), ("item", item)):
        if columns is not None:
            write_atomic(place, name, ending, columns)
    return place


def read_atomic(path):
    """Return the columns of an atomic file, every value as the string it is."""
    return parse_atomic(path.read_text(encoding="utf-8").split("\n"), str(path))


def write_tiny(folder, name="tiny", sizes=SIZES, inter=None, user=None, item=None):
    """Write a data set of three groups, 32 users and 40 items; return ``folder``.

    ``inter``, ``user`` and ``item`` are further columns, those of ``item`` in a file that is else not
    there.
    """
    users, items = interactions(sizes=sizes)
    groups = groups_of_users(sizes)
    write_data_set(
        folder,
        name,
        {
            "user_id:token": [f"u{user}" for user in users],
            "item_id:token": [f"i{item}" for item in items],
            **(inter or {}),
        },
        {
            "user_id:token": [f"u{user}" for user in range(1, len(groups) + 1)],
            "group:token": groups,
            **(user or {}),
        },
        item and {"item_id:token": [f"i{item}" for item in range(1, N_ITEMS + 1)], **item},
    )
    return folder


#: Two classes of every item.
CLASSES = {"class:token_seq": [f"c{item % 5} c{item % 3}" for item in range(N_ITEMS)]}


def write_timed(folder, sizes=SIZES):
    """Write the data set of :func:`write_tiny` with times, many of them equal; return ``folder``."""
    times = np.random.default_rng(9).integers(0, 60, len(interactions(sizes=sizes)[0]))
    return write_tiny(folder, sizes=sizes, inter={"timestamp:float": times.tolist()})


def write_sequences(folder, sizes=SIZES):
    """Write the data set of :func:`write_tiny` in time, with classes of items; return ``folder``."""
    times = np.random.default_rng(9).permutation(len(interactions(sizes=sizes)[0]))
    return write_tiny(folder, sizes=sizes, inter={"timestamp:float": times.tolist()}, item=CLASSES)


def write_contexts(folder):
    """Write the data set of :func:`write_tiny` with ratings, ages and classes; return ``folder``."""
    n_rows, n_users = len(interactions()[0]), len(groups_of_users())
    rng = np.random.default_rng(9)
    inter = {
        "rating:float": rng.integers(1, 6, n_rows).tolist(),
        "place:token": rng.choice(["home", "work"], n_rows).tolist(),
    }
    user = {"age:float": (rng.integers(18, 80, n_users) / 100).tolist()}
    return write_tiny(folder, inter=inter, user=user, item=CLASSES)


def write_graph(folder):
    """Write the data set of :func:`write_tiny` with a graph of its items; return ``folder``."""
    write_tiny(folder)
    items = range(1, N_ITEMS + 1)
    triples = [(f"e{item}", "genre", f"g{item % 5}") for item in items]
    triples += [(f"e{item}", "maker", f"m{item % 7}") for item in items if item % 3]
    triples += [(f"g{k}", "part of", "all") for k in range(5)]
    heads, relations, tails = zip(*triples, strict=True)
    place = folder / "tiny"
    graph = {"head_id:token": heads, "relation_id:token": relations, "tail_id:token": tails}
    write_atomic(place, "tiny", "kg", graph)
    links = {
        "item_id:token": [f"i{item}" for item in items],
        "entity_id:token": [f"e{item}" for item in items],
    }
    write_atomic(place, "tiny", "link", links)
    return folder


def mainstream_by_hand(items_of):
    """Mean Jaccard similarity of every user's set of items to the others', by a double loop."""
    return {
        a: np.mean([len(x & y) / len(x | y) for b, y in items_of.items() if b != a])
        for a, x in items_of.items()
    }


def experiment(folder, **settings):
    """Return the experiment of settings on a data set below ``folder``, by default the tiny one."""
    given = {"dataset": "tiny", "data_path": str(folder), "group_field": "group", "target": "A"}
    return Experiment(merge_settings({**given, **SMALL, **settings}))


def job(ex, name, mix, part, repeat=0, epochs=None, options=None, eval_step=0):
    """Return the job that trains a mix on a part of an experiment."""
    return job_of(ex, Candidate(name, mix, "own"), part, repeat, epochs, options, eval_step)


def step_gradient(config, net, batch, weights, trainer=None, **options):
    """Return the gradient, by parameter name, that a trainer with user weights follows.

    ``config`` must ask for SGD steps of length 1, so that one step is the gradient.
    """
    assert (config["learner"], config["learning_rate"]) == ("sgd", 1.0)
    moved = {name: value for name, value in net.named_parameters() if value.requires_grad}
    before = {name: value.detach().clone() for name, value in moved.items()}
    with recbole_compat():
        made = (trainer or trainer_class(config))(config, net, np.asarray(weights), **options)
        made.fit([batch], saved=False, verbose=False)
    return {name: before[name] - value.detach() for name, value in moved.items()}
