"""Given keys that mean nothing to the chosen model or weighting: a run goes on and says so."""

from __future__ import annotations

from dataclasses import replace

from recbole_groupmix.adapters.support import CLOSED_FORM
from recbole_groupmix.pipeline.known_keys import calls, model_keys, reads_key
from recbole_groupmix.pipeline.settings import Settings

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
    ineffective |= _by_another_key(settings, model_class)
    if model in CLOSED_FORM:
        ineffective.pop("reg_weight", None)  # has a note of its own
    notes = tuple(
        f"{settings.describe(key)} and has no effect: {why}" for key, why in ineffective.items()
    )
    return replace(settings, notes=(*settings.notes, *notes))


def _by_another_key(settings: Settings, model_class: type) -> dict[str, str]:
    """Return given keys that mean nothing beside the value of another, each with the reason."""
    found = {}
    if settings["benchmark_filename"] is not None:
        why = "RecBole filters no given split (benchmark_filename)"
        found.update({key: why for key in _FILTERS if settings[key] is not None})
    for switch, (keys, why) in _IDLE_WITHOUT.items():
        if not settings[switch]:
            found.update(dict.fromkeys(keys, why))
    if not calls(model_class, "get_preload_weight"):
        why = f"{settings['model']} reads no such features"
        found.update(dict.fromkeys(("preload_weight", "additional_feat_suffix"), why))
    return {key: why for key, why in found.items() if key in settings.given}
