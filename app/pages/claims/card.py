"""One claim as a card: verdict, statement, number with its interval, the control,
and a picture of the rule.
"""

from __future__ import annotations

from collections.abc import Sequence

from dash import dcc, html
from dash.development.base_component import Component

from app.links import page_url
from app.parts.estimates import MARKS
from app.parts.numbers import fixed
from app.parts.steering import text_of
from backend.schemas import Claim


def quantity(value: float, unit: str) -> str:
    """A number in its unit: shares as percent, differences of shares as percentage points."""
    if unit == "share":
        return f"{100 * value:.1f} %" if value % 1 else f"{100 * value:.0f} %"
    if unit == "points":
        return f"{fixed(100 * value, 1, sign=True)} points" if value else "0 points"
    if unit == "nats":
        return f"{fixed(value, 2)} nats"
    whole = abs(value) >= 1000 or (float(value).is_integer() and abs(value) >= 10)
    return (f"{value:,.0f}" if whole else f"{value:.3g}").replace("-", "−")


def span_words(interval: Sequence[float] | None, unit: str) -> str:
    """`61.2 to 62.9 %`; empty without an interval."""
    if interval is None:
        return ""
    low, high = (quantity(end, unit) for end in interval)
    number, _, suffix = low.partition(" ")
    return f"{number} to {high}" if suffix and high.endswith(suffix) else f"{low} to {high}"


def claim_card(claim: Claim) -> Component:
    """The card; its `data-verdict` is what the page filters by."""
    name = claim.verdict.replace(" ", "-")
    badge = html.Span(
        [html.Span(MARKS[claim.verdict], **{"aria-hidden": "true"}), claim.verdict],
        className=f"fs-verdict fs-verdict--{name}",
    )
    words = [html.H3(claim.statement), html.P(claim.made_by, className="fs-small")]
    told = [*words, _evidence(claim), *_edited(claim), *_layers(claim), _method(claim)]
    return html.Li(
        [html.Div(badge), html.Div(told), _picture(claim)],
        className="fs-claim",
        id=f"claims-{claim.id}",
        **{"data-verdict": name},
    )


def _evidence(claim: Claim) -> Component:
    if claim.value is None:
        return html.P(
            [html.Strong("Not measured: "), claim.reason.rstrip("."), "."],
            className="fs-claim__numbers",
        )
    counted = f"{claim.n:,} {claim.n_unit}" if claim.n is not None else claim.n_unit
    told = span_words(claim.interval, claim.unit)
    bracket = (
        f" ({told}; n = {counted}; {claim.source})"
        if told
        else f" (counted, n = {counted}; {claim.source})"
    )
    parts: list[Component | str] = [
        html.Strong(_value_words(claim.value, claim)),
        html.Span(bracket),
    ]
    if claim.control:
        parts += [". ", html.Span("Beside it: ", className="fs-claim__beside"), claim.control]
        if claim.control_value is not None:
            parts += [" ", html.Strong(quantity(claim.control_value, claim.control_unit))]
            if claim.control_interval:
                parts.append(f" ({span_words(claim.control_interval, claim.control_unit)})")
    parts.append(".")
    if claim.reason:
        parts.append(f" {claim.reason[0].upper()}{claim.reason[1:]}.")
    return html.P(parts, className="fs-claim__numbers")


def _value_words(value: float, claim: Claim) -> str:
    """The number in its unit, with what it counts or is a share of."""
    return f"{quantity(value, claim.unit)} {claim.noun}".strip()


def _edited(claim: Claim) -> list[Component]:
    """Which feature, at what strength, and a link that does the same."""
    edit = claim.edit
    if edit is None:
        return []
    where = "last position" if edit.positions == "last" else "last function token"
    words = (
        f"The edit: feature {edit.feature_index} of {edit.sae_id}, "
        f"{fixed(edit.value, 1, sign=True)} at the {where}. "
    )
    added = text_of([edit.model_dump() | {"mode": "add", "on": True}])
    link = dcc.Link("try it", href=page_url("/steer", f=added), className="fs-claim__link")
    return [html.P([words, link], className="fs-claim__edit")]


def _layers(claim: Claim) -> list[Component]:
    """The same claim after each layer, or in each dictionary of one layer, where there is more than
    one.
    """
    if len(claim.layers) < 2:
        return []
    of_one = len({one.layer for one in claim.layers}) == 1
    marks = [
        html.Span(
            [
                f"{one.sae_id if of_one else one.layer} ",
                html.Span(MARKS[one.verdict], **{"aria-hidden": "true"}),
                html.Span(one.verdict, className="fs-visually-hidden"),
                html.Small(quantity(one.value, claim.unit)),
            ],
            className=f"fs-claim-mark fs-claim-mark--{one.verdict.replace(' ', '-')}",
            title=f"{one.sae_id}: {one.verdict}; "
            + (span_words(one.interval, claim.unit) or "counted"),
        )
        for one in claim.layers
    ]
    agree = len({one.verdict for one in claim.layers}) == 1
    where = ("in each dictionary", "dictionary") if of_one else ("after each layer", "layer")
    said = f"The same {where[0]}:" if agree else f"By {where[1]} it differs:"
    return [html.P([html.Span(said), *marks], className="fs-claim__layers")]


def _method(claim: Claim) -> Component:
    shown = [html.P(claim.definition), html.P(claim.rule)]
    links = [dcc.Link("see it", href=claim.link, className="fs-claim__link")] if claim.link else []
    return html.Div(
        [html.Details([html.Summary("how this is decided"), *shown]), *links],
        className="fs-claim__method",
    )


def domain(claim: Claim) -> tuple[float, float]:
    """The ends of the picture's axis: all that it shows, with room; large shares: 0 to 1."""
    shown = [claim.value, *(claim.interval or []), claim.above, claim.below, _drawn(claim)]
    known = [value for value in shown if value is not None]
    low, high = min(known), max(known)
    if claim.unit == "share" and low >= 0 and high <= 1:
        return 0.0, 1.0 if high > 0.2 else 1.5 * high
    room = 0.15 * (high - low) or 0.5 * abs(high) or 1.0
    return low - room, high + room


def _drawn(claim: Claim) -> float | None:
    """The control's number where it stands on the same axis."""
    return claim.control_value if claim.control_drawn else None


def _picture(claim: Claim) -> Component:
    """Where the number lies: the shaded part of the axis is where the rule supports the claim."""
    if claim.value is None:
        return html.Div(className="fs-claim__picture")
    low, high = domain(claim)

    def at(value: float) -> float:
        return 100 * min(max((value - low) / (high - low), 0.0), 1.0)

    start = at(claim.above) if claim.above is not None else 0.0
    end = at(claim.below) if claim.below is not None else 100.0
    marks = [
        html.Span(
            className="fs-axis__region",
            style={"left": f"{start:.2f}%", "width": f"{end - start:.2f}%"},
        )
    ]
    if claim.interval:
        left, right = (at(edge) for edge in claim.interval)
        style = {"left": f"{left:.2f}%", "width": f"{max(right - left, 0.4):.2f}%"}
        marks.append(html.Span(className="fs-axis__interval", style=style))
    if (control := _drawn(claim)) is not None:
        marks.append(html.Span(className="fs-axis__control", style={"left": f"{at(control):.2f}%"}))
    marks.append(html.Span(className="fs-axis__value", style={"left": f"{at(claim.value):.2f}%"}))
    ends = html.Div([html.Span(quantity(low, claim.unit)), html.Span(quantity(high, claim.unit))])
    label = (
        f"{_value_words(claim.value, claim)} on an axis from {quantity(low, claim.unit)} to "
        + quantity(high, claim.unit)
    )
    return html.Div(
        [html.Div(marks, className="fs-axis__track"), ends],
        className="fs-claim__picture fs-axis",
        role="img",
        **{"aria-label": label},
    )
