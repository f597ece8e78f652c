"""Progress of a run: bars on a terminal, a line from time to time elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any

from tqdm import tqdm

#: Seconds between two lines without a terminal.
_PAUSE = 30.0


class Progress:
    """Progress of a stage on the standard error.

    On a terminal two bars: trained models with the time left, and epochs of the current models.
    Elsewhere (a log file, a pipe) one line at the end, and before it at most two a minute.

    Parameters
    ----------
    title : str
        Name of the stage.
    n_jobs, n_done : int
        Models of the stage, and those that an interrupted run has already trained.
    epochs : int
        Most epochs that one model may take.
    bars : bool or None
        True draws bars in any case, False prints nothing, None decides by the terminal.
    """

    def __init__(
        self, title: str, n_jobs: int, n_done: int, epochs: int, bars: bool | None
    ) -> None:
        draw = sys.stderr.isatty() if bars is None else bars
        options: dict[str, Any] = {"disable": not draw, "dynamic_ncols": True}
        self._models = tqdm(total=n_jobs, initial=n_done, desc=title, unit="model", **options)
        self._epochs = tqdm(total=epochs, unit="epoch", leave=False, **options)
        self._label = ""
        self._lines = bars is None and not draw
        self._title, self._n_jobs, self._before, self._done = title, n_jobs, n_done, n_done
        self._started = self._said = time.monotonic()

    def epoch(self, label: str, done: int, at_most: int) -> None:
        """Show how many epochs of the current models are done."""
        if label != self._label or done < self._epochs.n:
            self._label = label
            self._epochs.reset(total=at_most)
            self._epochs.set_description(f"  {label}")
        self._epochs.update(done - self._epochs.n)

    def model(self) -> None:
        """Show that a model has been trained."""
        self._done += 1
        self._models.update()
        now = time.monotonic()
        if self._lines and self._done < self._n_jobs and now - self._said > _PAUSE:
            self._said = now
            each = (now - self._started) / (self._done - self._before)
            left = (self._n_jobs - self._done) * each
            self._say(f"{self._done} of {self._n_jobs} models, about {left:.0f} s left")

    def close(self) -> None:
        """Remove the epoch bar and leave the other as it is."""
        self._epochs.close()
        self._models.close()
        if self._lines and self._done > self._before:
            seconds = time.monotonic() - self._started
            self._say(f"{self._done} of {self._n_jobs} models in {seconds:.0f} s")

    def _say(self, text: str) -> None:
        print(f"{self._title}: {text}", file=sys.stderr, flush=True)
