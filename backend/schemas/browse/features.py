"""Features of a build: found, and one with its tokens and examples."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from backend.schemas.base import Response
from backend.schemas.browse.tokens import TokenEdge
from backend.schemas.naming import Named, TokenRef


class Lift(Response):
    """How much more often a feature fires at function tokens than at content tokens."""

    lift: float | None = Field(
        description="firings per function position / firings per content position; null = "
        "infinite, never at content"
    )
    low: float = Field(description="lower end of the 95 % interval")
    high: float | None = Field(description="upper end of the 95 % interval; null = infinite")


class FeatureRow(Named):
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


class FoundFeature(FeatureRow):
    lift: Lift | None = Field(default=None, description="null where details_missing says why")
    at_token: TokenEdge | None = Field(
        default=None, description="its edge to the token asked for by token_id"
    )


class FeaturePage(Response):
    features: list[FoundFeature] = Field(description="this page of rows")
    total: int = Field(description="rows that match, on all pages")
    n_active: int = Field(default=0, description="active features of the SAE: what was searched")
    details_missing: str | None = Field(
        default=None, description="why lifts are null, and the remedy"
    )
    labels_missing: str | None = Field(
        default=None, description="why `q` was not looked for in labels, and the remedy"
    )
    explanations_missing: str | None = Field(
        default=None, description="why `q` was not looked for in explanations, and the remedy"
    )
    effective: dict[str, Any] = Field(description="the query as applied")


class Example(Response):
    tokens: list[TokenRef] = Field(description="the context, in order")
    activations: list[float] = Field(description="activation per token of `tokens`; 0 = silent")
    position: int = Field(
        description="index within `tokens` of the strongest firing (at token_id, if asked for)"
    )
    activation: float = Field(description="activation at `position`")
    quantile: float | None = Field(
        description="quantile of the text's peak among the feature's peaks; null: chosen for its "
        "token"
    )
    source: str = Field(description="where the text comes from")


class HistogramBin(Response):
    low: float = Field(description="activations from here, within 1.6 %")
    high: float = Field(description="to here")
    n_firings: int = Field(description="firings in the corpus")


class FiringToken(TokenRef):
    """A token that fires the feature."""

    n_firings: int | None = Field(
        description="positions of the token at which it fires; null: fewer than the build's "
        "edges_from, or see details_missing"
    )
    act_max: float | None = Field(
        description="largest activation there, within 2.2 %; null: it fires there less often than "
        "the build's edges_from, from which an edge is listed, or see details_missing"
    )
    share_of_feature: float | None = Field(description="n_firings / all firings of the feature")


class LogitToken(TokenRef):
    effect: float | None = Field(
        description="change of the token's logit per unit of activation, before the final norm "
        "divides by the residual's size and before soft-capping; null: see "
        "details_missing"
    )


class NearFeature(Named):
    feature_index: int = Field(description="dictionary entry of the same SAE")
    cosine: float = Field(description="cosine of the two W_dec rows, within 1.6e-5")
    n_firings: int = Field(description="its firings; 0 = it never fires in the corpus")
    top_tokens: list[TokenRef] = Field(description="up to 5 tokens that fire it most often")


class FiringClasses(Lift):
    n_function: int = Field(description="its firings at function tokens")
    n_content: int = Field(description="its firings at content tokens")
    function_positions: int = Field(description="corpus positions of function tokens")
    content_positions: int = Field(description="corpus positions of content tokens")
    effective_firings: float = Field(
        description="firings / design effect over document shards: the interval's n"
    )


class TokenWithExamples(TokenRef):
    n_examples: int = Field(description="texts shown for it by ?token_id=")


class Explanation(Response):
    """A text about the feature that was written elsewhere."""

    text: str = Field(description="what it says that the feature fires for")
    explainer: str = Field(description='the model that wrote it; "" = not said')
    method: str = Field(description='what it was shown, by its source\'s name; "" = not said')
    source: str = Field(description="where it was read from")
    date: str = Field(description="when, YYYY-MM-DD")


class FeatureDetail(FeatureRow):
    layer: int = Field(description="residual stream after this decoder layer")
    d_sae: int = Field(description="width of the dictionary")
    l0: float | None = Field(
        default=None, description="of the SAE: firings per position of the corpus"
    )
    n_active: int = Field(default=0, description="features of the SAE that fire anywhere")
    density_place: int | None = Field(
        default=None, description="1 = no feature of the SAE fires more often"
    )
    examples: list[Example] = Field(description="contexts, strongest first")
    examples_matching: int = Field(
        default=0, description="stored contexts that match the query, before `limit`"
    )
    examples_stored: int = Field(default=0, description="stored contexts of this feature")
    example_tokens: list[TokenWithExamples] = Field(
        default=[], description="tokens that ?token_id= has contexts for"
    )
    tokens_by_count: list[FiringToken] = Field(
        default=[], description="up to 10, most firings first"
    )
    tokens_by_strength: list[FiringToken] = Field(
        default=[],
        description="up to 10, largest activation first, those included whose edge the build does "
        "not list and whose act_max is null; the first has the feature's largest",
    )
    promoted: list[LogitToken] = Field(default=[], description="up to 10 next tokens raised most")
    suppressed: list[LogitToken] = Field(
        default=[], description="up to 10 next tokens lowered most"
    )
    histogram: list[HistogramBin] | None = Field(
        default=None, description="of its activations, quarter octaves"
    )
    classes: FiringClasses | None = Field(
        default=None, description="firings at function and content tokens"
    )
    nearest: list[NearFeature] | None = Field(
        default=None, description="up to 10, by decoder cosine"
    )
    nearest_tied: bool = Field(
        default=False, description="the list ends within a tie: others are as near as its last"
    )
    neuronpedia_url: str | None = Field(
        default=None, description="where the SAE's metadata names a Neuronpedia id"
    )
    explanations: list[Explanation] = Field(
        default=[], description="written elsewhere, of `functionscope explanations`"
    )
    explanations_missing: str | None = Field(
        default=None, description="why explanations that are here cannot be read, and the remedy"
    )
    details_missing: str | None = Field(
        default=None,
        description="why histogram, classes, nearest, effects and counts are null, and the remedy",
    )
    effective: dict[str, Any] = Field(description="the query as applied")
