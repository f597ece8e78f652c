"""Values written as text, as on the command line."""

from __future__ import annotations

import ast
from typing import Any


def literal(text: Any) -> Any:
    """Read a value written as text; other values are returned unchanged.

    ``true`` and ``false`` are read in any case, and ``none``, ``null`` and ``~`` stand for None. Of
    Python's literals numbers, quoted text, tuples, lists and mappings are read; all else stays
    text.

    Examples
    --------
    >>> literal("0.1"), literal("[5,10]"), literal("1-5"), literal("True"), literal("no")
    (0.1, [5, 10], '1-5', True, 'no')
    """
    if not isinstance(text, str):
        return text
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if text.lower() in ("none", "null", "~"):
        return None
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return value if isinstance(value, (str, int, float, list, tuple, dict)) else text
