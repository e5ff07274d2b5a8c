"""Features on the Steering page: searching for them, and what is known of those plugged in."""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output, State

from app.api import ApiClient, ApiProblem
from app.pages.steer import state as steer_state
from app.parts import steering
from app.parts.prompts.conversation import before
from app.parts.token import name_of
from backend import schemas as wire

FOUND = 12  # features listed by the search
UNKNOWN_STRENGTH = 10.0  # when no build says how strongly a feature fires


async def plugged(api: ApiClient, written: list[steering.Written]) -> list[dict[str, Any]]:
    """Interventions of an address; those without a strength get the feature's 99.9th percentile."""
    plugged = []
    for number, item in enumerate(written):
        given = item.value
        strength = (
            await _typical_strength(api, item.sae_id, item.feature_index)
            if given is None
            else given
        )
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
        "words": [token.text for token in name_of(row)],
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
        Output("steer-rack", "strengths"),
        Input("steer-subjects", "data"),
        State("steer-rack", "info"),
        prevent_initial_call=True,
    )
    async def describe(subjects: dict[str, Any], info: dict[str, Any]) -> Any:
        notes = {key: info.get(key) or await _note(api, key) for key in subjects["features"]}
        return notes, await _strengths(api, subjects)


async def _note(api: ApiClient, key: str) -> dict[str, Any]:
    sae_id, _, feature_index = key.rpartition(":")
    try:
        return feature_note(await api.feature(sae_id, int(feature_index)))
    except ApiProblem as problem:
        return {"problem": problem.detail}


async def _strengths(api: ApiClient, subjects: dict[str, Any]) -> dict[str, Any]:
    """What a strength means for each feature on this prompt; empty where it cannot be asked."""
    keys = [key.rpartition(":") for key in subjects["features"]]
    if not keys or not subjects["prompt"]:
        return {}
    chosen = [
        wire.FeatureChoice(sae_id=sae_id, feature_index=int(index)) for sae_id, _, index in keys
    ]
    told = before(subjects.get("prefix"), subjects["chat"], subjects.get("turns"))
    request = wire.StrengthRequest.model_validate(
        {"prompt": subjects["prompt"], "features": [one.model_dump() for one in chosen]} | told
    )
    try:
        answer = await api.strength(request)
    except ApiProblem:  # the same prompt is asked for its next token: that panel says what is wrong
        return {}
    return {f"{one.sae_id}:{one.feature_index}": one.model_dump() for one in answer.features}
