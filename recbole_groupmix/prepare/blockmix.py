"""blockmix: the shipped data set in the paper's stylised setting, generated from a seed."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from recbole_groupmix.core.theory.assumptions import least_rate
from recbole_groupmix.prepare.generator_command import generator_command
from recbole_groupmix.prepare.publish import Tables, publish
from recbole_groupmix.prepare.recipe import Recipe
from recbole_groupmix.prepare.stylised import BlockMix, generate_blocks

COUNTS = (
    (18, 12, 6, 2, 2),
    (54, 18, 12, 6, 6),
    (6, 12, 3, 24, 3),
    (2, 2, 10, 2, 16),
)
"""Users of each group (rows A to D) who prefer each item class (columns c1 to c5).

A, the natural target, lacks classes c4 and c5. B, the largest group, has A's taste once more and
nearly as little of what A lacks; C has most of c4, D most of c5. So Proportional, which follows
the sizes, Stratified, and the mix of least bound (Theorem 3.1) are far apart for A. Every share is
positive, as Assumption B.2 needs, and whole numbers of users make the shares exact.
"""

N_ITEMS = 400
"""Number of items; at least as many as users in any mix searched (Assumption B.1)."""

P = 0.28
"""Probability that an item of the preferred class is observed: 22.4 of 80 items a user."""

LARGEST_BUDGET = 2.0
"""Largest budget ratio that the paper's samplers of mixes draw (Appendix C)."""


def generate(seed: int = 0) -> BlockMix:
    """Draw the data set; seed 0 gives the shipped one.

    See `recbole_groupmix.prepare.stylised.generate_blocks` for other shares, sizes and noise.

    Parameters
    ----------
    seed : int
        Seed, at least 0.

    Raises
    ------
    ValueError
        If the seed is negative.
    """
    return generate_blocks(seed, counts=COUNTS, n_items=N_ITEMS, p=P)


def source_text(seed: int = 0) -> str:
    """Return the text of SOURCE.md for the data set of that seed; 0 is the shipped one."""
    data = generate(seed)
    n_users, n_items, n_classes = len(data.users), len(data.items), len(data.classes)
    n_liked = np.bincount(data.pairs[:, 0])
    sizes = data.counts.sum(axis=1)
    largest = int(np.max(sizes + LARGEST_BUDGET * (n_users - sizes)))
    b1 = "holds" if largest <= n_items else "does not hold"
    shares, rates = [], []
    for name, size, theta in zip(data.groups, sizes, data.theta, strict=True):
        with_all, alone = (
            least_rate(theta, n_users, n_items),
            least_rate(theta, int(size), n_items),
        )
        b2 = "holds" if max(with_all, alone) <= data.p else "does not hold"
        shares.append(f"| {name} | {size} | {' | '.join(f'{share:.4f}' for share in theta)} |")
        rates.append(f"| {name} | {theta.min():.4f} | {with_all:.4f} | {alone:.4f} | {b2} |")
    share_rows, rate_rows = "\n".join(shares), "\n".join(rates)
    again = f" --seed {seed}" if seed else ""
    return f"""\
# blockmix: groups with known shares of item classes

Made by a generator, so that the truth behind the data is known. It holds no data of real people
and is under the licence of this repository. It follows the stylised setting in Section 3.2.2 of
the paper "Data Mixing for Group Preference Heterogeneity in Collaborative Filtering".

## How it is made

    python -m recbole_groupmix.prepare.blockmix dataset_atomic/blockmix{again}

writes the same files again, byte by byte.

- {n_items} items fall into {n_classes} classes of {n_items // n_classes} items each: `class` in `blockmix.item`.
- Each of {n_users} users prefers one class: `preferred_class` in `blockmix.user`. Each item of
  that class is observed with probability p = {data.p:g}, no other item is.
- That gives {len(data.pairs):,} interactions, {n_liked.mean():.1f} a user \
({n_liked.min()} to {n_liked.max()}).
- Users belong to {len(sizes)} groups: `group` in `blockmix.user`. A group is a number of users for
  each class and nothing else. These are the shares of the classes in each group, and they are
  exact:

| group | users | {" | ".join(data.classes)} |
|{"---|" * (2 + n_classes)}
{share_rows}

A lacks c4 and c5. B is the largest group and has the taste of A once more; most users of c4 are in
C, most of c5 in D.

## Assumptions of the paper's Theorem 3.1

- **B.1**, no more users than items in the aggregate of target and augmentation data: {n_users}
  users at the budget ratio 1, and at most {largest} at the ratio {LARGEST_BUDGET:g}, the largest that
  the samplers of the paper draw. It {b1} for every target up to that ratio.
- **B.2**, p at least max(1/theta)^2 log(m) / (n m), up to a constant that the paper leaves open
  and that is 1 here. The least p with n = {n_users} (ratio 1) and with the target's users alone
  (ratio 0), to be compared with p = {data.p:g}:

| target | least share | least p, ratio 1 | least p, ratio 0 | B.2 |
|---|---|---|---|---|
{rate_rows}

- **B.3**, users drawn in proportion to the classes of their group: Eq. 8 gives all users of a
  group the same weight, so it holds exactly.
"""


def write(folder: Path, seed: int = 0, *, force: bool = False) -> None:
    """Generate the data set and write its atomic files and SOURCE.md into a folder.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the data set, by custom called ``blockmix``; made where it is missing.
    seed : int
        Seed, at least 0; the shipped files have seed 0.
    force : bool
        Whether to replace files of other content.

    Raises
    ------
    ValueError
        If the folder cannot be written to, or holds other files and `force` is False.
    """
    tables = generate(seed).tables()
    publish(Path(folder), "blockmix", tables, source_text(seed), force=force)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``python -m recbole_groupmix.prepare.blockmix FOLDER [--seed N] [--force]``."""
    generator_command(
        "recbole_groupmix.prepare.blockmix",
        "Write the generated data set blockmix into a folder.",
        write,
        arguments,
    )


def _tables(source: Path | None) -> Tables:
    if source is not None:
        raise ValueError(f"blockmix is generated and takes no source, but {source} was given")
    return generate().tables()


RECIPE = Recipe("blockmix", "group", _tables, source_text)
"""The generated data set, grouped by its column ``group``."""

if __name__ == "__main__":
    main()
