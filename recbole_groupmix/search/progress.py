"""Progress of a run: bars on a terminal or in a notebook, else a line from time to time."""

from __future__ import annotations

import sys
import time
from typing import Any

from tqdm import tqdm

#: Seconds between two lines without a terminal.
_PAUSE = 30.0


class Progress:
    """Progress of a stage, on the standard error or below the cell of a notebook.

    On a terminal two bars: trained models with the time left, and epochs of the current models.
    In Jupyter the same two as widgets; without the package ipywidgets the first alone as text,
    since the output of a cell cannot move its cursor up.
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
        True draws bars in any case, False prints nothing, None draws them on a
        terminal and in a notebook.
    """

    def __init__(
        self, title: str, n_jobs: int, n_done: int, epochs: int, bars: bool | None
    ) -> None:
        notebook = in_notebook()
        draw = (notebook or sys.stderr.isatty()) if bars is None else bars
        bar = (_widget() if notebook else None) or tqdm
        alone = notebook and bar is tqdm
        options: dict[str, Any] = {"unit": "model", "disable": not draw, "dynamic_ncols": True}
        self._models = bar(total=n_jobs, initial=n_done, desc=title, **options)
        options |= {"unit": "epoch", "disable": not draw or alone}
        self._epochs = bar(total=epochs, leave=False, **options)
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
        # a widget that is short of its total counts as failed, but training may end early
        self._epochs.total = self._epochs.n
        self._epochs.close()
        self._models.close()
        if self._lines and self._done > self._before:
            seconds = time.monotonic() - self._started
            self._say(f"{self._done} of {self._n_jobs} models in {seconds:.0f} s")

    def _say(self, text: str) -> None:
        print(f"{self._title}: {text}", file=sys.stderr, flush=True)


def in_notebook() -> bool:
    """Return whether the code runs in a kernel of Jupyter, which a notebook talks to."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return "IPKernelApp" in getattr(shell, "config", ())


def _widget() -> type[tqdm] | None:
    """Return the class of bars that are widgets; None without ipywidgets."""
    from tqdm.notebook import IProgress, tqdm_notebook

    return None if IProgress is None else tqdm_notebook
