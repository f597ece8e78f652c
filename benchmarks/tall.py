"""TALL beside its baselines: NDCG@20 overall and by mainstream quintile, with the published rows.

    python benchmarks/tall.py [--dataset=ml-100k] [--data_path=FOLDER] [--experts=8] [--seeds=3]
        [--epochs=200] [--rate=0.001] [--batch=512] [--decay=0.001] [--alpha=0.08] [--gap=40]
        [--split=2020] [--systems=NAME,NAME] [--out=tall-runs] [--cost] [--quick]

Says first what it costs of a core, from one epoch of each system; --cost stops there. A training that is in the
folder of results is not repeated. --quick is a small ml-100k. Pan, Zhu, Wang, Lin and Caverlee,
"Countering Mainstream Bias via End-to-End Adaptive Local Learning", ECIR 2024.
"""

import json
import logging
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from recbole.data import create_dataset, data_preparation
from recbole.model.general_recommender import MultiVAE

from recbole_groupmix import GroupEvaluator, GroupMixConfig, GroupMixTrainer, mainstream_groups
from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.seeding import global_seed
from recbole_groupmix.cli.options import split_arguments
from recbole_groupmix.core.statistics.bootstrap import mean_interval, relative_changes
from recbole_groupmix.recommenders.mixture_of_experts import (
    LMoE,
    MixtureOfExperts,
    MoE,
    UniformEnsemble,
)
from recbole_groupmix.recommenders.mult_vae import user_loader
from recbole_groupmix.recommenders.synchronised import TALL
from recbole_groupmix.recommenders.weighted_loss import WL
from recbole_groupmix.text.tables import markdown_table

SHARPER = {"guide_loss": "mean", "gate_temperature": 0.005}
PRINTED = {"weight_rule": "paper", "weight_norm": "batch"}
SYSTEMS = {  # class, keys, what it is
    "MultVAE": (MultiVAE, {}, "RecBole's MultiVAE"),
    "WL": (WL, {}, "users far from the mainstream weigh more"),
    "MoE": (MoE, {}, "gate: a perceptron of the user's items"),
    "uniform": (UniformEnsemble, {}, "experts count alike"),
    "uniform-": (UniformEnsemble, {"guide_ratio": 0.1}, "uniform, without the guide items"),
    "LMoE": (LMoE, {}, "gate: losses on guide items, as printed"),
    "LMoE+": (LMoE, SHARPER, "the same, mean losses, temperature .005"),
    "TALL": (TALL, {}, "LMoE and weights of users by falls of their losses"),
    "TALL*": (TALL, PRINTED, "the same, with the printed rule, by batch as in its code"),
}
QUINTILES = ("L", "ML", "M", "MH", "H")
PUBLISHED = {  # ML-1M, 100 experts: Tables 2 and 3
    "MultVAE": (0.3260, 0.2354, 0.2764, 0.2986, 0.3652, 0.4546),
    "WL": (0.3278, 0.2448, 0.2801, 0.2970, 0.3639, 0.4532),
    "MoE": (0.3230, 0.2513, 0.2668, 0.2895, 0.3519, 0.4553),
    "LMoE": (0.3401, 0.2714, 0.2893, 0.3066, 0.3736, 0.4594),
    "TALL": (0.3456, 0.2746, 0.2903, 0.3112, 0.3784, 0.4734),
    "EnLFT": (0.3341, 0.2586, 0.2875, 0.3025, 0.3661, 0.4556),
    "LOCA": (0.3308, 0.2551, 0.2780, 0.2972, 0.3622, 0.4617),
    "LFT": (0.3416, 0.2707, 0.2918, 0.3072, 0.3727, 0.4657),
}
PAIRS = (("TALL", "uniform"), ("TALL", "uniform-"), ("TALL", "LMoE"), ("LMoE", "uniform-"),
         ("LMoE+", "uniform-"), ("MoE", "uniform"), ("uniform", "MultVAE"), ("WL", "MultVAE"))  # fmt: skip
DEFAULTS = {"dataset": "ml-100k", "data_path": "", "experts": "8", "seeds": "3", "epochs": "200",
            "rate": "0.001", "batch": "512", "decay": "0.001", "alpha": "0.08", "gap": "40",
            "split": "2020",
            "systems": ",".join(SYSTEMS), "out": "tall-runs", "cost": "", "quick": ""}  # fmt: skip
QUICK = {"experts": "2", "seeds": "2", "epochs": "10", "rate": "0.003", "batch": "256", "gap": "5", 
         "alpha": "1",
         "systems": "MultVAE,WL,uniform,LMoE,TALL", "out": "tall-quick"}  # fmt: skip
#: Epochs from one validation to the next, and validations without a rise until a training ends.
EVAL_STEP, PATIENCE = 5, 4


class Study:
    """The data, split once, and the trainings on it."""

    def __init__(self, given):
        self.given = given
        config = self.config("MultVAE", int(given["split"]))
        with recbole_compat(), global_seed(int(given["split"])):
            self.train, self.valid, self.test = data_preparation(config, create_dataset(config))
        self.groups = mainstream_groups(self.train)

    def keys(self, system):
        """Return the keys of a system, other than its seed."""
        given, (cls, keys, _) = self.given, SYSTEMS[system]
        is_mixture = issubclass(cls, MixtureOfExperts)
        n_experts = int(given["experts"]) if is_mixture else 1
        weights = {"weight_alpha": float(given["alpha"]), "weight_gap": int(given["gap"])}
        return {
            **{"latent_dimension": 200, "mlp_hidden_size": [], "dropout_prob": 0.0},
            **{"anneal_cap": 0.2, "total_anneal_steps": 200_000},
            "learning_rate": float(given["rate"]),
            # gradients of experts are smaller by their number, and Adam's L2 term must be too
            "weight_decay": float(given["decay"]) / n_experts,
            "train_batch_size": int(given["batch"]),
            "epochs": int(given["epochs"]),
            **({"n_experts": n_experts} if is_mixture else {}),
            **(weights if cls is TALL else {}),
            **keys,
        }

    def config(self, system, seed, **more):
        """Return the configuration of a system."""
        settings = {
            **self.keys(system),
            "seed": seed,
            "load_col": {"inter": ["user_id", "item_id"]},
            "eval_args": {"split": {"RS": [0.7, 0.1, 0.2]}, "group_by": None, "order": "RO",
                          "mode": "full"},
            "metrics": ["NDCG"],
            "topk": [20],
            "valid_metric": "NDCG@20",
            "eval_step": EVAL_STEP,
            "stopping_step": PATIENCE - 1,
            "eval_batch_size": 600_000,
            "metric_decimal_place": 8,
            "show_progress": False,
            **more,
        }  # fmt: skip
        if self.given["data_path"]:
            settings["data_path"] = self.given["data_path"]
        return GroupMixConfig(SYSTEMS[system][0], self.given["dataset"], settings)

    def trainer(self, system, seed, **more):
        """Return the trainer of a new model, and its loader."""
        config = self.config(system, seed, **more)
        with recbole_compat():
            net = SYSTEMS[system][0](config, self.train.dataset)
        return GroupMixTrainer(config, net), user_loader(config, self.train)

    def cost(self, system):
        """Return the seconds of a core that an epoch and a validation take."""
        with global_seed(0):
            trainer, loader = self.trainer(system, 0, epochs=1)
            begin = time.process_time()
            trainer.fit(loader, saved=False, verbose=False)
            middle = time.process_time()
            with recbole_compat():
                trainer.evaluate(self.valid, load_best_model=False)
            return middle - begin, time.process_time() - middle

    def measured(self, system, seed):
        """Train a system and return its line of results."""
        begin = time.process_time()
        with tempfile.TemporaryDirectory() as folder, global_seed(seed):
            trainer, loader = self.trainer(system, seed, checkpoint_dir=folder)
            score, _ = trainer.fit(loader, self.valid, saved=True, verbose=False)
            best = torch.load(trainer.saved_model_file)
        net = trainer.model
        net.load_state_dict(best["state_dict"])
        report = GroupEvaluator(trainer.config, self.test, self.groups, n_boot=1).evaluate(net)
        users = report.per_user
        return {
            "system": system,
            "seed": seed,
            "keys": self.keys(system),
            "data": [self.given["dataset"], self.given["split"]],
            "epochs": best["epoch"] + 1,
            "seconds": round(time.process_time() - begin, 1),
            "validation": score,
            "experts": round(net.effective_experts(), 4)
            if isinstance(net, MixtureOfExperts)
            else 1.0,
            "groups": [QUINTILES.index(name) for name in users["group"]],
            "ndcg@20": users["ndcg@20"].round(6).tolist(),
        }


def read(path):
    """Return the lines of a file that are whole."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def say_cost(study, todo):
    """Print what trainings cost at most."""
    systems, total = dict.fromkeys(name for name, _ in todo), 0.0
    for system in systems:
        epoch, validation = study.cost(system)
        n_models = sum(name == system for name, _ in todo)
        most = int(study.given["epochs"]) * (epoch + validation / EVAL_STEP) * n_models
        total += most
        print(f"{system:9s} {epoch:7.2f} s an epoch, {validation:6.2f} s a validation; "
              f"{n_models} trainings of {study.given['epochs']} epochs at most: {most / 60:.1f} min",
              flush=True)  # fmt: skip
    print(f"all: {total / 60:.1f} min of a core at most; a training ends after {PATIENCE * EVAL_STEP} epochs "
          "without a rise on validation\n", flush=True)  # fmt: skip


def of_quintile(values, groups, number):
    """Return the columns of a quintile, or of all users for None."""
    return values if number is None else values[:, groups == number]


def page(lines, systems, dataset):
    """Return the tables: ours and published, and paired changes."""
    of_system = {name: [line for line in lines if line["system"] == name] for name in systems}
    of_system = {name: found for name, found in of_system.items() if found}
    values = {
        name: np.array([line["ndcg@20"] for line in found]) for name, found in of_system.items()
    }
    groups = np.array(lines[0]["groups"])
    parts = (None, *range(len(QUINTILES)))
    head = ["NDCG@20", "overall", *QUINTILES]
    rows = [[*head, "effective experts", "epochs", "s of a core"]]
    for name, found in of_system.items():
        cells = []
        for part in parts:
            mean, low, high = mean_interval(of_quintile(values[name], groups, part), seed=0)
            cells.append(f"{mean:.4f} [{low:.3f}, {high:.3f}]")
        means = [
            np.mean([line[key] for line in found]) for key in ("experts", "epochs", "seconds")
        ]
        rows.append([name, *cells, f"{means[0]:.3f}", f"{means[1]:.0f}", f"{means[2]:.0f}"])
    for name, row in PUBLISHED.items():
        rows.append([f"published {name}, ML-1M", *(f"{value:.4f}" for value in row), "", "", ""])
    changes = [["change", "overall", *QUINTILES]]
    for name, other in PAIRS:
        if name in values and other in values:
            n = min(len(values[name]), len(values[other]))
            pairs = [(of_quintile(values[name][:n], groups, part),
                      of_quintile(values[other][:n], groups, part)) for part in parts]  # fmt: skip
            cells = [f"{100 * change.mean:+.1f} % [{100 * change.ci_low:+.1f}, {100 * change.ci_high:+.1f}]"
                     for change in relative_changes(pairs, seed=0)]  # fmt: skip
            changes.append([f"{name} against {other}", *cells])
    n_seeds = max(len(found) for found in of_system.values())
    intro = (f"{dataset}: {groups.size} users with test items, {n_seeds} seeds, one split; means over "
             "users and seeds and 95 % intervals over users, and over seeds from 5 on.")  # fmt: skip
    return "\n\n".join([intro, markdown_table(rows), markdown_table(changes)]) + "\n"


def main(arguments):
    given, _ = split_arguments(arguments, {"cost": "yes", "quick": "yes"})
    unknown = sorted(given.keys() - DEFAULTS.keys())
    wrong = sorted(set(given.get("systems", "MultVAE").split(",")) - SYSTEMS.keys())
    if unknown or wrong:
        sys.exit(f"unknown: {', '.join(unknown + wrong)}; systems are {', '.join(SYSTEMS)}")
    given = {**DEFAULTS, **(QUICK if "quick" in given else {}), **given}
    systems, seeds = given["systems"].split(","), range(int(given["seeds"]))
    study = Study(given)
    out = Path(given["out"])
    path = out / f"{given['dataset']}.jsonl"

    def is_ours(line):
        same_data = line["data"] == [given["dataset"], given["split"]]
        return same_data and line["seed"] in seeds and line["keys"] == study.keys(line["system"])

    done = {(line["system"], line["seed"]) for line in read(path) if is_ours(line)}
    todo = [(name, seed) for seed in seeds for name in systems if (name, seed) not in done]
    print(f"{len(todo)} trainings, {len(done)} are done ({path})", flush=True)
    say_cost(study, todo)
    if given["cost"]:
        return
    out.mkdir(parents=True, exist_ok=True)
    for system, seed in todo:
        line = study.measured(system, seed)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print(f"{system:9s} seed {seed}: NDCG@20 {np.nanmean(line['ndcg@20']):.4f}, epoch "
              f"{line['epochs']}, {line['experts']:.3f} experts, {line['seconds']:.0f} s", flush=True)  # fmt: skip
    found = page([line for line in read(path) if is_ours(line)], systems, given["dataset"])
    (out / f"{given['dataset']}.md").write_text(found, encoding="utf-8")
    print(f"\n{found}")


if __name__ == "__main__":
    logging.getLogger().setLevel(logging.ERROR)  # RecBole warns of long histories for every model
    main(sys.argv[1:])
