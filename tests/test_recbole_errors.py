"""Errors of RecBole name the keys that they are about, and no others."""

import pytest
from recbole.data.dataset import Dataset

from recbole_groupmix.experiment.recbole_errors import as_value_error
from recbole_groupmix.settings.settings import Settings

GIVEN = {
    "embedding_size": 8,
    "train_batch_size": 64,
    "val_interval": {"rating": "[3,inf)"},
    "benchmark_filename": ["train", "dev"],
    "data_path": "somewhere",
    "mlp_hidden_size": [8],
    "learner": "sparse_adam",
    "target": "A",
}


def message_of(error, given=GIVEN):
    settings = Settings(given, origin=dict.fromkeys(given, "here"), given=tuple(given))
    with (
        pytest.raises(ValueError, match="cannot load") as caught,
        as_value_error(settings, "cannot load"),
    ):
        raise error
    return str(caught.value)


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (KeyError("rating"), ["val_interval"]),
        (ValueError("File x/base.dev.inter not exist."), ["benchmark_filename"]),
        (OSError("no folder somewhere"), ["data_path"]),
        (RuntimeError("SparseAdam does not support dense gradients"), ["learner"]),
        (TypeError("mlp_hidden_size must be a list"), ["mlp_hidden_size"]),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), []),
        (AssertionError(), []),
    ],
)
def test_only_what_the_error_is_about_is_named(error, named):
    line = message_of(error)
    assert [key for key in GIVEN if f"{key} is" in line] == named
    assert line.startswith(f"cannot load: {type(error).__name__}: ")


def test_the_line_stays_short():
    line = message_of(RuntimeError("word\n" * 5000))
    assert len(line) < 400 and "\n" not in line


def test_a_line_of_recbole_s_names_the_key_that_it_reads():
    settings = Settings(
        {"val_interval": 3, "epochs": 1, "seq_len": 5}, given=("val_interval", "seq_len")
    )

    class Broken(Dataset):
        def __init__(self):
            self.config = settings
            self.logger = type("Silent", (), {"debug": lambda *a: None})()

    with (
        pytest.raises(ValueError, match="val_interval is 3") as caught,
        as_value_error(settings, "what"),
    ):
        Broken()._filter_by_field_value()
    assert "seq_len" not in str(caught.value)
