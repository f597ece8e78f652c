"""How the verdicts of ``groupmix check`` fare: what reweighting did for each target and dimension.

    python benchmarks/verdict_record.py [--dataset=ml-100k] [--data_path=FOLDER]
                                        [--dimensions=4,16,64] [--rank_items=target]

The model is the truncated SVD of the weighted training part (the paper's Eq. 2), solved exactly;
the outcome is the change of precision@20 on the target's test items against Proportional, with a 95 %
bootstrap interval over its users, under Stratified, under the mix of least bound (theory) and with
each other group left out. `*` marks p < .05 after Holm's correction over the row. A verdict DIFFERENT
is right if some of these mixes helps, the others are if none does. Beside it stands the verdict of the
rule before, by the variance Het_d of the distances.
"""

import sys

import numpy as np
from scipy.sparse import diags

from recbole_groupmix.check.data_set import check_data_set
from recbole_groupmix.check.verdict import verdicts
from recbole_groupmix.cli.options import parse_options
from recbole_groupmix.cli.settings import typed
from recbole_groupmix.core.mix import group_weights, stratified
from recbole_groupmix.core.statistics.bootstrap import holm, relative_change
from recbole_groupmix.core.statistics.largest_statistic import largest_statistic_p
from recbole_groupmix.core.theory.discrepancy import group_subspace
from recbole_groupmix.core.user_metrics import per_user_metrics
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.mixes.theory import SharesOfParts, theory_mix
from recbole_groupmix.settings.merge import merge_settings
from recbole_groupmix.text.numbers import LEVEL
from recbole_groupmix.training.closed_form.gram_cache import rows_of

K = 20


def item_vectors(experiment, mix, target, d):
    """Top item vectors under the user weights of a mix; of all users as they are for None."""
    part, groups = experiment.part(ALL_OF_TRAIN), experiment.groups
    matrix = rows_of(experiment, part)
    if mix is not None:
        weights = group_weights(mix, experiment.n_users, target)
        matrix = diags(np.sqrt(groups.weights_of_users(weights))) @ matrix
    return group_subspace(matrix, d)


def precision(vectors, held_out):
    """Precision@20 of every user: the ranked items of highest score, training items left out."""
    seen = held_out.masked.astype(np.float64)
    scores = (seen @ vectors) @ vectors.T
    scores[held_out.masked.nonzero()] = -np.inf
    scores[:, 0] = -np.inf
    if held_out.catalogues is not None:
        scores[held_out.catalogues.left_out()] = -np.inf
    top = np.argsort(-scores, axis=1, kind="stable")[:, :K]
    relevant = held_out.relevant.toarray()
    ranked = np.isfinite(np.take_along_axis(scores, top, axis=1))  # of a catalogue of fewer than K
    hits = np.take_along_axis(relevant, top, axis=1).astype(bool) & ranked
    return per_user_metrics(hits, relevant.sum(axis=1).astype(np.int64), [K], ["precision"])[
        f"precision@{K}"
    ]


def left_out_vectors(experiment, d):
    """Item vectors without each group, by its name."""
    part, groups = experiment.part(ALL_OF_TRAIN), experiment.groups
    matrix = rows_of(experiment, part)
    known = groups.of_user >= 0
    return {
        name: group_subspace(matrix[np.flatnonzero(known & (groups.of_user != at))], d)
        for at, name in enumerate(groups.names)
    }


def cell(name, change, p):
    """A change as text, with `*` where its corrected p is below .05."""
    numbers = f"{change.mean:+.1%} [{change.ci_low:+.1%}, {change.ci_high:+.1%}]"
    return f"{name}{numbers}{'*' if p < LEVEL else ''}"


def main(arguments):
    given = {"dataset": "ml-100k", "dimensions": "4,16,64", **parse_options(arguments)}
    dimensions = [int(d) for d in given.pop("dimensions").split(",")]
    given = typed(given)
    most = max(dimensions)
    checked = check_data_set(merge_settings({**given, "embedding_size": most}), influence=False)
    dimensions = [d for d in dimensions if d <= checked.d]
    judged = {target: checked.groups.index(target) for target in checked.targets}
    labels = {}
    for d in dimensions:
        found = verdicts(checked.statistics, checked.p, d, judged)
        labels[d] = {target: verdict.label for target, verdict in found.items()}
    all_vectors, without = None, {}
    right, right_before, n = 0, 0, 0
    print(
        "| target | users | d | verdict | before | Uneven | stratified | theory | without one, best |",
        end="",
    )
    print(" worst |\n| --- | ---: | ---: | --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for group, target in enumerate(checked.groups):
        experiment = Experiment(merge_settings({**given, "target": target}))
        if all_vectors is None:
            all_vectors = item_vectors(experiment, None, target, most)
            without = left_out_vectors(experiment, most)
        held_out = experiment.target_held_out(experiment.part(ALL_OF_TRAIN))
        mixes = {"stratified": stratified(experiment.n_users, target)}
        theory = theory_mix(experiment, SharesOfParts(experiment))
        if theory is not None:
            mixes["theory"] = theory
        vectors = {name: item_vectors(experiment, m, target, most) for name, m in mixes.items()}
        vectors.update({name: v for name, v in without.items() if name != target})
        for d in dimensions:
            base = precision(all_vectors[:, :d], held_out)[None]
            changes = {
                name: relative_change(precision(v[:, :d], held_out)[None], base, seed=0)
                for name, v in vectors.items()
            }
            ps = dict(zip(changes, holm([c.p for c in changes.values()]), strict=True))
            helps = any(c.mean > 0 and ps[name] < LEVEL for name, c in changes.items())
            label = labels[d][target]
            earlier = before(checked, group, d)
            right += helps == (label == "different")
            right_before += helps == (earlier == "different")
            n += 1
            ranked = sorted((c.mean, name) for name, c in changes.items() if name not in mixes)
            cells = [
                cell("", changes[name], ps[name]) if name in changes else ""
                for name in ("stratified", "theory")
            ] + [cell(f"{name} ", changes[name], ps[name]) for _, name in (ranked[-1], ranked[0])]
            uneven = checked.statistics.uneven[d - 1, group]
            numbers = [target, str(len(held_out.users)), str(d), label]
            numbers += [earlier, f"{uneven:.2f}"]
            print(f"| {' | '.join([*numbers, *cells])} |", flush=True)
    print(f"\n{right} of {n} verdicts are right; of the rule before {right_before}.")


def before(checked, group, d):
    """The label of the rule before this one: of Het_d, at least twice its mean for different."""
    statistics = (
        (checked.het, checked.null_het),
        (checked.statistics.dist, checked.statistics.null_dist),
    )
    values = np.concatenate([v[d - 1] for v, _ in statistics])
    drawn = np.concatenate([null[:, d - 1] for _, null in statistics], axis=1)
    het_p, dist_p = largest_statistic_p(values, drawn).reshape(2, -1)[:, group]
    if het_p > LEVEL:
        return "even" if dist_p <= LEVEL else "alike"
    twice = checked.het[d - 1, group] >= 2 * checked.null_het[:, d - 1, group].mean()
    return "different" if twice else "slight"


if __name__ == "__main__":
    main(sys.argv[1:])
