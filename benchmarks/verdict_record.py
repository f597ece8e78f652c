"""How the verdicts of ``groupmix check`` fare: what reweighting did for each target and dimension.

    python benchmarks/verdict_record.py [--dataset=ml-100k] [--data_path=FOLDER]
                                        [--dimensions=4,16,64]

The model is the truncated SVD of the weighted training part (the paper's Eq. 2), solved exactly;
the outcome is the change of precision@20 on the target's test items against Proportional, with a 95 %
bootstrap interval over its users, under Stratified and under the mix of least bound (theory). `*`
marks intervals that leave 0 out. A verdict DIFFERENT is a hit if some mix helps, the others are if
none does.
"""

import sys

import numpy as np
from scipy.sparse import csr_matrix, diags

from recbole_groupmix.check.data_set import check_data_set
from recbole_groupmix.check.verdict import Standing, judge
from recbole_groupmix.cli.options import parse_options
from recbole_groupmix.core.mix import group_weights, stratified
from recbole_groupmix.core.statistics.bootstrap import relative_change
from recbole_groupmix.core.theory.discrepancy import group_subspace
from recbole_groupmix.core.user_metrics import per_user_metrics
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.mixes.theory import theory_mix
from recbole_groupmix.settings.merge import merge_settings

K = 20


def item_vectors(experiment, mix, target, d):
    """Top item vectors under the user weights of a mix; of all users as they are for None."""
    part, groups = experiment.part(ALL_OF_TRAIN), experiment.groups
    matrix = csr_matrix((np.ones(len(part.users)), (part.users, part.items)), experiment.shape)
    if mix is not None:
        weights = group_weights(mix, experiment.n_users, target)
        matrix = diags(np.sqrt(groups.weights_of_users(weights))) @ matrix
    return group_subspace(matrix, d)


def precision(vectors, held_out):
    """Precision@20 of every user: the items of highest score, training items left out."""
    seen = held_out.masked.astype(np.float64)
    scores = (seen @ vectors) @ vectors.T
    scores[held_out.masked.nonzero()] = -np.inf
    scores[:, 0] = -np.inf
    top = np.argsort(-scores, axis=1, kind="stable")[:, :K]
    relevant = held_out.relevant.toarray()
    hits = np.take_along_axis(relevant, top, axis=1).astype(bool)
    return per_user_metrics(hits, relevant.sum(axis=1).astype(np.int64), [K], ["precision"])[
        f"precision@{K}"
    ]


def main(arguments):
    given = {"dataset": "ml-100k", "dimensions": "4,16,64", **parse_options(arguments)}
    dimensions = [int(d) for d in given.pop("dimensions").split(",")]
    most = max(dimensions)
    checked = check_data_set(merge_settings({**given, "embedding_size": most}), influence=False)
    all_vectors, hits, verdicts = None, 0, 0
    print("| target | d | verdict | stratified | theory |")
    print("| --- | ---: | --- | ---: | ---: |")
    for group, target in enumerate(checked.groups):
        experiment = Experiment(merge_settings({**given, "target": target}))
        if all_vectors is None:
            all_vectors = item_vectors(experiment, None, target, most)
        held_out = experiment.target_held_out(experiment.part(ALL_OF_TRAIN))
        mixes = [stratified(experiment.n_users, target), theory_mix(experiment)]
        vectors = [m and item_vectors(experiment, m, target, most) for m in mixes]
        for d in dimensions:
            base, cells, helps = precision(all_vectors[:, :d], held_out), [], False
            for of_mix in vectors:
                if of_mix is None:
                    cells.append("")
                    continue
                values = precision(of_mix[:, :d], held_out)
                c = relative_change(values[None], base[None], seed=0)
                helps |= c.ci_low > 0
                mark = "*" if c.ci_low > 0 or c.ci_high < 0 else ""
                cells.append(f"{c.mean:+.1%} [{c.ci_low:+.1%}, {c.ci_high:+.1%}]{mark}")
            at = d - 1, group
            het = Standing(
                checked.het[at], checked.null_het[:, d - 1, group].mean(), checked.p[0][at]
            )
            dist = Standing(
                checked.dist[at], checked.null_dist[:, d - 1, group].mean(), checked.p[1][at]
            )
            label = judge(het, dist, d).label
            hits += (label == "different") == helps
            verdicts += 1
            print(f"| {target} | {d} | {label} | {' | '.join(cells)} |", flush=True)
    print(f"\n{hits} of {verdicts} verdicts are hits.")


if __name__ == "__main__":
    main(sys.argv[1:])
