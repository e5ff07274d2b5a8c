"""What the most frequent tokens reach in one dictionary, beside as many content occurrences: with
all its features, and without the dense ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from precompute.building.edges import load_thetas
from precompute.dictionaries.counting import Bools, Counted, of_features
from precompute.dictionaries.words import (
    DICTIONARY,
    DRAWN,
    FREQUENT,
    OPENING,
    REACH_APART,
    TABLE_1,
    WITHOUT,
)
from precompute.experiments.result import Result
from precompute.job import BadInput
from precompute.statistics.counts import CountedReach, active_draws
from precompute.statistics.edges import edge_chunks
from precompute.statistics.reach import equal_occurrence
from precompute.statistics.shards import Reach

Settings = dict[str, tuple[int, int]]  # subject -> place of θ in the grid, least firings
Row = dict[str, Any]


def settings_of(opening: dict[str, Any] | None) -> Settings:
    """The setting that the build opens on (Table 1's own where it has none), and Table 1's."""
    first = (opening["theta_ordinal"], opening["min_count"]) if opening else (0, 1)
    return {OPENING: first, TABLE_1: (0, 1)}


def reached(
    counted: Counted, ordinal: int, d_sae: int, settings: Settings, dense: float
) -> dict[str, Any]:
    """JSON: the dense features, firings and features that fire at all, and a row a setting with all
    features and without the dense ones.
    """
    thetas = load_thetas(counted.job)[ordinal]
    for place, _ in settings.values():
        if place >= len(thetas):
            raise BadInput(
                f"dictionary {ordinal + 1} fires with too few strengths on this text ({thetas}) "
                "for the θ that the build opens on: give more --tokens, or leave it out."
            )
    reach, by_token = counted.reach(ordinal, d_sae)
    firings = reach.firings[:, 0].sum(axis=(0, 1))  # [d_sae]
    is_dense = firings > dense * counted.tokens.n_positions
    parts = {"": np.ones(d_sae, dtype=bool), WITHOUT: ~is_dense}
    several = {s: _several(counted, d_sae) for s in parts if _asks_for_several(settings)}
    for chunk in edge_chunks(counted.job, ordinal, d_sae, by_token) if several else ():
        for suffix, one in several.items():
            one.add(of_features(chunk, parts[suffix]))
    rows: dict[str, Row] = {}
    for suffix, kept in parts.items():
        found = _rows(counted, reach, kept, several.get(suffix), settings)
        rows |= {subject + suffix: row for subject, row in found.items()}
    return {
        "dense": np.flatnonzero(is_dense).tolist(),
        "firings": int(firings.sum()),
        "n_active": int((firings > 0).sum()),
        "rows": rows,
        "settings": {
            subject: {"theta": thetas[place], "min_count": least}
            for subject, (place, least) in settings.items()
        },
    }


def _asks_for_several(settings: Settings) -> bool:
    return any(least > 1 for _, least in settings.values())


def _several(counted: Counted, d_sae: int) -> CountedReach:
    return CountedReach(counted.tokens, [counted.chosen], d_sae, counted.few)


def _rows(
    counted: Counted, reach: Reach, kept: Bools, several: CountedReach | None, settings: Settings
) -> dict[str, Row]:
    """By subject: the same comparison as the statistics of a build make, of the kept features."""
    mine = Reach(*(part[..., kept] for part in vars(reach).values()))
    many, chosen, tokens = counted.many, [counted.chosen], counted.tokens
    rows = equal_occurrence(mine, counted.scale, tokens, many, counted.log, chosen)
    if several is not None:
        first = mine.first_place[:, 0]
        whole = np.ones((1, len(first)), dtype=np.int64)
        active = active_draws(first, np.concatenate([whole, counted.few]))
        rows += several.rows(max(int(active[0]), 1), np.maximum(active[1:], 1))
    found = {(row["theta_ordinal"], row["min_count"]): row for row in rows}
    return {subject: found[setting] for subject, setting in settings.items()}


def record(result: Result, sae_id: str, layer: int, made: dict[str, Any], d_sae: int) -> None:
    """Rows of what `reached` gave. n: occurrences of the tokens."""
    for subject, row in made["rows"].items():
        where: dict[str, Any] = {"sae_id": sae_id, "layer": layer, "subject": subject}
        n, value, ends = row["occurrences"], row["coverage"], (row["low"], row["high"])
        result.estimated(FREQUENT, "coverage", value, ends, n, **where)
        other = row["other_coverage"]
        if other is None:  # fewer content occurrences than that
            continue
        ends_of_other = _pair(row.get("other_low"), row.get("other_high"))
        result.estimated(DRAWN, "coverage", other, ends_of_other, n, **where)
        apart = _pair(row.get("difference_low"), row.get("difference_high"))
        moved = (ends[0] - other, ends[1] - other)
        result.estimated(REACH_APART, "coverage", value - other, apart or moved, n, **where)
    place: dict[str, Any] = {"sae_id": sae_id, "layer": layer}
    for subject, setting in made["settings"].items():
        for outcome, value in setting.items():
            result.exact(DICTIONARY, outcome, value, subject=subject, **place)
    result.exact(DICTIONARY, "d_sae", d_sae, **place)
    result.exact(DICTIONARY, "dense", len(made["dense"]), **place)
    result.exact(DICTIONARY, "silent", 1 - made["n_active"] / d_sae, **place)


def _pair(low: float | None, high: float | None) -> tuple[float, float] | None:
    return None if low is None or high is None else (low, high)
