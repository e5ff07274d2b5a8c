"""Figures of the consolidation page: losses, features and coverage along training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.figures.template import name_axes, part_annotations, template
from app.theme import Palette, layer_colours, palette
from backend.schemas import CheckpointCoverage, CheckpointFeaturesRow, LossResponse, LossRow

TRANSITIONS = {"fc": "f→c", "cc": "c→c", "all": "all", "ff": "f→f", "cf": "c→f"}
MEASURES = {
    "mean": "loss, nats per token",
    "share": "share of total loss",
    "excess": "nats above the bigram baseline",
}
RECIPES = {"fixed": "fixed k", "equal_score": "equal score", "width": "other widths"}
ZERO = 0.5  # where step 0 stands on a logarithmic axis


@dataclass(frozen=True)
class StepAxis:
    """How steps become places: log, linear, or share (of each run's last step)."""

    kind: str
    last: int

    def place(self, step: int, last: int | None = None) -> float:
        """Where `step` stands; `last` is the run's own last step, for the share."""
        if self.kind == "log":
            return max(float(step), ZERO)
        return step / (last or self.last) if self.kind == "share" else float(step)

    def layout(self) -> dict[str, Any]:
        """The axis for Plotly, ticked at 0, powers of ten and the last step."""
        if self.kind == "share":
            return {
                "tickformat": ".0%",
                "title": {"text": "share of the run"},
                "range": [-0.01, 1.08],
            }
        if self.kind == "linear":
            return {
                "title": {"text": "training step"},
                "range": [-0.01 * self.last, 1.08 * self.last],
            }
        powers = [10**i for i in range(len(str(self.last)))]
        return {
            "type": "log",
            "tickvals": [ZERO, *powers],
            "ticktext": ["0", *(f"{power:,}" for power in powers)],
            "title": {"text": "training step"},
            "range": [-0.42, math.log10(self.last * 2.1)],
        }


def transition_colour(name: str, ink: Palette) -> str:
    """By the class of the target: amber for function, blue for content;
    paler when the current token is content.
    """
    if name == "all":
        return ink.muted
    colour = ink.content if name.endswith("c") else ink.function
    return colour if name.startswith("f") else _mixed(colour, ink.panel, 0.42)


def _mixed(colour: str, with_: str, share: float) -> str:
    ends = (bytes.fromhex(one[1:]) for one in (colour, with_))
    return "#" + bytes(round(a * (1 - share) + b * share) for a, b in zip(*ends, strict=True)).hex()


def measured(row: LossRow, measure: str) -> float | None:
    """What a measure plots of a row; None where the row lacks it."""
    return {"mean": row.loss, "share": row.share_of_loss, "excess": row.excess}[measure]


def loss_figure(
    answer: LossResponse,
    scheme: str | None,
    axis: StepAxis,
    *,
    measure: str,
    lines: Sequence[str],
    group: str | None = None,
    paper: bool = False,
) -> go.Figure:
    """A line per transition: the deepest model solid, others dotted with the range of their seeds.

    `paper` lays the paper's curves over it (mean loss only, on the share axis).
    """
    figure = go.Figure(
        layout={"template": template(scheme), "hovermode": "x unified", "dragmode": "zoom"}
    )
    ink = palette(scheme)
    deepest = answer.runs[0].model if answer.runs else ""
    for model in dict.fromkeys(run.model for run in answer.runs):
        rows = [row for row in answer.rows if row.model == model and row.group == group]
        for name in lines:
            chosen = [row for row in rows if row.transition == name]
            _add_loss(
                figure, chosen, axis, measure, transition_colour(name, ink), model, model == deepest
            )
    if paper and measure == "mean" and axis.kind == "share":
        _add_paper(figure, answer, lines, ink)
    figure.update_xaxes(**axis.layout())
    percent = {"tickformat": ".0%"} if measure == "share" else {}
    figure.update_yaxes(
        title={"text": MEASURES[measure]}, rangemode="tozero", fixedrange=True, **percent
    )
    part_annotations(figure)
    figure.update_layout(margin={"l": 54, "r": 20, "t": 10, "b": 40})
    return figure


def _add_loss(
    figure: go.Figure,
    rows: Sequence[LossRow],
    axis: StepAxis,
    measure: str,
    colour: str,
    model: str,
    strong: bool,
) -> None:
    by_step: dict[int, list[float]] = {}
    for row in rows:
        value = measured(row, measure)
        if value is not None:
            by_step.setdefault(row.step, []).append(value)
    if not by_step:
        return
    steps = sorted(by_step)
    xs = [axis.place(step, steps[-1]) for step in steps]
    means = [sum(by_step[step]) / len(by_step[step]) for step in steps]
    seeds = max(len(values) for values in by_step.values())
    name = f"{TRANSITIONS[rows[0].transition]} · {model}" + (
        f", mean of {seeds} seeds" if seeds > 1 else ""
    )
    if seeds > 1:
        _add_band(
            figure, xs, [min(by_step[s]) for s in steps], [max(by_step[s]) for s in steps], colour
        )
    shown = "%{y:.1%}" if measure == "share" else "%{y:.3f}"
    figure.add_scatter(
        x=xs,
        y=means,
        mode="lines",
        name=name,
        line={
            "color": colour,
            "width": 2.2 if strong else 1.5,
            "dash": "solid" if strong else "dot",
        },
        hovertemplate=f"{shown}<extra>{name}</extra>",
    )
    if strong:
        figure.add_annotation(
            x=_annotated(xs[-1], axis),
            y=means[-1],
            text=TRANSITIONS[rows[0].transition],
            xanchor="left",
            xshift=5,
            showarrow=False,
            font={"size": 11.5, "color": colour},
        )


def _annotated(x: float, axis: StepAxis) -> float:
    """Annotations on a logarithmic axis take the logarithm."""
    return math.log10(x) if axis.kind == "log" else x


def _add_band(
    figure: go.Figure,
    xs: Sequence[float],
    lows: Sequence[float],
    highs: Sequence[float],
    colour: str,
) -> None:
    figure.add_scatter(
        x=[*xs, *reversed(xs)],
        y=[*highs, *reversed(lows)],
        fill="toself",
        mode="lines",
        line={"width": 0},
        fillcolor=_faint(colour),
        hoverinfo="skip",
    )


def _faint(colour: str) -> str:
    red, green, blue = bytes.fromhex(colour[1:])
    return f"rgba({red},{green},{blue},0.16)"


def _add_paper(figure: go.Figure, answer: LossResponse, lines: Sequence[str], ink: Palette) -> None:
    for curve in answer.paper:
        if curve.transition not in lines or not curve.steps:
            continue
        last = curve.steps[-1]
        name = f"{TRANSITIONS[curve.transition]} · paper, {curve.model}"
        figure.add_scatter(
            x=[step / last for step in curve.steps],
            y=curve.losses,
            mode="lines+markers",
            name=name,
            line={"color": transition_colour(curve.transition, ink), "width": 0.9},
            marker={"size": 4, "symbol": "circle-open" if curve.model == "8B" else "x-thin-open"},
            hovertemplate=f"%{{y:.2f}}<extra>{name}</extra>",
        )


def features_figure(
    rows: Sequence[CheckpointFeaturesRow], scheme: str | None, axis: StepAxis
) -> go.Figure:
    """Above, features that fire on the sample, a line per recipe;
    below, the reconstruction score.
    """
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, row_heights=[0.66, 0.34], vertical_spacing=0.06
    )
    figure.update_layout(template=template(scheme), hovermode="closest", dragmode="zoom")
    ink = palette(scheme)
    styles = {
        "fixed": (ink.reactivated, "solid"),
        "equal_score": (ink.content, "dash"),
        "width": (ink.special, "dot"),
    }
    main = main_model(rows)
    for width in sorted({row.d_sae for row in rows}):
        figure.add_hline(y=width, line={"color": ink.line, "width": 1, "dash": "dot"}, row=1, col=1)
        figure.add_annotation(
            x=1,
            xref="x domain",
            y=width,
            text=f"of {width:,}",
            xanchor="left",
            xshift=4,
            showarrow=False,
            font={"size": 10.5, "color": ink.muted},
            row=1,
            col=1,
        )
    for recipe, (colour, dash) in styles.items():
        chosen = [row for row in rows if row.recipe == recipe and row.model == main]
        if chosen:
            _add_counts(figure, chosen, axis, colour, dash, recipe)
    for model in dict.fromkeys(row.model for row in rows if row.model != main):
        others = [row for row in rows if row.model == model and row.recipe == "fixed"]
        if others:
            _add_counts(figure, others, axis, ink.muted, "dot", "fixed")
    figure.update_xaxes(**axis.layout())
    figure.update_xaxes(title={"text": ""}, row=1, col=1)
    figure.update_yaxes(
        title={"text": "features that fire"}, rangemode="tozero", fixedrange=True, row=1, col=1
    )
    figure.update_yaxes(title={"text": "score"}, range=[0, 1.02], fixedrange=True, row=2, col=1)
    figure.update_layout(margin={"l": 54, "r": 56, "t": 10, "b": 40})
    return figure


def _add_counts(
    figure: go.Figure,
    rows: Sequence[CheckpointFeaturesRow],
    axis: StepAxis,
    colour: str,
    dash: str,
    recipe: str,
) -> None:
    last = max(row.step for row in rows)
    for row_number, value in ((1, "n_features"), (2, "reconstruction_score")):
        steps = sorted({row.step for row in rows})
        if recipe != "width":
            means = [
                _mean([getattr(row, value) for row in rows if row.step == step]) for step in steps
            ]
            xs = [axis.place(step, last) for step in steps]
            line = {"color": colour, "width": 2, "dash": dash}
            figure.add_scatter(
                x=xs, y=means, mode="lines", line=line, hoverinfo="skip", row=row_number, col=1
            )
        figure.add_scatter(
            x=[axis.place(row.step, last) for row in rows],
            y=[getattr(row, value) for row in rows],
            mode="markers",
            marker={
                "size": 6,
                "color": colour,
                "symbol": "diamond" if recipe == "width" else "circle",
            },
            text=[_count_words(row) for row in rows],
            hovertemplate="%{text}<extra></extra>",
            row=row_number,
            col=1,
        )


def main_model(rows: Sequence[CheckpointFeaturesRow]) -> str:
    """The model with the most SAEs: the one that is drawn in colour. Empty without rows."""
    models = [row.model for row in rows]
    return max(dict.fromkeys(models), key=models.count, default="")


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _count_words(row: CheckpointFeaturesRow) -> str:
    low, high = row.interval
    return (
        f"{row.model}, step {row.step:,} · {RECIPES[row.recipe]}, SAE seed {row.seed}<br>"
        f"{row.n_features:,} of {row.d_sae:,} features [{low:,.0f}, {high:,.0f}]<br>"
        f"L0 {row.l0:.1f} · score {row.reconstruction_score:.3f} · n = {row.n_positions:,} "
        "positions"
    )


def function_degree_figure(
    rows: Sequence[CheckpointFeaturesRow], scheme: str | None, axis: StepAxis
) -> go.Figure:
    """Function tokens' share of all token-feature edges along training, with its interval."""
    figure = go.Figure(
        layout={"template": template(scheme), "hovermode": "closest", "dragmode": "zoom"}
    )
    ink = palette(scheme)
    for recipe, colour in (("fixed", ink.function), ("equal_score", ink.content)):
        chosen = [row for row in rows if row.recipe == recipe and row.model == main_model(rows)]
        if not chosen:
            continue
        last = max(row.step for row in chosen)
        shares = [row.function_share for row in chosen]
        figure.add_scatter(
            x=[axis.place(row.step, last) for row in chosen],
            y=shares,
            mode="markers",
            marker={"size": 6, "color": colour},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [row.function_interval[1] - row.function_share for row in chosen],
                "arrayminus": [row.function_share - row.function_interval[0] for row in chosen],
                "color": colour,
                "thickness": 1,
                "width": 0,
            },
            text=[
                f"step {row.step:,} · {RECIPES[row.recipe]}<br>{row.function_share:.1%} of "
                f"{row.n_edges:,} edges<br>mean degree: function {row.function_degree:,.0f}, "
                f"content {row.content_degree:,.1f}"
                for row in chosen
            ],
            hovertemplate="%{text}<extra></extra>",
        )
    figure.update_xaxes(**axis.layout())
    figure.update_yaxes(
        tickformat=".0%", rangemode="tozero", fixedrange=True, title={"text": "share of edges"}
    )
    figure.update_layout(margin={"l": 54, "r": 20, "t": 10, "b": 40})
    return figure


def step_coverage_figure(answer: CheckpointCoverage, recipe: str, scheme: str | None) -> go.Figure:
    """Coverage by rank, a faint line per checkpoint, early to late;
    the page draws the cursor's strong.

    Each trace's `meta` holds its step.
    """
    figure = go.Figure(layout={"template": template(scheme), "hovermode": "closest"})
    found = [curve for curve in answer.curves if curve.recipe == recipe]
    models = [curve.model for curve in found]
    curves = [curve for curve in found if curve.model == max(models, key=models.count)]
    first_seed = min((curve.seed for curve in curves), default=0)
    curves = sorted(
        (curve for curve in curves if curve.seed == first_seed), key=lambda curve: curve.step
    )
    ink = palette(scheme)
    for curve, colour in zip(curves, layer_colours(scheme, len(curves)), strict=True):
        figure.add_scatter(
            x=answer.ranks,
            y=curve.coverage,
            mode="lines",
            line={"color": colour, "width": 1.2},
            opacity=0.35,
            meta=curve.step,
            hovertemplate=f"step {curve.step:,}, first %{{x:,}}: %{{y:.1%}} of "
            f"{curve.n_features:,}<extra></extra>",
        )
    if answer.n_function:
        line = {"color": ink.function, "width": 1, "dash": "dot"}
        figure.add_vline(x=answer.n_function, line=line)
    figure.update_xaxes(type="log", title={"text": "first k tokens"}, fixedrange=True)
    figure.update_yaxes(tickformat=".0%", range=[0, 1.02], fixedrange=True)
    name_axes(figure, y="share of features reached")
    return figure
