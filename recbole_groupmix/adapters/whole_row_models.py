"""The models that are fed with users and whose terms of users can be weighted, by name."""

from __future__ import annotations

from torch import nn

from recbole_groupmix.adapters.diffusion import DiffRec, LDiffRec
from recbole_groupmix.adapters.whole_row_loss import WholeRowLoss
from recbole_groupmix.adapters.whole_rows import CDAE, ENMF, MacridVAE, MultiDAE, MultiVAE, RecVAE

WHOLE_ROW_MODELS: dict[str, type[WholeRowLoss]] = {
    cls.__name__: cls
    for cls in (CDAE, DiffRec, ENMF, LDiffRec, MacridVAE, MultiDAE, MultiVAE, RecVAE)
}


def as_whole_row_model(model: nn.Module) -> WholeRowLoss | None:
    """Return a model if its terms of users can be weighted, else None.

    An object of RecBole's own class, as anybody's script makes it, becomes one of ours in place:
    ours adds methods only.
    """
    ours = WHOLE_ROW_MODELS.get(type(model).__name__)
    if ours is not None and type(model) is ours.__bases__[1]:
        model.__class__ = ours
    return model if isinstance(model, WholeRowLoss) else None
