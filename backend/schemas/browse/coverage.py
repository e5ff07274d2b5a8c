"""Coverage by rank, and comparisons at equal occurrences."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from backend.schemas.base import Interval, Response
from backend.schemas.naming import TokenRef


class CoverageRow(TokenRef):
    rank: int = Field(description="1-based place in the order")
    occurrences: int = Field(description="positions in the corpus")
    degree: int = Field(description="features this token has an edge to")
    new_features: int = Field(description="features that no earlier token of the order reaches")
    covered: int = Field(description="features that the first `rank` tokens reach together")
    coverage: float = Field(description="covered / the denominator that `effective` names")
    interval: Interval | None = Field(
        default=None,
        description="95 % bootstrap over document shards; order random: range of all draws",
    )
    mean: float | None = Field(
        default=None, description="order random only: mean coverage of all draws"
    )


class Contrast(Response):
    """The k most frequent tokens against as many occurrences of content tokens;
    shares of the denominator.
    """

    k: int = Field(description="number of first tokens")
    is_function_cut: bool = Field(description="k is the number of function tokens")
    occurrences: int = Field(description="corpus positions of the k tokens")
    coverage: float = Field(description="share of the denominator that the k tokens reach")
    interval: Interval = Field(description="95 % bootstrap over document shards")
    content_coverage: float | None = Field(
        description="share that as many content positions, drawn one by one, reach; null: too "
        "few of them"
    )
    content_interval: Interval | None = Field(description="95 % bootstrap of that")
    difference_interval: Interval | None = Field(
        description="95 % bootstrap of coverage - content_coverage"
    )
    whole_tokens_mean: float | None = Field(
        description="whole content tokens drawn at random instead: mean"
    )
    whole_tokens_range: Interval | None = Field(description="smallest and largest of those draws")
    content_tokens: float | None = Field(
        description="mean number of distinct tokens in those draws"
    )


class CoverageResponse(Response):
    rows: list[CoverageRow] = Field(description="one per rank, in the chosen order")
    n_active: int = Field(
        description="features with any firing: the denominator `active`, at every theta and "
        "min_count"
    )
    d_sae: int = Field(description="width of the dictionary")
    contrast: list[Contrast] = Field(
        default=[],
        description="equal-occurrence comparisons, by k; stored at theta 0 and min_count 1, "
        "empty at others (/api/statistics has them at each)",
    )
    effective: dict[str, Any] = Field(description="the query as applied")
