"""Figures of the coverage page: cumulative coverage by rank, and the paper's Table 1 over it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from app.figures.coverage_nulls import add_band, corner_labels
from app.figures.template import log_rank_axis, log_spaced, name_axes, points_of, template
from app.parts.numbers import percent_interval
from app.parts.token import visible
from app.theme import layer_colours, layer_marks, palette
from backend.schemas import Build, CoverageResponse, CoverageRow

# Table 1 of the paper: cumulative % of features after the first 1..10 tokens, by layer of Gemma 2
# 9B.
PAPER_TABLE_1: dict[int, tuple[float, ...]] = {
    9: (23.19, 32.01, 36.88, 39.68, 41.21, 43.16, 46.00, 47.44, 47.96, 48.52),
    20: (51.32, 62.45, 66.93, 71.30, 71.97, 73.07, 74.43, 75.70, 76.12, 76.46),
    31: (37.21, 49.78, 55.15, 59.86, 61.48, 63.30, 65.16, 67.08, 67.74, 68.27),
}
PAPER_MODEL = "gemma-2-9b"  # the end of its name on the hub


@dataclass(frozen=True)
class LayerCurve:
    """One SAE's answer; `chosen` is drawn strong, the others faint."""

    sae_id: str
    layer: int
    answer: CoverageResponse
    chosen: bool


def is_papers_model(build: Build | None) -> bool:
    """Whether the build was made of Gemma 2 9B, the paper's model,
    so that Table 1 may lie over its curve.
    """
    model = build.provenance.get("model") if build else None
    name = model.get("name") if isinstance(model, dict) else model
    return isinstance(name, str) and name.endswith(PAPER_MODEL)


def coverage_figure(
    curves: Sequence[LayerCurve],
    scheme: str | None,
    *,
    n_function: int | None = None,
    paper: bool = False,
    order: str | None = None,
) -> go.Figure:
    """Share of features reached by the first k tokens, k on a logarithm, a line per layer.

    `n_function` draws the function cut; `paper` adds Table 1 for layers that it has;
    `order`: in words, where the tokens are not the most frequent ones first.
    """
    figure = go.Figure(layout={"template": template(scheme)})
    colours = layer_colours(scheme, len(curves))
    marks = _marks(curves)
    for curve, colour in zip(curves, colours, strict=True):
        if curve.chosen:
            _add_band(figure, curve, colour)
        _add_line(figure, curve, colour, marks[curve.layer][0])
        if paper and curve.layer in PAPER_TABLE_1:
            _add_paper(figure, curve.layer, scheme)
    _add_labels(figure, curves, colours, marks, scheme, " in this order" if order else " tokens")
    last = max((len(curve.answer.rows) for curve in curves), default=1)
    if n_function:
        _add_cut(figure, n_function, last, scheme)
    figure.update_xaxes(**log_rank_axis(last, f"first k tokens{f', {order}' if order else ''}"))
    figure.update_yaxes(tickformat=".0%", range=[0, 1.02], title={"text": ""})
    name_axes(figure, y="share of features reached")
    return figure


def _drawn(curve: LayerCurve) -> list[CoverageRow]:
    rows = curve.answer.rows
    return [rows[rank - 1] for rank in log_spaced(len(rows))]


Marks = Mapping[int, tuple[str, str, str]]


def _marks(curves: Sequence[LayerCurve]) -> Marks:
    """Layer -> dash, symbol and its letter, from the shallowest on, whichever is chosen."""
    layers = sorted({curve.layer for curve in curves})
    return dict(zip(layers, layer_marks(len(layers)), strict=True))


def _add_line(figure: go.Figure, curve: LayerCurve, colour: str, dash: str) -> None:
    rows = _drawn(curve)
    figure.add_scatter(
        x=[row.rank for row in rows],
        y=[row.coverage for row in rows],
        mode="lines",
        name=f"layer {curve.layer}",
        line={"color": colour, "width": 2.6 if curve.chosen else 1.4, "dash": dash},
        meta=points_of(len(curve.answer.rows)),
        customdata=[
            [visible(row.text), row.new_features, row.covered, _interval(row)] for row in rows
        ],
        hovertemplate=(
            f"<b>layer {curve.layer}</b> · first %{{x:,}} tokens reach "
            "<b>%{y:.1%}</b>%{customdata[3]}<br>%{customdata[2]:,} features; %{customdata[0]} "
            "adds %{customdata[1]:,}<extra></extra>"
        ),
    )


def _add_labels(
    figure: go.Figure,
    curves: Sequence[LayerCurve],
    colours: Sequence[str],
    marks: Marks,
    scheme: str | None,
    which: str,
) -> None:
    """A mark at rank 10, where the lines differ most;
    their names and shares there, in the empty corner.
    """
    ends = [
        (curve, colour, curve.answer.rows[min(10, len(curve.answer.rows)) - 1])
        for curve, colour in zip(curves, colours, strict=True)
        if curve.answer.rows
    ]
    for curve, colour, row in ends:
        figure.add_scatter(
            x=[row.rank],
            y=[row.coverage],
            mode="markers",
            marker={
                "color": colour,
                "size": 9 if curve.chosen else 7,
                "symbol": marks[curve.layer][1],
            },
            name=f"layer {curve.layer}, first {row.rank}",
            hoverinfo="skip",
        )
    names = [
        (
            f"layer {curve.layer}  {row.coverage:.0%}",
            colour,
            curve.chosen,
            marks[curve.layer][2],
        )
        for curve, colour, row in sorted(ends, key=lambda end: end[0].layer)
    ]
    heading = f"first {ends[0][2].rank}{which} reach" if ends else None
    corner_labels(figure, names, scheme, heading)


def _interval(row: CoverageRow) -> str:
    if row.interval is None:
        return ""
    return f" {percent_interval(row.interval)}"


def _add_band(figure: go.Figure, curve: LayerCurve, colour: str) -> None:
    """The interval of the chosen line, where the build stores one."""
    rows = [row for row in _drawn(curve) if row.interval is not None]
    if not rows:
        return
    bounds = [row.interval or [row.coverage, row.coverage] for row in rows]
    add_band(
        figure,
        [row.rank for row in rows],
        [low for low, _ in bounds],
        [high for _, high in bounds],
        colour,
        n_points=len([row for row in curve.answer.rows if row.interval is not None]),
    )


def _add_cut(figure: go.Figure, n_function: int, last: int, scheme: str | None) -> None:
    """The function cut, named on the side with more room:
    the layers' names stand in the right corner.
    """
    ink = palette(scheme)
    left = 2 * math.log(n_function) > math.log(last)
    figure.add_vline(x=n_function, line={"color": ink.function, "width": 1, "dash": "dot"})
    figure.add_annotation(
        x=math.log10(n_function),
        y=0.02,
        yanchor="bottom",
        xanchor="right" if left else "left",
        xshift=-5 if left else 5,
        text=f"{n_function:,} function tokens",
        showarrow=False,
        font={"color": ink.function, "size": 11},
    )


def _add_paper(figure: go.Figure, layer: int, scheme: str | None) -> None:
    ink = palette(scheme)
    shares = PAPER_TABLE_1[layer]
    figure.add_scatter(
        x=list(range(1, len(shares) + 1)),
        y=[share / 100 for share in shares],
        mode="markers",
        name=f"paper, layer {layer}",
        marker={"symbol": "x-thin", "size": 7, "line": {"color": ink.muted, "width": 1.4}},
        hovertemplate=f"paper's Table 1, layer {layer}: first %{{x}} reach "
        "%{y:.2%}<extra></extra>",
    )
