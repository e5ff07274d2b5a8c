"""Figures that set a curve beside its control: equal occurrences, null models, shared features."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from app.figures.template import log_rank_axis, name_axes, points_of, template
from app.parts.numbers import percent, percent_interval
from app.parts.token import visible
from app.theme import palette
from backend.schemas.naming import TokenRef
from backend.schemas.statistics import EqualOccurrence, IntersectionsResponse, NullModel

RUN_NAMES = {
    "real": "this model",
    "without_giants": "without giant norms",
    "shuffled": "shuffled documents",
    "random_weights": "random weights",
}
RUN_DASHES = {
    "real": "solid",
    "without_giants": "dashdot",
    "shuffled": "dash",
    "random_weights": "dot",
}
LABEL_STEP = 0.085  # of the height, from one line's name to the next
MOST_COLUMNS = 24  # intersections drawn


def corner_labels(
    figure: go.Figure,
    lines: Sequence[tuple[str, str, bool] | tuple[str, str, bool, str]],
    scheme: str | None,
    heading: str | None = None,
    *,
    top_left: bool = False,
) -> None:
    """Names of lines, top to bottom, in the lower right corner,
    where a rising curve never goes, or top left.

    lines: (text, colour, strong), and the mark if it is no dot. Beside the curve a name would lie
    on its neighbour.
    """
    ink = palette(scheme)
    listed = [*([(heading, "", False)] if heading else []), *lines]
    side, edge = (0.0, "left") if top_left else (1.0, "right")
    for place, (text, colour, strong, *shape) in enumerate(reversed(listed)):
        height = 0.03 + LABEL_STEP * place + (0.97 - LABEL_STEP * len(listed) if top_left else 0)
        mark = f'<span style="color:{colour}">{(*shape, "●")[0]}</span>  ' if colour else ""
        figure.add_annotation(
            x=side,
            y=height,
            xref="paper",
            yref="paper",
            xanchor=edge,
            yanchor="bottom",
            text=mark + (f"<b>{text}</b>" if strong else text),
            showarrow=False,
            align=edge,
            font={"size": 11.5, "color": ink.ink if strong else ink.muted},
        )


def faint(colour: str, alpha: float = 0.16) -> str:
    """A hexadecimal colour, see-through."""
    red, green, blue = bytes.fromhex(colour[1:])
    return f"rgba({red},{green},{blue},{alpha})"


def add_band(
    figure: go.Figure,
    x: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    colour: str,
    *,
    n_points: int | None = None,
) -> None:
    """The area between two lines, drawn at some of their `n_points` points (None: at all)."""
    figure.add_scatter(
        x=[*x, *reversed(x)],
        y=[*high, *reversed(low)],
        fill="toself",
        fillcolor=faint(colour),
        line={"width": 0},
        mode="lines",
        meta=points_of(2 * (n_points or len(x))),
        hoverinfo="skip",
    )


def equal_figure(rows: Sequence[EqualOccurrence], scheme: str | None) -> go.Figure:
    """Coverage of the k most frequent tokens, and of as many positions of other tokens, by k.

    rows: those at a k, and those at a function cut (drawn as dots; their others are all other
    tokens).
    """
    figure = go.Figure(layout={"template": template(scheme)})
    ink = palette(scheme)
    curve = [row for row in rows if row.cut is None]
    known = [row for row in curve if row.other_coverage is not None]
    sides = (
        (
            "other_coverage",
            "other_interval",
            ink.content,
            known,
            "as many positions of content tokens",
        ),
        ("coverage", "interval", ink.function, curve, "first k tokens"),
    )
    for value, bounds, colour, some, name in sides:
        pairs = [(row, getattr(row, bounds)) for row in some if getattr(row, bounds) is not None]
        if pairs:
            add_band(
                figure,
                [r.k for r, _ in pairs],
                [b[0] for _, b in pairs],
                [b[1] for _, b in pairs],
                colour,
            )
        figure.add_scatter(
            x=[row.k for row in some],
            y=[getattr(row, value) for row in some],
            mode="lines+markers",
            name=name,
            line={"color": colour, "width": 2},
            marker={"size": 5},
            customdata=[[row.occurrences, percent_interval(getattr(row, bounds))] for row in some],
            hovertemplate=(
                f"<b>{name}</b><br>k = %{{x}}, %{{customdata[0]:,}} positions: <b>%{{y:.1%}}</b> "
                "%{customdata[1]}<extra></extra>"
            ),
        )
    labels = [
        ("as many content positions", ink.content, False),
        ("first k tokens", ink.function, True),
    ]
    corner_labels(figure, labels, scheme)
    last = max((row.k for row in curve), default=1)
    figure.update_xaxes(**log_rank_axis(last, "k most frequent tokens"))
    figure.update_yaxes(tickformat=".0%", range=[0, 1.02])
    name_axes(figure, y="share of active features reached")
    return figure


def null_figure(nulls: Sequence[NullModel], scheme: str | None) -> go.Figure:
    """Coverage by frequency rank of the build's model and of the null models,
    on the same documents.
    """
    figure = go.Figure(layout={"template": template(scheme)})
    ink = palette(scheme)
    names = []
    for null in nulls:
        real = null.run == "real"
        colour = {"shuffled": ink.content, "random_weights": ink.function}.get(
            null.run, ink.reactivated
        )
        figure.add_scatter(
            x=[point.rank for point in null.curve],
            y=[point.covered / null.n_active for point in null.curve],
            mode="lines",
            name=RUN_NAMES[null.run],
            line={"color": colour, "width": 2.4 if real else 1.8, "dash": RUN_DASHES[null.run]},
            hovertemplate=(
                f"<b>{RUN_NAMES[null.run]}</b><br>first %{{x:,}} tokens reach <b>%{{y:.1%}}</b> "
                f"of {null.n_active:,} active features<extra></extra>"
            ),
        )
        tenth = next((one.coverage for one in null.contrast if one.k == 10), None)
        said = "" if tenth is None else f"  {percent(tenth, 0)}"
        names.append((RUN_NAMES[null.run] + said, colour, real))
    corner_labels(figure, names, scheme, "first 10 tokens reach")
    last = max((null.curve[-1].rank for null in nulls if null.curve), default=1)
    figure.update_xaxes(**log_rank_axis(last, "first k tokens"))
    figure.update_yaxes(tickformat=".0%", range=[0, 1.02])
    name_axes(figure, y="share of active features reached")
    return figure


def shared_figure(
    answer: IntersectionsResponse, function: frozenset[int], scheme: str | None
) -> go.Figure:
    """Sizes of the exclusive intersections of the tokens' feature sets,
    and under each bar its tokens.
    """
    ink = palette(scheme)
    shown = answer.intersections[:MOST_COLUMNS]
    place = {token.token_id: len(answer.tokens) - 1 - i for i, token in enumerate(answer.tokens)}
    figure = go.Figure(layout={"template": template(scheme), "bargap": 0.35})
    names = [
        ", ".join(visible(t.text) for t in answer.tokens if t.token_id in one.token_ids)
        for one in shown
    ]
    figure.add_bar(
        x=list(range(len(shown))),
        y=[one.n_features for one in shown],
        marker={"color": ink.reactivated, "line": {"width": 0}},
        text=[f"{one.n_features:,}" for one in shown],
        textposition="outside",
        textfont={"size": 10.5, "color": ink.muted},
        cliponaxis=False,
        customdata=names,
        hovertemplate="<b>%{y:,}</b> features of exactly %{customdata}<extra></extra>",
    )
    _add_dots(figure, answer, place, scheme)
    chips = [
        f"{_chip(token, function, scheme)}  {degree:,}"
        for token, degree in zip(answer.tokens, answer.degrees, strict=True)
    ]
    share = min(0.62, 0.09 * len(place) + 0.06)
    figure.update_yaxes(domain=[share + 0.06, 1], title={"text": "features"}, nticks=4)
    figure.update_layout(
        yaxis2={
            "domain": [0, share],
            "range": [-0.6, len(place) - 0.4],
            "tickvals": list(place.values()),
            "ticktext": chips,
            "showgrid": False,
            "zeroline": False,
            "automargin": True,
            "tickfont": {"size": 12},
            "ticks": "",
        },
        margin={"l": 60, "r": 10, "t": 18, "b": 6},
    )
    figure.update_xaxes(visible=False, range=[-0.6, max(len(shown), 6) - 0.4])
    return figure


def _chip(token: TokenRef, function: frozenset[int], scheme: str | None) -> str:
    ink = palette(scheme)
    colour = ink.function if token.token_id in function else ink.content
    escaped = visible(token.text).replace("&", "&amp;").replace("<", "&lt;")
    return f'<span style="color:{colour}">{escaped}</span>'


def _add_dots(
    figure: go.Figure, answer: IntersectionsResponse, place: dict[int, int], scheme: str | None
) -> None:
    ink = palette(scheme)
    shown = answer.intersections[:MOST_COLUMNS]
    empty = [(x, y) for x in range(len(shown)) for y in place.values()]
    figure.add_scatter(
        x=[x for x, _ in empty],
        y=[y for _, y in empty],
        yaxis="y2",
        mode="markers",
        hoverinfo="skip",
        marker={"size": 8, "color": ink.line},
    )
    for x, one in enumerate(shown):
        rows = sorted(place[token_id] for token_id in one.token_ids)
        figure.add_scatter(
            x=[x] * len(rows),
            y=rows,
            yaxis="y2",
            mode="lines+markers",
            hoverinfo="skip",
            line={"width": 1.6, "color": ink.ink},
            marker={"size": 8, "color": ink.ink},
        )
