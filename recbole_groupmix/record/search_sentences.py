"""What the folds chose, in sentences: which mix is data_mix and why, the budget, a grid's edge."""

from __future__ import annotations

from recbole_groupmix.core.names import DATA_MIX, REFERENCE, THEORY
from recbole_groupmix.record.phrases import candidate_of, target_group
from recbole_groupmix.record.result_schema import BudgetRecord, Result
from recbole_groupmix.record.rows import mixes_of
from recbole_groupmix.record.schema import SearchRecord, WavesRecord
from recbole_groupmix.text.numbers import chance, count, percent, value

#: Users of a target below which a gain of a tenth is missed in most searches (docs/learned_search.md).
_FEW_TO_FIND = 300
_WIDER = 3  # factor between the lambdas of a grid that goes further


def trials_asked(result: Result) -> int:
    """Return how many mixes a search might try; one that learns may have ended before."""
    waves = result["search"].get("waves")
    return result["search"]["trials"] if waves is None else waves["most"]


def search_sentences(result: Result) -> list[str]:
    """Return what the search found; empty without one."""
    waves = result["search"].get("waves")
    return _drawn_beforehand(result) if waves is None else _in_waves(result, waves)


def edge_of_grid(search: SearchRecord) -> str:
    """Return a warning if Proportional or most mixes chose the least or the greatest lambda."""
    grid = search.get("lambdas") or []
    options = search["options"]
    chosen = [keys.get("reg_weight") for keys in options.values()]
    ends = (
        ((grid[0], "least", 1 / _WIDER), (grid[-1], "greatest", _WIDER)) if len(grid) > 1 else ()
    )
    for end, which, step in ends:
        n = chosen.count(end)
        if 2 * n > len(chosen) or options.get(REFERENCE, {}).get("reg_weight") == end:
            wider = sorted([*grid, *(float(f"{end * step**k:.3g}") for k in (1, 2))])
            return (
                f" {n} of {len(chosen)} mixes chose {end:g}, the {which} of lambdas, so that the best "
                "may lie outside: the grid is not widened by itself, "
                f"--lambdas=[{','.join(f'{lam:g}' for lam in wider)}] looks further, in a run of its own."
            )
    return ""


def budget_sentence(budget: BudgetRecord, result: Result) -> str:
    """Return the budget curve in a sentence: every budget with its score on the folds."""
    scores = ", ".join(f"{p['alpha_aug']:g}: {value(p['score'])}" for p in budget["curve"])
    whole = " With two groups this is the whole search." if len(result["groups"]) == 2 else ""
    return (
        f"budget: all data in their own shares, with the alpha_aug that is best on the folds, "
        f"{budget['alpha_aug']:g} of {len(budget['curve'])} by {result['valid_metric']} "
        f"({scores}).{whole}"
    )


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
            f"{REFERENCE} on the folds has a probability of {chance(waves['chance_of_more'])}."
        )
        n_users = target_group(result)["n_users"]
        if n_users < _FEW_TO_FIND:
            notes[-1] += (
                f" With {count(n_users, 'user')} few gains can be told from luck, so that it is mostly "
                "what is expected of any group; --least_gain=0 searches on."
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
