"""Ratings of two groups of users with known biases against one: population, sparsity, rank, noise.

Section 4.3.2 of S. Yao's dissertation "Evaluating, Understanding, and Mitigating Unfairness in
Recommender Systems". Stated there: numbers of users, items and factors, the ratios of the groups.
Ours: density, noise and scale of the ratings, which it leaves open.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recbole_groupmix.prepare.generator_command import generator_command
from recbole_groupmix.prepare.publish import Tables, publish

BIASES = {"R": "rank", "N": "noise", "P": "population", "S": "sparsity"}
"""The biases by the letters of the dissertation."""
N_USERS, N_ITEMS, N_FACTORS, SIMPLE_FACTORS = 100, 600, 20, 5
DENSITY, NOISE, CENTRE = 0.15, 0.3, 3.0
"""Share of observed ratings, sd of their noise beside a signal of sd 1, and their mean."""

# One stream of random numbers for each decision: settings of one seed differ by their biases alone.
_USERS, _ITEMS, _NOISE, _OBSERVED = range(4)


@dataclass(frozen=True)
class FourBiases:
    """Generated ratings with their ground truth.

    Attributes
    ----------
    biases : str
        Letters of `BIASES`, in their order.
    in_b : bool array, shape (n_users,)
        Whether a user is of group B, the disadvantaged one; else A.
    signal : float64 array, shape (n_users, n_items)
        Products of the factors.
    truth : float64 array, shape (n_users, n_items)
        Ratings without noise, on the scale of the ratings.
    ratings : float64 array, shape (n_users, n_items)
        All ratings, from 1 to 5; those that are not observed are for testing.
    observed : bool array, shape (n_users, n_items)
        Which of them are observed.
    """

    biases: str
    in_b: npt.NDArray[np.bool_]
    signal: npt.NDArray[np.float64]
    truth: npt.NDArray[np.float64]
    ratings: npt.NDArray[np.float64]
    observed: npt.NDArray[np.bool_]

    def tables(self) -> Tables:
        """Return the atomic tables ``"inter"`` and ``"user"``."""
        users, items = np.nonzero(self.observed)
        return {
            "inter": {
                "user_id:token": [f"u{user + 1}" for user in users],
                "item_id:token": [f"i{item + 1}" for item in items],
                "rating:float": [f"{value:.4f}" for value in self.ratings[self.observed]],
            },
            "user": {
                "user_id:token": [f"u{user + 1}" for user in range(len(self.in_b))],
                "group:token": ["B" if b else "A" for b in self.in_b],
            },
        }


def generate(seed: int, biases: str = "RNPS") -> FourBiases:
    """Draw ratings with some of the biases.

    Population: 70 users of A and 30 of B, else 50 each. Sparsity: a user of A has five times as
    many ratings as one of B. Rank: A's users have 5 factors, B's 20. Noise: its standard deviation
    relative to the signal's is twice as large in B. Density and noise of all users together stay the same, and the ratings
    of both groups have one mean and standard deviation before they are kept within 1 and 5.

    Parameters
    ----------
    seed : int
        Seed, at least 0.
    biases : str
        Letters of `BIASES`, each at most once; "" for none.

    Raises
    ------
    ValueError
        If the seed is negative or a letter is unknown or repeated.
    """
    if seed < 0:
        raise ValueError(f"seed is {seed}; it has to be at least 0")
    if set(biases) - set(BIASES) or len(set(biases)) < len(biases):
        raise ValueError(f"biases is {biases!r}; give letters of {''.join(BIASES)}, each once")
    rngs = [np.random.default_rng([seed, stream]) for stream in range(4)]
    n_a = 70 if "P" in biases else 50
    in_b = np.arange(N_USERS) >= n_a
    sizes = np.array([n_a, N_USERS - n_a])

    p = rngs[_USERS].normal(size=(N_USERS, N_FACTORS))
    if "R" in biases:
        p[:n_a, SIMPLE_FACTORS:] = 0.0
    signal = p @ rngs[_ITEMS].normal(size=(N_ITEMS, N_FACTORS)).T
    noises = _levels(NOISE, sizes, 1.0, 2.0 if "N" in biases else 1.0)
    noise = rngs[_NOISE].normal(size=signal.shape)
    truth, ratings = np.empty_like(signal), np.empty_like(signal)
    for group, level in zip((~in_b, in_b), noises, strict=True):
        clean = (signal[group] - signal[group].mean()) / signal[group].std()
        noisy = clean + level * noise[group]
        mean, sd = noisy.mean(), noisy.std()
        truth[group] = CENTRE + (clean - mean) / sd
        ratings[group] = CENTRE + (noisy - mean) / sd

    observed = np.zeros(signal.shape, bool)
    keys = rngs[_OBSERVED].random(signal.shape)
    densities = _levels(DENSITY, sizes, 5.0 if "S" in biases else 1.0, 1.0)
    for group, density in zip((~in_b, in_b), densities, strict=True):
        n_observed = round(density * group.sum() * N_ITEMS)
        observed[group] = keys[group] < np.sort(keys[group], axis=None)[n_observed]
    ordered = "".join(letter for letter in BIASES if letter in biases)
    return FourBiases(ordered, in_b, signal, truth, ratings.clip(1.0, 5.0), observed)


def _levels(
    mean: float, sizes: npt.NDArray[np.int64], of_a: float, of_b: float
) -> npt.NDArray[np.float64]:
    """Return the levels of A and B in a ratio, with a mean over all users."""
    ratio = np.array([of_a, of_b])
    levels: npt.NDArray[np.float64] = mean * ratio * sizes.sum() / (sizes @ ratio)
    return levels


def source_text(data: FourBiases, seed: int) -> str:
    """Return the text of SOURCE.md."""
    names = ", ".join(BIASES[letter] for letter in data.biases) or "none"
    n_b = int(data.in_b.sum())
    return f"""\
# Ratings with known biases between two groups

Made by a generator: it holds no data of real people and is under the licence of this repository.
It follows Section 4.3.2 of S. Yao's dissertation "Evaluating, Understanding, and Mitigating
Unfairness in Recommender Systems".

    python -m recbole_groupmix.prepare.four_biases FOLDER --biases={data.biases} --seed={seed}

writes the same files again. Biases against group B: {names}. {len(data.in_b) - n_b} users of A and
{n_b} of B (`group`) have {int(data.observed.sum()):,} ratings of {data.observed.shape[1]} items.
"""


def write(folder: Path, seed: int = 0, biases: str = "RNPS", *, force: bool = False) -> None:
    """Write ``NAME.inter``, ``NAME.user`` and ``SOURCE.md``, named after the folder.

    Raises
    ------
    ValueError
        As :func:`generate`, and for files of other content unless `force` is set.
    """
    data = generate(seed, biases)
    publish(folder, folder.name, data.tables(), source_text(data, seed), force=force)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``python -m recbole_groupmix.prepare.four_biases FOLDER [--biases=RNPS] [--seed=0]``."""
    generator_command(
        "recbole_groupmix.prepare.four_biases",
        "Write generated ratings with biases between two groups into a folder.",
        write,
        arguments,
        biases=("RNPS", "letters of RNPS (default all)"),
    )


if __name__ == "__main__":
    main()
