import math
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from helpers import read_atomic
from hypothesis import given
from hypothesis import strategies as st

from recbole_groupmix.prepare import blockmix, prepare
from recbole_groupmix.prepare.stylised import generate_blocks

SHIPPED = Path(__file__).resolve().parents[1] / "dataset_atomic" / "blockmix"
FILES = ("SOURCE.md", "blockmix.inter", "blockmix.item", "blockmix.user")


@pytest.fixture(scope="module")
def data():
    return blockmix.generate()


def test_the_command_gives_the_shipped_files_byte_by_byte(tmp_path):
    command = [sys.executable, "-W", "error", "-m", "recbole_groupmix.prepare.blockmix"]
    subprocess.run([*command, str(tmp_path / "blockmix")], check=True)
    for name in FILES:
        assert (tmp_path / "blockmix" / name).read_bytes() == (SHIPPED / name).read_bytes()
    assert sorted(path.name for path in (tmp_path / "blockmix").iterdir()) == sorted(FILES)


def test_prepare_gives_the_shipped_files_too(tmp_path):
    made = prepare("blockmix", out=tmp_path)
    for name in FILES:
        assert (made.folder / name).read_bytes() == (SHIPPED / name).read_bytes()
    assert made.comparison_text.splitlines()[1].split()[:2] == ["A", "40"]


def test_users_per_group_and_class_in_the_files_are_the_truth():
    user = read_atomic(SHIPPED / "blockmix.user")
    cells = list(zip(user["group:token"], user["preferred_class:token"], strict=True))
    counted = [[cells.count((group, f"c{c}")) for c in range(1, 6)] for group in "ABCD"]
    assert counted == [list(row) for row in blockmix.COUNTS]


def test_theta_is_exact_and_unequal(data):
    assert data.theta.shape == (4, 5)
    # 18, 12, 6, 2, 2 of 40 users
    np.testing.assert_array_equal(data.theta[0], [0.45, 0.3, 0.15, 0.05, 0.05])
    np.testing.assert_allclose(data.theta.sum(axis=1), 1, rtol=1e-15)
    assert data.counts.sum(axis=1).tolist() == [40, 96, 48, 32]
    assert data.theta[0, [3, 4]].max() < 1 / 5 / 3  # the target lacks c4 and c5


def test_users_have_interactions_in_their_class_only(data):
    users, items = data.pairs.T
    np.testing.assert_array_equal(data.user_class[users], data.item_class[items])
    assert len(np.unique(data.pairs, axis=0)) == len(data.pairs)


def test_classes_have_equal_sizes_and_nothing_follows_from_an_id(data):
    assert np.bincount(data.item_class).tolist() == [80] * 5
    for labels in (data.item_class, data.user_class, data.user_group):
        assert np.abs(np.corrcoef(labels, np.arange(len(labels)))[0, 1]) < 4 / math.sqrt(
            len(labels)
        )
    # the rows of a user do not come in order of the items
    first = data.pairs[data.pairs[:, 0] == 0, 1]
    assert (np.diff(first) < 0).any()


def test_the_rate_is_p(data):
    # 216 users x 80 items, a binomial share: five standard errors around p
    tolerance = 5 * math.sqrt(0.28 * 0.72 / (216 * 80))
    assert abs(len(data.pairs) / (216 * 80) - 0.28) < tolerance


def test_every_user_can_be_split_and_every_item_occurs(data):
    # 80/20 and five folds inside train need six interactions
    assert np.bincount(data.pairs[:, 0], minlength=216).min() >= 6
    assert np.bincount(data.pairs[:, 1], minlength=400).min() >= 1


def test_assumption_b1_holds_for_every_target_and_searched_budget(data):
    sizes = data.counts.sum(axis=1)
    for size in sizes:
        assert size + 2.0 * (216 - size) <= 400


def test_assumption_b2_holds_for_every_target_even_alone(data):
    for size, theta in zip(data.counts.sum(axis=1), data.theta, strict=True):
        assert max(1 / theta) ** 2 * math.log(400) / (size * 400) <= 0.28


def test_proportional_and_stratified_are_far_from_the_least_bound(data):
    """The bound of Theorem 3.1 squared is proportional to sigma_max / sigma_min^2."""
    sizes = data.counts.sum(axis=1)

    def bound(target, alpha, budget=1.0):
        others = [group for group in range(4) if group != target]
        n_aug = budget * sizes[others].sum()
        sigma = data.counts[target] + n_aug * np.asarray(alpha) @ data.theta[others]
        return sigma.max() / sigma.min() ** 2

    grid = [
        np.array([a, b, 20 - a - b]) / 20 for a, b in product(range(21), repeat=2) if a + b <= 20
    ]
    for target in range(4):
        n = np.delete(sizes, target)
        least = min(bound(target, alpha) for alpha in grid)
        assert bound(target, n / n.sum()) > 1.3 * least
        assert bound(target, np.full(3, 1 / 3)) > 1.2 * least
        assert bound(target, n / n.sum(), budget=0.0) > 10 * least
    # by hand for A: all users are 80, 44, 31, 34, 27 a class
    assert bound(0, [96 / 176, 48 / 176, 32 / 176]) == pytest.approx(80 / 27**2)


def test_another_seed_keeps_the_truth_and_changes_the_draws(data):
    other = blockmix.generate(1)
    np.testing.assert_array_equal(other.theta, data.theta)
    assert not np.array_equal(other.pairs, data.pairs)
    assert not np.array_equal(other.item_class, data.item_class)
    assert not np.array_equal(other.user_group, data.user_group)


def test_a_folder_with_another_seed_is_not_overwritten(tmp_path, capsys):
    blockmix.main([str(tmp_path / "b"), "--seed", "3"])
    with pytest.raises(SystemExit) as stop:
        blockmix.main([str(tmp_path / "b")])
    assert stop.value.code == 2
    assert "another version of blockmix" in capsys.readouterr().err
    assert "blockmix --seed 3" in (tmp_path / "b" / "SOURCE.md").read_text()
    blockmix.main([str(tmp_path / "b"), "--force"])
    assert (tmp_path / "b" / "blockmix.user").read_bytes() == (
        SHIPPED / "blockmix.user"
    ).read_bytes()


@given(
    seed=st.integers(0, 2**40),
    counts=st.integers(1, 4).flatmap(
        lambda k: st.lists(
            st.lists(st.integers(0, 5), min_size=k, max_size=k).filter(any), min_size=1, max_size=4
        )
    ),
)
def test_any_counts_are_met_exactly(seed, counts):
    table = np.array(counts)
    data = generate_blocks(seed, counts=counts, n_items=table.shape[1] * 3, p=1.0)
    met = np.zeros_like(table)
    np.add.at(met, (data.user_group, data.user_class), 1)
    np.testing.assert_array_equal(met, table)
    # with p = 1 every user has the three items of the preferred class and no other
    assert len(data.pairs) == 3 * table.sum()
    assert (data.user_class[data.pairs[:, 0]] == data.item_class[data.pairs[:, 1]]).all()


def test_noise_is_seen_at_its_rate_and_leaves_the_classes_alone():
    counts = [[30, 10], [10, 30]]
    clean = generate_blocks(5, counts=counts, n_items=100, p=0.3)
    noisy = generate_blocks(5, counts=counts, n_items=100, p=0.3, off_class_rate=0.1)
    kept = {tuple(pair) for pair in clean.pairs.tolist()}
    added = {tuple(pair) for pair in noisy.pairs.tolist()} - kept
    assert kept <= {tuple(pair) for pair in noisy.pairs.tolist()}
    users, items = np.array(sorted(added)).T
    assert (noisy.user_class[users] != noisy.item_class[items]).all()
    # 80 users x 50 items of the other class, five standard errors
    assert abs(len(added) / 4000 - 0.1) < 5 * math.sqrt(0.1 * 0.9 / 4000)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": -1}, "seed -1 is negative"),
        ({"counts": [[1, 2], [0, 0]]}, "at least one user"),
        ({"counts": [[1, -2]]}, "not whole numbers of users"),
        ({"counts": [[0.5, 0.5]]}, "not whole numbers of users"),
        ({"counts": []}, "not whole numbers of users"),
        ({"counts": [[1]] * 27}, "27 groups"),
        ({"n_items": 9}, "n_items 9 is not a multiple of the 2 classes"),
        ({"n_items": 0}, "n_items 0"),
        ({"p": 0.0}, r"p 0\.0 is not a probability in \(0, 1\]"),
        ({"p": 1.5}, r"p 1\.5"),
        ({"p": math.nan}, "p nan"),
        ({"off_class_rate": -0.1}, r"off_class_rate -0\.1"),
        ({"p": 1e-9}, r"3 of 3 users have no interaction with seed 0 and p 1e-09"),
    ],
)
def test_arguments_out_of_range_are_refused(changes, message):
    arguments = {"seed": 0, "counts": [[2, 1]], "n_items": 10, "p": 0.5, **changes}
    with pytest.raises(ValueError, match=message):
        generate_blocks(**arguments)
