"""A page in headless Chromium, as wide as a telephone."""

import html
import json
import re
import shutil
import subprocess

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
_PROBE = """
const frame = document.querySelector("iframe");
frame.onload = () => {
  const page = frame.contentDocument;
  const table = page.querySelector("table[id$=table-TABLE]");
  const shown = () => [...table.tBodies[0].rows].map((row) => row.cells[COLUMN].textContent);
  const button = table.tHead.rows[0].cells[COLUMN].querySelector("button");
  const seen = {errors, width: page.documentElement.scrollWidth, column: [shown()]};
  button.click(); seen.column.push(shown()); button.click(); seen.column.push(shown());
  seen.figures = [...page.querySelectorAll("figure svg")].map((svg) => svg.clientHeight);
  document.title = JSON.stringify(seen);
};
"""


def seen_in_browser(page, folder, table, column):
    """Return errors, width, heights of figures, and a column of a table before and after clicks.

    The page is opened at a width of 390 pixels; the column's header is clicked twice.
    """
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    page = page.replace("<head>", "<head><script>onerror = (m) => parent.errors.push(m)</script>")
    probe = _PROBE.replace("TABLE", table).replace("COLUMN", str(column))
    (folder / "probe.html").write_text(
        '<!DOCTYPE html><meta charset="utf-8"><body><script>var errors = [];</script>'
        f'<iframe style="width:390px;height:900px;border:0" srcdoc="{html.escape(page)}">'
        f"</iframe><script>{probe}</script>",
        encoding="utf-8",
    )
    options = [*_OPTIONS, f"--user-data-dir={folder}/user", "--virtual-time-budget=5000"]
    done = subprocess.run(
        [CHROMIUM, *options, "--dump-dom", folder / "probe.html"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    return json.loads(html.unescape(re.search(r"<title>(.*?)</title>", done.stdout).group(1)))
