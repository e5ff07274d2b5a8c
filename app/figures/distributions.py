"""Small figures about tokens: degree against frequency, Zipf's law, document coverage."""

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

import plotly.graph_objects as go

from app.figures.coverage_nulls import corner_labels
from app.figures.distributions_rarefaction import add_null
from app.figures.template import log_rank_axis, log_spaced, name_axes, points_of, template
from app.parts.numbers import LogFit
from app.parts.token import visible
from app.theme import palette
from backend.schemas import CoverageRow, TokenRow
from backend.schemas.statistics import RarefactionResponse

Counted = TypeVar("Counted", CoverageRow, TokenRow)


def degree_figure(
    rows: Sequence[CoverageRow],
    function_ids: frozenset[int],
    fit: LogFit | None,
    scheme: str | None,
    null: RarefactionResponse | None = None,
) -> go.Figure:
    """Degree against occurrences, both on logarithms;
    every function token, and `spread_of` the others.

    `null` adds the degree that is expected of a content token so frequent.
    """
    figure = go.Figure(layout={"template": template(scheme)})
    ink = palette(scheme)
    reached = [row for row in rows if row.degree > 0]
    drawn = spread_of(reached, function_ids)
    for name, colour, size in (("content", ink.content, 4), ("function", ink.function, 6)):
        members = _of_class(drawn, function_ids, name)
        figure.add_scatter(
            x=[row.occurrences for row in members],
            y=[row.degree for row in members],
            mode="markers",
            name=name,
            marker={"color": colour, "size": size, "opacity": 0.62, "line": {"width": 0}},
            meta=points_of(len(_of_class(reached, function_ids, name))),
            customdata=[[visible(row.text)] for row in members],
            hovertemplate=(
                f"<b>%{{customdata[0]}}</b> · {name}<br>%{{x:,}} occurrences, %{{y:,}} "
                "features<extra></extra>"
            ),
        )
    if fit is not None:
        _add_fit(figure, fit, drawn, scheme)
    if null is not None and null.null_fit is not None and drawn:
        content = [point for point in null.groups if point.token_group == "content"]
        most = max(row.occurrences for row in drawn)
        add_null(
            figure, null.null_fit, content, most, "expected of a content token", ink.reactivated
        )
        names = [
            ("expected of a content token", ink.reactivated, True),
            ("least squares", ink.ink, False),
        ]
        corner_labels(figure, names, scheme, top_left=True)
    figure.update_xaxes(type="log", title={"text": "occurrences"}, dtick=1, tickformat=",d")
    figure.update_yaxes(type="log", title={"text": "degree"}, dtick=1, tickformat=",d")
    return figure


def _of_class(
    rows: Sequence[CoverageRow], function_ids: frozenset[int], name: str
) -> list[CoverageRow]:
    return [row for row in rows if (row.token_id in function_ids) == (name == "function")]


def spread_of(rows: Sequence[Counted], function_ids: frozenset[int]) -> list[Counted]:
    """Every function token, and the others evenly over the logarithm of their place by frequency:
    a dot costs a browser a tenth of a millisecond or more, at every redraw.
    """
    by_count = sorted(rows, key=lambda row: -row.occurrences)
    kept = {rank - 1 for rank in log_spaced(len(by_count))}
    return [row for i, row in enumerate(by_count) if i in kept or row.token_id in function_ids]


def _add_fit(
    figure: go.Figure, fit: LogFit, rows: Sequence[CoverageRow], scheme: str | None
) -> None:
    ends = [min(row.occurrences for row in rows), max(row.occurrences for row in rows)]
    figure.add_scatter(
        x=ends,
        y=[10 ** (fit.intercept + fit.slope * math.log10(x)) for x in ends],
        mode="lines",
        line={"color": palette(scheme).ink, "width": 1.2, "dash": "dash"},
        hovertemplate=f"degree ∝ occurrences^{fit.slope:.2f}<extra></extra>",
    )


def zipf_figure(
    occurrences: Sequence[int], n_function: int | None, scheme: str | None
) -> go.Figure:
    """Occurrences by frequency rank; `occurrences` in any order."""
    counts = sorted(occurrences, reverse=True)
    ranks = log_spaced(len(counts))
    figure = _small(scheme, len(counts), n_function)
    figure.add_scatter(
        x=ranks,
        y=[counts[rank - 1] for rank in ranks],
        mode="lines",
        meta=points_of(len(counts)),
        line={"color": palette(scheme).ink, "width": 1.6},
        hovertemplate="rank %{x:,}: %{y:,} occurrences<extra></extra>",
    )
    figure.update_yaxes(type="log", dtick=1, tickformat=",d")
    name_axes(figure, y="occurrences")
    return figure


def document_figure(
    tokens: Sequence[TokenRow],
    function_ids: frozenset[int],
    scheme: str | None,
    expected: Mapping[int, float] | None = None,
) -> go.Figure:
    """Share of documents that contain the token, by frequency rank; of the tokens, `spread_of`.

    expected: by token, the documents that would hold it were its positions strewn over the corpus
    at random.
    """
    ink = palette(scheme)
    figure = _small(scheme, len(tokens), None)
    drawn = spread_of(tokens, function_ids)
    if expected:
        _add_strewn(figure, drawn, expected, scheme)
    figure.add_scatter(
        x=[token.rank for token in drawn],
        y=[token.document_coverage for token in drawn],
        mode="markers",
        name="tokens",
        marker={
            "size": 4,
            "opacity": 0.6,
            "line": {"width": 0},
            "color": [ink.function if t.token_id in function_ids else ink.content for t in drawn],
        },
        meta=points_of(len(tokens)),
        customdata=[[visible(token.text), token.documents] for token in drawn],
        hovertemplate=(
            "<b>%{customdata[0]}</b> · rank %{x:,}<br>in %{customdata[1]:,} documents, "
            "%{y:.1%}<extra></extra>"
        ),
    )
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    name_axes(figure, y="share of documents that hold the token")
    return figure


def _add_strewn(
    figure: go.Figure, tokens: Sequence[TokenRow], expected: Mapping[int, float], scheme: str | None
) -> None:
    one = next((t for t in tokens if t.documents), None)
    if one is None:
        return
    n_documents = one.documents / one.document_coverage
    known = [token for token in tokens if token.token_id in expected]
    figure.add_scatter(
        x=[token.rank for token in known],
        y=[expected[token.token_id] / n_documents for token in known],
        mode="lines",
        name="strewn at random",
        line={"color": palette(scheme).reactivated, "width": 1.6},
        hovertemplate="strewn at random: %{y:.1%} of documents<extra></extra>",
    )
    figure.add_annotation(
        x=1,
        y=1,
        xref="paper",
        yref="paper",
        xanchor="right",
        yanchor="top",
        showarrow=False,
        text=f'<span style="color:{palette(scheme).reactivated}">●</span>  strewn at random',
        font={"size": 11.5, "color": palette(scheme).muted},
    )


def _small(scheme: str | None, last: int, n_function: int | None) -> go.Figure:
    figure = go.Figure(layout={"template": template(scheme)})
    figure.update_xaxes(**log_rank_axis(last, "frequency rank"))
    if n_function:
        line = {"color": palette(scheme).function, "width": 1, "dash": "dot"}
        figure.add_vline(x=n_function, line=line)
    return figure
