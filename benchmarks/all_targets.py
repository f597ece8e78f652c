"""``--target=all`` against a run of each target: seconds, and what the selected mixes are worth.

    python benchmarks/all_targets.py [--dataset=ml-100k] [--model=EASE] [--trials=9] [--folds=3]
    python benchmarks/all_targets.py --dataset=ml-1m --data_path=DATA --model=EASE --singles=25,56

Takes the keys of ``groupmix run``. ``--singles`` names the targets that are run alone as well
(default all). Runs go on where they were stopped; the seconds are those of all their models, which
are kept, and not the wall time of the last call.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from recbole_groupmix.cli.options import parse_options
from recbole_groupmix.cli.settings import typed
from recbole_groupmix.core.statistics.bootstrap import relative_change
from recbole_groupmix.core.statistics.resampling import MIN_REPEATS
from recbole_groupmix.run import run
from recbole_groupmix.settings.merge import merge_settings

METRICS = ("precision", "recall", "ndcg")


def main(arguments: list[str]) -> None:
    options = parse_options(arguments)
    singles = options.pop("singles", None)
    given = typed(options)
    given = {"dataset": "ml-100k", "model": "EASE", "trials": 9, "folds": 3, **given}

    def run_one(target: str) -> dict:
        return run(merge_settings({**given, "target": target}), _say)

    index = run_one("all")
    folder = Path(index["run_folder"])
    targets = singles.split(",") if singles else list(index["targets"])
    alone = {target: run_one(target) for target in targets}
    print(_seconds(index, alone))
    print()
    for target in targets:
        together = folder / index["targets"][target]["folder"]
        print(_worth(target, together, Path(alone[target]["run_folder"])))
    print(f"\n{folder}")


def _seconds(index: dict, alone: dict[str, dict]) -> str:
    def of(result: dict) -> float:
        return result["seconds"].get("search", 0.0) + result["seconds"].get("test", 0.0)

    whole, each = of(index), {target: of(result) for target, result in alone.items()}
    lines = [
        f"{index['dataset']}, {index['model']}, {index['trials']} trials, {index['folds']} folds, "
        f"{index['repeats']} repeats: {len(index['targets'])} targets at once {whole:.1f} s "
        f"(search {index['seconds']['search']:.1f}, test {index['seconds']['test']:.1f}; the last "
        f"call {index['seconds']['this_call']:.1f} s by the clock)"
    ]
    for target, seconds in each.items():
        clock = alone[target]["seconds"]["this_call"]
        lines.append(
            f"target {target} alone {seconds:.1f} s ({clock:.1f} s by the clock): all targets at "
            f"once take {whole / seconds:.2f} times that"
        )
    mean = float(np.mean(list(each.values())))
    lines.append(f"against the mean of these {whole / mean:.2f} times")
    return "\n".join(lines)


def _worth(target: str, together: Path, alone: Path) -> str:
    """Compare the data mixes of both runs user by user on the same test part."""
    tables = [_table(folder, target) for folder in (together, alone)]
    results = [json.loads((folder / "result.json").read_text()) for folder in (together, alone)]
    k = results[0]["topk"][-1]
    cells = []
    for metric in METRICS:
        shared, own = (frame.xs((metric, k), level=("metric", "k")) for frame in tables)
        a, b = (
            wide.pivot_table("value", "repeat", "user_id").to_numpy() for wide in (shared, own)
        )
        change = relative_change(a, b, seed=0)
        cells.append(
            f"{metric}@{k} {a.mean():.4f} and {b.mean():.4f}: {change.mean:+.1%} "
            f"[{change.ci_low:+.1%}, {change.ci_high:+.1%}]"
        )
    users_only = "" if results[0]["repeats"] >= MIN_REPEATS else ", over users only"
    chosen = [result["search"]["selected"] for result in results]
    scores = [result["search"]["best_cv"] for result in results]
    return (
        f"target {target}: data_mix of all targets at once ({chosen[0]}, folds {scores[0]:.4f}) and "
        f"alone ({chosen[1]}, folds {scores[1]:.4f}){users_only}; {'; '.join(cells)}"
    )


def _table(folder: Path, target: str) -> pd.DataFrame:
    frame = pd.read_parquet(folder / "metrics.parquet")
    rows = frame[(frame["group"] == target) & (frame["mix"] == "data_mix")]
    return rows.set_index(["metric", "k"])


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
