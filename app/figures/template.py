"""One look for all figures: transparent, few lines, the page's face, ranks on a logarithm."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from app.theme import SANS, layer_colours, palette

CONFIG: dict[str, Any] = {"displayModeBar": False, "responsive": True, "doubleClick": "reset"}


def template(scheme: str | None) -> go.layout.Template:
    """Template for "light" or "dark"; None is light."""
    ink = palette(scheme)
    axis = {
        "gridcolor": ink.line,
        "gridwidth": 1,
        "linecolor": ink.line,
        "zeroline": False,
        "ticks": "",
        "tickfont": {"size": 11, "color": ink.muted},
        "title": {"font": {"size": 12, "color": ink.muted}, "standoff": 8},
        "automargin": True,
        "minor": {"showgrid": False},
    }
    return go.layout.Template(
        layout={
            "font": {"family": SANS, "size": 12, "color": ink.ink},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "colorway": layer_colours(scheme, 3),
            "margin": {"l": 46, "r": 14, "t": 10, "b": 40},
            "xaxis": {**axis, "showgrid": False},
            "yaxis": axis,
            "hoverlabel": {
                "bgcolor": ink.panel,
                "bordercolor": ink.line,
                "font": {"family": SANS, "size": 12, "color": ink.ink},
                "align": "left",
            },
            "showlegend": False,
            "dragmode": False,
        }
    )


def blank(scheme: str | None) -> go.Figure:
    """What a graph holds until its data arrive: nothing, in the right colours."""
    figure = go.Figure(layout={"template": template(scheme)})
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return figure


def name_axes(figure: go.Figure, **names: str) -> None:
    """What pictures call the axes that have no room for a title on the page, by x, y, y2:
    static/js/frame/pictures.js.
    """
    figure.update_layout(meta=names)


def log_rank_axis(last: int, title: str = "rank") -> dict[str, Any]:
    """A logarithmic axis from rank 1 to `last`, ticked at powers of ten."""
    powers = [10**i for i in range(len(str(max(last, 1))))]
    return {
        "type": "log",
        "tickvals": powers,
        "ticktext": [f"{power:,}" for power in powers],
        "title": {"text": title},
    }


def log_spaced(last: int, exact: int = 40, per_decade: int = 60) -> list[int]:
    """Ranks to draw, 1..last: every one up to `exact`,
    then about `per_decade` for each factor of ten.
    """
    ranks = list(range(1, min(exact, last) + 1))
    place = float(exact)
    while ranks and ranks[-1] < last:
        place *= 10 ** (1 / per_decade)
        ranks.append(min(max(round(place), ranks[-1] + 1), last))
    return ranks


def points_of(n: int) -> dict[str, int]:
    """`meta` of a trace that may be drawn at some of its n points: what is saved says which share
    (static/js/frame/pictures.js).
    """
    return {"of": n}


def part_annotations(figure: go.Figure, apart: float = 0.05) -> None:
    """Moves the annotations at the ends of lines off each other:
    `apart` is a share of the y axis, which holds 0.
    """
    notes = figure.layout.annotations
    ys = [y for trace in figure.data for y in trace.y if y is not None]
    height = max([0.0, *ys]) - min([0.0, *ys])
    for note, y in zip(notes, spread([note.y for note in notes], apart * height), strict=True):
        note.y = y


def spread(values: Sequence[float], gap: float) -> list[float]:
    """Places nearest to `values` (least squares), in their order,
    each at least `gap` from the next.
    """
    order = sorted(range(len(values)), key=lambda i: values[i])
    # mean of (value - gap * place in the order), and of how many
    pools: list[tuple[float, int]] = []
    for place, i in enumerate(order):
        mean, n = values[i] - gap * place, 1
        while pools and pools[-1][0] > mean:
            before, m = pools.pop()
            mean, n = (mean * n + before * m) / (n + m), n + m
        pools.append((mean, n))
    starts = [mean for mean, n in pools for _ in range(n)]
    placed = dict(
        zip(order, (start + gap * place for place, start in enumerate(starts)), strict=True)
    )
    return [placed[i] for i in range(len(values))]
