"""Run the commands of docs/quickstart.md and write what they print below them.

    python docs/quickstart.py

A block of commands that has a block of text after it is run as it stands, in a temporary folder; what
it prints takes the place of the text. Takes about two minutes. Other processors give other digits.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

PAGE = Path(__file__).resolve().parent / "quickstart.md"
COMMANDS_AND_OUTPUT = re.compile(r"(```bash\n([^`]*)```\n\n```text\n).*?(```\n)", re.S)


def renewed(text, folder):
    """Return a page with the output of its commands, which are run in a folder."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

    def printed(found):
        script = f"set -euo pipefail\n{found[2]}"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=folder,
            env={**os.environ, "PATH": path},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return f"{found[1]}{done.stdout.strip()}\n{found[3]}"

    return COMMANDS_AND_OUTPUT.sub(printed, text)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8"), folder), encoding="utf-8")
