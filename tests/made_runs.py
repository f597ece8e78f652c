"""Run folders that no training made, for tests of what reads them."""

import json
import zlib
from types import SimpleNamespace

import numpy as np
import pandas as pd
import yaml

from recbole_groupmix.core.mix import baselines
from recbole_groupmix.core.names import BUDGET
from recbole_groupmix.core.samplers import sample_trial
from recbole_groupmix.mixes.candidates import budget_candidates
from recbole_groupmix.models import CLOSED_FORM
from recbole_groupmix.record.result import build_result

USERS = {"A": 30, "B": 20, "C": 12}


def write_run(
    folder,
    *,
    trials=4,
    repeats=2,
    effect=0.0,
    users=None,
    own=(),
    diverged=(),
    change=None,
    config=None,
    target=None,
    budgets=False,
    rivals=None,
    valid_metric="recall@10",
):
    """Write the folder of a run: every hit of a user is drawn, nothing is trained.

    ``effect`` raises the chance of a hit under data_mix; ``change`` edits the table of metrics;
    ``rivals`` are records by name (:func:`rival_record`), of models that nothing trained on folds.
    """
    users = users or USERS
    target = target or next(iter(users))
    folds, k, seed = 2, 10, 2020
    rng = np.random.default_rng(1)
    settings = {
        **{"dataset": "made", "group_field": "group", "target": target, "model": "BPR"},
        **{"protocol": "converged", "weighting": "loss", "topk": [5, k], "seed": seed},
        **{"repeats": repeats, "valid_metric": valid_metric, "trials": trials, "folds": folds},
    }
    mixes = {name: (mix, "baseline") for name, mix in baselines(users, target).items()}
    mixes |= {name: (baselines(users, target)["stratified"], "own") for name in own}
    if budgets:
        mixes |= {c.name: (c.mix, BUDGET) for c in budget_candidates(users, target)}
    for trial in range(trials):
        sampler, mix = sample_trial(seed, trial, users, target)
        mixes[f"trial-{trial}"] = mix, sampler
    folder.mkdir(parents=True)
    cv = {}
    with open(folder / "trials.jsonl", "w") as lines, open(folder / "curves.jsonl", "w") as curves:
        for name, (mix, source) in mixes.items():
            score = None if name in diverged else 0.3 + 0.1 * rng.random()
            cv[name] = {"score": np.nan if score is None else score, "epochs": 10, "options": {}}
            groups = users if source == "baseline" else {target: users[target]}
            for fold in range(folds):
                record = {"name": name, "source": source, "fold": fold, "score": score}
                record |= {"epochs": 10, "seconds": 0.1, **mix.to_dict()}
                lines.write(json.dumps(record) + "\n")
                curve = [
                    {"epoch": e, "by_group": dict.fromkeys(groups, 0.3 * e / (e + 5))}
                    for e in (5, 10, 15)
                ]
                curves.write(json.dumps({"name": name, "fold": fold, "curve": curve}) + "\n")
    known = [name for name in mixes if name.startswith("trial") and name not in diverged]
    selected = max(known, key=lambda name: cv[name]["score"], default=None)
    rows = {name: mixes[name][0] for name in (*baselines(users, target), *own)}
    rows = {name: mix for name, mix in rows.items() if name not in diverged}
    if selected:
        rows["data_mix"] = mixes[selected][0]
    if budgets:
        rows["budget"] = mixes["budget-0.3"][0]
    rivals, same = {n: _record(n, given) for n, given in (rivals or {}).items()}, {}
    for name in rows if rivals and selected else ():  # the searched mix is the best on the folds
        if name in cv and name not in diverged:
            cv[name]["score"] = min(cv[name]["score"], cv[selected]["score"] - 0.001)
    for name, record in rivals.items():
        cv[name] = {"score": record["score"], "epochs": 10, "options": record["chosen"]}
        if record["changes_nothing"]:
            cv[name], same[name] = cv["proportional"], "proportional"
    frames = []
    ids = [f"{group}-{i}" for group, n in users.items() for i in range(n)]
    of = np.repeat(list(users), list(users.values()))
    items = np.random.default_rng(2).integers(4, 16, len(ids))
    for mix in (*rows, *rivals):
        for repeat in range(repeats):
            draw = np.random.default_rng([3, repeat, zlib.crc32(same.get(mix, mix).encode())])
            chance = 0.4 + (effect if mix == "data_mix" else 0.0)
            hits = draw.binomial(np.minimum(items, 8), chance)
            values = {"precision": hits / k, "recall": hits / items, "ndcg": hits / (hits + 4)}
            for metric, value in values.items():
                common = {"mix": mix, "repeat": repeat, "metric": metric}
                wide = {"user_id": ids, "group": of, **common}
                frames.append(pd.DataFrame({**wide, "k": k, "value": value}))
                frames.append(pd.DataFrame({**wide, "k": 5, "value": value / 2}))
    metrics = pd.concat(frames, ignore_index=True)
    if change is not None:
        metrics = change(metrics)
    metrics.to_parquet(folder / "metrics.parquet", index=False)
    entries = [{"name": g, "n_users": n, "n_interactions": 20 * n} for g, n in users.items()]
    result = build_result(
        settings=SimpleNamespace(
            group_labels=None,
            **{"lambdas": None, "is_solved": settings["model"] in CLOSED_FORM, **settings},
        ),
        embedding_size=8,
        groups=entries,
        mixes=rows,
        cv=cv,
        selected=selected,
        diverged=list(diverged),
        metrics=metrics,
        seconds={"search": 12.0, "test": 3.0, "this_call": 100.0},
        rivals=rivals,
        same=same,
        trainings={"mixes": len(mixes) * folds, "rivals": dict.fromkeys(rivals, 6)}
        if rivals
        else None,
    )
    if budgets:
        result["budget"] = _budget_record(users, target, result["search"]["cv"])
    (folder / "result.json").write_text(json.dumps(result))
    asked = {"configuration": {**settings, **(config or {})}, "data": {"n_users": len(ids)}}
    (folder / "config.yaml").write_text(yaml.safe_dump({**asked, "trials": trials}))
    return folder


def rival_record(says, score, chosen=None, *, implied=None, weights=()):
    """Return what a result says of a rival; one without a choice changes nothing."""
    return {
        **{"says": says, "advice": f"do as said: {says}", "source": "these tests", "tried": 3},
        **{"changes_nothing": chosen is None, "chosen": chosen or {}, "score": score},
        **{"goes_on": False, "implied_mix": implied},
        "weights": [{"epoch": epoch, "weights": of} for epoch, of in weights],
    }


def _record(name, given):
    """Return the record of a rival that is given whole, or by its score; None changes nothing."""
    if isinstance(given, dict):
        return given
    return rival_record(name, given, None if given is None else {"knob": 1.0})


def _budget_record(users, target, cv):
    served = {0.0: "no_augmentation", 1.0: "proportional"}
    curve = []
    for candidate in budget_candidates(users, target):
        budget = candidate.mix.alpha_aug
        name = served.get(budget, candidate.name)
        curve.append({"alpha_aug": budget, "candidate": name, "score": cv[name]})
    return {"selected": "budget-0.3", "alpha_aug": 0.3, "curve": curve}
