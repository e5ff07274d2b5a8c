"""Feature, `/feature/{sae_id}/{feature_index}`:
when it fires, on what, towards what, and what is near it.

Address (non-default values only): `quantile`, a band of the examples; `token`, examples at this
token_id.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from app.api import ApiClient, ApiProblem
from app.base import at
from app.figures.feature import histogram_figure
from app.figures.template import CONFIG, blank
from app.links import reproduce_get
from app.pages.feature.examples import (
    BANDS,
    band_control,
    example_list,
    matched_words,
    token_control,
)
from app.pages.feature.own_label import OwnLabel
from app.pages.feature.sections import (
    effects,
    firing_tables,
    head,
    histogram_words,
    nearest,
    nearest_words,
)
from app.parts.controls import address_complaints, not_known
from app.parts.page import Page
from app.parts.panel import graph_exports, notice, panel, skeleton
from app.parts.still import still
from app.parts.urls import feature_api
from backend.schemas import FeatureDetail

EXAMPLES = 12


async def layout(sae_id: str = "", feature_index: str = "", **query: str) -> Component:
    asked = {"sae_id": sae_id, "feature_index": feature_index, **query}
    index = int(feature_index) if feature_index.isdecimal() else None
    own = [] if index is None else [OwnLabel("feature-label", sae_id=sae_id, feature_index=index)]
    return html.Article(
        [
            dcc.Store(id="feature-asked", data=asked),
            html.Div(skeleton("30%", "70%"), id="feature-head", className="fs-browse-head"),
            html.Div(id="feature-complaints"),
            html.Div(_panels(own), id="feature-body", className="fs-browse fs-feature-page"),
        ],
        id="feature-page",
        className="fs-browse-page",
    )


def _panels(own: Sequence[Component]) -> list[Component]:
    wait = skeleton("100%", "90%", "95%")
    return [
        *own,
        _histogram_panel(),
        _panel(
            "tokens",
            "Tokens that fire it",
            wait,
            "Up to ten each: by firings, and by the largest single activation.",
        ),
        _panel("effects", "Next tokens that it promotes and suppresses", wait, EFFECT_NOTE),
        _panel("nearest", "Nearest features", wait, skeleton("60%")),
        panel(
            "Where it fires",
            [
                html.Div(id="feature-example-controls", className="fs-browse-bar"),
                html.Div(wait, id="feature-examples"),
            ],
            id="feature-examples-panel",
            note=skeleton("60%"),
            class_name="fs-browse__examples",
        ),
    ]


EFFECT_NOTE = (
    "Change of a token's logit per unit of activation, through the final norm's gain and the "
    "unembedding; the norm's division by the residual's size is left out, so compare within one "
    "feature."
)


def _panel(name: str, title: str, wait: Component, note: Component | str) -> Component:
    body = html.Div(wait, id=f"feature-{name}")
    return panel(
        title,
        body,
        id=f"feature-{name}-panel",
        note=note,
        exports={"table": f"feature-{name}"},
        class_name=f"fs-browse__{name}",
    )


def _histogram_panel() -> Component:
    graph = dcc.Graph(
        id="feature-histogram", figure=blank(None), config=CONFIG, style={"height": "300px"}
    )
    return panel(
        "How strongly it fires",
        html.Div(
            graph, role="img", **{"aria-label": "Histogram of its activations, quarter octaves"}
        ),
        id="feature-histogram-panel",
        exports=graph_exports("feature-histogram"),
        note=skeleton("60%"),
        class_name="fs-browse__histogram",
    )


PANELS = ("histogram", "tokens", "effects", "nearest")
_SHOWN = (
    Output("feature-head", "children"),
    Output("feature-complaints", "children"),
    Output("feature-body", "hidden"),
    Output("feature-histogram", "figure"),
    Output("feature-histogram-panel-note", "children"),
    Output("feature-tokens", "children"),
    Output("feature-effects", "children"),
    Output("feature-nearest", "children"),
    Output("feature-nearest-panel-note", "children"),
    Output("feature-example-controls", "children"),
)


def register(app: Dash, api: ApiClient) -> None:
    _register_feature(app, api)
    _register_examples(app, api)
    app.clientside_callback(
        ClientsideFunction("browse", "writeFeature"),
        Output("feature-complaints", "title"),
        Input("feature-quantile", "value"),
        Input("feature-token", "value"),
        prevent_initial_call=True,
    )


def _register_feature(app: Dash, api: ApiClient) -> None:
    codes = [
        Output(f"feature-{name}-panel-{kind}", "children")
        for name in PANELS
        for kind in ("curl", "python")
    ]

    @app.callback(
        *_SHOWN,
        *codes,
        Input("feature-asked", "data"),
        Input("frame-scheme", "data"),
        State("frame-location", "href"),
    )
    async def show_feature(
        asked: dict[str, str], scheme: str | None, href: str | None
    ) -> tuple[Any, ...]:
        try:
            feature = await _read(api, asked)
        except ApiProblem as problem:
            told = notice("No such feature", [f"{problem.detail} ", _way_out()], kind="problem")
            return (
                None,
                told,
                True,
                blank(scheme),
                None,
                None,
                None,
                None,
                None,
                None,
                *[""] * len(codes),
            )
        code = reproduce_get(href, feature_api(feature.sae_id, feature.feature_index), {"limit": 0})
        figure = histogram_figure(
            feature.histogram or [], scheme, mean=feature.mean_activation, q999=feature.act_q999
        )
        return (
            still(head(feature)),
            _complaints(asked, feature),
            False,
            figure if feature.histogram else blank(scheme),
            histogram_words(feature),
            still(firing_tables(feature)),
            still(effects(feature)),
            still(nearest(feature)),
            nearest_words(feature),
            [band_control(asked), token_control(feature, asked)],
            *(code[kind] for _ in PANELS for kind in ("curl", "python")),
        )


async def _read(api: ApiClient, asked: dict[str, str]) -> FeatureDetail:
    index = asked["feature_index"]
    if not index.isdecimal() or int(index) >= 2**31:
        raise ApiProblem(404, "No such feature", f"{index!r}: a feature_index is a whole number.")
    return await api.feature(asked["sae_id"], int(index), limit=1)


def _way_out() -> Component:
    return dcc.Link("Search the features.", href=at("/features"))


def _complaints(asked: dict[str, str], feature: FeatureDetail) -> Component | None:
    said = not_known(asked, ("sae_id", "feature_index", "quantile", "token"))
    if asked.get("quantile", "all") not in BANDS:
        said.append(
            f"quantile: got {asked['quantile']!r}, allowed are {', '.join(BANDS)}; showing all"
        )
    token = asked.get("token")
    if token is not None and token not in [str(one.token_id) for one in feature.example_tokens]:
        said.append(f"token: no text is stored in which it fires at token {token!r}")
    missing = feature.details_missing
    lacks = notice("Some of this page is not here", missing) if missing else None
    notices = [one for one in (address_complaints(said), lacks) if one is not None]
    return html.Div(notices) if notices else None


def _register_examples(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("feature-examples", "children"),
        Output("feature-examples-panel-note", "children"),
        Output("feature-examples-panel-curl", "children"),
        Output("feature-examples-panel-python", "children"),
        Input("feature-quantile", "value"),
        Input("feature-token", "value"),
        State("feature-asked", "data"),
        State("frame-location", "href"),
    )
    async def show_examples(
        band: str | None, token: str | None, asked: dict[str, str], href: str | None
    ) -> Any:
        if band is None:
            return (no_update,) * 4
        low, high = BANDS[band][1]
        query: dict[str, int | float | None] = {}
        if band != "all":
            query |= {"min_quantile": low, "max_quantile": high}
        if token not in (None, "any"):
            query["token_id"] = int(token or 0)
        feature = await api.feature(
            asked["sae_id"], int(asked["feature_index"]), limit=EXAMPLES, **query
        )
        given = {
            name: value for name, value in {"limit": EXAMPLES, **query}.items() if value is not None
        }
        code = reproduce_get(href, feature_api(feature.sae_id, feature.feature_index), given)
        return (
            still(example_list(feature)),
            matched_words(feature, band),
            code["curl"],
            code["python"],
        )


PAGE = Page("/feature/<sae_id>/<feature_index>", "Feature", layout, register)
