"""RecBole's knowledge-based recommenders: which can be trained with which weighting."""

from __future__ import annotations

EXACT: dict[str, str] = {}

SAMPLED: dict[str, str] = {}

REFUSED: dict[str, str] = {}

#: Packages that a model imports and RecBole does not install: module and what to install.
NEEDS: dict[str, tuple[str, str]] = {}
