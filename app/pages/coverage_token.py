"""The coverage page's drawer: one token's frequency, degree per layer and most frequent features."""

from __future__ import annotations

import asyncio
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, ctx, html, no_update
from dash.development.base_component import Component

from app.api import ApiClient, ApiProblem
from app.frame import notice, token_chip, visible
from app.tables import percent
from backend.schemas import FeatureRow, TokenDetail, TokenEdge, TokenLayer

STRONGEST = 8


def drawer() -> Component:
    return dmc.Drawer(
        id="coverage-drawer",
        opened=False,
        position="right",
        size=480,
        title="Token",
        overlayProps={"backgroundOpacity": 0.12},
        closeButtonProps={"aria-label": "close"},
    )


def register(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("coverage-drawer", "opened"),
        Output("coverage-drawer", "children"),
        Output("coverage-token", "data"),
        Input("coverage-table", "selectedRows"),
        Input("coverage-drawer", "opened"),
        Input("coverage-state", "data"),
        State("coverage-token", "data"),
        prevent_initial_call=True,
    )
    async def show_token(
        rows: list[dict[str, Any]] | None, opened: bool, state: dict[str, str] | None, token: int | None
    ) -> Any:
        if state is None:
            return no_update, no_update, no_update
        sae_id = state["sae"]
        if ctx.triggered_id == "coverage-drawer" and not opened:
            return False, None, None
        if ctx.triggered_id == "coverage-table" and rows:
            token = rows[0]["token_id"]
        if token is None:
            return False, None, None
        try:
            detail = await api.token(token, limit=STRONGEST)
            features = await _read_features(api, detail, sae_id)
        except ApiProblem as problem:
            return True, notice(problem.title, problem.detail, kind="problem"), token
        return True, _token_detail(detail, sae_id, features), token


async def _read_features(api: ApiClient, detail: TokenDetail, sae_id: str) -> list[FeatureRow]:
    layer = next(layer for layer in detail.layers if layer.sae_id == sae_id)
    found = await asyncio.gather(*(api.feature(sae_id, edge.feature_index, limit=0) for edge in layer.edges))
    return list(found)


def _token_detail(detail: TokenDetail, sae_id: str, features: list[FeatureRow]) -> Component:
    shown = next(layer for layer in detail.layers if layer.sae_id == sae_id)
    facts = (
        ("class", detail.token_class or "unknown"),
        ("frequency rank", f"{detail.rank:,}" if detail.rank else "special: not ranked"),
        ("occurrences", f"{detail.occurrences:,} ({percent(detail.share, 2)})"),
        ("documents", f"{detail.documents:,} ({percent(detail.document_coverage)})"),
        ("token id", str(detail.token_id)),
    )
    known = {feature.feature_index: feature for feature in features}
    return html.Div(
        [
            html.Div(
                token_chip(detail.text, detail.token_class or "special", detail.token_id), className="fs-big-token"
            ),
            html.Dl([html.Div([html.Dt(name), html.Dd(value)]) for name, value in facts], className="fs-facts-list"),
            html.H3("Degree per layer"),
            html.Div([_degree_bar(layer, detail.layers) for layer in detail.layers], className="fs-bars"),
            html.H3(f"Features that it fires most often, layer {shown.layer}"),
            html.Ol([_feature(edge, known[edge.feature_index]) for edge in shown.edges], className="fs-features")
            if shown.edges
            else html.P("It fires no feature of this SAE in the corpus.", className="fs-small"),
        ]
    )


def _degree_bar(layer: TokenLayer, layers: list[TokenLayer]) -> Component:
    most = max(one.degree for one in layers) or 1
    return html.Div(
        [
            html.Span(f"layer {layer.layer}"),
            html.Span(className="fs-bar", style={"width": f"{100 * layer.degree / most:.1f}%"}),
            html.Span(f"{layer.degree:,}", className="fs-num"),
        ],
        className="fs-bars__row",
        title=f"{layer.sae_id}: {layer.degree:,} features with at least one firing on this token",
    )


def _feature(edge: TokenEdge, feature: FeatureRow) -> Component:
    promoted = ", ".join(visible(token.text) for token in feature.promoted_tokens[:5])
    fired_by = [token_chip(t.text, t.token_class or "special", t.token_id) for t in feature.top_tokens[:5]]
    return html.Li(
        [
            html.Div(
                [
                    html.Strong(f"{edge.feature_index}", className="fs-num"),
                    html.Span(
                        f"{edge.n_firings:,} firings here, {feature.n_firings:,} in all",
                        className="fs-num fs-small",
                        title=f"mean activation {edge.mean_activation:.3g}, largest {edge.act_max:.3g}",
                    ),
                ],
                className="fs-features__head",
            ),
            html.Div([html.Span("fired by "), *fired_by], className="fs-chips"),
            html.Div(["promotes ", html.Span(promoted or "nothing known", className="fs-mono")], className="fs-small"),
        ]
    )
