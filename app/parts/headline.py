"""The headline's comparison and its figures, as Overview and Coverage give them."""

from __future__ import annotations

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from app.parts.numbers import percent, percent_interval
from backend.schemas import Contrast

K = 10  # the paper speaks of ten tokens (Table 1)


def pick_contrast(contrasts: Sequence[Contrast], k: int = K) -> Contrast | None:
    """The comparison at k tokens, else at the most below k; None where the build stores none."""
    return max((one for one in contrasts if one.k <= k), key=lambda one: one.k, default=None)


def most_frequent(k: int) -> str:
    """`10 most frequent tokens reach`, with the grammar of one."""
    return "most frequent token reaches" if k == 1 else f"{k} most frequent tokens reach"


def number(share: float, interval: Sequence[float] | None, n: str) -> Component:
    """A share in the headline: the figure large, its interval small beside it, n on hover."""
    bounds = percent_interval(interval)
    title = f"95 % interval {bounds or 'not stored'}, bootstrap over document shards · n = {n}"
    return html.Span(
        [html.Strong(percent(share)), html.Small(f" {bounds or '[no interval]'}")],
        className="fs-number",
        title=title,
    )
