"""The files of a run folder, of a check and of a grid: what each must hold.

Keys that came later are optional, so that older folders can be read; unknown ones pass.
"""

from __future__ import annotations

from typing import Any

from recbole_groupmix.record.shape import Check, anything, by_name, keys, listed, number, text

_COUNT, _SHARE = number(0, whole=True), number(0)
_VALUE = number(none=True)
_VALUES = by_name(_VALUE)
#: A mix.
MIX = keys({"alpha": by_name(_SHARE), "alpha_aug": _SHARE})

_OF_FOLD: dict[str, Check] = {"name": text(), "fold": _COUNT}
_MEASURED: dict[str, Check] = {"score": _VALUE, "epochs": _COUNT, "seconds": _SHARE}
_TRIED = listed(keys({"options": by_name(number()), "score": number()}), 1)
#: A line of the ``trials.jsonl`` of ``groupmix tune``.
POINT = keys({**_OF_FOLD, **_MEASURED})
#: A line of ``trials.jsonl``; `tried` holds the options that one model has, with their scores.
TRIAL = keys(
    {
        **_OF_FOLD,
        **_MEASURED,
        "source": text(),
        "alpha": by_name(_SHARE),
        "alpha_aug": _SHARE,
    },
    {"tried": _TRIED},
)
#: A line of ``curves.jsonl``.
CURVE = keys(
    {
        **_OF_FOLD,
        "curve": listed(keys({"epoch": _COUNT, "by_group": by_name(number(none=True, nan=True))})),
    }
)

#: ``config.yaml``.
CONFIG = keys({"configuration": by_name(anything), "data": by_name(anything)})

#: ``model.yaml``.
MODEL = keys(
    {
        "file": text(),
        "mix": keys({"name": text(), "alpha": by_name(_SHARE), "alpha_aug": _SHARE}),
        "settings": keys(dict.fromkeys(("dataset", "model", "target", "group_field"), text())),
        "folder": text(),
    }
)

_CHANGE = keys(dict.fromkeys(("mean", "ci_low", "ci_high", "p", "p_holm"), _VALUE))
_RESULT = keys(
    {
        **dict.fromkeys(("dataset", "target", "model", "protocol", "weighting"), text()),
        **dict.fromkeys(("group_field", "valid_metric"), text()),
        "embedding_size": number(1, whole=True, none=True),
        "topk": listed(number(1, whole=True), 1),
        "seed": number(whole=True),
        "repeats": number(1, whole=True),
        "groups": listed(keys({"name": text(), "n_users": _COUNT, "n_interactions": _COUNT}), 1),
        "mixes": by_name(MIX),
        "search": keys(
            {
                "trials": _COUNT,
                "folds": _COUNT,
                "selected": text(none=True),
                "cv": _VALUES,
            },
            {"best_cv": _VALUE, "epochs": by_name(_COUNT), "options": by_name(_VALUES)},
        ),
        "diverged": listed(text()),
        "test": by_name(_VALUES),
        "test_by_group": by_name(by_name(_VALUES)),
        "change": by_name(by_name(_CHANGE)),
        "seconds": by_name(_SHARE),
    },
    {"versions": by_name(text())},
)


def check_result(result: Any, reference: str) -> None:
    """Raise ``ValueError`` unless a value is the content of a ``result.json``, at one with itself.

    Parameters
    ----------
    result : object
        What was read.
    reference : str
        The mix that all others are compared with.
    """
    _RESULT(result, "it")
    groups = [group["name"] for group in result["groups"]]
    mixes = result["mixes"]
    if len(set(groups)) < len(groups):
        raise ValueError("it names a group twice")
    if result["target"] not in groups:
        raise ValueError(f"its target {result['target']!r} is none of its groups")
    if reference not in mixes:
        raise ValueError(f"it has no mix {reference!r}")
    strange = [g for mix in mixes.values() for g in mix["alpha"] if g not in groups]
    strange += [g for g in result["test_by_group"] if g not in groups]
    if strange:
        raise ValueError(f"it has values of {strange[0]!r}, which is none of its groups")
    absent = [mix for mix in mixes if mix not in result["test"]]
    absent += [mix for mix in result["test"] if mix not in mixes]
    absent += [mix for mix in result["change"] if mix not in mixes or mix == reference]
    absent += [group for group in groups if group not in result["test_by_group"]]
    if absent:
        raise ValueError(f"its parts are not of one run: not all of them have {absent[0]!r}")


_PAIRS = listed(listed(_SHARE))
#: ``check.json``.
CHECK = keys(
    {
        "dataset": text(),
        "groups": listed(keys({"name": text()}), 1),
        "delta": by_name(_PAIRS),
        "het": by_name(by_name(number())),
        "null": by_name(by_name(listed(number(), 1))),
    }
)

#: A file of ``cells`` in the folder of a grid.
CELL = keys(
    {"control": text(), "given": keys({"dataset": text()}), "run_folder": text()},
)
