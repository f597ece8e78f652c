"""The block model of population imbalance and observation bias."""

import numpy as np
import pytest
from helpers import read_atomic

from recbole_groupmix.prepare import block_model
from recbole_groupmix.prepare.block_model import LIKES, OBSERVED, SETTINGS, generate


@pytest.mark.parametrize("setting", SETTINGS)
def test_blocks_have_their_probabilities(setting):
    data = generate(3, setting)
    assert np.bincount(data.kind).tolist() == ([160, 40, 160, 40] if "P" in setting else [100] * 4)
    assert np.bincount(data.course).tolist() == [100] * 3
    assert data.is_woman.sum() == 200
    for table, mask in ((LIKES, data.ratings > 0), (OBSERVED["O" in setting], data.observed)):
        for kind in range(4):
            for course in range(3):
                block = mask[data.kind == kind][:, data.course == course]
                rate, error = table[kind, course], np.sqrt(0.25 / block.size)
                assert abs(block.mean() - rate) < 4 * error


def test_who_rates_what_changes_and_not_how_much():
    """Rows of both tables of observation sum to 1.2 and 0.9: 0.4 and 0.3 of all pairs."""
    for setting, share in (("U", 0.4), ("P", 0.4), ("O", 0.3), ("O+P", 0.3)):
        assert generate(0, setting).observed.mean() == pytest.approx(share, abs=0.006)


def test_the_truth_is_the_expected_rating():
    data = generate(1, "O+P")
    assert np.array_equal(np.unique(data.ratings), [-1, 1])
    assert data.expected[0, 0] == pytest.approx(0.6)  # a woman of W, a course of Fem: 2 * 0.8 - 1
    assert data.expected[-1, 0] == pytest.approx(-0.6)  # a man of M


def test_settings_of_a_seed_differ_by_their_bias_alone():
    plain, biased = generate(4, "U"), generate(4, "O")
    np.testing.assert_array_equal(plain.ratings, biased.ratings)
    np.testing.assert_array_equal(generate(4, "O+P").ratings, generate(4, "P").ratings)
    assert (generate(5).ratings != generate(4).ratings).any()


def test_the_command_writes_atomic_files(tmp_path):
    block_model.main([str(tmp_path / "courses"), "--setting=P", "--seed=2"])
    inter, user, item = (
        read_atomic(tmp_path / "courses" / f"courses.{suffix}")
        for suffix in ("inter", "user", "item")
    )
    data = generate(2, "P")
    assert len(inter["rating:float"]) == data.observed.sum()
    assert list(user["kind:token"]).count("WS") == 40
    assert list(user["gender:token"]).count("F") == 200
    assert list(item["class:token"]).count("STEM") == 100
    assert "160 W, 40 WS" in (tmp_path / "courses" / "SOURCE.md").read_text()


@pytest.mark.parametrize(("seed", "setting"), [(-1, "U"), (0, "X")])
def test_unknown_settings_are_refused(seed, setting, tmp_path, capsys):
    with pytest.raises(ValueError, match=r"seed is -1|it must be one of U, O, P, O\+P"):
        generate(seed, setting)
    with pytest.raises(SystemExit):
        block_model.main([str(tmp_path / "x"), f"--setting={setting}", f"--seed={seed}"])
