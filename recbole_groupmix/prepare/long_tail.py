"""long_tail: generated interactions of any size with the long tails of MovieLens-25M, in groups.

Activity: 20 rows and a log-normal rest, whose median and mean are those of MovieLens-25M (71 and
154 rows a user). Popularity: the item of rank r has weight ``exp(-11.3 (r / n_items)^0.35)``, a
stretched exponential that gives the most popular item, the median one and the mean (81,491, 6 and
423 ratings there) to within a factor of two. Groups prefer classes of items by log-normal factors.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from recbole_groupmix.files.whole import write_whole
from recbole_groupmix.prepare.atomic import write_atomic
from recbole_groupmix.prepare.publish import Tables, check_name, check_writable, publish
from recbole_groupmix.prepare.recipe import Recipe

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

N_CLASSES = 20
"""Classes of items, such as genres."""
TASTE = 0.5
"""Standard deviation of a group's log-preference of a class."""
_LEAST, _MEAN, _SPREAD = 20, 153, 1.39
_STEEPNESS, _STRETCH = 11.3, 0.35
_LARGEST_SHARE = 4  # no user has more than a fourth of the items
_ROWS_AT_ONCE = 500_000
_MANY = 50  # a user of more than a 50th of the items is drawn by a race of all items

# One stream of random numbers for each decision: a change of one does not affect the others.
_GROUP, _CLASS, _RANK, _PREFERENCE, _ACTIVITY, _ROWS = range(6)


@dataclass(frozen=True)
class LongTail:
    """Sizes and seed of a data set; the defaults are those of MovieLens-25M.

    Attributes
    ----------
    users, items, interactions, groups : int
        Numbers of each. Items without an interaction are possible, as among few interactions.
    seed : int
        Seed of all random decisions, at least 0.
    """

    users: int = 162_541
    items: int = 59_047
    interactions: int = 25_000_095
    groups: int = 7
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse sizes that no data set can have."""
        for name, least in (("users", 2), ("items", 40), ("interactions", 1), ("groups", 2)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least {least}")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}; it has to be at least 0")
        if self.groups > self.users:
            raise ValueError(f"groups is {self.groups}, more than the {self.users} users")
        most = self.users * (self.items // _LARGEST_SHARE)
        if not self.users <= self.interactions <= most:
            raise ValueError(
                f"interactions is {self.interactions}; with {self.users} users and {self.items} "
                f"items it must lie between {self.users} and {most}, a fourth of all pairs"
            )

    def _rng(self, *stream: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *stream])

    @property
    def group(self) -> Ints:
        """Group of each user, (users,); group g has a share of about 1 / (g + 1), and one user."""
        shares = 1 / np.arange(1, self.groups + 1)
        rng = self._rng(_GROUP)
        rest = rng.choice(self.groups, self.users - self.groups, p=shares / shares.sum())
        return rng.permutation(np.concatenate([np.arange(self.groups), rest]))

    @property
    def item_class(self) -> Ints:
        """Class of each item, (items,)."""
        return self._rng(_CLASS).integers(N_CLASSES, size=self.items)

    @property
    def weights(self) -> Floats:
        """Weight of each item in each group, (groups, items); each row sums to 1."""
        rank = self._rng(_RANK).permutation(self.items)
        popularity = np.exp(-_STEEPNESS * ((rank + 1) / self.items) ** _STRETCH)
        taste = self._rng(_PREFERENCE).normal(0.0, TASTE, (self.groups, N_CLASSES))
        weights = popularity * np.exp(taste)[:, self.item_class]
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    @property
    def activity(self) -> Ints:
        """Rows of each user, (users,); their sum is ``interactions``."""
        mean = self.interactions / self.users
        least, most = max(1, int(min(1.0, mean / _MEAN) * _LEAST)), self.items // _LARGEST_SHARE
        raw = self._rng(_ACTIVITY).lognormal(0.0, _SPREAD, self.users)

        def rows(scale: float) -> Ints:
            return np.asarray(np.minimum(least + np.floor(scale * raw).astype(np.int64), most))

        low, high = 0.0, 1.0
        while rows(high).sum() < self.interactions:
            high *= 2
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (
                (middle, high) if rows(middle).sum() <= self.interactions else (low, middle)
            )
        counts = rows(low)
        missing = self.interactions - int(counts.sum())
        while missing:  # users whose rows are about to grow together, and few
            grow = np.flatnonzero(counts < most)[:missing]
            counts[grow] += 1
            missing -= len(grow)
        return counts

    def blocks(self) -> Iterator[tuple[Ints, Ints]]:
        """Yield users and items of the interactions, blocks of whole users in their order.

        A user's items are drawn one after another by the weights of the user's group, without
        those that were drawn before.
        """
        counts, group, weights = self.activity, self.group, self.weights
        cumulative = weights.cumsum(axis=1)
        ends = counts.cumsum()
        start = block = 0
        while start < self.users:
            before = ends[start - 1] if start else 0
            stop = max(int(np.searchsorted(ends, before + _ROWS_AT_ONCE, "right")), start + 1)
            rng, these = self._rng(_ROWS, block), slice(start, stop)
            yield _drawn(rng, start, counts[these], group[these], weights, cumulative)
            start, block = stop, block + 1


def _drawn(
    rng: np.random.Generator,
    first: int,
    counts: Ints,
    group: Ints,
    weights: Floats,
    cumulative: Floats,
) -> tuple[Ints, Ints]:
    """Draw the items of users from ``first`` on; return users and items, ordered by both."""
    n_items = weights.shape[1]
    many = np.flatnonzero(counts > n_items // _MANY)
    raced = [
        u * n_items + np.argpartition(race, counts[u] - 1)[: counts[u]]
        for u in many
        for race in [rng.exponential(size=n_items) / weights[group[u]]]
    ]
    keys = np.concatenate([np.empty(0, np.int64), *raced])
    missing = counts.copy()
    missing[many] = 0
    while missing.any():
        users = np.repeat(np.arange(len(counts)), missing)
        at, items = rng.random(len(users)), np.empty(len(users), np.int64)
        for g in np.unique(group[users]):
            of_group = group[users] == g
            items[of_group] = np.searchsorted(cumulative[g], at[of_group], "right")
        keys = np.union1d(keys, users * n_items + np.minimum(items, n_items - 1))
        missing = counts - np.bincount(keys // n_items, minlength=len(counts))
    keys.sort()
    return keys // n_items + first, keys % n_items


def _write_rows(data: LongTail, file: BinaryIO) -> None:
    items = [f"\ti{item + 1}\n" for item in range(data.items)]
    file.write(b"user_id:token\titem_id:token\n")
    for users, chosen in data.blocks():
        lines = [
            f"u{user + 1}{items[item]}"
            for user, item in zip(users.tolist(), chosen.tolist(), strict=True)
        ]
        file.write("".join(lines).encode("ascii"))


def _features(data: LongTail) -> Tables:
    return {
        "user": {
            "user_id:token": [f"u{user + 1}" for user in range(data.users)],
            "group:token": [f"g{group + 1}" for group in data.group],
        },
        "item": {
            "item_id:token": [f"i{item + 1}" for item in range(data.items)],
            "class:token": [f"c{c + 1}" for c in data.item_class],
        },
    }


def source_text(data: LongTail | None = None, name: str = "long_tail") -> str:
    """Return the text of SOURCE.md for a data set; default of the default sizes."""
    data = data or LongTail()
    changed = [
        f"--{field.name}={getattr(data, field.name)}"
        for field in fields(data)
        if getattr(data, field.name) != field.default
    ]
    again = " \\\n      ".join([f"groupmix prepare {name}", *changed])
    if name != "long_tail":
        again = again.replace(name, f"long_tail --name={name}", 1)
    return f"""\
# {name}: generated interactions with long tails, in groups

Made by a generator: it holds no data of real people and is under the licence of this repository.
Sizes, activity of users and popularity of items are about those of MovieLens-25M.

## How it is made

    {again}

writes the same files again. {data.interactions:,} interactions of {data.users:,} users, in {data.groups} groups (`group` in
`{name}.user`), with {data.items:,} items, in {N_CLASSES} classes (`class` in `{name}.item`).

- A user has {_LEAST} interactions and a log-normal number besides (sigma {_SPREAD}), scaled to the mean.
- The item of popularity rank r is drawn with weight exp(-{_STEEPNESS} (r / items)^{_STRETCH}).
- A group multiplies the weights of a class by a log-normal factor (sigma {TASTE}).

## Citation

None: cite this repository. The distributions that it resembles are those of F. M. Harper and
J. A. Konstan, The MovieLens Datasets: History and Context, ACM TiiS 5(4), 2015.
"""


@dataclass(frozen=True)
class _Streamed(Recipe):
    """A recipe whose interactions are written in blocks, so that they are never held at once."""

    data: LongTail = LongTail()

    def make(self, source: Path | None, out: Path, *, force: bool) -> str:
        """Write the data set to ``<out>/<name>`` and return its sizes; see `Recipe.make`."""
        if source is not None:
            raise ValueError(f"long_tail is generated and takes no source, but {source} was given")
        folder, data = Path(out) / self.name, self.data
        check_writable(folder)

        def write(staging: Path) -> None:
            for suffix, columns in _features(data).items():
                write_atomic(staging, self.name, suffix, columns)
            write_whole(staging / f"{self.name}.inter", lambda file: _write_rows(data, file))

        publish(folder, self.name, write, self.source_text(), force=force)
        users = np.bincount(data.group, minlength=data.groups)
        rows = np.bincount(data.group, weights=data.activity, minlength=data.groups)
        head = f"{'group':<8}{'users':>12}{'interactions':>15}"
        lines = [f"g{g + 1:<7}{users[g]:>12,}{int(rows[g]):>15,}" for g in range(data.groups)]
        return "\n".join([head, *lines])


def with_options(options: Mapping[str, str]) -> Recipe:
    """Return the recipe with options.

    Parameters
    ----------
    options : mapping from str to str
        ``name``, which becomes the name of the data set, and attributes of `LongTail`.

    Raises
    ------
    ValueError
        If an option is unknown or its value cannot be used.
    """
    name, sizes = options.get("name", "long_tail"), {}
    known = [field.name for field in fields(LongTail)]
    for key, value in options.items():
        if key == "name":
            continue
        if key not in known:
            raise ValueError(f"long_tail takes no --{key}; it takes {', '.join(known)} and name")
        try:
            sizes[key] = int(value.replace("_", ""))
        except ValueError:
            raise ValueError(f"{key} is {value!r}; give a whole number") from None
    check_name(name)
    data = LongTail(**sizes)

    def text() -> str:
        return source_text(data, name)

    none: Callable[[Path | None], Tables] = lambda _: _features(data)  # noqa: E731
    return _Streamed(name, "group", none, text, None, with_options, data)


RECIPE = with_options({})
"""A generated data set of any size, grouped by its column ``group``."""
