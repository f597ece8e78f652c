"""Settings of Sphinx for the site, which is made of the pages in this folder.

    make docs

Nothing is imported from the package, so that the site is built without torch and RecBole.
"""

import re
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "recbole_groupmix"

project = "recbole-groupmix"
author = "recbole-groupmix contributors"
copyright = f"2026, {author}"
release = re.search(r'^__version__ = "(.+)"', (PACKAGE / "__init__.py").read_text(), re.M)[1]

extensions = ["myst_parser", "sphinxcontrib.mermaid"]
myst_heading_anchors = 4  # named as GitHub names them, so that links hold in both places
myst_fence_as_directive = ["mermaid"]
mermaid_version = "11.12.0"
mermaid_fullscreen = False
mermaid_height = "auto"
mermaid_dark_theme = mermaid_light_theme = "neutral"

html_theme = "pydata_sphinx_theme"
html_title = project
html_static_path = ["site"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_sidebars = {page: [] for page in ("index", "quickstart")}
html_theme_options = {
    "logo": {"text": project},
    "header_links_before_dropdown": 6,
    "navigation_with_keys": False,
    "secondary_sidebar_items": {"**": ["page-toc"], "index": []},
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
    "show_prev_next": False,
}
