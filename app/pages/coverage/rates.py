"""Coverage where an edge is a rate, beside as many content tokens: a small table."""

from __future__ import annotations

from collections.abc import Sequence

from dash.development.base_component import Component

from app.pages.coverage.statistics import plain_table, share_cell
from app.parts.headline import K
from app.parts.numbers import NARROW, percent
from backend.schemas.statistics import NullModel, RateContrast


def rate_table(rows: Sequence[RateContrast]) -> Component | None:
    """A row per rate and number of tokens; None where no rate was counted."""
    heads = [
        ("an edge from", "the token fires the feature at this share of its occurrences or more"),
        ("tokens", "how many: the most frequent, and as many content tokens"),
        ("most frequent", "share of the active features that they reach"),
        (
            "content tokens",
            "mean share that as many content tokens reach, drawn evenly among those with 100 "
            "occurrences or more; on hover where 95 % of the draws lie",
        ),
    ]
    made = [
        (
            "fs-plain__chosen" if row.k == K else "",
            [
                f"{100 * row.min_rate:g}{NARROW}%",
                f"{row.k:,}",
                share_cell(row.coverage, row.interval, f"{row.k:,} tokens"),
                share_cell(row.others_coverage, row.others_interval, f"{row.n_draws:,} draws"),
            ],
        )
        for row in rows
    ]
    return plain_table(heads, made, "Coverage where an edge is a rate") if made else None


def rate_note(rows: Sequence[RateContrast], nulls: Sequence[NullModel]) -> str:
    """What a rate takes away, from how many tokens the control is drawn, and where a step between
    two numbers of tokens can come from.
    """
    if not rows:
        return (
            "Not counted in these statistics: `functionscope precompute statistics` on the build's "
            "work folder counts them."
        )
    return (
        "The more often a token occurs, the more features it meets at least once. A rate takes "
        "that advantage away: the control is as many content tokens, however often they occur, of "
        f"the {rows[0].n_others:,} with 100 occurrences or more. At θ 0, whatever is chosen above."
        f"{_giants(nulls)}"
    )


def _giants(nulls: Sequence[NullModel]) -> str:
    """What positions of giant norm make up, where a run without them is beside the build."""
    reached = {null.run: one.coverage for null in nulls for one in null.contrast if one.k == K}
    if not {"real", "without_giants"} <= set(reached):
        return ""
    return (
        " A step between two numbers of tokens can be one token’s that often stands at positions "
        "of giant norm, where hundreds of features fire at once: with those positions left out, "
        f"the {K} most frequent tokens reach {percent(reached['without_giants'])} instead of "
        f"{percent(reached['real'])} at one firing an edge."
    )
