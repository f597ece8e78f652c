"""The pages that people read, and the blocks of code in them."""

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
#: README and its sisters, and the pages of the site.
PAGES = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")])


def blocks_of(page, language):
    """Return the blocks of a page in a language."""
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", text, flags=re.S | re.M)


def name_of(page):
    """Return the path of a page from the repository."""
    return Path(page).relative_to(REPOSITORY).as_posix()
