"""Refuses a model that cannot be trained with a weighting."""

from __future__ import annotations

from importlib.util import find_spec

from recbole_groupmix.models import (
    CLOSED_FORM,
    EXACT,
    NEEDS,
    REFUSED,
    SAMPLED,
    USABLE,
    by_family,
    family_of,
    models_of,
)


def check_weighting(name: str, weighting: str) -> None:
    """Raise ``ValueError``, with the way out, if a model cannot be trained with a weighting.

    Parameters
    ----------
    name : str
        Model name.
    weighting : {"loss", "sample"}
        Eq. 8 (weighted loss) or Eq. 7 (group-weighted sampler).

    Raises
    ------
    ValueError
        Also if the model needs a package that is not installed.
    """
    if name in EXACT:
        _check_package(name)
        return
    if name in CLOSED_FORM and weighting == "loss":
        return
    if name in CLOSED_FORM:
        raise ValueError(
            f"{name} is solved exactly for any user weights ({CLOSED_FORM[name]}), so there is "
            "nothing to sample; use --weighting=loss"
        )
    if name in SAMPLED:
        if weighting == "sample":
            _check_package(name)
            return
        raise ValueError(
            f"the loss of {name} cannot be weighted exactly ({SAMPLED[name]}); use "
            "--weighting=sample, the group-weighted sampler of Eq. 7"
        )
    if name in REFUSED:
        family = family_of(name)
        can = models_of(family) & USABLE or USABLE
        raise ValueError(
            f"{name} cannot be trained on a mix ({REFUSED[name]}); models that can: {by_family(can)}"
        )
    raise ValueError(f"{name} is not a listed model of RecBole; supported are {by_family(USABLE)}")


def _check_package(name: str) -> None:
    if name not in NEEDS:
        return
    module, package = NEEDS[name]
    if find_spec(module) is None:
        raise ValueError(
            f"{name} imports {module}, which RecBole does not install; install {package} or "
            "choose another model"
        )
