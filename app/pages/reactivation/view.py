"""The Reactivation page's panels, empty:
the prompts, the matrix, what stands beside it, the index.
"""

from __future__ import annotations

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from app.parts.components import (
    FeaturePins,
    FiringMatrix,
    MatrixLegend,
    NextTokens,
    PrefixBox,
    PromptBox,
    RunLink,
    SourceTrace,
)
from app.parts.panel import panel
from app.parts.prompts.conversation import ConversationBox
from app.parts.prompts.sets import ReactivationIndex

GROUP = "reactivation"
INSPECTED = (
    "reactivation-firings",
    "reactivation-next-panel",
    "reactivation-pins-panel",
    "reactivation-compare-panel",
    "reactivation-source-panel",
)
"""Panels whose numbers are those of POST /api/inspect, a request for each prompt."""


def prompts_panel() -> Component:
    boxes = [
        PromptBox(
            "reactivation-prompt", label="Prompt A", placeholder="Type a prompt; a newline counts."
        ),
        PromptBox(
            "reactivation-second",
            label="Prompt B, lined up with A",
            placeholder="Leave empty for one prompt.",
        ),
    ]
    tools = [
        dmc.Select(id="reactivation-sae", label="SAE", data=[], allowDeselect=False, w=220),
        dmc.NumberInput(
            id="reactivation-generate",
            label="Write on, tokens",
            w=112,
            min=0,
            allowDecimal=False,
            debounce=300,
            value=0,
        ),
        html.Button(
            ["Run ", html.Kbd("Ctrl ↵")], id="reactivation-go", type="button", className="fs-go"
        ),
        html.Button("Built-in pair", id="reactivation-pair", type="button", className="fs-button"),
        dmc.Switch(id="reactivation-shuffled", label="shuffled baseline", size="sm", checked=True),
        RunLink("reactivation-save", label="Save as a run"),
        PrefixBox("reactivation-prefix"),
        ConversationBox("reactivation-talk", asks=True),
        html.P(id="reactivation-stale", role="status", className="fs-stale-note"),
    ]
    return html.Section(
        [
            html.Div(boxes, className="fs-prompts"),
            html.Div(tools, className="fs-live-tools"),
        ],
        className="fs-panel fs-live-prompts",
    )


def matrix_panel() -> Component:
    return panel(
        "Firings, feature by position",
        html.Div(
            [
                MatrixLegend("reactivation-legend", shuffled=True),
                # busy from the first moment, which the panels beside it hear
                FiringMatrix("reactivation-matrix", group=GROUP, prompts=[], info={}, busy=True),
            ]
        ),
        id="reactivation-firings",
        badge="live",
        class_name="fs-live-matrix",
    )


def side_panel() -> Component:
    return html.Div(
        [
            panel(
                "Next token",
                NextTokens("reactivation-next", group=GROUP),
                id="reactivation-next-panel",
                badge="live",
            ),
            panel(
                "Pinned features",
                FeaturePins("reactivation-pins", group=GROUP, target="reactivation-matrix"),
                id="reactivation-pins-panel",
                badge="live",
            ),
        ],
        className="fs-live-side",
    )


def source_panel() -> Component:
    return panel(
        "Which of the source’s features fire again, and where",
        SourceTrace("reactivation-source", group=GROUP, target="reactivation-matrix"),
        id="reactivation-source-panel",
        badge="live",
    )


def index_panel() -> Component:
    return panel(
        "Do they fire again more than the order of words explains?",
        ReactivationIndex(
            "reactivation-index",
            group=GROUP,
            endpoint="/api/reactivation/set/stream",
            cancel="/api/steer/cancel",
            measured=False,
        ),
        id="reactivation-shuffles",
        badge="live",
    )
