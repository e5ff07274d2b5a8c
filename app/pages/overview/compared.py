"""The setting that Overview shows coverage at, and the comparison with content tokens there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.parts.headline import K, pick_contrast
from app.parts.numbers import NARROW
from app.parts.opening import coverage_setting
from backend.schemas import Build, CoverageResponse, Sae
from backend.schemas.statistics import EqualOccurrence


@dataclass(frozen=True)
class Compared:
    """The k most frequent tokens, and as many occurrences of content tokens (control None: there
    are too few); shares of the active features.
    """

    k: int
    occurrences: int
    coverage: float
    interval: Sequence[float]
    control: float | None
    control_interval: Sequence[float] | None


def opening_setting(sae: Sae, build: Build | None) -> dict[str, Any]:
    """theta and min_count that the build opens Coverage on; nothing for θ 0 and one firing."""
    theta, min_count = coverage_setting(sae, build)
    return {"theta": theta, "min_count": min_count} if theta or min_count > 1 else {}


def setting_words(setting: dict[str, Any]) -> str:
    """What makes an edge, where it is not one firing above 0."""
    if not setting:
        return ""
    above = f" above {setting['theta']:.3g}" if setting["theta"] else ""
    return (
        f" A token reaches a feature that fires at it {setting['min_count']} times or more{above}: "
        f"at looser settings ten tokens reach over 90{NARROW}% after some layer."
    )


def compared_in_build(answer: CoverageResponse) -> Compared | None:
    """The comparison that the build stores; None where it stores none at this setting."""
    one = pick_contrast(answer.contrast)
    if one is None:
        return None
    control = (one.content_coverage, one.content_interval)
    return Compared(one.k, one.occurrences, one.coverage, one.interval, *control)


def compared_in_statistics(rows: Sequence[EqualOccurrence]) -> Compared | None:
    """The comparison with content tokens at ten tokens, else at the most below ten."""
    among = [row for row in rows if row.cut is None and row.others == "content" and row.k <= K]
    one = max(among, key=lambda row: row.k, default=None)
    if one is None:
        return None
    control = (one.other_coverage, one.other_interval)
    return Compared(one.k, one.occurrences, one.coverage, one.interval, *control)
