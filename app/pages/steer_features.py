"""Features on the Steering page: searching for them, and what is known of those plugged in."""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output, State, no_update

from app.api import ApiClient, ApiProblem
from app.pages import steer_state
from backend import schemas as wire

FOUND = 12  # features listed by the search
UNKNOWN_STRENGTH = 10.0  # when no build says how strongly a feature fires


async def plugged(api: ApiClient, written: list[steer_state.Written]) -> list[dict[str, Any]]:
    """Interventions of an address; those without a strength get the feature's 99.9th percentile."""
    plugged = []
    for number, item in enumerate(written):
        given = item.value
        strength = await _typical_strength(api, item.sae_id, item.feature_index) if given is None else given
        plugged.append(steer_state.as_prop(item, f"u{number}", strength))
    return plugged


async def _typical_strength(api: ApiClient, sae_id: str, feature_index: int) -> float:
    try:
        known = (await api.feature(sae_id, feature_index)).act_q999
    except ApiProblem:  # no build, or one without this SAE: the page says so at the card
        known = None
    return float(f"{known:.3g}") if known else UNKNOWN_STRENGTH


def feature_note(row: wire.FeatureRow) -> dict[str, Any]:
    """What the rack shows of a feature."""
    return {
        "sae_id": row.sae_id,
        "feature_index": row.feature_index,
        "words": [token.text for token in row.top_tokens[:4]],
        "promoted": [token.text for token in row.promoted_tokens[:5]],
        "act_q999": row.act_q999,
    }


def register(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("steer-rack", "results"),
        Output("steer-rack", "results_for"),
        Output("steer-rack", "search_note"),
        Input("steer-rack", "query"),
        prevent_initial_call=True,
    )
    async def search(query: dict[str, str]) -> tuple[Any, ...]:
        sae_id, text = query["sae_id"], query["text"]
        asked = f"{sae_id}:{text}"
        if not text:
            return [], asked, None
        try:
            found = await api.features(sae_id, q=text.removeprefix(f"{sae_id}:"), limit=FOUND)
        except ApiProblem as problem:
            return [], asked, problem.detail
        return [feature_note(row) for row in found.features], asked, None

    @app.callback(
        Output("steer-rack", "info"),
        Input("steer-rack", "interventions"),
        State("steer-rack", "info"),
        prevent_initial_call=True,
    )
    async def describe(interventions: list[dict[str, Any]], info: dict[str, Any]) -> Any:
        keys = {f"{it['sae_id']}:{it['feature_index']}": it for it in interventions}
        missing = {key: it for key, it in keys.items() if key not in info}
        if not missing:
            return no_update
        for key, it in missing.items():
            try:
                info[key] = feature_note(await api.feature(it["sae_id"], it["feature_index"]))
            except ApiProblem as problem:
                info[key] = {"problem": problem.detail}
        return info
