"""Ratings of courses by four kinds of students: population imbalance and observation bias.

The stochastic block model of Section 3.5.1 of S. Yao's dissertation "Evaluating, Understanding, and
Mitigating Unfairness in Recommender Systems". Stated there: probabilities, shares of the kinds of
students, 400 students and 300 courses. Ours: 100 courses of each kind.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recbole_groupmix.prepare.generator_command import generator_command
from recbole_groupmix.prepare.publish import Tables, publish

SETTINGS = {
    "U": "uniform",
    "O": "biased observations",
    "P": "biased populations",
    "O+P": "biased observations and populations",
}
"""The settings of Figure 3.2."""
KINDS, COURSES = ("W", "WS", "MS", "M"), ("Fem", "STEM", "Masc")
"""Kinds of students: women, and men, who do (S) or do not excel in STEM; kinds of courses."""
WOMEN = ("W", "WS")
"""Kinds of the disadvantaged group."""
LIKES = np.array([[0.8, 0.2, 0.2], [0.8, 0.8, 0.2], [0.2, 0.8, 0.8], [0.2, 0.2, 0.8]])
"""Probability of a rating of 1, else -1, by kinds of students and courses (Eq. 3.9)."""
OBSERVED = {
    False: np.full((4, 3), 0.4),
    True: np.array([[0.6, 0.2, 0.1], [0.3, 0.4, 0.2], [0.1, 0.3, 0.5], [0.05, 0.5, 0.35]]),
}
"""Probability that a rating is observed, by whether observations are biased (Eq. 3.10)."""
SIZES = {False: (100, 100, 100, 100), True: (160, 40, 160, 40)}
"""Students of each kind, by whether populations are biased."""
N_OF_COURSES = 100
"""Courses of each kind."""

# One stream of random numbers for each decision: settings of one seed differ by their bias alone.
_RATINGS, _OBSERVATIONS = range(2)


@dataclass(frozen=True)
class BlockModel:
    """Generated ratings with their ground truth.

    Attributes
    ----------
    kind : int array, shape (n_users,)
        Kind of every student, an index into ``KINDS``.
    course : int array, shape (n_items,)
        Kind of every course, an index into ``COURSES``.
    ratings : float64 array, shape (n_users, n_items)
        1 or -1.
    observed : bool array, shape (n_users, n_items)
        Which of them are observed.
    """

    kind: npt.NDArray[np.int64]
    course: npt.NDArray[np.int64]
    ratings: npt.NDArray[np.float64]
    observed: npt.NDArray[np.bool_]

    @property
    def expected(self) -> npt.NDArray[np.float64]:
        """Expected rating of every pair, in [-1, 1], shape (n_users, n_items): 2 L - 1."""
        means: npt.NDArray[np.float64] = 2 * LIKES[np.ix_(self.kind, self.course)] - 1
        return means

    @property
    def is_woman(self) -> npt.NDArray[np.bool_]:
        """Whether each student is of the disadvantaged group, shape (n_users,)."""
        return np.isin(np.array(KINDS)[self.kind], WOMEN)

    def tables(self) -> Tables:
        """Return the atomic tables of the observed ratings and of all students and courses."""
        users, items = np.nonzero(self.observed)
        return {
            "inter": {
                "user_id:token": [f"u{user + 1}" for user in users],
                "item_id:token": [f"i{item + 1}" for item in items],
                "rating:float": [f"{value:.0f}" for value in self.ratings[self.observed]],
            },
            "user": {
                "user_id:token": [f"u{user + 1}" for user in range(len(self.kind))],
                "gender:token": ["F" if woman else "M" for woman in self.is_woman],
                "kind:token": [KINDS[kind] for kind in self.kind],
            },
            "item": {
                "item_id:token": [f"i{item + 1}" for item in range(len(self.course))],
                "class:token": [COURSES[course] for course in self.course],
            },
        }


def generate(seed: int, setting: str = "O+P") -> BlockModel:
    """Draw ratings and their observations.

    Parameters
    ----------
    seed : int
        Seed, at least 0.
    setting : str
        A key of ``SETTINGS``: which of populations and observations are biased.

    Raises
    ------
    ValueError
        If the seed is negative or the setting unknown.
    """
    if seed < 0:
        raise ValueError(f"seed is {seed}; it has to be at least 0")
    if setting not in SETTINGS:
        raise ValueError(f"setting is {setting!r}; it must be one of {', '.join(SETTINGS)}")
    kind = np.repeat(np.arange(len(KINDS)), SIZES["P" in setting])
    course = np.repeat(np.arange(len(COURSES)), N_OF_COURSES)
    block = np.ix_(kind, course)
    likes, seen = LIKES[block], OBSERVED["O" in setting][block]
    draws = [np.random.default_rng([seed, stream]).random(likes.shape) for stream in range(2)]
    ratings = np.where(draws[_RATINGS] < likes, 1.0, -1.0)
    return BlockModel(kind, course, ratings, draws[_OBSERVATIONS] < seen)


def source_text(data: BlockModel, seed: int, setting: str) -> str:
    """Return the text of SOURCE.md."""
    n_users, n_items = data.ratings.shape
    sizes = ", ".join(
        f"{size} {name}" for name, size in zip(KINDS, np.bincount(data.kind), strict=True)
    )
    return f"""\
# Ratings of a stochastic block model: {SETTINGS[setting]}

Made by a generator: it holds no data of real people and is under the licence of this repository.
It follows Section 3.5.1 of S. Yao's dissertation "Evaluating, Understanding, and Mitigating
Unfairness in Recommender Systems".

    python -m recbole_groupmix.prepare.block_model FOLDER --setting={setting} --seed={seed}

writes the same files again. {n_users} students ({sizes}: `kind`; W and WS are women, `gender`) rate
{n_items} courses ({", ".join(COURSES)}: `class`) with 1 or -1; {int(data.observed.sum()):,} ratings are observed.
"""


def write(folder: Path, seed: int = 0, setting: str = "O+P", *, force: bool = False) -> None:
    """Write ``NAME.inter``, ``NAME.user``, ``NAME.item`` and ``SOURCE.md``, named after the folder.

    Raises
    ------
    ValueError
        As :func:`generate`, and for files of other content unless `force` is set.
    """
    data = generate(seed, setting)
    publish(folder, folder.name, data.tables(), source_text(data, seed, setting), force=force)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``python -m recbole_groupmix.prepare.block_model FOLDER [--setting=O+P] [--seed=0]``."""
    generator_command(
        "recbole_groupmix.prepare.block_model",
        "Write ratings generated by a stochastic block model into a folder.",
        write,
        arguments,
        setting=("O+P", "U, O, P or O+P (default O+P)"),
    )


if __name__ == "__main__":
    main()
