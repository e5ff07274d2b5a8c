"""Degree distributions of the graph's two sides, on logarithms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import plotly.graph_objects as go

from app.figures.template import template
from app.theme import palette
from backend.schemas.graph import DegreeBin
from backend.schemas.statistics import DegreeFit


def degree_distribution(
    bins: Sequence[DegreeBin],
    side: Literal["token", "feature"],
    fit: DegreeFit | None,
    scheme: str | None,
) -> go.Figure:
    """Nodes per degree in each octave, at its geometric middle;
    the fitted power law over its own range.

    The height is the count divided by the number of degrees that the octave holds, so that a power
    law is a straight line of slope -alpha.
    """
    ink = palette(scheme)
    figure = go.Figure(layout={"template": template(scheme)})
    counted = [(one, one.n_tokens if side == "token" else one.n_features) for one in bins]
    shown = [(one, n) for one, n in counted if n]
    figure.add_scatter(
        x=[(one.low * one.high) ** 0.5 for one, _ in shown],
        y=[n / (one.high - one.low + 1) for one, n in shown],
        mode="lines+markers",
        line={"color": ink.reactivated if side == "feature" else ink.ink, "width": 1.4},
        marker={"size": 6},
        customdata=[[_range(one), n] for one, n in shown],
        hovertemplate="degree %{customdata[0]}<br><b>%{customdata[1]:,}</b> "
        f"{side}s<extra></extra>",
    )
    if fit is not None and shown:
        _add_power_law(figure, fit, max(one.high for one, _ in shown), scheme)
    figure.update_xaxes(type="log", dtick=1, tickformat=",d", title={"text": "degree"})
    figure.update_yaxes(
        type="log", dtick=1, exponentformat="power", title={"text": f"{side}s per degree"}
    )
    return figure


def _add_power_law(figure: go.Figure, fit: DegreeFit, last: int, scheme: str | None) -> None:
    """n_tail nodes spread as degree^-alpha from x_min on: the density of the continuous law."""
    ends = [float(fit.x_min), float(max(last, fit.x_min + 1))]
    scale = fit.n_tail * (fit.alpha - 1) / fit.x_min
    figure.add_scatter(
        x=ends,
        y=[scale * (x / fit.x_min) ** -fit.alpha for x in ends],
        mode="lines",
        line={"color": palette(scheme).function, "width": 1.4, "dash": "dash"},
        hovertemplate=f"power law, exponent {fit.alpha:.2f}, from degree "
        f"{fit.x_min:,}<extra></extra>",
    )


def _range(one: DegreeBin) -> str:
    return f"{one.low:,}" if one.low == one.high else f"{one.low:,}–{one.high:,}"
