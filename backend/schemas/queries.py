"""Query parameters: closed to unknown names,
so that a misspelt filter is refused and not ignored.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from backend.schemas.base import TokenClass

OFFSET_MAX = 2**31 - 1
TOKEN_IDS = r"^\d{1,9}(,\d{1,9})*$"


class Query(BaseModel):
    """Base of query parameters. They arrive as text, so numbers are parsed; NaN is refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class PageQuery(Query):
    limit: int = Field(
        default=100, ge=1, description="rows of the page; at most limits.page of /api/capabilities"
    )
    offset: int = Field(default=0, ge=0, le=OFFSET_MAX, description="rows to skip")


class TokensQuery(PageQuery):
    q: str | None = Field(
        default=None, max_length=200, description="part of the text, case ignored, or a token_id"
    )
    token_class: TokenClass | None = Field(default=None, description="only this class")
    order: Literal["frequency", "document_coverage", "token_id"] = Field(
        default="frequency", description="most frequent first, widest spread first, or by id"
    )


class TokenQuery(Query):
    limit: int = Field(
        default=50, ge=0, description="edges per SAE; at most limits.page of /api/capabilities"
    )
    order: Literal["count", "strength", "share"] = Field(
        default="count",
        description="most firings first, strongest first, or largest share of the feature's "
        "firings",
    )
    sae_id: str | None = Field(
        default=None, description="only this SAE; left out: every SAE of the build"
    )
    notes: bool = Field(
        default=False, description="with each edge its feature: density, tokens, promoted tokens"
    )


class CoverageQuery(Query):
    sae_id: str = Field(description="which SAE; /api/capabilities lists them")
    theta: float = Field(
        default=0.0, ge=0, description="firings are strictly above it; one of the SAE's theta_grid"
    )
    min_count: int = Field(
        default=1, ge=1, description="firings that make an edge; one of min_count_grid"
    )
    min_rate: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="share of the token's occurrences that makes an edge, in the place of "
        "min_count; one of the rates of /api/statistics, with theta 0, min_count 1 and the order "
        "of frequency; tokens of fewer than 100 occurrences are left out",
    )
    denominator: Literal["active", "dictionary"] = Field(
        default="active",
        description="share of the features that fire anywhere, or of the whole dictionary",
    )
    order: str = Field(default="frequency", description="order of the tokens; one of orders")
    max_rank: int | None = Field(
        default=None, ge=1, description="last rank listed; left out: as many as allowed"
    )


class RarefactionQuery(Query):
    sae_id: str = Field(description="which SAE; /api/capabilities lists them")
    token_ids: str | None = Field(
        default=None,
        pattern=TOKEN_IDS,
        max_length=200,
        description="tokens, with commas between them, at most limits.intersection_tokens; left "
        "out: the five most frequent",
    )


class IntersectionsQuery(Query):
    sae_id: str = Field(description="which SAE; /api/capabilities lists them")
    token_ids: str = Field(
        pattern=TOKEN_IDS,
        max_length=200,
        description="two tokens, or up to limits.intersection_tokens, with commas between",
    )
    min_count: int | None = Field(default=None, ge=1, description="firings that make an edge")


class StatisticsQuery(Query):
    sae_id: str = Field(description="which SAE; /api/capabilities lists them")
    theta: float = Field(
        default=0.0, ge=0, description="of the comparisons; one of the SAE's theta_grid"
    )
    min_count: int = Field(default=1, ge=1, description="of the comparisons; one of min_count_grid")


class TokenStatisticsQuery(Query):
    sae_id: str = Field(description="which SAE; /api/capabilities lists them")
    limit: int = Field(
        default=100,
        ge=1,
        description="most frequent tokens; at most limits.statistics_rows of /api/capabilities",
    )


class FeaturesQuery(PageQuery):
    """All filters must hold; then the order; then the page."""

    sae_id: str = Field(description="which SAE; /api/capabilities lists them")
    q: str | None = Field(
        default=None,
        max_length=200,
        description="text of a token that fires it or that it promotes, part of its own label or, "
        "from three letters on, of an explanation of it, or a feature_index",
    )
    token_id: int | None = Field(
        default=None, ge=0, le=OFFSET_MAX, description="only features that fire at this token"
    )
    min_count: int | None = Field(
        default=None,
        ge=1,
        le=OFFSET_MAX,
        description="firings at token_id, at least; left out: all that the build lists",
    )
    promotes: int | None = Field(
        default=None,
        ge=0,
        le=OFFSET_MAX,
        description="only features that have this token_id among the ten they promote",
    )
    min_density: float = Field(
        default=0.0, ge=0, le=1, description="least share of corpus positions"
    )
    max_density: float = Field(
        default=1.0, ge=0, le=1, description="largest share of corpus positions"
    )
    min_lift: float | None = Field(
        default=None,
        ge=0,
        description="fires at function tokens at least so many times as often as at content: the "
        "lower end of the 95 % interval",
    )
    max_lift: float | None = Field(
        default=None, ge=0, description="at most so many times: the upper end of the 95 % interval"
    )
    order: Literal[
        "n_firings",
        "n_tokens",
        "act_max",
        "mean_activation",
        "feature_index",
        "first_rank",
        "function_lift",
        "content_lift",
        "token_count",
        "token_strength",
        "token_share",
    ] = Field(
        default="n_firings",
        description="function_lift: by the lower end of the lift's interval; content_lift: by 1 "
        "/ its upper end; token_*: firings at token_id, strongest activation there, "
        "or share of the feature's firings that are there",
    )
    direction: Literal["ascending", "descending"] | None = Field(
        default=None,
        description="left out: largest first; feature_index and first_rank: smallest first",
    )


class FeatureQuery(Query):
    limit: int = Field(
        default=10, ge=0, description="examples; at most limits.page of /api/capabilities"
    )
    min_quantile: float = Field(
        default=0.0, ge=0, le=1, description="examples whose peak is at least this quantile"
    )
    max_quantile: float = Field(
        default=1.0, ge=0, le=1, description="examples whose peak is at most this quantile"
    )
    token_id: int | None = Field(
        default=None,
        ge=0,
        le=OFFSET_MAX,
        description="only examples in which it fires at this token. Texts chosen for their token "
        "have no quantile: they are left out when a range of quantiles is given",
    )


class ClaimsQuery(Query):
    format: Literal["json", "csv", "bib"] = Field(
        default="json", description="csv: a row a claim; bib: an entry a tested claim"
    )


class ExportQuery(Query):
    format: Literal["csv", "parquet"] = Field(
        default="csv", description="csv has lists as JSON text"
    )
    sae_id: str | None = Field(
        default=None, description="which SAE; needed for all tables but tokens"
    )
    theta: float | None = Field(default=None, ge=0, description="of coverage: as there; else 0")
    min_count: int | None = Field(default=None, ge=1, description="of coverage: as there; else 1")
    denominator: Literal["active", "dictionary"] | None = Field(
        default=None, description="of coverage: as there; else active"
    )
    order: str | None = Field(
        default=None, max_length=64, description="of coverage: as there; else frequency"
    )

    def coverage(self) -> dict[str, Any]:
        """The settings that were given."""
        named = ("theta", "min_count", "denominator", "order")
        return {name: value for name in named if (value := getattr(self, name)) is not None}
