"""The wire of /api/graph: the bipartite graph as blocks of tokens, blocks of features,
and cells between them.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from backend.schemas.base import Response
from backend.schemas.naming import TokenRef
from backend.schemas.queries import Query

GRAPH_EDGES_MAX = 2000  # drawn: more are slow to paint and cannot be told apart


class GraphFilter(Query):
    sae_id: str = Field(description="which SAE; /api/capabilities lists them")
    min_count: int | None = Field(
        default=None,
        ge=1,
        description="firings that make an edge; one of min_count_grid, not below the build's "
        "edges_from; left out: the least of these",
    )
    token_class: Literal["function", "content"] | None = Field(
        default=None, description="only tokens of this class"
    )


class GraphQuery(GraphFilter):
    rank_first: int | None = Field(
        default=None, ge=1, description="first frequency rank; left out: the class's first"
    )
    rank_last: int | None = Field(
        default=None, ge=1, description="last frequency rank; left out: the class's last"
    )
    order_first: int | None = Field(
        default=None, ge=1, description="first feature, by the order of first reaching rank"
    )
    order_last: int | None = Field(
        default=None, ge=1, description="last feature, by the same order"
    )
    max_edges: int = Field(
        default=600,
        ge=4,
        le=GRAPH_EDGES_MAX,
        description="cells in the answer at most: what may be drawn as edges",
    )


class GraphTokenBlock(Response):
    rank_first: int = Field(description="tokens of consecutive frequency ranks, from this one")
    rank_last: int = Field(description="to this one")
    n_edges: int = Field(description="edges of these tokens to the features of the view")
    n_firings: int = Field(description="positions at which these edges fire")
    tokens: list[TokenRef] = Field(description="the first of them by rank, three at most")


class GraphFeatureBlock(Response):
    order_first: int = Field(description="features of consecutive orders, from this one")
    order_last: int = Field(
        description="to this one; orders: by first reaching rank, then by most firings"
    )
    first_rank_low: int = Field(
        description="lowest frequency rank that is the first to reach one of them"
    )
    first_rank_high: int = Field(description="highest such rank")
    n_edges: int = Field(description="edges of these features to the tokens of the view")
    n_firings: int = Field(description="positions at which these edges fire")
    feature_index: int | None = Field(description="dictionary entry, in a block of one feature")


class GraphCells(Response):
    token_block: list[int] = Field(description="index into token_blocks")
    feature_block: list[int] = Field(description="index into feature_blocks")
    n_edges: list[int] = Field(description="edges between the two blocks")
    n_firings: list[int] = Field(description="positions at which they fire")
    n_first: list[int] | None = Field(
        description="those that are their feature's first by frequency rank; null where "
        "min_count is above 1"
    )


class GraphResponse(Response):
    token_blocks: list[GraphTokenBlock] = Field(
        description="all tokens of the view, by frequency rank"
    )
    feature_blocks: list[GraphFeatureBlock] = Field(
        description="all features of the view, by order"
    )
    cells: GraphCells = Field(
        description="pairs of blocks with at least one edge, as columns of one length"
    )
    n_edges: int = Field(description="edges of the view; the cells sum to it")
    n_firings: int = Field(description="firings of the view; the cells sum to it")
    n_edges_of_sae: int = Field(
        description="edges of the SAE that the build lists: what filters and ranges choose from"
    )
    n_ranks: int = Field(description="tokens that occur in the corpus: the last frequency rank")
    n_orders: int = Field(description="active features: the last order")
    n_function: int = Field(description="function tokens: they are the first so many ranks")
    effective: dict[str, Any] = Field(description="the query as applied, with both ranges")


class DegreeBin(Response):
    low: int = Field(description="smallest degree of the bin; bins are octaves")
    high: int = Field(description="largest degree of the bin, inside")
    n_tokens: int = Field(description="tokens with so many edges")
    n_features: int = Field(description="features with so many edges")


class GraphDegreesResponse(Response):
    bins: list[DegreeBin] = Field(
        description="by degree; tokens and features without an edge are in none"
    )
    n_tokens: int = Field(description="tokens with an edge")
    n_features: int = Field(description="features with an edge")
    effective: dict[str, Any] = Field(description="the query as applied")
