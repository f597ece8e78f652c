"""Rows of a data set are taken by arrays; RecBole makes a list of Python's integers of them."""

import numpy as np
import pytest
from recbole.data.interaction import Interaction

from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.loader_of_test import loader_of_test
from recbole_groupmix.settings.merge import merge_settings


@pytest.fixture(scope="module")
def experiment():
    return Experiment(merge_settings({"dataset": "blockmix", "target": "A", "model": "BPR"}))


@pytest.fixture
def no_lists(monkeypatch):
    take = Interaction.__getitem__

    def with_few_rows(self, index):
        few = isinstance(index, (str, slice)) or len(index) < 1_000  # of all users, say
        assert few, "a list of all rows would be made"
        return take(self, index)

    monkeypatch.setattr(Interaction, "__getitem__", with_few_rows)


def test_the_data_set_of_a_part_has_its_rows_and_makes_no_list(experiment, no_lists):
    part = experiment.part(1)
    made = experiment.dataset_of(part).inter_feat
    for name, whole in experiment.dataset.inter_feat.interaction.items():
        assert made[name].dtype == whole.dtype
        np.testing.assert_array_equal(made[name].numpy(), whole.numpy()[part.rows])


def test_the_loader_of_test_makes_no_list(experiment, no_lists):
    loader_of_test(experiment)
