"""How estimates and verdicts are shown: a cell with a bar and its interval, the mark of a
verdict.
"""

from __future__ import annotations

import json
from typing import Any

from dash import html
from dash.development.base_component import Component

from app.parts.shared_rows import bar
from backend.schemas import ExperimentEstimate

# verdicts of claims, and how every page marks them
MARKS = {"supported": "✓", "not supported": "✕", "inconclusive": "≈", "not tested": "–"}


def numbers(values: list[Any]) -> dict[str, str]:
    """What a cell stands for in the table's CSV."""
    return {"data-values": json.dumps(values)}


def estimate_cell(row: ExperimentEstimate | None, unit: str, most: float) -> Component:
    if row is None:
        return html.Td("–", className="fs-muted", title="not measured", **numbers([None] * 4))
    value, ends = written(row.value, unit), [written(end, unit) for end in row.interval or ()]
    span = f"{ends[0]} to {ends[1]}" if ends else ""
    kind = "fs-meter__bar--suppressed" if row.value < 0 else ""
    interval = f"95 %: {span}" if span else "exact"
    told = f"{value} {'' if unit == 'share' else unit} ({interval}; n = {row.n:,})"
    return html.Td(
        [
            bar(abs(row.value) / most if most else 0.0, told, kind),
            html.Span(value),
            html.Small(span),
        ],
        className="fs-num",
        title=told,
        **numbers([row.value, *(row.interval or (None, None)), row.n]),
    )


def written(value: float, unit: str) -> str:
    """A figure of a cell; what rounds to nothing has no sign."""
    said = {"share": f"{100 * value:.0f} %", "points": f"{100 * value:.1f}"}.get(
        unit, f"{value:.2f}"
    )
    return said.removeprefix("-") if float(said.split()[0]) == 0 else said.replace("-", "−")
