"""Which mix serves the target best on the folds, and what the chosen ones do on test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

from recbole_groupmix.adapters.evaluate import evaluate
from recbole_groupmix.core.mix import Mix, baselines
from recbole_groupmix.core.samplers import sample_trial
from recbole_groupmix.pipeline.experiment import ALL_OF_TRAIN, Experiment
from recbole_groupmix.pipeline.progress import Progress
from recbole_groupmix.pipeline.run_folder import RunFolder
from recbole_groupmix.pipeline.theory import theory_mix
from recbole_groupmix.pipeline.training import Fit, Job, train_sequentially

#: Name of the searched mix in results.
DATA_MIX = "data_mix"
#: Name and source of the mix of least recovery bound.
THEORY = "theory"


@dataclass(frozen=True)
class Candidate:
    """A mix with its name and where it came from (baseline, user, theory, or a sampler's name)."""

    name: str
    mix: Mix
    source: str


def candidates(experiment: Experiment, own: dict[str, Mix], trials: int) -> list[Candidate]:
    """Return baselines, the user's own mixes, theory's and the sampled trials, in this order."""
    n_users, target = experiment.n_users, experiment.target
    found = [Candidate(name, mix, "baseline") for name, mix in baselines(n_users, target).items()]
    found += [Candidate(name, mix, "own") for name, mix in own.items()]
    least_bound = theory_mix(experiment)
    if least_bound is not None:
        found.append(Candidate(THEORY, least_bound, THEORY))
    for trial in range(trials):
        sampler, mix = sample_trial(experiment.settings["seed"], trial, n_users, target)
        found.append(Candidate(f"trial-{trial}", mix, sampler))
    return found


class Search:
    """Cross-validation of candidates and the final training, resumable at every model.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    folder : RunFolder
        Where finished work is kept; what it already holds is not done again.
    progress : bool or None
        Whether to draw progress bars; None: where they can be seen.
    train : callable
        The back end: see :mod:`~recbole_groupmix.pipeline.training`.
    """

    def __init__(
        self,
        experiment: Experiment,
        folder: RunFolder,
        progress: bool | None = None,
        train: Callable[..., Any] = train_sequentially,
    ) -> None:
        self._experiment, self._folder = experiment, folder
        self._progress, self._train = progress, train
        self.seconds: dict[str, float] = {}

    def cross_validate(self, found: list[Candidate]) -> dict[str, dict[str, Any]]:
        """Train every candidate on every fold and collect its scores.

        Returns
        -------
        dict
            By candidate name: ``score`` (mean over folds of the target's best validation
            metric), ``scores`` (one per fold), ``epochs`` (median best epoch, >= 1) and
            ``options`` (the best of those that were tried on every fold, else empty). Scores
            are NaN where training diverged; these candidates stay out of what follows.
        """
        folds = range(self._experiment.settings["folds"])
        fixed = None
        if not self._experiment.settings["early_stopping"]:
            fixed = int(self._experiment.config["epochs"])
        done = {(r["name"], r["fold"]): r for r in self._folder.records("trials.jsonl")}
        kept = {(r["name"], r["fold"]) for r in self._folder.records("curves.jsonl")}
        jobs = [
            Job(c.name, c.mix, f + 1, 0, fixed)
            for f in folds
            for c in found
            if (c.name, f) not in done
        ]
        bars = self._bars("folds", len(found) * len(folds), len(found) * len(folds) - len(jobs))
        by_name = {c.name: c for c in found}
        for fit in self._train(self._experiment, jobs, bars.epoch) if jobs else ():
            record = self._fold_record(fit, by_name[fit.job.name])
            if (record["name"], record["fold"]) not in kept:
                self._folder.append(
                    "curves.jsonl",
                    {"name": record["name"], "fold": record["fold"], "curve": fit.curve},
                )
            self._folder.append("trials.jsonl", record)
            done[record["name"], record["fold"]] = record
            bars.model()
        bars.close()
        self.seconds["search"] = sum(done[c.name, f]["seconds"] for c in found for f in folds)
        return {c.name: _summary([done[c.name, f] for f in folds]) for c in found}

    def _fold_record(self, fit: Fit, candidate: Candidate) -> dict[str, Any]:
        tried = [{"options": options, "score": score} for options, score in fit.tried]
        return {
            "name": fit.job.name,
            "source": candidate.source,
            "fold": fit.job.part - 1,
            "score": fold_score(self._experiment, fit),
            "epochs": fit.epochs,
            "seconds": round(fit.seconds, 3),
            **({"tried": tried} if tried else {}),
            **candidate.mix.to_dict(),
        }

    def final(
        self,
        rows: dict[str, Candidate],
        epochs: dict[str, int],
        keep: Callable[[str, Fit], None],
        options: Mapping[str, Mapping[str, float]] | None = None,
    ) -> tuple[pd.DataFrame, list[str]]:
        """Train mixes on all of train with every repeat and measure every user on test.

        Parameters
        ----------
        rows : dict of str to Candidate
            Candidates by their name in the result.
        epochs : dict of str to int
            Epochs to train, by candidate name.
        keep : callable
            Called with the name in the result and each fit that is made, for the checkpoint.
        options : mapping, optional
            RecBole keys that the folds chose for single candidates, by candidate name.

        Returns
        -------
        frame : pandas.DataFrame
            Long: user_id and group (tokens), mix, repeat, metric, k, value; users of all groups.
            Without mixes whose training diverged in any repeat.
        diverged : list of str
            Those, by their name in the result.

        Raises
        ------
        ValueError
            If training of every mix diverged.
        """
        chosen = {candidate.name: candidate for candidate in rows.values()}
        labels = {c: [row for row, found in rows.items() if found.name == c] for c in chosen}
        jobs = [
            Job(
                c.name,
                c.mix,
                ALL_OF_TRAIN,
                repeat,
                epochs[c.name],
                (options or {}).get(c.name, {}),
            )
            for repeat in range(self._experiment.settings["repeats"])
            for c in chosen.values()
        ]
        left = [job for job in jobs if not self._part_file(job).is_file()]
        bars = self._bars("test", len(jobs), len(jobs) - len(left))
        diverged: dict[str, None] = {}
        for fit in self._train(self._experiment, left, bars.epoch) if left else ():
            if fit.diverged:
                diverged.update(dict.fromkeys(labels[fit.job.name]))
                bars.model()
                continue
            for row in labels[fit.job.name]:
                keep(row, fit)
            frame = self._test_metrics(fit)
            name = str(self._part_file(fit.job).relative_to(self._folder.path))
            self._folder.write(name, frame.to_parquet)
            bars.model()
        bars.close()
        kept = [(job, row) for job in jobs for row in labels[job.name] if row not in diverged]
        frames = [pd.read_parquet(self._part_file(job)).assign(mix=row) for job, row in kept]
        if not frames:
            raise ValueError("training of every mix diverged; use a smaller learning_rate")
        once = [
            f for (job, row), f in zip(kept, frames, strict=True) if row == labels[job.name][0]
        ]
        self.seconds["test"] = float(sum(frame["seconds"].iloc[0] for frame in once))
        return pd.concat(frames, ignore_index=True).drop(columns="seconds"), list(diverged)

    def _part_file(self, job: Job) -> Any:
        return self._folder.path / "repeats" / f"{job.name}-{job.epochs}-{job.repeat}.parquet"

    def _test_metrics(self, fit: Fit) -> pd.DataFrame:
        experiment = self._experiment
        held_out = experiment.part(ALL_OF_TRAIN).held_out
        values = evaluate(fit.model, held_out, experiment.settings["topk"])
        dataset, groups = experiment.dataset, experiment.groups
        tokens = dataset.id2token(dataset.uid_field, held_out.users).astype(str)
        names = np.array(groups.names)[groups.of_user[held_out.users]]
        frames = []
        for key, value in values.items():
            metric, _, cut_off = key.partition("@")
            frames.append(
                pd.DataFrame(
                    {
                        "user_id": tokens,
                        "group": names,
                        "mix": fit.job.name,
                        "repeat": fit.job.repeat,
                        "metric": metric,
                        "k": int(cut_off),
                        "value": value,
                    }
                )
            )
        return pd.concat(frames, ignore_index=True).assign(seconds=round(fit.seconds, 3))

    def _bars(self, title: str, n_jobs: int, n_done: int) -> Progress:
        epochs = int(self._experiment.config["epochs"])
        return Progress(title, n_jobs, n_done, epochs, self._progress)


def fold_score(experiment: Experiment, fit: Fit) -> float | None:
    """Return the target's validation metric of a model on its fold; None if it diverged."""
    if fit.diverged:
        return None
    if fit.job.epochs is None:
        return fit.score
    held_out = experiment.target_held_out(experiment.part(fit.job.part))
    name, _, cut_off = experiment.settings["valid_metric"].partition("@")
    values = evaluate(fit.model, held_out, [int(cut_off)], [name])
    return float(next(iter(values.values())).mean())


def select(found: list[Candidate], cv: dict[str, dict[str, Any]]) -> Candidate | None:
    """Return the trial with the best mean score; the first of equals; None if there is none.

    Where there are trials, theory's mix is one more. Those whose training diverged on a fold are
    out.
    """
    searched = [c for c in found if c.source not in ("baseline", "own")]
    if all(c.source == THEORY for c in searched):
        return None
    finite = [c for c in searched if np.isfinite(cv[c.name]["score"])]
    return max(finite, key=lambda c: cv[c.name]["score"], default=None)


def _summary(records: list[dict[str, Any]]) -> dict[str, Any]:
    scores = [np.nan if record["score"] is None else record["score"] for record in records]
    options: dict[str, float] = {}
    if all(record.get("tried") for record in records):  # one choice for all folds, not one each
        by_option = [[tried["score"] for tried in record["tried"]] for record in records]
        best = int(np.argmax(np.mean(by_option, axis=0)))
        scores = [of_fold[best] for of_fold in by_option]
        options = records[0]["tried"][best]["options"]
    return {
        "options": options,
        "score": float(np.mean(scores)),
        "scores": scores,
        "epochs": max(1, round(median(record["epochs"] for record in records))),
    }
