"""Which columns a context-aware model reads; a ranking must have a value of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recbole.config import Config

from recbole_groupmix.experiment.headers import AtomicFile, describe_key
from recbole_groupmix.models import models_of
from recbole_groupmix.settings.settings import Settings


def check_context_columns(settings: Settings, config: Config, files: Sequence[AtomicFile]) -> None:
    """Refuse a context of interactions, and a phase that starts from another model's checkpoint.

    RecBole's full-sort evaluation joins the features of users and items. A pair that did not take
    place has no other column, so RecBole itself fails on a model that reads one.

    Parameters
    ----------
    settings, config
        The run's settings and RecBole's configuration.
    files : sequence of AtomicFile
        The files of the data set, loaded or not.

    Raises
    ------
    ValueError
        For a context-aware model that would read a column of the ``.inter`` file besides the ids
        and the label, or a phase of KD_DAGFM after the first.
    """
    if settings.model not in models_of("context-aware"):
        return
    for file in files:
        if file.source != "inter":
            continue
        for column in _read(config, file):
            numeric = file.header.types[column].startswith("float")
            key = "numerical_features" if numeric else "load_col"
            cure = (
                f"take it out of {key}"
                if numeric or settings["load_col"] is not None
                else f"write --unload_col=\"{{'inter':['{column}']}}\""
            )
            raise ValueError(
                f"{describe_key(settings, config, key)}, so that {settings.model} reads column "
                f"{column!r} of {file.header.file}; runs rank all items, and an item that a user "
                f"has not met has no {column}: {cure}"
            )
    if settings.model == "KD_DAGFM" and config["phase"] != "teacher_training":
        raise ValueError(
            f"{describe_key(settings, config, 'phase')}, which starts from a checkpoint of the "
            "phase before; runs train the teacher alone: leave phase out"
        )


def context_note(
    settings: Settings, config: Config, files: Sequence[AtomicFile]
) -> tuple[str, ...]:
    """Return a note that names the columns which a context-aware model reads; none for others."""
    model = settings.model
    if model not in models_of("context-aware"):
        return ()
    listed = [
        f"{', '.join(columns)} of {file.header.file}"
        for file in files
        if file.source in ("user", "item") and (columns := list(_read(config, file)))
    ]
    if not listed:
        return (
            f"{model} reads the ids of users and items alone, as a matrix factorisation does; "
            "load_col loads features of their files, --load_col=~ all of them",
        )
    return (f"{model} reads the ids and {', and '.join(listed)} (chosen by load_col)",)


def _read(config: Config, file: AtomicFile) -> Iterator[str]:
    """Yield the columns of a file that a context-aware model reads, besides ids and the label."""
    others = {config["USER_ID_FIELD"], config["ITEM_ID_FIELD"], config["LABEL_FIELD"]}
    numerical = config["numerical_features"] or ()
    for column, kind in file.header.types.items():
        is_read = column in numerical or not kind.startswith("float")
        if is_read and column in file.loaded and column not in others:
            yield column
