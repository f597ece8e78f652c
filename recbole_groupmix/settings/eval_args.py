"""RecBole's ``eval_args``: how a run splits its interactions and which items it ranks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

from recbole_groupmix.core.spelling import did_you_mean
from recbole_groupmix.models import models_of
from recbole_groupmix.settings.settings import Settings

#: Our split in RecBole's terms: a fifth of each user's interactions is test, drawn by us.
DEFAULTS: Mapping[str, Any] = {
    "split": {"RS": [0.8, 0, 0.2]},
    "order": "RO",
    "group_by": "user",
    "mode": "full",
}
#: RecBole's own for sequential models: the last interactions of each user are left out.
OF_SEQUENCES: Mapping[str, Any] = {
    "split": {"LS": "valid_and_test"},
    "order": "TO",
    "group_by": "user",
    "mode": "full",
}
_OF_THE_SPLIT = ("split", "order", "group_by")
#: Who draws the rows of test: "groupmix" by default, "recbole" where the split was given. It is
#: part of a run's name, since both know the split of the defaults.
_ROWS = "rows"
_PHASES = ("valid", "test")
_LEAVES = ("valid_and_test", "test_only")
_SAMPLED = re.compile(r"(uni|pop)([1-9]\d{0,8})")
#: The mode in which labels are predicted.
LABELED = "labeled"
#: RecBole seeds numpy's old generator, which takes 32 bits.
_SEEDS = 2**32


@dataclass(frozen=True)
class EvalArgs:
    """``eval_args`` of a run, checked and complete.

    Attributes
    ----------
    by_recbole : bool
        Whether RecBole's own split makes the rows of train and test.
    leave_out : bool
        Whether the split is LS, which leaves each user's last interactions out.
    in_time : bool
        Whether the order is TO.
    by_user : bool
        Whether ratios are those of each user, and not of all interactions.
    valid, test : str
        Items that are ranked on folds and on test: "full", "uniN" or "popN"; "labeled" ranks all,
        and the labels of held-out rows are predicted besides.
    """

    by_recbole: bool
    leave_out: bool
    in_time: bool
    by_user: bool
    valid: str
    test: str

    @classmethod
    def of(cls, settings: Settings) -> EvalArgs:
        """Read those of final settings."""
        args = settings["eval_args"] or DEFAULTS
        mode = _by_phase(args["mode"])
        return cls(
            by_recbole=args.get(_ROWS) == "recbole",
            leave_out="LS" in args["split"],
            in_time=args["order"] == "TO",
            by_user=args["group_by"] == "user",
            valid=mode["valid"],
            test=mode["test"],
        )


def sampling(mode: str) -> tuple[str, int] | None:
    """Return distribution and number of the negatives of a mode; None where all items rank."""
    match = _SAMPLED.fullmatch(mode)
    if match is None:
        return None
    return {"uni": "uniform", "pop": "popularity"}[match[1]], int(match[2])


def for_eval_args(settings: Settings) -> Settings:
    """Return the settings with ``eval_args`` complete, or without them where they are the default.

    A second call changes no value.

    Raises
    ------
    ValueError
        For an unknown key or value in them, ratios that are malformed, or a seed that RecBole
        cannot have.
    """
    given = settings["eval_args"]
    sequential = settings.model in models_of("sequential")
    if sequential:
        given = OF_SEQUENCES if given is None else given
        _check_no_files(settings)
    if given is None:
        return _without(settings)
    checked = _checked(settings, given, OF_SEQUENCES if sequential else DEFAULTS)
    if sequential and checked["order"] != "TO":
        raise ValueError(
            f"{described(settings, 'order')} is RO, but {settings.model} learns sequences, which "
            "are split by time; leave it out, or write order: TO"
        )
    by_recbole = checked[_ROWS] == "recbole"
    notes: tuple[str, ...] = ()
    if by_recbole and settings.benchmark_filename is not None:
        why = "benchmark_filename gives the split"
        notes = (_idle(settings, [key for key in _OF_THE_SPLIT if key in given], why),)
        checked = {**checked, **{key: DEFAULTS[key] for key in _OF_THE_SPLIT}, _ROWS: "groupmix"}
        by_recbole = False
    elif "LS" in checked["split"] and checked["group_by"] == "none":
        checked["group_by"] = "user"
        notes = (
            _idle(settings, ["group_by"], "LS leaves out the last interactions of each user"),
        )
    modes = set(checked["mode"].values())
    sampled = any(sampling(mode) for mode in modes)
    if (by_recbole or sampled) and settings.seed >= _SEEDS:
        raise ValueError(
            f"{settings.describe('seed')}; RecBole draws the split and the negatives of eval_args, "
            f"and its seeds are below {_SEEDS}"
        )
    if sampled and settings.rank_items != "all":
        raise ValueError(
            f"{settings.describe('rank_items')}, but the mode of eval_args draws negatives from all "
            "items; give one of them"
        )
    if not by_recbole and modes == {"full"}:
        return _without(settings).with_notes(notes)
    return settings.with_values(eval_args=checked).with_notes(notes)


def described(settings: Settings, what: str) -> str:
    """Return "WHAT of eval_args (origin)", the beginning of a message about an entry of them."""
    return f"{what} of eval_args ({settings.origin.get('eval_args', 'the default')})"


def obeyed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of an earlier run; ``eval_args`` of versions that did not obey them go."""
    args = values.get("eval_args")
    if isinstance(args, Mapping) and _ROWS in args:
        return dict(values)
    return {key: value for key, value in values.items() if key != "eval_args"}


def _without(settings: Settings) -> Settings:
    return replace(
        settings, values={key: v for key, v in settings.values.items() if key != "eval_args"}
    )


def _idle(settings: Settings, keys: list[str], why: str) -> str:
    have = "has" if len(keys) == 1 else "have"
    return f"{described(settings, ', '.join(keys))} {have} no effect: {why}"


def _by_phase(mode: Any) -> dict[str, Any]:
    """Return the mode of valid and of test; as in RecBole, one that is not given is the other."""
    if not isinstance(mode, Mapping):
        return dict.fromkeys(_PHASES, mode)
    one = mode.get("valid", mode.get("test", "full"))
    return {phase: mode.get(phase, one) for phase in _PHASES}


def _check_no_files(settings: Settings) -> None:
    if settings.benchmark_filename is not None:
        raise ValueError(
            f"{settings.describe('benchmark_filename')}, but {settings.model} learns sequences, "
            "which are made of one .inter file and split by time; leave it out, and choose a split "
            "by eval_args"
        )


def _checked(settings: Settings, given: Any, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return complete ``eval_args``; raise ``ValueError`` with the choices."""

    def refuse(what: str) -> ValueError:
        return ValueError(f"{settings.describe('eval_args')}; {what}")

    if not isinstance(given, Mapping):
        raise refuse("it must be a mapping, for example {'order': 'TO'}")
    for key in given:
        if key not in (*DEFAULTS, _ROWS):
            hint = did_you_mean(key, DEFAULTS)
            raise refuse(f"{key!r} is none of its keys: {', '.join(DEFAULTS)}{hint}")
    args = {**defaults, **given}
    split = args["split"]
    if not isinstance(split, Mapping) or len(split) != 1 or not {"RS", "LS"} & set(split):
        raise refuse(
            "split must be {'RS': [TRAIN, VALID, TEST]}, by ratios, or {'LS': 'valid_and_test'} or "
            "{'LS': 'test_only'}, which leave each user's last interactions out"
        )
    if "RS" in split:
        ratios = split["RS"]
        good = isinstance(ratios, (list, tuple)) and len(ratios) == len((*_PHASES, "train"))
        if not good or not all(_is_ratio(ratio) for ratio in ratios):
            raise refuse("RS must list three numbers >= 0: of train, valid and test")
        if not ratios[0] or not ratios[-1]:
            part = "test" if ratios[0] else "train"
            raise refuse(f"RS leaves nothing for {part}; its ratio must be above 0")
        split = {"RS": list(ratios)}
    elif split["LS"] == "valid_only":
        raise refuse(f"LS valid_only has no test part; allowed are {', '.join(_LEAVES)}")
    elif split["LS"] not in _LEAVES:
        raise refuse(f"LS must be one of {', '.join(_LEAVES)}")
    if args["order"] not in ("RO", "TO"):
        raise refuse("order must be RO, random, or TO, by time")
    group_by = "none" if args["group_by"] is None else str(args["group_by"]).lower()
    if group_by not in ("user", "none"):
        raise refuse("group_by must be user or none")
    theirs = defaults is OF_SEQUENCES or any(key in given for key in _OF_THE_SPLIT)
    rows = "recbole" if theirs else "groupmix"
    if _ROWS in given:  # complete already
        rows, whole = given[_ROWS], all(key in given for key in DEFAULTS)
        own = all(args[key] == DEFAULTS[key] for key in _OF_THE_SPLIT)
        if rows not in ("recbole", "groupmix") or not whole or (rows == "groupmix" and not own):
            raise refuse("rows is written by runs; leave it out")
    return {
        "split": dict(split),
        "order": args["order"],
        "group_by": group_by,
        "mode": _checked_mode(args["mode"], refuse),
        _ROWS: rows,
    }


def _is_ratio(value: Any) -> bool:
    number = isinstance(value, Real) and not isinstance(value, bool)
    return number and bool(0 <= value <= _SEEDS)  # not of NaN


def _checked_mode(mode: Any, refuse: Any) -> dict[str, str]:
    if isinstance(mode, Mapping) and not set(mode) <= set(_PHASES):
        raise refuse("mode may differ between valid (the folds) and test, and nothing else")
    by_phase = _by_phase(mode)
    for value in by_phase.values():
        if value not in ("full", LABELED) and not (isinstance(value, str) and sampling(value)):
            raise refuse(
                "mode must be full, labeled, or uniN or popN with N negatives for each held-out "
                "item, such as uni99"
            )
    return by_phase
