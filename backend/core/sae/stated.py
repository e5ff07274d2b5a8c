"""What the `cfg.json` of an SAE folder states of its training and quality.

Nothing is assumed: what the file does not say is None, and a number that cannot be one is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import isfinite
from pathlib import Path
from typing import Any

from backend.core.sae.config import SaeConfig, read_config
from backend.core.sae.file import CONFIG_FILE

PUBLISHED = "published"  # begins `l0_source` where the L0 is the release's own figure
_COUNTS = (
    "trained_tokens",
    "never_fired_there",
    "calibration_positions",
    "top_dimension",
    "scored_rows",
)


@dataclass(frozen=True)
class TrainedFigures:
    """Figures under `metadata`, by the names that they have there; None: not stated.

    `l0`: mean firings per position on the rows that the threshold was set on; what a release
    publishes is `Stated.l0_published`. `k`: firings per position that it was trained with.
    """

    trained_tokens: int | None = None
    k: float | None = None
    l0: float | None = None
    explained_variance: float | None = None
    explained_variance_without_top_dimension: float | None = None
    top_dimension: int | None = None
    top_dimension_share: float | None = None
    loss: float | None = None  # this and the next two: nats a token
    loss_reconstructed: float | None = None
    loss_zeroed: float | None = None
    reconstruction_score: float | None = None
    scored_rows: int | None = None
    never_fired_there: int | None = None
    calibration_positions: int | None = None


@dataclass(frozen=True)
class Stated:
    """A folder's configuration, the figures of its training, and how it says it was trained."""

    config: SaeConfig
    figures: TrainedFigures
    l0_published: float | None
    training: str | None
    left_out: str | None  # positions that neither training nor its figures count


def read_stated(folder: Path) -> Stated:
    """Raises ValueError naming the file, the field, what it holds and what is allowed."""
    path = folder / CONFIG_FILE
    config = read_config(path)
    told = config.metadata
    found = {one.name: _number(told, one.name, path) for one in fields(TrainedFigures)}
    if found["k"] is None and config.k is not None:
        found["k"] = config.k
    published = str(told.get("l0_source") or "").startswith(PUBLISHED)
    l0_published = found["l0"] if published else None
    if published:
        found["l0"] = None
    return Stated(
        config=config,
        figures=TrainedFigures(**found),  # type: ignore[arg-type]
        l0_published=l0_published,
        training=_text(told, "training"),
        left_out=_text(told, "left_out"),
    )


def _number(told: dict[str, Any], name: str, path: Path) -> float | None:
    """A finite number, or None where nothing is stated; whole and 0 or more for a count."""
    value = told.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ValueError(f"{path}: metadata.{name} is {value!r}; needed: a finite number.")
    if name in _COUNTS and (value < 0 or value != int(value)):
        raise ValueError(
            f"{path}: metadata.{name} is {value!r}; needed: a whole number, 0 or more."
        )
    return int(value) if name in _COUNTS else float(value)


def _text(told: dict[str, Any], name: str) -> str | None:
    value = told.get(name)
    return None if value is None else str(value)
