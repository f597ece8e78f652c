"""Compiled functions: kept on disk between processes where there is a place for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator that compiles a function and keeps what was compiled, if it can.

    Numba keeps it beside the source or below the user's cache folder, and refuses to import a
    module whose functions can be kept in neither: a container with a root that is read-only, and
    a user without a home. There they are compiled anew in every process, which takes seconds;
    ``NUMBA_CACHE_DIR`` can name a third place. The code is the same.

    Parameters
    ----------
    **options
        Of :func:`numba.njit`, without ``cache``.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            return njit(cache=True, **options)(function)
        except RuntimeError as error:
            if "no locator available" not in str(error):
                raise
            return njit(**options)(function)

    return decorate
