r"""Names of groups, data sets and mixes, made harmless for the place where they are shown.

Data files and results keep every name as it is.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Any

#: Bytes of the name of a file or folder; file systems take 255, with endings of temporary files.
MOST_BYTES = 200
_SHORT = 160
#: Signs that Windows refuses, and those that a shell reads as more than a letter.
_UNFIT = frozenset("<>:\"/\\|?*$`';&!")


def short_repr(value: Any, most: int = _SHORT) -> str:
    """Return ``repr(value)`` for a message, with the end left out where it is long."""
    try:
        text = repr(value)
    except RecursionError:
        return "a value that is nested too deep"
    except ValueError:  # Python does not write integers of over 4,300 digits
        return "a whole number of thousands of digits"
    return text if len(text) <= most else f"{text[:most]}... ({len(text):,} characters)"


def error_text(error: BaseException) -> str:
    """Return what an error of another library says, in one line; its class if it says nothing."""
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(text.split()) or type(error).__name__


def safe_file_name(text: str, ending: str = "") -> str:
    """Return a name for a file or folder that every system takes and no shell misreads.

    Ordinary names come back as they are: letters of any language, digits, spaces and the other
    signs. Where anything has to be changed and there is no `ending` that keeps it apart from
    others, eight digits of a hash do.

    Parameters
    ----------
    text : str
        Any text.
    ending : str
        What the name ends with whatever its length, such as the hash of a run.
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
    r"""Return text for a terminal: what would steer it is written as ``\x1b`` or ``\u202e``.

    Line breaks stay. Besides control characters these are the marks that turn the direction of
    writing and halves of surrogate pairs, which no encoding can print.
    """
    return _STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


_STEERING = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def escaped_cell(text: str) -> str:
    r"""Return a cell of a text table: as :func:`escaped`, and in one line."""
    return escaped(text).replace("\n", "\\n")


def csv_text(value: Any) -> Any:
    """Return a cell of a CSV file that a spreadsheet does not take for a formula.

    Text that begins like one gets an apostrophe before it. Numbers stay, also those in text.
    """
    if not isinstance(value, str) or not value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def csv_safe(frame: Any) -> Any:
    """Return a data frame for a CSV file, all its text and its columns as :func:`csv_text`."""
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
