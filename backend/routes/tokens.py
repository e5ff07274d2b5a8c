"""/api/tokens: the vocabulary as the corpus used it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Path, Query

from backend.core.store import Store
from backend.core.store_rows import EdgeRow, SaeRow
from backend.routes.dependencies import Served
from backend.routes.limits import check_page
from backend.routes.problems import Refusal
from backend.schemas import TokenDetail, TokenEdge, TokenLayer, TokenPage, TokenQuery, TokenRow, TokensQuery

router = APIRouter(tags=["tokens"])
TokenId = Annotated[int, Path(ge=0, le=2**31 - 1, description="vocabulary entry")]


@router.get("/tokens")
def list_tokens(query: Annotated[TokensQuery, Query()], served: Served) -> TokenPage:
    """Tokens of the vocabulary, with rank, class and frequency."""
    check_page(query.limit, served.settings)
    store = served.build.require()
    rows, total = store.tokens(query.q, query.token_class, query.order, query.limit, query.offset)
    tokens = [TokenRow.model_validate(asdict(row)) for row in rows]
    return TokenPage(tokens=tokens, total=total, effective=query.model_dump())


@router.get("/tokens/{token_id}")
def read_token(token_id: TokenId, query: Annotated[TokenQuery, Query()], served: Served) -> TokenDetail:
    """One token: its frequency, its degree in every SAE and its most frequent features."""
    check_page(query.limit, served.settings)
    store = served.build.require()
    row = store.token(token_id)
    if row is None:
        raise Refusal(404, f"The build has no token_id {token_id}.")
    layers = [_layer(store, sae, token_id, query) for sae in store.saes()]
    return TokenDetail.model_validate(
        {**asdict(row), "layers": layers, "effective": {"token_id": token_id, **query.model_dump()}}
    )


def _layer(store: Store, sae: SaeRow, token_id: int, query: TokenQuery) -> TokenLayer:
    degree = len(store.edges(sae.sae_id, [token_id]).feature_index)
    edges = store.token_edges(token_id, sae.sae_id, query.limit, query.order)
    return TokenLayer(sae_id=sae.sae_id, layer=sae.layer, degree=degree, edges=[_edge(edge) for edge in edges])


def _edge(edge: EdgeRow) -> TokenEdge:
    return TokenEdge(
        feature_index=edge.feature_index,
        n_firings=edge.n_firings,
        mean_activation=edge.act_mean,
        act_max=edge.act_max,
    )
