r"""Untrusted names of groups, data sets and mixes, escaped for the place where they are shown.

Data files and results keep every name as it is.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Any

#: Most bytes of a file name; file systems take 255, with the suffixes of temporary files.
MOST_BYTES = 200
_SHORT = 160
#: Characters that Windows refuses, and those that have a meaning in a shell.
_UNFIT = frozenset("<>:\"/\\|?*$`';&!")


def short_repr(value: Any, most: int = _SHORT) -> str:
    """Return ``repr(value)`` for a message, shortened to `most` characters."""
    try:
        text = repr(value)
    except RecursionError:
        return "a value that is nested too deep"
    except ValueError:  # Python does not write integers of over 4,300 digits
        return "a whole number of thousands of digits"
    return text if len(text) <= most else f"{text[:most]}... ({len(text):,} characters)"


def error_text(error: BaseException) -> str:
    """Return the message of an error of another library in one line; its class if it has none."""
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(text.split()) or type(error).__name__


def safe_file_name(text: str, ending: str = "") -> str:
    """Return a name for a file or folder that every system takes and no shell misreads.

    Ordinary names are returned unchanged: letters of any language, digits, spaces and the other
    signs. A name that has to be changed gets eight digits of a hash, so that it stays unique,
    unless there is an `ending`.

    Parameters
    ----------
    text : str
        Any text.
    ending : str
        Kept at the end of the name whatever its length, such as the hash of a run.
    """
    changed = "".join("_" if _is_unfit(letter) else letter for letter in text)
    if changed[:1] in ("-", "~"):
        changed = f"_{changed[1:]}"
    if not ending and changed.endswith((".", " ")):  # Windows drops them
        changed = f"{changed[:-1]}_"
    too_long = len((changed + ending).encode()) > MOST_BYTES
    if not ending and (changed != text or too_long):
        ending = f"-{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:8]}"
    room = MOST_BYTES - len(ending.encode())
    if too_long:
        changed = changed.encode()[:room].decode(errors="ignore")
    return changed + ending


def _is_unfit(letter: str) -> bool:
    return letter in _UNFIT or unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def escaped(text: str) -> str:
    r"""Return text for a terminal, with control characters written as ``\x1b`` or ``\u202e``.

    Line breaks stay. Marks that change the direction of writing and lone surrogates, which no
    encoding can print, are escaped too.
    """
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


_CONTROL = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def escaped_cell(text: str) -> str:
    r"""Return a cell of a text table: as :func:`escaped`, and in one line."""
    return escaped(text).replace("\n", "\\n")


def csv_text(value: Any) -> Any:
    """Return a cell of a CSV file that a spreadsheet does not read as a formula.

    Text that begins like a formula gets an apostrophe before it. Numbers stay, also as text.
    """
    if not isinstance(value, str) or not value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def csv_safe(frame: Any) -> Any:
    """Return a data frame for a CSV file, with :func:`csv_text` on all text and column names."""
    harmless = frame.copy()
    for name in frame.select_dtypes(exclude="number").columns:
        harmless[name] = frame[name].map(csv_text)
    return harmless.rename(columns=csv_text)


def markdown_cell(text: str) -> str:
    """Return a cell of a Markdown table: one line without tags, code, links or further cells."""
    line = markdown_text(" ".join(escaped(text.replace("\n", " ")).split()))
    return line.replace("|", "\\|").replace("`", "\\`")


def markdown_text(text: str) -> str:
    """Return a paragraph of Markdown without tags and links; code stays."""
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", escaped(text)).replace("](", "]\\(")
