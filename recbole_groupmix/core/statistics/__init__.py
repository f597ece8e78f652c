"""Intervals, tests and effect sizes over users."""
