"""/api/graph: which tokens fire which features, as blocks that can be asked for ever finer."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from backend.core.store.graph.queries import GraphView
from backend.routes.browse.refs import token_ref
from backend.routes.request.kept_route import kept_by
from backend.routes.request.problems import refuse_value
from backend.routes.request.served import Served
from backend.schemas.graph import (
    DegreeBin,
    GraphCells,
    GraphDegreesResponse,
    GraphFeatureBlock,
    GraphFilter,
    GraphQuery,
    GraphResponse,
    GraphTokenBlock,
)

router = APIRouter(tags=["graph"], route_class=kept_by())


@router.get("/graph")
def read_graph(query: Annotated[GraphQuery, Query()], served: Served) -> GraphResponse:
    """Edges between blocks of tokens and blocks of features, never more than max_edges of them.

    Ask again with the ranges of a pair of blocks to see inside; where both hold one, the edge is
    single.
    """
    given = query.model_dump()
    try:
        view = served.build.require().graph(
            query.sae_id,
            query.min_count,
            query.token_class,
            (query.rank_first, query.rank_last),
            (query.order_first, query.order_last),
            query.max_edges,
        )
    except ValueError as error:
        raise refuse_value(error, given) from error
    return _response(view)


@router.get("/graph/degrees")
def read_degrees(query: Annotated[GraphFilter, Query()], served: Served) -> GraphDegreesResponse:
    """How many tokens and how many features have a degree of 1, of 2 to 3, of 4 to 7, and so on."""
    given: dict[str, Any] = query.model_dump()
    store = served.build.require()
    try:
        given |= {"min_count": store.listed_min_count(query.min_count)}
        found = store.graph_degrees(**given)
    except ValueError as error:
        raise refuse_value(error, given) from error
    bins = [
        DegreeBin(low=2**octave, high=2 ** (octave + 1) - 1, n_tokens=tokens, n_features=features)
        for octave, tokens, features in found
    ]
    return GraphDegreesResponse(
        bins=bins,
        n_tokens=sum(one.n_tokens for one in bins),
        n_features=sum(one.n_features for one in bins),
        effective=given,
    )


def _response(view: GraphView) -> GraphResponse:
    tokens = [
        GraphTokenBlock(
            rank_first=block.rank_first,
            rank_last=block.rank_last,
            n_edges=block.n_edges,
            n_firings=block.n_firings,
            tokens=[token_ref(row) for row in block.named],
        )
        for block in view.tokens
    ]
    return GraphResponse(
        token_blocks=tokens,
        feature_blocks=[GraphFeatureBlock(**vars(block)) for block in view.features],
        cells=GraphCells(**vars(view.cells)),
        n_edges=view.n_edges,
        n_firings=view.n_firings,
        n_edges_of_sae=view.n_edges_of_sae,
        n_ranks=view.n_ranks,
        n_orders=view.n_orders,
        n_function=view.n_function,
        effective=view.effective,
    )
