"""The data of a run: files, groups, target, split, folds, held-out items."""
