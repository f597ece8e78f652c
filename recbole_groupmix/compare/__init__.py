"""Comparison of runs by their per-user values, from RecBole or other programs."""

from recbole_groupmix.compare.comparison import MOST_DRAWS, Comparison, compare
from recbole_groupmix.compare.files import check_output, read_runs
from recbole_groupmix.compare.selection import OVERALL

__all__ = ["MOST_DRAWS", "OVERALL", "Comparison", "check_output", "compare", "read_runs"]
