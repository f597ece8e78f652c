"""What a search found, in sentences: which mix is data_mix, and why."""

from __future__ import annotations

from recbole_groupmix.core.names import DATA_MIX, REFERENCE, THEORY
from recbole_groupmix.record.phrases import candidate_of
from recbole_groupmix.record.result_schema import Result
from recbole_groupmix.record.rows import mixes_of
from recbole_groupmix.record.schema import WavesRecord
from recbole_groupmix.text.numbers import chance, count, percent, value


def trials_asked(result: Result) -> int:
    """Return how many mixes a search might try; one that learns may have ended before."""
    waves = result["search"].get("waves")
    return result["search"]["trials"] if waves is None else waves["most"]


def search_sentences(result: Result) -> list[str]:
    """Return what the search found; empty without one."""
    waves = result["search"].get("waves")
    return _drawn_beforehand(result) if waves is None else _in_waves(result, waves)


def _drawn_beforehand(result: Result) -> list[str]:
    search, best = result["search"], result["search"].get("best_cv")
    if best is None:
        return []
    metric, n = result["valid_metric"], search["trials"]
    cv = search["cv"]
    own_theory = THEORY in cv and THEORY not in result.get("same_mix", {})
    besides = " and theory" if own_theory else ""
    notes = [
        f"data_mix: {search['selected']}, the best of {count(n, 'trial')}{besides} by "
        f"{metric} on the folds. {_folds_and_test(result, best)} The winner's cross-validation "
        "score is optimistic, because it was picked from many (selection bias); judge it by the "
        "test columns."
    ]
    scores = {n: cv[candidate_of(result, n)] for n in mixes_of(result) if n != DATA_MIX}
    better = [n for n, score in scores.items() if score is not None and score >= best]
    if better:
        notes.append(f"No trial beat {', '.join(better)} on the folds.")
    return notes


def _folds_and_test(result: Result, best: float) -> str:
    metric, test, cv = result["valid_metric"], result["test"], result["search"]["cv"]
    return (
        f"{metric} on folds and test: data_mix {best:.4f} and {test[DATA_MIX][metric]:.4f}, "
        f"proportional {cv[REFERENCE]:.4f} and {test[REFERENCE][metric]:.4f}."
    )


def _in_waves(result: Result, waves: WavesRecord) -> list[str]:
    believed, name = waves["belief"], waves["recommended"]
    tried = f"{count(len(believed), 'mix', 'es')} that were tried"
    of_reference = believed[REFERENCE]
    metric, best = result["valid_metric"], result["search"].get("best_cv")
    if name == REFERENCE:
        notes = [
            f"There is no data_mix: of {tried}, {REFERENCE} has the largest posterior mean of {metric} "
            f"on the folds ({value(of_reference['mean'])}), and is the best of them with probability "
            f"{chance(of_reference['best'])}."
        ]
    else:
        notes = [
            f"data_mix: {name}, of {tried} the one with the largest posterior mean of {metric} on the "
            f"folds ({value(believed[name]['mean'])}; {REFERENCE} {value(of_reference['mean'])}); it is "
            f"the best of them with probability {chance(believed[name]['best'])}, {REFERENCE} with "
            f"{chance(of_reference['best'])}."
        ]
        if best is not None and DATA_MIX in result["test"]:
            notes[0] += f" {_folds_and_test(result, best)}"
    if waves["rank_correlation"] is not None and waves["optimism"] is not None:
        notes.append(
            f"What is believed of mixes that the surface has not seen: rank correlation with their "
            f"scores {waves['rank_correlation']:.2f}; of the fifth that it says are the best, "
            f"{percent(waves['optimism'])} of {REFERENCE}'s score too much."
        )
    if waves["ended"] == "gain":
        notes.append(
            f"The search ({waves['proposer']}) ended after {result['search']['trials']} of at most "
            f"{waves['most']} mixes: that any gains more than {100 * waves['least_gain']:.3g} % over "
            f"{REFERENCE} on the folds has a probability of {chance(waves['chance_of_more'])} only."
        )
    if waves["left"]:
        saved = waves["saved"]
        notes.append(
            f"{count(len(waves['left']), 'mix', 'es')} fell behind on the first folds and left, which "
            f"saved {saved:,}{_of_all(result, saved)} models."
        )
    return notes


def _of_all(result: Result, saved: int) -> str:
    """Return of how many models on folds a race saved some; a solved one counts once for all lambdas."""
    trainings = result.get("trainings")
    if trainings is None:
        return ""
    lambdas = len(result["search"].get("lambdas") or ()) or 1
    return f" of {trainings['mixes'] // lambdas + saved:,}"
