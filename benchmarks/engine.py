"""Seconds that one model takes for one pass over the data: stock RecBole, implicit, our back ends.

    python benchmarks/engine.py [--dataset=ml-100k] [--data_path=FOLDER] [--target=25]
        [--models=BPR,LightGCN] [--sizes=4,16,64] [--mixes=1,16,64] [--rounds=3] [--torch=no]
        [--stock=yes] [--batch_size=1000000] [--weighting=loss]

A pass is negatives, forward, backward and update of every interaction, by default in full batches
of 10^6 on all sides (implicit updates pair by pair). Stock RecBole and our back end on top of it take
turns, pass by pass. ``--mixes=none`` leaves the compiled engine out, which other models than BPR and
LightGCN do not have; models of whole user rows need ``--weighting=sample``. Prints medians over rounds,
the ratio to stock RecBole in the same run, and for BPR and LightGCN how far the time is from a floor: the bytes that a pass has to read and write (each
triplet's three rows and their gradients once; in LightGCN every edge's row once a layer, forward and
backward) over the rate at which all threads copy tables of that size. ``pip install implicit`` adds
that library (BPR).
"""

import statistics
import sys
import time

from ceilings import copy_gbs, forget_peak, peak_mib, product_gflops
from recbole.data import data_preparation
from recbole.utils import get_model, get_trainer

from recbole_groupmix.adapters.compat import recbole_compat, without_folders
from recbole_groupmix.adapters.config import GroupMixConfig
from recbole_groupmix.adapters.dataset import dataset_class
from recbole_groupmix.cli.options import parse_options
from recbole_groupmix.core.samplers import sample_trial
from recbole_groupmix.engine.threads import pool
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.locate import data_folder
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.mixes.candidates import Candidate
from recbole_groupmix.search.jobs import job_of
from recbole_groupmix.settings.merge import merge_settings
from recbole_groupmix.training.joint import Joint
from recbole_groupmix.training.one_by_one import OneByOne

LAYERS = 3


def layers(model):
    return {"n_layers": LAYERS} if model == "LightGCN" else {}


def stock_recbole(model, dataset, size, batch_size, folder):
    """Return a function that makes one epoch of RecBole's own model, loader and trainer."""
    settings = {
        "train_batch_size": batch_size,
        "embedding_size": size,
        **layers(model),
        "eval_args": {"split": {"RS": [0.8, 0.0, 0.2]}},
        "checkpoint_dir": ".",
    }
    config = GroupMixConfig(model, dataset, settings, folder=folder)
    with recbole_compat(), without_folders():
        loaded = dataset_class(config["model"], config["MODEL_TYPE"])(config)
        train_data, _, _ = data_preparation(config, loaded)
        trainer = get_trainer(config["MODEL_TYPE"], config["model"])(
            config, get_model(model)(config, train_data._dataset)
        )

    def epoch():
        with recbole_compat():
            trainer._train_epoch(train_data, 0)

    return epoch


def implicit_bpr(experiment, size):
    """Return a function of n that trains implicit's BPR for n passes; None without the library."""
    try:
        from implicit.bpr import BayesianPersonalizedRanking
    except ImportError:
        return None
    matrix = experiment.part(ALL_OF_TRAIN).held_out.masked.astype("float32").tocsr()

    def passes(n):
        model = BayesianPersonalizedRanking(
            factors=size, iterations=n, num_threads=pool().size, random_state=0
        )
        model.fit(matrix, show_progress=False)

    return passes


def in_turns(experiment, stock, rounds):
    """Seconds of each pass of RecBole's own and of our back end, in turns; the first is left out."""
    seconds = {"stock": [], "ours": []}
    started = 0.0

    def on_epoch(label, done, most):
        nonlocal started
        seconds["ours"].append(time.perf_counter() - started)
        started = time.perf_counter()
        stock()
        seconds["stock"].append(time.perf_counter() - started)
        started = time.perf_counter()

    for _ in OneByOne().train(experiment, jobs(experiment, 1, 1 + rounds), on_epoch):
        pass
    return seconds["stock"][1:], seconds["ours"][1:]


def per_pass(total, rounds, more):
    """Seconds of a pass: of 1 + ``more`` passes less those of one, so that setting up is left out."""
    total(1)
    seconds = []
    for _ in range(rounds):
        few, many = each_once(total, 1), each_once(total, 1 + more)
        seconds.append((many - few) / more)
    return seconds


def each_once(call, n):
    started = time.perf_counter()
    call(n)
    return time.perf_counter() - started


def jobs(experiment, n_mixes, epochs):
    mixes = [sample_trial(0, i, experiment.n_users, experiment.target)[1] for i in range(n_mixes)]
    return [
        job_of(experiment, Candidate(f"trial-{i}", mix, "own"), ALL_OF_TRAIN, epochs=epochs)
        for i, mix in enumerate(mixes)
    ]


def ours(experiment, back_end, n_mixes):
    """Return a function of n that trains a number of mixes for n passes."""

    def passes(n):
        for _ in back_end.train(experiment, jobs(experiment, n_mixes, n)):
            pass

    return passes


def work(model, n_pairs, n_nodes, size):
    """FLOPs and bytes of a pass: scores and gradients, edges, Adam; 0 where nobody counted them."""
    if model not in ("BPR", "LightGCN"):
        return 0, 0
    flops, moved = 9 * size * n_pairs, 6 * 4 * size * n_pairs
    if model == "LightGCN":
        edges = 2 * n_pairs * 2 * LAYERS
        flops, moved = flops + 2 * size * edges, moved + 4 * size * edges
    return flops + 12 * size * n_nodes, moved + 7 * 4 * size * n_nodes


def report(label, seconds, reference, n_models, flops, moved, copy):
    """Print one row: seconds a model, ratio to stock, rates, and the distance from the floor."""
    each_model = statistics.median(seconds) / n_models
    ratio = f"{reference / each_model:8.1f} x" if reference else " " * 10
    rates = (
        f"{flops / each_model / 1e9:8.1f} GFLOP/s {moved / each_model / 1e9:7.1f} GB/s "
        f"{each_model * copy * 1e9 / moved:6.1f} floors "
        if moved
        else ""
    )
    print(f"  {label:22} {each_model:9.4f} s {ratio} {rates}{peak_mib():7.0f} MiB", flush=True)


def compare(model, size, options, folder):
    given = {
        "dataset": options["dataset"],
        "target": options["target"],
        "data_path": options.get("data_path"),
        "model": model,
        "embedding_size": size,
        "train_batch_size": int(options["batch_size"]),
        "weighting": options["weighting"],
        "graph": "all",
        **layers(model),
    }
    experiment = Experiment(merge_settings({k: v for k, v in given.items() if v is not None}))
    rounds = int(options["rounds"])
    n_pairs, n_nodes = len(experiment.part(ALL_OF_TRAIN).users), sum(experiment.shape)
    flops, moved = work(model, n_pairs, n_nodes, size)
    copy = copy_gbs(4 * size * experiment.shape[1])
    floor = f", floor {moved / copy / 1e9:.4f} s" if moved else ""
    print(f"{model}, d = {size}: tables are copied at {copy:.0f} GB/s{floor}")
    reference = None
    if options["stock"] == "yes":
        forget_peak()
        own = stock_recbole(model, options["dataset"], size, int(options["batch_size"]), folder)
        stock, one_by_one = in_turns(experiment, own, rounds)
        reference = statistics.median(stock)
        report("stock RecBole", stock, reference, 1, flops, moved, copy)
        report("recbole back end", one_by_one, reference, 1, flops, moved, copy)
        ratio = statistics.median(one_by_one) / reference
        print(
            f"  the recbole back end takes {ratio:.2f} times as long as stock RecBole", flush=True
        )
    peer = implicit_bpr(experiment, size) if model == "BPR" else None
    if peer is not None:
        report("implicit", per_pass(peer, rounds, 8), reference, 1, flops, moved, copy)
    mixes = [] if options["mixes"] == "none" else options["mixes"].split(",")
    for n_mixes in map(int, mixes):
        forget_peak()
        more = max(1, min(16, 64 // n_mixes))
        seconds = per_pass(ours(experiment, Joint(), n_mixes), rounds, more)
        report(f"cpu, {n_mixes} mixes", seconds, reference, n_mixes, flops, moved, copy)
        if options["torch"] == "yes":
            seconds = per_pass(ours(experiment, Joint(on_torch=True), n_mixes), rounds, more)
            report(f"torch, {n_mixes} mixes", seconds, reference, n_mixes, flops, moved, copy)


def main(arguments):
    options = {
        "dataset": "ml-100k",
        "target": "25",
        "models": "BPR,LightGCN",
        "sizes": "4,16,64",
        "mixes": "1,16,64",
        "rounds": "3",
        "torch": "no",
        "stock": "yes",
        "batch_size": "1000000",
        "weighting": "loss",
        **parse_options(arguments),
    }
    folder = data_folder(options["dataset"], options.get("data_path"))
    print(
        f"{options['dataset']}, {pool().size} threads; a matrix product runs at "
        f"{product_gflops():.0f} GFLOP/s, a copy from memory at {copy_gbs(2**27):.0f} GB/s"
    )
    for model in options["models"].split(","):
        for size in map(int, options["sizes"].split(",")):
            compare(model, size, options, folder)


if __name__ == "__main__":
    main(sys.argv[1:])
