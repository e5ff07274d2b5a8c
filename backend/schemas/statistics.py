"""What chance explains of a build: rarefaction, comparisons at equal frequency, null models, laws.

Intervals are 95 % and resample document shards, unless a field says otherwise.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from backend.schemas.base import Interval, Response
from backend.schemas.naming import TokenRef

TokenGroup = Literal[
    "function",
    "content",
    "punctuation",
    "closed_class",
    "other_word",
    "word_piece",
    "digits",
    "han",
    "other",
    "all",
]


class RarefactionPoint(Response):
    n: int = Field(description="positions of the token, drawn without replacement")
    expected: float = Field(description="expected number of distinct features, exact")
    se: float | None = Field(
        description="standard deviation over resampled document shards, to one digit; null: too "
        "few occurrences"
    )


class TokenRarefaction(TokenRef):
    occurrences: int = Field(description="positions in the corpus")
    degree: int = Field(description="features met by all of them")
    chao1: float = Field(
        description="Chao1 estimate of the degree with unlimited text, a lower bound"
    )
    points: list[RarefactionPoint] = Field(
        description="by n; empty for a token of fewer than 100 occurrences"
    )


class GroupPoint(Response):
    token_group: TokenGroup = Field(description="which tokens")
    n: int = Field(description="positions of each token")
    n_tokens: int = Field(description="tokens of the group with at least n occurrences")
    mean: float = Field(description="mean over these tokens of the expected number of features")
    low: float = Field(description="95 % interval of the mean")
    high: float = Field(description="upper end of it")
    token_low: float = Field(description="2.5 % quantile over the tokens themselves")
    token_high: float = Field(description="97.5 % quantile")


class NullFit(Response):
    """Features expected of a content token of n occurrences: exp(a + b ln n + c (ln n)^2)."""

    a: float = Field(description="constant of the fit")
    b: float = Field(description="coefficient of ln n")
    c: float = Field(description="coefficient of (ln n)^2")
    n_from: int = Field(description="least n that the fit rests on")
    n_to: int = Field(description="largest; beyond it the fit is extrapolated")
    n_points: int = Field(description="points that the fit rests on")


class RarefactionResponse(Response):
    sampling_unit: str = Field(description="what is drawn")
    tokens: list[TokenRarefaction] = Field(description="in the order asked for")
    groups: list[GroupPoint] = Field(
        description="means of the groups, where at least 20 tokens have n occurrences"
    )
    null_fit: NullFit | None = Field(description="null: too few content tokens for a fit")
    effective: dict[str, Any] = Field(description="the query as applied")


class Intersection(Response):
    token_ids: list[int] = Field(
        description="the tokens that share these features, and no other of those asked for"
    )
    n_features: int = Field(description="features that exactly these tokens reach")


class IntersectionsResponse(Response):
    tokens: list[TokenRef] = Field(description="in the order asked for")
    degrees: list[int] = Field(description="features that each reaches")
    union: int = Field(description="features that any of them reaches")
    n_active: int = Field(description="features that fire anywhere")
    intersections: list[Intersection] = Field(description="largest first; sizes sum to `union`")
    effective: dict[str, Any] = Field(description="the query as applied")


class TokenStatistics(TokenRef):
    kind: TokenGroup = Field(description="by its spelling alone")
    expected_documents: float = Field(
        description="documents, had its positions fallen on the corpus at random"
    )
    evenness: float = Field(
        description="documents / expected_documents: 1 evenly spread, small bursty"
    )
    degree: int = Field(description="features it reaches")
    expected: float = Field(description="features expected of a content token so frequent")
    expected_interval: Interval = Field(
        description="95 % of content tokens of like frequency lie within"
    )
    extrapolated: bool = Field(
        description="more frequent than the content tokens that the expectation rests on"
    )
    excess: float = Field(description="degree / expected - 1")
    chao1: float = Field(description="Chao1 estimate of the degree with unlimited text")
    matched_n: int = Field(description="positions to which it and content tokens are brought down")
    matched: float = Field(description="features it then meets")
    matched_mean: float = Field(description="features that content tokens then meet, mean")
    matched_interval: Interval = Field(description="2.5 and 97.5 % quantiles of content tokens")


class TokenStatisticsResponse(Response):
    rows: list[TokenStatistics] = Field(description="most frequent first")
    effective: dict[str, Any] = Field(description="the query as applied")


class EqualOccurrence(Response):
    """The k most frequent tokens against as many positions of other tokens;
    shares of the active features.
    """

    k: int = Field(description="number of most frequent tokens")
    cut: int | None = Field(description="%, where k is the number of function tokens at that cut")
    others: Literal["content", "rest"] = Field(
        description="content at the build's own cut, or all tokens but the k"
    )
    occurrences: int = Field(description="positions of the k tokens, and of the others drawn")
    coverage: float = Field(description="share of the active features that the k tokens reach")
    interval: Interval = Field(description="95 % interval")
    other_coverage: float | None = Field(
        description="expected share that the others reach; null: too few of them"
    )
    other_interval: Interval | None = Field(description="null for min_count above 1")
    difference_interval: Interval | None = Field(description="of coverage - other_coverage")


class RateContrast(Response):
    """The k most frequent tokens against k content tokens, where an edge is a rate; shares of the
    active features.
    """

    min_rate: float = Field(description="share of a token's occurrences that makes an edge")
    k: int = Field(description="number of most frequent tokens, and of content tokens")
    coverage: float = Field(description="share of the active features that the k tokens reach")
    interval: Interval = Field(description="95 %, document shards resampled")
    others_coverage: float | None = Field(
        description="mean share that k content tokens reach, drawn evenly among those with 100 "
        "occurrences or more; null: fewer than 2 k of them"
    )
    others_interval: Interval | None = Field(description="2.5 and 97.5 % quantiles of the draws")
    n_others: int = Field(description="content tokens drawn from")
    n_draws: int = Field(description="draws")


class KindSummary(Response):
    token_group: TokenGroup = Field(description="which tokens")
    n_tokens: int = Field(description="tokens that occur")
    occurrences: int = Field(description="their positions")
    coverage: float = Field(description="share of the active features that they reach together")
    interval: Interval = Field(description="95 % interval")
    common_n: int = Field(description="positions to which every group is brought down")
    at_common: float = Field(description="expected share that so many of its positions reach")
    common_interval: Interval = Field(description="95 % interval of at_common")


class Chao1(Response):
    token_group: TokenGroup = Field(description="which tokens")
    observed: int = Field(description="features that fire at any position of the group")
    once: int = Field(description="features that fire at exactly one")
    twice: int = Field(description="features that fire at exactly two positions")
    estimate: float = Field(description="with unlimited text, a lower bound")
    interval: Interval = Field(description="log-normal, Chao 1987")


class LabelPermutation(Response):
    label: TokenGroup = Field(description="these tokens against all others of the same frequency")
    n_labelled: int = Field(description="tokens that carry the label, in strata with others")
    n_others: int = Field(description="tokens without it in the same strata")
    n_strata: int = Field(description="strata of frequency, a factor of two each, that hold both")
    observed: float = Field(description="mean of log2 degree, labelled - others, within strata")
    null_interval: Interval = Field(description="95 % of the permutations")
    p_value: float = Field(description="two-sided")
    n_permutations: int = Field(description="times that the labels were permuted")


class Alternative(Response):
    alternative: str = Field(description="lognormal or exponential")
    ratio: float = Field(
        description="normalised log-likelihood ratio; positive favours the power law"
    )
    p_value: float = Field(description="that the sign is chance")


class DegreeFit(Response):
    side: Literal["token", "feature"] = Field(description="which nodes of the graph")
    n: int = Field(description="nodes of degree 1 or more")
    x_min: int = Field(description="least degree of the tail that is fitted")
    n_tail: int = Field(description="nodes of that tail")
    alpha: float = Field(description="P(degree) ~ degree^-alpha")
    interval: Interval = Field(description="1.96 standard errors of the maximum-likelihood fit")
    ks: float = Field(description="Kolmogorov-Smirnov distance")
    alternatives: list[Alternative] = Field(
        description="the power law against other laws, on the same tail"
    )


class Slope(Response):
    name: str = Field(
        description="zipf: occurrences by rank; degree: degree by occurrences; both on logarithms"
    )
    from_rank: int = Field(description="first frequency rank of the tokens fitted")
    to_rank: int = Field(description="last of them")
    n: int = Field(description="tokens fitted")
    slope: float = Field(description="least squares on two logarithms")
    interval: Interval = Field(description="95 % interval")
    r2: float = Field(description="share of the variance that the line explains")


class GroupSpread(Response):
    token_group: TokenGroup = Field(description="which tokens")
    min_occurrences: int = Field(description="rarer tokens are left out")
    n_tokens: int = Field(description="tokens frequent enough to tell")
    mean_evenness: float = Field(
        description="mean of documents / expected_documents over these tokens"
    )
    interval: Interval = Field(description="95 % interval")
    median_evenness: float = Field(description="their median")


class NullPoint(Response):
    rank: int = Field(description="frequency rank")
    covered: int = Field(description="features that the tokens of rank 1 to `rank` reach")


class NullContrast(Response):
    k: int = Field(description="number of most frequent tokens")
    is_function_cut: bool = Field(description="k is the build's number of function tokens")
    occurrences: int = Field(description="positions of the k tokens")
    coverage: float = Field(description="share of the run's active features reached")
    interval: Interval = Field(description="95 % interval")
    content_coverage: float | None = Field(
        description="expected share that as many content positions reach; null: too few of them"
    )
    content_interval: Interval | None = Field(description="95 % interval of content_coverage")


class NullModel(Response):
    """The build itself (run `real`) or a null model, on the same document shards."""

    run: Literal["real", "without_giants", "random_weights", "shuffled"] = Field(
        description="real: the build's own model on the same document shards"
    )
    description: str = Field(description="what was done")
    positions: int = Field(description="non-special positions")
    shards: int = Field(description="document shards used")
    n_active: int = Field(description="features that fire at all in this run")
    d_sae: int = Field(description="width of the dictionary")
    l0: float = Field(description="firings per position")
    degree_slope: float = Field(description="log10 degree on log10 occurrences, least squares")
    curve: list[NullPoint] = Field(description="about log-spaced ranks")
    contrast: list[NullContrast] = Field(description="the equal-occurrence comparison, by k")


class StatisticsResponse(Response):
    equal_occurrence: list[EqualOccurrence] = Field(description="by k, then by function cut")
    rates: list[RateContrast] = Field(
        default=[], description="by rate, then by k; empty where they were not counted"
    )
    kinds: list[KindSummary] = Field(description="classes by kind beside classes by frequency")
    chao1: list[Chao1] = Field(description="features that a group would reach with unlimited text")
    labels: list[LabelPermutation] = Field(description="whether a label matters at equal frequency")
    degree_fits: list[DegreeFit] = Field(description="power laws of both degree distributions")
    slopes: list[Slope] = Field(description="Zipf's law, and degree by occurrences")
    spread: list[GroupSpread] = Field(description="evenness over documents by group")
    nulls: list[NullModel] = Field(description="empty where none was made")
    provenance: dict[str, Any] = Field(description="how these were made")
    effective: dict[str, Any] = Field(description="the query as applied")
