"""The dashboard's own components: tokens, the firing matrix, interventions, streamed texts.

Each is a Python class here and one plain function in static/*.js, on the React that Dash ships; no
build step. The scripts lie in the assets folder, which Dash loads before its renderer. Hovering,
walking, filtering and streaming happen in the browser; a class lists the props that callbacks may use.
"""

from __future__ import annotations

from typing import Any, ClassVar

from dash.development.base_component import Component


class LiveComponent(Component):
    """Base: the namespace, and the checks that a generated Dash component would have."""

    _namespace = "functionscope"
    _children_props: ClassVar[list[str]] = []
    _base_nodes: ClassVar[list[str]] = ["children"]
    _props: ClassVar[tuple[str, ...]] = ()

    def __init__(self, id: str, **props: Any) -> None:
        """`id` as in any Dash component. Raises TypeError for a prop that the component does not have."""
        self._prop_names = ["id", *self._props]
        self._valid_wildcard_attributes: list[str] = []
        self.available_properties = self._prop_names
        self.available_wildcard_properties: list[str] = []
        super().__init__(id=id, **props)


class PromptBox(LiveComponent):
    """Textarea with its tokens live underneath; Ctrl/Cmd+Enter counts up `n_submit`.

    tokens: what POST /api/tokenize answers; problem: a sentence shown instead of the counts.
    """

    _type = "PromptBox"
    _props = ("label", "value", "placeholder", "tokens", "problem", "n_submit", "wait_ms")


class FiringMatrix(LiveComponent):
    """Aligned token strips, the split of their firings, and one row a feature.

    group: name of the channel that the panels beside it listen to. prompts: one or two of
    {prompt, tokens, firings, next: {position: [NextToken]}, splits: {position: Split}}. info: by
    feature_index. Written by the person: locked ("7", "b7" in the second prompt, "none", null = the
    last function token), pins ["sae_id:feature_index"], view {order, locked, only_function, density, find}.
    """

    _type = "FiringMatrix"
    _props = ("group", "prompts", "info", "sae_id", "locked", "pins", "view", "busy")


class NextTokens(LiveComponent):
    """Next-token bars of the pointed-at position, else of the locked one, per prompt."""

    _type = "NextTokens"
    _props = ("group",)


class FiringCompare(LiveComponent):
    """Features firing at the compared position: only in A, in both, only in B; `target` keeps the pins."""

    _type = "FiringCompare"
    _props = ("group", "target")


class FeaturePins(LiveComponent):
    """The pinned features and their way to Steering; `target` keeps the pins."""

    _type = "FeaturePins"
    _props = ("group", "target")


class MatrixLegend(LiveComponent):
    """What the marks of the firing matrix mean."""

    _type = "MatrixLegend"


class TokenStrip(LiveComponent):
    """Token chips to hover, walk and lock. tokens: wire tokens; locked: a position or null."""

    _type = "TokenStrip"
    _props = ("tokens", "locked", "label")


class InterventionRack(LiveComponent):
    """The prompt's tokens with a socket under each, and one card per intervention.

    tokens, last_function: what POST /api/tokenize answers. saes: [{sae_id, layer, d_sae}]. info: by
    "sae_id:feature_index" {words, promoted, act_q999}. limits: {interventions, value}. Written by the
    person: interventions [{uid, sae_id, feature_index, mode, value, positions, on}], include_generated,
    query (a search for features, answered in `results` [{sae_id, feature_index, words, act_q999}]).
    """

    _type = "InterventionRack"
    _props = (
        "tokens",
        "last_function",
        "saes",
        "default_sae",
        "info",
        "limits",
        "interventions",
        "include_generated",
        "query",
        "results",
        "results_for",
        "search_note",
    )


class SteerShift(LiveComponent):
    """Top-20 next tokens, baseline against steered as paired bars, with the KL in nats.

    result: {baseline, steered, kl, sentence, applied_positions, tokens} of POST /api/steer, or null.
    """

    _type = "SteerShift"
    _props = ("result", "busy", "problem")


class SteerStream(LiveComponent):
    """The texts of all arms, streamed from `endpoint` by the browser itself, with a Stop that keeps them.

    request: body of POST /api/steer/stream, or null; auto: run as soon as the request changes; stopped
    is counted up when a stream ends, with `status` done, stopped or failed.
    """

    _type = "SteerStream"
    _props = ("request", "auto", "endpoint", "cancel", "status", "n_ended")


class RunLink(LiveComponent):
    """Button that asks for a recording, then the links: n_clicks; runs [{run_id, url, reused}] or null."""

    _type = "RunLink"
    _props = ("n_clicks", "runs", "busy", "label")
