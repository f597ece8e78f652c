"""RecBole's wrappers of trees of other packages, which no run can train on a mix."""

from __future__ import annotations

EXACT: dict[str, str] = {}

SAMPLED: dict[str, str] = {}

REFUSED: dict[str, str] = {
    "LightGBM": "trees of the package lightgbm, fitted at once on labelled rows",
    "XGBoost": "trees of the package xgboost, fitted at once on labelled rows",
}

#: Packages that a model imports and RecBole does not install: module and what to install.
NEEDS: dict[str, tuple[str, str]] = {}
