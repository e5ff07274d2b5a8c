"""Figures of the Feature and Token pages: the histogram of activations, degree places by layer."""

from __future__ import annotations

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from app.figures.template import name_axes, template
from app.parts.numbers import number
from app.theme import palette
from backend.schemas import HistogramBin, TokenLayer


def histogram_figure(
    bins: Sequence[HistogramBin], scheme: str | None, *, mean: float | None, q999: float | None
) -> go.Figure:
    """Firings by activation, quarter octaves, activation on a logarithm;
    mean and 99.9th percentile marked.
    """
    figure = go.Figure(layout={"template": template(scheme)})
    ink = palette(scheme)
    total = sum(one.n_firings for one in bins) or 1
    figure.add_bar(
        x=[(one.low * one.high) ** 0.5 for one in bins],
        width=[(one.high - one.low) * 0.96 for one in bins],
        y=[one.n_firings for one in bins],
        marker={"color": ink.reactivated, "opacity": 0.8, "line": {"width": 0}},
        customdata=[[one.low, one.high, one.n_firings / total] for one in bins],
        hovertemplate=(
            "<b>%{y:,}</b> firings, %{customdata[2]:.1%}<br>activation %{customdata[0]:.3g} to "
            "%{customdata[1]:.3g}<extra></extra>"
        ),
    )
    marks = [(value, words) for value, words in ((mean, "mean"), (q999, "99.9 %")) if value]
    for value, words in marks:
        figure.add_vline(x=value, line={"color": ink.ink, "width": 1, "dash": "dot"})
        figure.add_annotation(
            x=math.log10(value),
            y=1,
            yref="paper",
            yanchor="bottom",
            text=f"{words} {number(value)}",
            showarrow=False,
            font={"size": 11, "color": ink.muted},
        )
    if bins:
        figure.update_xaxes(**_octaves(bins))
    figure.update_yaxes(tickformat=",d", rangemode="tozero", nticks=4)
    name_axes(figure, y="firings")
    figure.update_layout(bargap=0, margin={"l": 46, "r": 14, "t": 22, "b": 36})
    return figure


def _octaves(bins: Sequence[HistogramBin]) -> dict[str, object]:
    """A logarithmic axis ticked at powers of two,
    or at the bins' own edges where it spans less than two octaves.
    """
    low, high = bins[0].low, bins[-1].high
    ticks = [2.0**power for power in range(-20, 40) if low / 1.01 <= 2.0**power <= high * 1.01]
    if high / low < 4:
        ticks = [*(one.low for one in bins), high]
    return {
        "type": "log",
        "range": [math.log10(low) - 0.02, math.log10(high) + 0.02],
        "tickvals": ticks,
        "ticktext": [number(tick) for tick in ticks],
        "title": {"text": "activation"},
    }


def place_figure(layers: Sequence[TokenLayer], rank: int, scheme: str | None) -> go.Figure:
    """A token's place by degree in each layer (1 on top), beside its place by frequency."""
    figure = go.Figure(layout={"template": template(scheme)})
    ink = palette(scheme)
    shown = [layer for layer in layers if layer.degree_place is not None]
    figure.add_scatter(
        x=[f"layer {layer.layer}" for layer in shown],
        y=[layer.degree_place for layer in shown],
        mode="lines+markers+text",
        line={"color": ink.reactivated, "width": 1.8},
        marker={"size": 7, "color": ink.reactivated},
        text=[f"{layer.degree_place:,}" for layer in shown],
        textposition="top center",
        textfont={"size": 11, "color": ink.ink},
        cliponaxis=False,
        hovertemplate="%{x}: %{y:,}. by degree<extra></extra>",
    )
    figure.add_hline(y=rank, line={"color": ink.function, "width": 1, "dash": "dot"})
    figure.add_annotation(
        x=0,
        xref="paper",
        xanchor="left",
        y=math.log10(rank),
        yanchor="bottom",
        text=f"{rank:,}. by frequency",
        showarrow=False,
        font={"size": 11, "color": ink.function},
    )
    places = [rank, *(layer.degree_place or 1 for layer in shown)]
    figure.update_yaxes(
        type="log",
        range=[math.log10(max(places)) + 0.3, math.log10(min(places)) - 0.5],
        visible=False,
    )
    name_axes(figure, y="place by degree, 1 reaches most")
    figure.update_layout(margin={"l": 26, "r": 26, "t": 12, "b": 26})
    return figure
