"""What a search in waves recommends: the mix of the largest posterior mean, not the luckiest."""

from __future__ import annotations

from recbole_groupmix.core.names import REFERENCE, REPEAT
from recbole_groupmix.record.schema import Believed, WavesRecord
from recbole_groupmix.search.choice import Found
from recbole_groupmix.search.waves import Waves
from recbole_groupmix.settings.settings import Settings
from recbole_groupmix.text.numbers import or_null


def found_by(waves: Waves, settings: Settings) -> Found:
    """Return what a search that has ended found.

    Parameters
    ----------
    waves : Waves
        The search.
    settings : Settings
        Those of its run.
    """
    believed = believed_of(waves)
    means = {
        name: b["mean"]
        for name, b in believed.items()
        if b["mean"] is not None and name not in waves.left
    }
    recommended = max(means, key=lambda name: means[name])
    left = {name: record["fold"] + 1 for name, record in waves.left.items()}
    record: WavesRecord = {
        "proposer": settings.search,
        "most": settings.trials,
        "ended": waves.ended,
        "least_gain": float(settings.least_gain),
        "chance_of_more": waves.chance_of_more,
        "rank_correlation": or_null(waves.belief.rank_correlation),
        "optimism": or_null(waves.belief.optimism),
        "recommended": recommended,
        "belief": believed,
        "left": left,
        "saved": waves.saved,
    }
    return Found(recommended, left, record)


def believed_of(waves: Waves) -> dict[str, Believed]:
    """Return what is believed of each mix; Proportional's repeats are one with it."""
    mean, sd, best = waves.belief.mean, waves.belief.sd, waves.belief.best
    believed: dict[str, Believed] = {}
    of_repeats = 0.0
    for row, candidate in enumerate(waves.tried):
        if candidate.source == REPEAT:
            of_repeats += float(best[row])
            continue
        believed[candidate.name] = {
            "mean": or_null(mean[row]),
            "sd": or_null(sd[row]),
            "best": float(best[row]),
        }
    believed[REFERENCE]["best"] += of_repeats
    return believed
