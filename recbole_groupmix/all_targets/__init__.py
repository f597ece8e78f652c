"""A run for every group at once, which shares the models that targets have in common."""
