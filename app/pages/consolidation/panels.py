"""The panels of the consolidation page, empty: callbacks and the cursor's script fill them."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from app.figures.template import CONFIG, blank
from app.parts.panel import graph_exports, panel, skeleton

GRAPHS = ("loss", "features", "degree")  # on one axis of steps: the cursor and the brush are theirs


def timeline() -> Component:
    """The cursor: play, a range over the checkpoints with the stages above it,
    what it stands on.
    """
    cursor = dcc.Input(
        id="consolidation-cursor",
        type="range",
        min=0,
        max=1,
        step=1,
        value=1,
    )
    return html.Div(
        [
            html.Button(
                "▶",
                id="consolidation-play",
                type="button",
                className="fs-button",
                **{"aria-label": "play"},
            ),
            html.Div(
                [
                    html.Div(
                        id="consolidation-stages", className="fs-stages", **{"aria-hidden": "true"}
                    ),
                    html.Label(
                        "checkpoint", htmlFor="consolidation-cursor", className="fs-visually-hidden"
                    ),
                    cursor,
                ],
                className="fs-timeline__track",
                role="group",
                **{"aria-label": "checkpoint", "data-fs-search": ""},
            ),
            html.Output(id="consolidation-readout", className="fs-timeline__readout"),
            html.Button(
                "compare with this", id="consolidation-pin", type="button", className="fs-button"
            ),
        ],
        className="fs-timeline",
        role="group",
        **{"aria-label": "checkpoint cursor"},
    )


def panels(query: dict[str, str]) -> list[Component]:
    """Every panel; `query` says which group, run and sentence are chosen at first."""
    return [_loss(query.get("group")), _here(), *_features(), _sentences(query), _paper()]


def _choice(name: str, label: str, value: str | None, width: str, **more: Any) -> Component:
    """A select whose options come with the data."""
    return dmc.Select(
        id=f"consolidation-{name}",
        data=[],
        value=value,
        size="xs",
        w=width,
        allowDeselect=False,
        **{"aria-label": label},
        **more,
    )


def _graph(name: str, height: int, label: str) -> Component:
    graph = dcc.Graph(
        id=f"consolidation-{name}",
        figure=blank(None),
        config=CONFIG,
        style={"height": f"{height}px"},
    )
    return html.Div(
        graph,
        role="img",
        className="fs-cursored" if name in GRAPHS else "",
        style={"minHeight": f"{height}px"},
        **{"aria-label": label},
    )


def _loss(group: str | None) -> Component:
    return panel(
        "Loss by transition",
        [
            _choice("group", "part of the split", group, "16rem", style={"display": "none"}),
            _graph("loss", 380, "Loss by transition along training"),
            html.Div(id="consolidation-lines-note", className="fs-small"),
        ],
        id="consolidation-loss-panel",
        exports=graph_exports("consolidation-loss"),
        note=skeleton("70%"),
        class_name="fs-consolidation__loss",
    )


def _here() -> Component:
    return panel(
        "At this checkpoint",
        html.Div(id="consolidation-here"),
        id="consolidation-here-panel",
        exports={"table": "consolidation-here"},
        note="Each transition at the cursor: nats per token, share of the total loss, and the "
        "difference to the checkpoint compared with, if one is held.",
        class_name="fs-consolidation__here",
    )


def _features() -> list[Component]:
    named = (
        (
            "features",
            "Features learned",
            "Features that fire and reconstruction score along training",
        ),
        (
            "degree",
            "Function tokens’ share of the edges",
            "Share of edges that belong to function tokens",
        ),
        ("coverage", "Coverage at the cursor", "Coverage by token rank, a line per checkpoint"),
    )
    return [
        panel(
            title,
            _graph(name, 360, label),
            id=f"consolidation-{name}-panel",
            exports=graph_exports(f"consolidation-{name}"),
            note=html.Span(id="consolidation-coverage-step")
            if name == "coverage"
            else skeleton("70%"),
        )
        for name, title, label in named
    ]


def _sentences(query: dict[str, str]) -> Component:
    choices = [
        _choice("run", "training run", query.get("run", "0"), "16rem"),
        _choice("sentence", "sentence", query.get("sentence", "0"), "min(38rem, 100%)"),
    ]
    return panel(
        "What it expects next",
        [
            html.Div(choices, className="fs-consolidation__choice"),
            html.Div(id="consolidation-predictions", className="fs-predictions__box", tabIndex="0"),
            html.Div(id="consolidation-continuations", className="fs-continuations"),
        ],
        id="consolidation-sentence-panel",
        exports={"table": "consolidation-predictions"},
        note="Under each token of the sentence, the most probable next token at each checkpoint; "
        "the bar below it is its probability. A click on a row moves the cursor there. "
        "Below: greedy continuations at the cursor.",
        class_name="fs-consolidation__wide",
    )


def _paper() -> Component:
    return panel(
        "The paper’s own numbers",
        html.Div(id="consolidation-paper", className="fs-scroll-x", tabIndex="0"),
        id="consolidation-paper-panel",
        exports={"table": "consolidation-paper"},
        note=skeleton("70%"),
        class_name="fs-consolidation__wide",
    )
