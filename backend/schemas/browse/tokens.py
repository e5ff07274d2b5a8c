"""Tokens of a build, with what fires at them."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from backend.schemas.base import Response
from backend.schemas.naming import Named, TokenRef


class TokenRow(TokenRef):
    occurrences: int = Field(description="positions in the corpus")
    documents: int = Field(description="documents that contain it at least once")
    document_coverage: float = Field(description="documents / all documents of the corpus")
    rank: int | None = Field(description="1 = most frequent; null for special tokens")
    share: float = Field(description="occurrences / all non-special occurrences")
    cumulative: float | None = Field(description="sum of shares down to this rank")


class TokenPage(Response):
    tokens: list[TokenRow] = Field(description="this page of rows")
    total: int = Field(description="rows that match, on all pages")
    effective: dict[str, Any] = Field(description="the query as applied")


class FeatureNote(Named):
    """A feature in a few words, where it is listed."""

    n_firings: int = Field(description="corpus positions at which it fires, at any token")
    density: float = Field(description="n_firings / non-special corpus positions")
    n_tokens: int = Field(description="distinct tokens it has an edge to")
    top_tokens: list[TokenRef] = Field(description="up to 5 tokens that fire it most often")
    promoted_tokens: list[TokenRef] = Field(
        description="up to 5 next tokens its direction raises most"
    )


class TokenEdge(Response):
    feature_index: int = Field(description="dictionary entry of the SAE")
    n_firings: int = Field(description="corpus positions of this token at which it fires")
    mean_activation: float = Field(description="mean over those positions")
    act_max: float = Field(description="largest over those positions")
    share_of_token: float = Field(
        default=0.0, description="n_firings / positions of the token: how often it fires there"
    )
    share_of_feature: float | None = Field(
        default=None,
        description="n_firings / firings of the feature at all tokens; null without notes",
    )
    note: FeatureNote | None = Field(
        default=None, description="the feature itself; null without notes"
    )


class TokenLayer(Response):
    sae_id: str = Field(description="which SAE")
    layer: int = Field(description="residual stream after this decoder layer")
    degree: int = Field(description="features with at least min_count = 1 firing on this token")
    degree_place: int | None = Field(
        default=None,
        description="1 = no token has a larger degree in this SAE; null for special tokens",
    )
    n_active: int = Field(
        default=0, description="features of this SAE that fire anywhere in the corpus"
    )
    n_exclusive: int = Field(default=0, description="features that no other token reaches")
    exclusive: list[TokenEdge] = Field(
        default=[], description="those, most firings first, up to `limit`"
    )
    n_listed: int = Field(default=0, description="edges of the build's edges_from firings or more")
    edges: list[TokenEdge] = Field(description="in the order asked, up to `limit`")


class TokenDetail(TokenRow):
    layers: list[TokenLayer] = Field(
        description="one entry per SAE of the build, or the one asked for"
    )
    neighbours: list[TokenRow] = Field(
        default=[],
        description="tokens within 3 places of its frequency rank, by rank, itself left out",
    )
    effective: dict[str, Any] = Field(description="the query as applied")
