"""Progress bars on the standard error, and nothing where nobody looks."""

from __future__ import annotations

from typing import Any

from tqdm import tqdm

from recbole_groupmix.pipeline.training import Job


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
        self._current: Job | None = None

    def epoch(self, job: Job, epoch: int) -> None:
        """Show that an epoch of a job has ended."""
        if job is not self._current:
            self._current = job
            self._epochs.reset(total=job.epochs or self._epochs.total)
            self._epochs.set_description(f"  {job.name}")
        self._epochs.update()

    def model(self) -> None:
        """Show that a model has been trained."""
        self._models.update()

    def close(self) -> None:
        """Remove the epoch bar and leave the other as it is."""
        self._epochs.close()
        self._models.close()
