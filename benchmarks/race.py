"""What a race saves, and what it costs: mixes whose gains are known, seen through noise on folds.

python benchmarks/race.py

Sixteen mixes race on five folds beside twenty that were tried before. Resamples of users are taken to
be normal, as those of hundreds of users are.
"""

import numpy as np
from scipy.special import ndtr

from recbole_groupmix.core.racing import LEVEL

N_RACING, N_BEFORE, N_FOLDS, N_SEARCHES = 16, 20, 5, 5_000
#: Standard deviation of true gains, and of what a fold says of the difference of two mixes.
SETTINGS = ((0.0, 0.01), (0.005, 0.02), (0.01, 0.02), (0.01, 0.01), (0.02, 0.01))


def race(gains, seen, noise, level):
    """Return on how many folds each racing mix was trained, and which are left."""
    left, trained = np.zeros(N_RACING, bool), np.zeros(N_RACING, int)
    for folds in range(1, N_FOLDS):
        trained[~left] += 1
        means = seen[:folds].mean(axis=0)
        leader = np.where(np.r_[left, np.zeros(N_BEFORE, bool)], -np.inf, means).max()
        left |= ndtr((means[:N_RACING] - leader) / (noise / np.sqrt(folds))) < level
    return trained + ~left, left


def main():
    """Print a row for each setting and level."""
    rng = np.random.default_rng(0)
    print("gains  noise  level  saved  best left  regret without  regret with")
    for spread, noise in SETTINGS:
        for level in (0.05, 0.01, LEVEL, 0.001):
            rows = []
            for _ in range(N_SEARCHES):
                gains = rng.normal(0, spread, N_RACING + N_BEFORE)
                seen = gains + rng.normal(0, noise / np.sqrt(2), (N_FOLDS, len(gains)))
                trained, left = race(gains, seen, noise, level)
                scores = seen.mean(axis=0)
                remaining = np.where(np.r_[left, np.zeros(N_BEFORE, bool)], -np.inf, scores)
                best = int(gains.argmax())
                rows.append(
                    [
                        1 - trained.sum() / (N_RACING * N_FOLDS),
                        best < N_RACING and left[best],
                        gains[best] - gains[scores.argmax()],
                        gains[best] - gains[remaining.argmax()],
                    ]
                )
            saved, lost, without, with_race = np.mean(rows, axis=0)
            print(
                f"{spread:5.1%}  {noise:5.1%}  {level:5.3f}  {saved:5.0%}  {lost:9.1%}  "
                f"{without:14.2%}  {with_race:11.2%}"
            )


if __name__ == "__main__":
    main()
