"""The stages of a run: folds, choice of the data mix, test."""
