"""One number of one dictionary beside its control: dots with their intervals, 0 to 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dash import html
from dash.development.base_component import Component

from app.parts.estimates import MARKS, numbers, written
from backend.schemas import ExperimentEstimate

Cells = Mapping[tuple[str, str, str, str], ExperimentEstimate]  # sae_id, arm, outcome, subject


@dataclass(frozen=True)
class Column:
    """A measure and its control. `apart`: arm and outcome of their difference, `how` it is made
    where it is no plain one; None: not known.
    """

    subject: str
    outcome: str
    value: str  # arm
    control: str  # arm
    beside: str  # the control, in a word
    told: str
    apart: tuple[str, str] | None
    how: str = ""


def verdict(row: ExperimentEstimate | None) -> str:
    """Of a difference, as the claims' rule has it: more, no more, or left open by its interval."""
    if row is None or row.interval is None:
        return ""
    low, high = row.interval
    return "more" if low > 0 else "no more" if high <= 0 else "open"


def cell_of(cells: Cells, name: str, column: Column, subject: str) -> Component | None:
    """None where the dictionary has no such number."""
    value, control = (
        cells.get((name, arm, column.outcome, subject)) for arm in (column.value, column.control)
    )
    if value is None:
        return None
    apart = cells.get((name, *column.apart, subject)) if column.apart else None
    mark = {"more": "supported", "no more": "not supported", "open": "inconclusive"}.get(
        verdict(apart)
    )
    said = [html.Span(written(value.value, "share"))]
    if control is not None:
        said.append(html.Small(f"{column.beside} {written(control.value, 'share')}"))
    if mark:
        told = f"{verdict(apart)} than {column.beside}" if mark != "inconclusive" else "left open"
        told += column.how
        said += [
            html.Span(
                MARKS[mark],
                className=f"fs-claim-mark fs-claim-mark--{mark.replace(' ', '-')}",
                title=told,
                **{"aria-hidden": "true"},
            ),
            html.Span(told, className="fs-visually-hidden"),
        ]
    told_of = "; ".join(_told(words, row) for words, row in (("", value), (column.beside, control)))
    return html.Td(
        [html.Div(_marks(value, control), className="fs-axis__track"), *said],
        title=told_of.strip("; "),
        **numbers([*_numbers(value), *_numbers(control)]),
    )


def _told(words: str, row: ExperimentEstimate | None) -> str:
    if row is None:
        return ""
    ends = [written(end, "share") for end in row.interval or ()]
    span = f"95 %: {' to '.join(ends)}" if ends else "no interval"
    return f"{words} {written(row.value, 'share')} ({span}; n = {row.n:,})".strip()


def _numbers(row: ExperimentEstimate | None) -> list[Any]:
    if row is None:
        return [None] * 4
    return [row.value, *(row.interval or (None, None)), row.n]


def _marks(value: ExperimentEstimate, control: ExperimentEstimate | None) -> list[Component]:
    """On a track from 0 to 1: the control beneath, the number above it."""
    made = []
    for row, kind in ((control, "control"), (value, "value")):
        if row is None:
            continue
        if row.interval:
            low, high = (min(max(end, 0.0), 1.0) for end in row.interval)
            style = {"left": f"{100 * low:.2f}%", "width": f"{max(100 * (high - low), 0.4):.2f}%"}
            name = f"fs-axis__interval fs-axis__interval--{kind}"
            made.append(html.Span(className=name, style=style))
        made.append(
            html.Span(className=f"fs-axis__{kind}", style={"left": f"{100 * row.value:.2f}%"})
        )
    return made
