"""The API as a handful of tools for a language model: what it may ask, and answers kept short.

Names and meanings of the arguments are the wire's, descriptions the client's. A tool differs in
what it answers when nothing is said of how much: the defaults in `fewer`, told in its schema.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, Field

from backend import schemas as wire
from backend.client.client import Client

Answer = dict[str, Any]
STRONGEST = 5  # features told at each position
NEXT = 10  # next tokens told of an arm


class Nothing(wire.Request):
    """No arguments."""


class OneToken(wire.TokenQuery):
    token_id: int = Field(ge=0, description="vocabulary entry, as find_tokens tells it")


class OneFeature(wire.FeatureQuery):
    sae_id: str = Field(description="which SAE, as capabilities tells it")
    feature_index: int = Field(ge=0, description="dictionary entry of that SAE")


class Claims(wire.Request):
    verdict: str | None = Field(
        default=None, description="only claims with it: supported, not supported, inconclusive …"
    )


@dataclass(frozen=True)
class Tool:
    """One thing to ask: its arguments, the client's method, and what of its answer is told."""

    arguments: type[BaseModel]
    call: Callable[..., BaseModel | list[wire.Claim]]
    told: Callable[[Any, Mapping[str, Any]], Answer] = lambda answer, _: _plain(answer)
    fewer: Mapping[str, Any] = field(default_factory=dict)
    say: str = ""

    @property
    def description(self) -> str:
        """The first paragraph of the client's own, and what is different here."""
        paragraph = (self.call.__doc__ or "").split("\n\n")[0]
        return " ".join(f"{paragraph} {self.say}".split())

    @property
    def schema(self) -> dict[str, Any]:
        """JSON schema of the arguments."""
        schema = self.arguments.model_json_schema()
        schema.pop("description", None)
        for name, value in self.fewer.items():
            schema["properties"][name]["default"] = value
        return schema

    def answer(self, client: Client, arguments: Mapping[str, Any]) -> Answer:
        """Plain JSON; ApiError where the server refuses."""
        given = {**self.fewer, **arguments}
        return self.told(self.call(client, **given), given)


def _plain(answer: BaseModel) -> Answer:
    return answer.model_dump(mode="json", exclude_none=True)


def _served(answer: wire.Capabilities, _: Mapping[str, Any]) -> Answer:
    told = {"model", "saes", "live", "live_detail", "limits", "prompts", "theta_grid", "orders"}
    build = None if answer.build is None else answer.build.name
    return answer.model_dump(mode="json", include=told, exclude_none=True) | {"build": build}


def _read(answer: wire.InspectResponse, _: Mapping[str, Any]) -> Answer:
    """The strongest firings at each position instead of all, and the last next tokens."""
    last = max((token.position for token in answer.tokens), default=0)
    at: dict[int, list[Answer]] = {token.position: [] for token in answer.tokens}
    for sae_id, firings in answer.firings.items():
        known = answer.feature_info.get(sae_id, {})
        rows = sorted(
            zip(firings.activation, firings.position, firings.feature_index, strict=True),
            reverse=True,
        )
        for activation, position, index in rows:
            mine = [one for one in at[position] if one["sae_id"] == sae_id]
            if len(mine) < STRONGEST:
                named = known.get(str(index))
                at[position].append(
                    {"sae_id": sae_id, "feature_index": index, "activation": activation}
                    | ({"fires_at": named.name_tokens or named.top_tokens} if named else {})
                )
    told = {"splits", "generated_from", "prefix_length", "effective"}
    return answer.model_dump(mode="json", include=told, exclude_none=True) | {
        "tokens": [
            token.model_dump(mode="json") | {"strongest": at[token.position]}
            for token in answer.tokens
        ],
        "next_tokens": [
            one.model_dump(mode="json") for one in answer.next_tokens if one.position == last
        ],
    }


def _steered(answer: wire.SteerResponse, _: Mapping[str, Any]) -> Answer:
    """Texts and first next tokens of every arm, without the ids and probabilities of the texts."""
    whole = answer.model_dump(mode="json", exclude={"tokens"})
    arms = [whole["baseline"], whole["steered"], *whole["controls"].values()]
    for arm in arms:
        del arm["token_ids"], arm["probabilities"]
        arm["next_tokens"] = arm["next_tokens"][:NEXT]
    return whole


def _claims(answer: list[wire.Claim], given: Mapping[str, Any]) -> Answer:
    """Each claim with what one needs to judge it."""
    told = {"id", "statement", "made_by", "value", "unit", "interval", "n", "n_unit", "verdict"}
    told |= {"control", "control_value", "control_interval", "rule", "plain", "reason", "source"}
    wanted = given.get("verdict")
    rows = [
        one.model_dump(mode="json", include=told, exclude_none=True)
        for one in answer
        if wanted in (None, one.verdict)
    ]
    return {"claims": rows, "of": len(answer)}


def _all_claims(client: Client, verdict: str | None = None) -> list[wire.Claim]:
    return client.claims()


_all_claims.__doc__ = Client.claims.__doc__

TOOLS: dict[str, Tool] = {
    "capabilities": Tool(Nothing, Client.capabilities, _served, say="Ask this first."),
    "coverage": Tool(wire.CoverageQuery, Client.coverage, fewer={"max_rank": 20}),
    "find_tokens": Tool(wire.TokensQuery, Client.tokens, fewer={"limit": 10}),
    "token": Tool(OneToken, Client.token, fewer={"limit": 10, "notes": True}),
    "search_features": Tool(wire.FeaturesQuery, Client.features, fewer={"limit": 10}),
    "feature": Tool(OneFeature, Client.feature, fewer={"limit": 5}),
    "inspect": Tool(
        wire.InspectRequest,
        Client.inspect,
        _read,
        say=f"Told are the {STRONGEST} strongest in each SAE at each position, and the next tokens "
        "after the last.",
    ),
    "steer": Tool(
        wire.SteerRequest,
        Client.steer,
        _steered,
        fewer={"controls": True, "max_new_tokens": 20},
        say="Nothing is kept. Look at the controls before believing an effect.",
    ),
    "lens": Tool(wire.LensRequest, Client.lens, fewer={"k": 5}),
    "claims": Tool(Claims, _all_claims, _claims),
}
