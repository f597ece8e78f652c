"""Progress bars on the standard error, and nothing where nobody looks."""

from __future__ import annotations

from typing import Any

from tqdm import tqdm


class Progress:
    """Bars for a stage: trained models with the time left, and the epochs of the one in hand.

    Parameters
    ----------
    title : str
        Name of the stage.
    n_jobs, n_done : int
        Models of the stage, and those that an earlier run has already trained.
    epochs : int
        Most epochs that one model may take.
    enabled : bool
        Whether to draw anything.
    """

    def __init__(self, title: str, n_jobs: int, n_done: int, epochs: int, enabled: bool) -> None:
        options: dict[str, Any] = {"disable": not enabled, "dynamic_ncols": True}
        self._models = tqdm(total=n_jobs, initial=n_done, desc=title, unit="model", **options)
        self._epochs = tqdm(total=epochs, unit="epoch", leave=False, **options)
        self._label = ""

    def epoch(self, label: str, done: int, at_most: int) -> None:
        """Show how many epochs of the model or models in hand are done."""
        if label != self._label or done < self._epochs.n:
            self._label = label
            self._epochs.reset(total=at_most)
            self._epochs.set_description(f"  {label}")
        self._epochs.update(done - self._epochs.n)

    def model(self) -> None:
        """Show that a model has been trained."""
        self._models.update()

    def close(self) -> None:
        """Remove the epoch bar and leave the other as it is."""
        self._epochs.close()
        self._models.close()
