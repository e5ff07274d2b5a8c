"""What is read from a build: tokens, coverage and features."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from backend.schemas.base import Interval, Response, TokenClass


class TokenRef(Response):
    token_id: int = Field(description="vocabulary entry")
    text: str = Field(description="decoded alone; U+FFFD for partial UTF-8")
    token_class: TokenClass | None = Field(
        description="class in this build at its cut; null only where there is no build"
    )


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


class TokenEdge(Response):
    feature_index: int = Field(description="dictionary entry of the SAE")
    n_firings: int = Field(description="corpus positions of this token at which it fires")
    mean_activation: float = Field(description="mean over those positions")
    act_max: float = Field(description="largest over those positions")


class TokenLayer(Response):
    sae_id: str = Field(description="which SAE")
    layer: int = Field(description="residual stream after this decoder layer")
    degree: int = Field(description="features with at least min_count = 1 firing on this token")
    edges: list[TokenEdge] = Field(description="most frequent first, up to `limit`")


class TokenDetail(TokenRow):
    layers: list[TokenLayer] = Field(description="one entry per SAE of the build")
    effective: dict[str, Any] = Field(description="the query as applied")


class CoverageRow(TokenRef):
    rank: int = Field(description="1-based place in the order")
    occurrences: int = Field(description="positions in the corpus")
    degree: int = Field(description="features this token has an edge to")
    new_features: int = Field(description="features that no earlier token of the order reaches")
    covered: int = Field(description="features that the first `rank` tokens reach together")
    coverage: float = Field(description="covered / the denominator that `effective` names")
    interval: Interval | None = Field(
        default=None, description="95 % bootstrap over document shards; order random: range of all draws"
    )
    mean: float | None = Field(default=None, description="order random only: mean coverage of all draws")


class Contrast(Response):
    """The k most frequent tokens against as many occurrences of content tokens; shares of active features."""

    k: int = Field(description="number of first tokens")
    is_function_cut: bool = Field(description="k is the number of function tokens")
    occurrences: int = Field(description="corpus positions of the k tokens")
    coverage: float = Field(description="share of the active features that the k tokens reach")
    interval: Interval = Field(description="95 % bootstrap over document shards")
    content_coverage: float | None = Field(
        description="share that as many content positions, drawn one by one, reach; null: too few of them"
    )
    content_interval: Interval | None = Field(description="95 % bootstrap of that")
    difference_interval: Interval | None = Field(description="95 % bootstrap of coverage - content_coverage")
    whole_tokens_mean: float | None = Field(description="whole content tokens drawn at random instead: mean")
    whole_tokens_range: Interval | None = Field(description="smallest and largest of those draws")
    content_tokens: float | None = Field(description="mean number of distinct tokens in those draws")


class CoverageResponse(Response):
    rows: list[CoverageRow] = Field(description="one per rank, in the chosen order")
    n_active: int = Field(description="features that fire anywhere at this theta and min_count")
    d_sae: int = Field(description="width of the dictionary")
    contrast: list[Contrast] = Field(default=[], description="equal-occurrence comparisons, by k")
    effective: dict[str, Any] = Field(description="the query as applied")


class FeatureRow(Response):
    sae_id: str = Field(description="which SAE")
    feature_index: int = Field(description="dictionary entry within that SAE")
    n_firings: int = Field(description="corpus positions at which it fires")
    density: float = Field(description="n_firings / non-special corpus positions")
    n_tokens: int = Field(description="distinct tokens it has an edge to")
    act_max: float = Field(description="largest activation in the corpus")
    act_q999: float | None = Field(description="99.9th percentile of its firings")
    mean_activation: float | None = Field(description="mean over its firings")
    first_rank: int | None = Field(description="lowest frequency rank of a token that reaches it")
    top_tokens: list[TokenRef] = Field(description="tokens that fire it most often")
    promoted_tokens: list[TokenRef] = Field(description="next tokens its direction raises most")
    top_by_strength: list[TokenRef] = Field(description="tokens that fire it most strongly")
    suppressed_tokens: list[TokenRef] = Field(description="next tokens it lowers most")


class FeaturePage(Response):
    features: list[FeatureRow] = Field(description="this page of rows")
    total: int = Field(description="rows that match, on all pages")
    effective: dict[str, Any] = Field(description="the query as applied")


class Example(Response):
    tokens: list[TokenRef] = Field(description="the context, in order")
    activations: list[float] = Field(description="activation per token of `tokens`; 0 = silent")
    position: int = Field(description="index within `tokens` of the strongest firing")
    activation: float = Field(description="activation at `position`")
    quantile: float = Field(description="quantile of `activation` among the feature's firings")
    source: str = Field(description="where the text comes from")


class FeatureDetail(FeatureRow):
    layer: int = Field(description="residual stream after this decoder layer")
    d_sae: int = Field(description="width of the dictionary")
    examples: list[Example] = Field(description="contexts, strongest first")
    effective: dict[str, Any] = Field(description="the query as applied")
