"""What an experiment found, as rows of the companion file
(backend/core/companions/experiments/schema.sql).
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import bootstrap

from backend.core.intervals import wilson

RESAMPLES = 2000


@dataclass
class Result:
    """Rows by table, for one experiment. `seed` is of the bootstrap."""

    experiment: str
    seed: int
    estimate: list[dict[str, Any]] = field(default_factory=list)
    arm: dict[str, str] = field(default_factory=dict)
    outcome: dict[str, tuple[str, str]] = field(default_factory=dict)  # name -> (unit, definition)
    prompt_value: list[dict[str, Any]] = field(default_factory=list)
    prompt: list[dict[str, Any]] = field(default_factory=list)
    answer: list[dict[str, Any]] = field(default_factory=list)
    finding: list[str] = field(default_factory=list)
    task: list[dict[str, Any]] = field(default_factory=list)
    place: list[dict[str, Any]] = field(default_factory=list)
    trial: list[dict[str, Any]] = field(default_factory=list)

    def mean(
        self,
        arm: str,
        outcome: str,
        values: Sequence[float],
        *,
        sae_id: str | None,
        layer: int | None,
        keep: bool = False,
        subject: str = "",
    ) -> float:
        """The mean over prompts with its bootstrap interval; `keep` stores the values too."""
        found = np.asarray(values, dtype=np.float64)
        low, high = mean_interval(found, self.seed)
        where: dict[str, Any] = {"sae_id": sae_id, "layer": layer, "subject": subject}
        self._add(arm, outcome, float(found.mean()), low, high, len(found), **where)
        if keep:
            self.prompt_value.append(
                {
                    "sae_id": sae_id,
                    "arm": arm,
                    "outcome": outcome,
                    "vals": found.astype(np.float32).tolist(),
                }
            )
        return float(found.mean())

    def share(
        self,
        arm: str,
        outcome: str,
        successes: int,
        n: int,
        *,
        sae_id: str | None,
        layer: int | None,
        subject: str = "",
    ) -> float:
        """A share of prompts with its Wilson interval."""
        low, high = wilson(successes, n)
        self._add(
            arm, outcome, successes / n, low, high, n, sae_id=sae_id, layer=layer, subject=subject
        )
        return successes / n

    def estimated(
        self,
        arm: str,
        outcome: str,
        value: float,
        interval: tuple[float, float] | None,
        n: int,
        *,
        sae_id: str | None,
        layer: int | None,
        subject: str = "",
    ) -> None:
        """An estimate over n prompts whose interval was made elsewhere."""
        low, high = interval or (None, None)
        where: dict[str, Any] = {"sae_id": sae_id, "layer": layer, "subject": subject}
        self._add(arm, outcome, value, low, high, n, **where)

    def exact(
        self,
        arm: str,
        outcome: str,
        value: float,
        *,
        sae_id: str | None,
        layer: int | None,
        subject: str = "",
    ) -> None:
        """A figure that is not an estimate: a setting that was chosen, a count."""
        self._add(arm, outcome, value, None, None, 1, sae_id=sae_id, layer=layer, subject=subject)

    def _add(
        self,
        arm: str,
        outcome: str,
        value: float,
        low: float | None,
        high: float | None,
        n: int,
        *,
        sae_id: str | None,
        layer: int | None,
        subject: str = "",
    ) -> None:
        if arm not in self.arm or outcome not in self.outcome:
            raise ValueError(
                f"{self.experiment}: arm {arm!r} or outcome {outcome!r} has no definition yet."
            )
        names = ("sae_id", "layer", "arm", "subject", "outcome", "value", "low", "high", "n")
        row = (sae_id, layer, arm, subject, outcome, value, low, high, n)
        self.estimate.append(dict(zip(names, row, strict=True)))

    def value(
        self, arm: str, outcome: str, sae_id: str | None = None, subject: str = ""
    ) -> dict[str, Any]:
        """The row of that estimate."""
        wanted = (arm, outcome, sae_id, subject)
        return next(
            r
            for r in self.estimate
            if (r["arm"], r["outcome"], r["sae_id"], r["subject"]) == wanted
        )

    def found(self, arm: str, outcome: str, subject: str) -> dict[str, Any] | None:
        """The first row of that arm, outcome and subject, whatever its layer; None without one."""
        wanted = (arm, outcome, subject)
        rows = (r for r in self.estimate if (r["arm"], r["outcome"], r["subject"]) == wanted)
        return next(rows, None)

    def save(self, path: Path) -> None:
        """As JSON, whole or not at all."""
        new = path.with_name(path.name + ".new")
        new.write_text(json.dumps(asdict(self), ensure_ascii=False), "utf-8")
        os.replace(new, path)

    @classmethod
    def read(cls, path: Path) -> Result:
        """What `save` wrote."""
        made = cls(**json.loads(path.read_text("utf-8")))
        made.outcome = {name: (unit, words) for name, (unit, words) in made.outcome.items()}
        return made


def mean_interval(values: np.ndarray, seed: int) -> tuple[float, float]:
    """Percentile bootstrap 95 % interval of the mean over prompts;
    the value itself where all are equal.
    """
    if len(values) < 2 or float(np.ptp(values)) == 0.0:
        return float(values.mean()), float(values.mean())
    rng = np.random.default_rng(seed)
    made = bootstrap(
        (values,), np.mean, n_resamples=RESAMPLES, method="percentile", rng=rng, batch=200
    )
    return float(made.confidence_interval.low), float(made.confidence_interval.high)


def shown(row: dict[str, Any], *, percent: bool = False) -> str:
    """`0.12 (0.10–0.15)`: an estimate with its interval, for a sentence or a table."""
    scale, digits = (100.0, 1) if percent else (1.0, 3)
    text = f"{scale * row['value']:.{digits}f}"
    if row["low"] is not None:
        text += f" ({scale * row['low']:.{digits}f} to {scale * row['high']:.{digits}f})"
    return text + (" %" if percent else "")
