"""Which mix of user groups' data trains the best RecBole recommender for a target group.

The names in ``__all__`` are loaded when they are first used, so that ``import recbole_groupmix``
costs nothing and ``groupmix --help`` does not wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recbole_groupmix.adapters.config import GroupMixConfig
    from recbole_groupmix.adapters.groups import Groups
    from recbole_groupmix.adapters.mix_weights import mix_weights
    from recbole_groupmix.adapters.trainer import GroupMixTrainer
    from recbole_groupmix.adapters.weighted_sampler import group_weighted_sampler
    from recbole_groupmix.core.mix import Mix
    from recbole_groupmix.evaluation.evaluator import GroupEvaluator
    from recbole_groupmix.evaluation.group_files import groups_from_csv
    from recbole_groupmix.evaluation.numeric_groups import (
        activity_groups,
        binned_groups,
        mainstream_groups,
    )
    from recbole_groupmix.run import run_groupmix
    from recbole_groupmix.search.load import load_run, load_test_data

__version__ = "0.1.0"

__all__ = [
    "GroupEvaluator",
    "GroupMixConfig",
    "GroupMixTrainer",
    "Groups",
    "Mix",
    "__version__",
    "activity_groups",
    "binned_groups",
    "group_weighted_sampler",
    "groups_from_csv",
    "load_run",
    "load_test_data",
    "mainstream_groups",
    "mix_weights",
    "run_groupmix",
]

_HOME = {
    "GroupEvaluator": "evaluation.evaluator",
    "GroupMixConfig": "adapters.config",
    "GroupMixTrainer": "adapters.trainer",
    "Groups": "adapters.groups",
    "Mix": "core.mix",
    "activity_groups": "evaluation.numeric_groups",
    "binned_groups": "evaluation.numeric_groups",
    "group_weighted_sampler": "adapters.weighted_sampler",
    "groups_from_csv": "evaluation.group_files",
    "load_run": "search.load",
    "load_test_data": "search.load",
    "mainstream_groups": "evaluation.numeric_groups",
    "mix_weights": "adapters.mix_weights",
    "run_groupmix": "run",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its module at its first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
