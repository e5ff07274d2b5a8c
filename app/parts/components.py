"""The dashboard's own components: tokens, the firing matrix, interventions, streamed texts.

Each is a Python class here and one plain function under static/js, on the React that Dash ships; no
build step. The scripts lie in the assets folder, which Dash loads before its renderer. Hovering,
walking, filtering and streaming happen in the browser; a class lists the props that callbacks may
use.
"""

from __future__ import annotations

from typing import Any, ClassVar

from dash.development.base_component import Component

_CHOSEN = ("locked", "source", "pins", "view", "busy")  # of a FiringMatrix


class LiveComponent(Component):
    """Base: the namespace, and the checks that a generated Dash component would have."""

    _namespace = "functionscope"
    _children_props: ClassVar[list[str]] = []
    _base_nodes: ClassVar[list[str]] = ["children"]
    _props: ClassVar[tuple[str, ...]] = ()

    def __init__(self, id: str | None = None, **props: Any) -> None:
        """`id` as in any Dash component.

        Raises TypeError for a prop that the component does not have.
        """
        self._prop_names = ["id", *self._props]
        self._valid_wildcard_attributes: list[str] = []
        self.available_properties = self._prop_names
        self.available_wildcard_properties: list[str] = []
        super().__init__(**props if id is None else {"id": id, **props})


class PromptBox(LiveComponent):
    """Textarea with its tokens live underneath; Ctrl/Cmd+Enter counts up `n_submit`.

    tokens: what POST /api/tokenize answers; problem: a sentence shown instead of the counts.
    """

    _type = "PromptBox"
    _props = ("label", "value", "placeholder", "tokens", "problem", "n_submit", "wait_ms")


class PrefixBox(LiveComponent):
    """Examples before the prompt, folded: their text, and where a text ends.

    positions: how many they take; note: a sentence shown with them. Written by the person: value,
    and stop (strings; null = nothing is written here).
    """

    _type = "PrefixBox"
    _props = ("value", "positions", "stop", "note")


class FiringMatrix(LiveComponent):
    """Aligned token strips, the split of their firings, and one row a feature.

    group: name of the channel that the panels beside it listen to. prompts: one or two of
    {prompt, tokens, firings, next: {position: [NextToken]}, splits: {position: Split}}. info: by
    feature_index. baselines: per prompt {position: ShuffledSplit}, or null. Written by the person:
    locked ("7", "5-8", "3.7-9", "b7" in the second prompt, "none", null = the prompt's last
    function token), source ("7", "b7", "none", null = the last token in which two prompts differ),
    pins ["sae_id:feature_index"], view {order, locked, source, only_function, pinned, at_class,
    least, density_from, density, find}.
    """

    _type = "FiringMatrix"
    _props = ("group", "prompts", "info", "sae_id", "baselines", *_CHOSEN)


class NextTokens(LiveComponent):
    """Next-token bars of the pointed-at position, else of the locked one, per prompt."""

    _type = "NextTokens"
    _props = ("group",)


class FiringCompare(LiveComponent):
    """Features firing at the compared position: only in A, in both, only in B;
    `target` keeps the pins.
    """

    _type = "FiringCompare"
    _props = ("group", "target")


class SourceTrace(LiveComponent):
    """Which of the source's features fire again, and where; `target` keeps source, lock, pins."""

    _type = "SourceTrace"
    _props = ("group", "target")


class FeaturePins(LiveComponent):
    """The pinned features and their way to Steering; `target` keeps the pins."""

    _type = "FeaturePins"
    _props = ("group", "target")


class BipartiteGraph(LiveComponent):
    """Two columns of blocks with ribbons between them. view: what GET /api/graph answers, or null.

    Written by the person: path {key, steps ["ranks,orders" of every split]}; it counts where its
    key is pathKey, which callbacks set.
    """

    _type = "BipartiteGraph"
    _props = ("view", "path", "pathKey", "sae_id", "busy")


class MatrixLegend(LiveComponent):
    """What the marks of the firing matrix mean. shuffled:
    the shuffled-context baseline is drawn too.
    """

    _type = "MatrixLegend"
    _props = ("shuffled",)


class TokenStrip(LiveComponent):
    """Token chips to hover, walk and lock. tokens: wire tokens; locked: a position or null."""

    _type = "TokenStrip"
    _props = ("tokens", "locked", "label")


class InterventionRack(LiveComponent):
    """The prompt's tokens with a socket under each, and one card per intervention.

    tokens, last_function: what POST /api/tokenize answers. saes: [{sae_id, layer, d_sae}];
    last_layer: the model's. info: by "sae_id:feature_index" {words, promoted, act_q999}; strengths:
    by the same, what POST /api/strength answers. limits: {interventions, value}. Written by the
    person: interventions [{uid, sae_id, feature_index, mode, value, positions, on}],
    include_generated, freeze_attention, chat, query (a search for features, answered in `results`
    [{sae_id, feature_index, words, act_q999}]).
    """

    _type = "InterventionRack"
    _props = (
        "tokens",
        "last_function",
        "saes",
        "last_layer",
        "default_sae",
        "info",
        "strengths",
        "limits",
        "has_chat",
        "interventions",
        "include_generated",
        "freeze_attention",
        "chat",
        "query",
        "results",
        "results_for",
        "search_note",
    )


class SteerShift(LiveComponent):
    """Top-20 next tokens, baseline against steered as paired bars, with the KL in nats.

    Shows `result` (of POST /api/steer), or asks `endpoint` for the next tokens of `request` itself
    and then tells `accepted`. What `model` (a fingerprint) has answered before is known and not
    asked for again. busy: while the page is still to say what it asks for.
    """

    _type = "SteerShift"
    _props = ("result", "request", "endpoint", "model", "accepted", "busy")


class SteerStream(LiveComponent):
    """The texts of all arms, streamed from `endpoint` by the browser itself,
    with a Stop that keeps them.

    newest: what the page asks for now; texts of anything else are dimmed. request: what may be
    written, a body of POST /api/steer in which `samples` counts the seeded texts beside the greedy
    one, or null; auto: write as soon as it changes. tokens, saes, last_layer: as in
    InterventionRack; model: as in SteerShift. When a run ends, n_ended is counted up and status is
    done, stopped or failed.
    """

    _type = "SteerStream"
    _props = (
        "newest",
        "request",
        "auto",
        "endpoint",
        "cancel",
        "model",
        "tokens",
        "saes",
        "last_layer",
        "status",
        "n_ended",
    )


class ArmTexts(LiveComponent):
    """The texts of a recorded steering, each token with its probability. run:
    as in static/js/steering/texts.js.

    tokens: the prompt's.
    """

    _type = "ArmTexts"
    _props = ("run", "tokens")


class SteerSweep(LiveComponent):
    """One plugged-in feature over strengths and positions: maps of the KL and of a target;
    cells open the texts.

    endpoint, cancel: as in SteerStream. request: the page's settings; tokens, last_function,
    strengths, saes, last_layer, interventions: as in InterventionRack; most_cells: the server's
    limit. Written
    by the person: settings {open, sweep, strengths, at, target} and `body`, the request that was
    sent; `code` {curl, python} reproduces it. target_rack: whose interventions a cell's button
    changes.
    """

    _type = "SteerSweep"
    _props = (
        "endpoint",
        "cancel",
        "request",
        "tokens",
        "last_function",
        "strengths",
        "saes",
        "last_layer",
        "interventions",
        "most_cells",
        "settings",
        "body",
        "code",
        "target_rack",
    )


class TraitFinder(LiveComponent):
    """The search for a trait's feature,
    from contrast prompts to a rate with its interval, as it goes along.

    endpoint, cancel: as in SteerStream. Written by the person: settings {find, trait, contrast,
    test, success, ask, induces, length} and `body`, the request that was sent; `code` {curl,
    python} reproduces it.
    request: the page's, whose prefix and stops hold here too. target_rack, target_prompt: where
    "put it in the socket" puts it. most_prompts: the server's
    limit.
    """

    _type = "TraitFinder"
    _props = (
        "endpoint",
        "cancel",
        "request",
        "saes",
        "most_prompts",
        "settings",
        "defaults",
        "body",
        "code",
        "interventions",
        "target_rack",
        "target_prompt",
    )


class RunLink(LiveComponent):
    """Button that asks for a recording, then the links: n_clicks;
    runs [{run_id, url, reused, holds}] or null.

    title: what is recorded, as a hint.
    """

    _type = "RunLink"
    _props = ("n_clicks", "runs", "busy", "label", "title")
