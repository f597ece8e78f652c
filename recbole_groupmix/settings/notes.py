"""Notes about given keys that have no effect, which do not stop a run."""

from __future__ import annotations

from recbole_groupmix.models import OVER_ALL_ITEMS, knowledge
from recbole_groupmix.settings.keys import model_keys
from recbole_groupmix.settings.model import STEPS, reads_features, reads_key
from recbole_groupmix.settings.rows import ROWS
from recbole_groupmix.settings.settings import Settings

#: RecBole's filters, which it applies to ``DATA.inter`` alone.
_FILTERS = (
    "user_inter_num_interval",
    "item_inter_num_interval",
    "val_interval",
    "rm_dup_inter",
    "filter_inter_by_user_or_item",
)
#: Keys about columns of users and items besides their ids and the groups.
_OF_FEATURES = (
    "preload_weight",
    "additional_feat_suffix",
    "numerical_features",
    "discretization",
    "normalize_field",
    "normalize_all",
)


def device_note(settings: Settings, device: str) -> tuple[str, ...]:
    """Return a note if the user gave a GPU and the CPU computes."""
    wants_gpu = "gpu_id" in settings.given and settings.gpu_id not in (None, "")
    if not wants_gpu or settings["use_gpu"] is False or device != "cpu":
        return ()
    return (f"{settings.describe('gpu_id')}, but no such GPU is found: the CPU computes",)


def unused_key_notes(settings: Settings) -> tuple[str, ...]:
    """Return a note for each given key that has no effect.

    Those about closed forms come from :func:`~.closed_form.for_closed_form`.
    """
    model = settings.model
    idle = {
        key: f"{model} does not read it"
        for key in settings.given
        if key in model_keys() and not reads_key(model, key)
    }
    if model not in knowledge.IN_TURNS:
        why = f"only {', '.join(knowledge.IN_TURNS)} takes epochs of interactions and triples in turn"
        idle |= {key: why for key in STEPS if key in settings.given and settings[key] is not None}
    for key, row in ROWS.items():
        if key in settings.given and row.weighting not in (None, settings.weighting):
            idle[key] = f"weighting {settings.weighting} leaves the model's loss as it is"
    idle |= _by_another_key(settings)
    if settings.weighting == "loss":
        idle |= _of_whole_rows(settings)
    if not reads_features(model):
        why = f"{model} reads no features of users or items"
        idle |= {key: why for key in _OF_FEATURES if key in settings.given and settings[key]}
        if settings["alias_of_item_id"]:  # items of that file are ranked
            idle.pop("additional_feat_suffix", None)
    if settings.is_solved:
        idle.pop("reg_weight", None)  # has a note of its own
    return tuple(f"{settings.describe(key)} and has no effect: {why}" for key, why in idle.items())


def _of_whole_rows(settings: Settings) -> dict[str, str]:
    """Return given keys that a weighted model has no use for since it is fed with users."""
    model, idle = settings.model, {}
    if settings.learns_whole_rows:
        idle["triplets"] = f"{model} is fed with users, each once an epoch"
    if model in OVER_ALL_ITEMS:
        idle["user_loss"] = f"{model}'s loss of a user is over all items, as many for every user"
    return {key: why for key, why in idle.items() if key in settings.given}


def _by_another_key(settings: Settings) -> dict[str, str]:
    """Return given keys that the value of another key switches off, each with the reason."""
    idle: dict[str, str] = {}
    if settings.benchmark_filename is not None:
        why = "RecBole filters no given split (benchmark_filename)"
        idle.update({key: why for key in _FILTERS if settings[key] is not None})
    for key, row in ROWS.items():
        if row.needs and not settings[row.needs[0]]:
            idle[key] = row.needs[1]
    if not settings.in_waves:
        idle["least_gain"] = "all mixes are drawn beforehand (search: random)"
    return {key: why for key, why in idle.items() if key in settings.given}
