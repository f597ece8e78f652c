"""What tests of workers have in common: waiting, and runs that must be the same."""

import json
import time

import pandas as pd
from finished_runs import timeless


def wait_for(what, seconds=120.0):
    """Wait until a call returns something true; return that."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def records(place, name):
    """Return the lines of a file in the order of their text, without what time they took."""
    found = [json.loads(line) for line in (place / name).read_text().splitlines()]
    return sorted(json.dumps({k: v for k, v in r.items() if k != "seconds"}) for r in found)


def check_same(one, other):
    """Both folders hold the same result, scores, curves and users, bit for bit, each once."""
    assert timeless(json.loads((one / "result.json").read_text())) == timeless(
        json.loads((other / "result.json").read_text())
    )
    for name in ("trials.jsonl", "curves.jsonl", "fold_users.jsonl"):
        assert records(one, name) == records(other, name)
    tested = [pd.read_parquet(place / "metrics.parquet") for place in (one, other)]
    pd.testing.assert_frame_equal(*tested, check_exact=True)
