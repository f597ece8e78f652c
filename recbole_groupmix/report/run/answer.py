"""The answer of a run in words, no stronger than its interval allows."""

from __future__ import annotations

from recbole_groupmix.core.better_rows import better_rows, has_interval, still_possible
from recbole_groupmix.core.names import DATA_MIX, REFERENCE, THEORY
from recbole_groupmix.record import phrases
from recbole_groupmix.record.established import why_not_established
from recbole_groupmix.record.finished_run import FinishedRun
from recbole_groupmix.record.rival_sentences import against_rival_sentence
from recbole_groupmix.record.rows import advice, same_sentence
from recbole_groupmix.record.schema import Change, WavesRecord
from recbole_groupmix.text import numbers

#: Verdicts on a mix compared with the reference.
BETTER, WORSE, ALIKE, UNDEFINED = "better", "worse", "not told apart", "undefined"


def verdict(change: Change | None) -> str:
    """Return the verdict on a change of ``result.json``.

    Better or worse only where the corrected p-value is below the level and the interval leaves
    out 0.
    """
    ends = phrases.ends(change)
    if change is None or ends is None:
        return UNDEFINED
    if phrases.marked(change) and ends[0] > 0:
        return BETTER
    if phrases.marked(change) and ends[1] < 0:
        return WORSE
    return ALIKE


def answer(run: FinishedRun) -> str:
    """Return one sentence: whether the searched mix beats training on everything as it is."""
    search = run.result["search"]
    who, made = (
        f"For the users with {run.result['group_field']} {run.target_label}",
        _trainings(run),
    )
    if DATA_MIX not in run.result["change"]:
        other = f"; the other rows{made and f', in {made}'}: {_listed(run)}"
        return f"{who}, {_why_none(run)}{other}."
    who += made and f" and {made}"
    key = run.key
    change = run.result["change"][DATA_MIX].get(key)
    judged = verdict(change)
    trials = search["trials"]
    best = "the searched mix" if trials == 1 else f"the best of {trials} searched mixes"
    if THEORY in search["cv"] and THEORY not in run.same:
        best = f"the best of {numbers.count(trials, 'searched mix', 'es')} and theory's"
    if "waves" in search:
        best = f"the mix that a search of {numbers.count(trials, 'mix', 'es')} recommends"
    everything = f"training on everything as it is ({REFERENCE})"
    if change is None or judged == UNDEFINED:
        return (
            f"{who}, the change of {key} from {everything} to {best} is undefined: the mean "
            f"under {REFERENCE}, {numbers.value(run.result['test'][REFERENCE].get(key))}, is 0 or "
            "too close to 0 for an interval."
        )
    by = f"{key} changes by {_interval(change)}{_doubt(run, DATA_MIX)}"
    if judged == BETTER:
        return f"{who}, {best} serves them better than {everything}: {by}."
    if judged == WORSE:
        return f"{who}, {best} serves them worse than {everything}: {by}."
    return (
        f"{who}, {best} cannot be told apart from {everything}: {by}{_uncorrected(run, change)}."
    )


def lead(run: FinishedRun) -> str:
    """Return the advice in one sentence: the best of all rows, not of the searched mixes only."""
    key, same = run.key, run.same
    changes = {m: row[key] for m, row in run.result["change"].items() if key in row}
    if not any(has_interval(change) for change in changes.values()):
        return ""
    made = _trainings(run)
    made = f", in {made}" if made else ""
    better = [mix for mix in better_rows(changes, numbers.LEVEL) if mix not in same]
    as_it_is = advice(run.result, REFERENCE)
    if not better:
        return (
            f"{as_it_is[0].upper()}{as_it_is[1:]}: no measured row serves them better in "
            f"{key} beyond chance{made}{still_possible(changes)}."
        )
    advised, also = advice(run.result, better[0]), ""
    if better[1:]:
        also = "; also better: " + ", ".join(f"{m} {_interval(changes[m])}" for m in better[1:])
    return (
        f"{advised[0].upper()}{advised[1:]}: {key} is {_interval(changes[better[0]])} above that of "
        f"{REFERENCE}{also}{made}{_doubt(run, better[0])}."
    )


def against_rival(run: FinishedRun) -> str:
    """Return the best mix against the best rival in one sentence; empty without rivals."""
    return against_rival_sentence(run.result, run.key)


def beside(run: FinishedRun) -> str:
    """Return the changes of the other mixes and of rivals, or an empty string."""
    if DATA_MIX not in run.result["change"] or len(run.result["change"]) < 2:
        return ""
    return f"Beside it, in {run.key} against {REFERENCE}: {_listed(run)}."


def short(run: FinishedRun, key: str | None = None) -> str:
    """Return the verdict on the searched mix in a few words, in the run's metric or another."""
    key = key or run.key
    if DATA_MIX not in run.result["change"]:
        if _recommends_reference(run):
            return f"{REFERENCE} is recommended"
        return "none searched" if run.result["search"]["trials"] == 0 else "none left"
    words = verdict(run.result["change"][DATA_MIX].get(key))
    doubtful = why_not_established(run.result, DATA_MIX, key)
    return f"{words}, not established" if doubtful else words


def _doubt(run: FinishedRun, mix: str) -> str:
    """Return that and why the verdict on a mix is not established, or an empty string."""
    why = why_not_established(run.result, mix, run.key)
    return f" (not established: {why})" if why else ""


def _recommends_reference(run: FinishedRun) -> bool:
    """Return whether a search believed in no mix more than in Proportional."""
    waves = run.result["search"].get("waves")
    return waves is not None and waves["recommended"] == REFERENCE


def _why_none(run: FinishedRun) -> str:
    trials = run.result["search"]["trials"]
    if _recommends_reference(run):
        tried = numbers.count(trials, "mix", "es")
        text = f"a search of {tried} recommends to train on everything as it is ({REFERENCE})"
        return f"{text}{_why_ended(run.result['search']['waves'])}"
    if trials == 0:
        return "no mix was searched"
    if DATA_MIX in run.result["diverged"]:
        return "training of the selected mix diverged on all of train"
    return f"{'the searched mix' if trials == 1 else f'each of {trials} searched mixes'} diverged"


def _why_ended(waves: WavesRecord) -> str:
    """Return why a search tried no more mixes, if it did not try as many as it might have."""
    if waves["ended"] != "gain":
        return ""
    gain, likely = 100 * waves["least_gain"], numbers.chance(waves["chance_of_more"])
    return (
        f", and ended there: another gains more than {gain:.3g} % with a probability of {likely}"
    )


def _listed(run: FinishedRun) -> str:
    parts = []
    for mix in run.compared:
        if mix == DATA_MIX:
            continue
        if mix in run.same:
            parts.append(same_sentence(run.result, mix))
            continue
        change = run.result["change"].get(mix, {}).get(run.key)
        judged = verdict(change)
        if change is None or judged == UNDEFINED:
            parts.append(f"{mix} is undefined")
        else:
            is_ = "cannot be told apart" if judged == ALIKE else f"is {judged}"
            parts.append(f"{mix} {is_}, {_interval(change)}{_doubt(run, mix)}")
    return "; ".join(parts) or "there is nothing to compare"


def _interval(change: Change) -> str:
    return numbers.percent_interval(change["mean"], change["ci_low"], change["ci_high"])


def _trainings(run: FinishedRun) -> str:
    """Return the limit of the answer where training seeds are too few to resample."""
    if not phrases.few_repeats(run.result):
        return ""
    repeats = run.result["repeats"]
    made = "the one training" if repeats == 1 else f"the {repeats} trainings"
    return f"{made} of each row (too few to cover variation between training seeds)"


def _uncorrected(run: FinishedRun, change: Change) -> str:
    """Return why an interval that excludes 0 does not count as a difference."""
    ends = phrases.ends(change)
    if ends is None or ends[0] <= 0 <= ends[1]:
        return ""
    n = sum(mix not in run.compared_as for mix in run.result["change"])
    return (
        f"; the interval excludes 0, but p is {change['p_holm']:.3f} after Holm's correction "
        f"over the {n} rows compared"
        if change["p_holm"] is not None
        else ""
    )
