"""Compiled functions, cached on disk between processes if there is a writable folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator that compiles a function and caches the result on disk if possible.

    Numba's cache lies beside the source or below the user's cache folder. If neither is writable
    (a container with a read-only root and a user without a home), Numba refuses to import the
    module. Then functions are compiled in every process, which takes seconds; ``NUMBA_CACHE_DIR``
    can name another folder. The code is the same.

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
