"""Given keys that mean nothing to the chosen model or weighting: a run goes on and says so."""

from __future__ import annotations

from dataclasses import replace

from recbole_groupmix.models import CLOSED_FORM
from recbole_groupmix.settings.keys import model_keys, reads_features, reads_key
from recbole_groupmix.settings.merge import Settings

#: RecBole's filters, which it applies to ``DATA.inter`` alone.
_FILTERS = (
    "user_inter_num_interval",
    "item_inter_num_interval",
    "val_interval",
    "rm_dup_inter",
    "filter_inter_by_user_or_item",
)
#: Keys that another one makes idle where it has the given value, with the reason.
_IDLE_WITHOUT = {
    "log_wandb": (("wandb_project",), "log_wandb is not on"),
    "early_stopping": (("stopping_step", "eval_step"), "early_stopping is off"),
}
#: Keys of the weighted loss alone.
_OF_THE_LOSS = ("regularizer", "loss_norm")
#: Keys about columns of users and items besides their ids and the groups.
_OF_FEATURES = (
    "preload_weight",
    "additional_feat_suffix",
    "numerical_features",
    "discretization",
    "normalize_field",
    "normalize_all",
)


def noted_device(settings: Settings, device: str) -> Settings:
    """Return the settings with a note if the GPU that was asked for is not what computes."""
    asked = "gpu_id" in settings.given and settings["gpu_id"] not in (None, "")
    if not asked or settings["use_gpu"] is False or device != "cpu":
        return settings
    note = f"{settings.describe('gpu_id')}, but no such GPU is found: the CPU computes"
    return replace(settings, notes=(*settings.notes, note))


def noted(settings: Settings, model_class: type) -> Settings:
    """Return the settings with a note for each given key that changes nothing.

    Parameters
    ----------
    settings : Settings
        Merged settings.
    model_class : type
        The class that is trained.
    """
    model = settings["model"]
    ineffective = {
        key: f"{model} does not read it"
        for key in settings.given
        if key in model_keys() and not reads_key(model_class, key)
    }
    if settings["weighting"] == "sample":
        why = "weighting sample leaves the model's loss as it is"
        ineffective |= {key: why for key in _OF_THE_LOSS if key in settings.given}
    ineffective |= _by_another_key(settings)
    if not reads_features(model_class):
        why = f"{model} reads no features of users or items"
        ineffective |= {
            key: why for key in _OF_FEATURES if settings[key] and key in settings.given
        }
        if settings["alias_of_item_id"]:  # items of that file are ranked
            ineffective.pop("additional_feat_suffix", None)
    if model in CLOSED_FORM:
        ineffective.pop("reg_weight", None)  # has a note of its own
    notes = tuple(
        f"{settings.describe(key)} and has no effect: {why}" for key, why in ineffective.items()
    )
    return replace(settings, notes=(*settings.notes, *notes))


def _by_another_key(settings: Settings) -> dict[str, str]:
    """Return given keys that mean nothing beside the value of another, each with the reason."""
    found = {}
    if settings["benchmark_filename"] is not None:
        why = "RecBole filters no given split (benchmark_filename)"
        found.update({key: why for key in _FILTERS if settings[key] is not None})
    for switch, (keys, why) in _IDLE_WITHOUT.items():
        if not settings[switch]:
            found.update(dict.fromkeys(keys, why))
    return {key: why for key, why in found.items() if key in settings.given}
