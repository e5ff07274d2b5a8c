"""Rarefaction: expected distinct features by the number of a token's occurrences."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log

import plotly.graph_objects as go

from app.figures.coverage_nulls import add_band, corner_labels
from app.figures.template import template
from app.parts.token import visible
from app.theme import palette
from backend.schemas.statistics import GroupPoint, NullFit, RarefactionResponse, TokenRarefaction

GROUPS = ("content", "function")


def rarefaction_figure(
    answer: RarefactionResponse, function: frozenset[int], scheme: str | None
) -> go.Figure:
    """Means of function and content tokens with their intervals;
    the chosen tokens as thin lines.
    """
    figure = go.Figure(layout={"template": template(scheme)})
    ink = palette(scheme)
    colours = {"content": ink.content, "function": ink.function}
    for token in answer.tokens:
        _add_token(figure, token, colours["function" if token.token_id in function else "content"])
    for group in GROUPS:
        _add_group(
            figure,
            [point for point in answer.groups if point.token_group == group],
            group,
            colours[group],
        )
    names = [(f"{group} tokens, mean", colours[group], True) for group in GROUPS]
    if answer.tokens:
        names.append(("single tokens", ink.muted, False))
    corner_labels(figure, names, scheme)
    figure.update_xaxes(type="log", title={"text": "occurrences drawn"}, dtick=1, tickformat=",d")
    figure.update_yaxes(type="log", title={"text": "features"}, dtick=1, tickformat=",d")
    return figure


def _add_token(figure: go.Figure, token: TokenRarefaction, colour: str) -> None:
    points = [(point.n, point.expected, point.se) for point in token.points]
    points.append((token.occurrences, float(token.degree), None))  # all of them: what was counted
    name = visible(token.text)
    figure.add_scatter(
        x=[n for n, _, _ in points],
        y=[expected for _, expected, _ in points],
        mode="lines",
        line={"color": colour, "width": 1},
        opacity=0.55,
        customdata=["" if not se else f" ± {1.96 * se:,.1f}" for _, _, se in points],
        hovertemplate=f"<b>{name}</b>: %{{x:,}} occurrences meet %{{y:,.1f}}%{{customdata}} "
        "features<extra></extra>",
    )
    figure.add_scatter(
        x=[points[-1][0]],
        y=[points[-1][1]],
        mode="text",
        text=[name],
        textposition="middle right",
        textfont={"size": 11, "color": colour},
        hoverinfo="skip",
        cliponaxis=False,
    )


def _add_group(figure: go.Figure, points: Sequence[GroupPoint], group: str, colour: str) -> None:
    if not points:
        return
    ns = [point.n for point in points]
    add_band(figure, ns, [point.low for point in points], [point.high for point in points], colour)
    figure.add_scatter(
        x=ns,
        y=[point.mean for point in points],
        mode="lines+markers",
        name=f"{group} tokens",
        line={"color": colour, "width": 2.4},
        marker={"size": 5},
        customdata=[[point.n_tokens, point.low, point.high] for point in points],
        hovertemplate=(
            f"<b>{group} tokens</b>: %{{x:,}} occurrences meet <b>%{{y:,.1f}}</b> "
            "[%{customdata[1]:,.1f}, %{customdata[2]:,.1f}] features<br>"
            "mean of the %{customdata[0]:,} tokens with as many<extra></extra>"
        ),
    )


def add_null(
    figure: go.Figure,
    fit: NullFit,
    content: Sequence[GroupPoint],
    most: int,
    names: str,
    colour: str,
) -> None:
    """The degree expected of a content token by its occurrences,
    with the range of 95 % of content tokens.

    Past the occurrences that the fit rests on, the line is dotted: it is extrapolated there.
    """
    inside = [point for point in content if point.mean > 0]
    ns = [point.n for point in inside]
    expected = [fit_at(fit, n) for n in ns]
    low = [e * point.token_low / point.mean for e, point in zip(expected, inside, strict=True)]
    high = [e * point.token_high / point.mean for e, point in zip(expected, inside, strict=True)]
    add_band(figure, ns, [max(value, 0.5) for value in low], high, colour)
    beyond = (
        [fit.n_to * (most / fit.n_to) ** (i / 12) for i in range(13)] if most > fit.n_to else []
    )
    for x, dash in ((ns, "solid"), (beyond, "dot")):
        figure.add_scatter(
            x=x,
            y=[fit_at(fit, n) for n in x],
            mode="lines",
            line={"color": colour, "width": 1.8, "dash": dash},
            hovertemplate=f"{names}: %{{y:,.0f}} features at %{{x:,.0f}} "
            "occurrences<extra></extra>",
        )


def fit_at(fit: NullFit, n: float) -> float:
    """Features expected of a content token of n occurrences."""
    return exp(fit.a + fit.b * log(n) + fit.c * log(n) ** 2)
