"""/api/tokens: the vocabulary as the corpus used it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from backend.core.store import Store
from backend.core.store.base import SaeRow
from backend.core.store.own_edges import EdgeRow
from backend.core.store.tokens import TokenRow as StoredToken
from backend.routes.browse.feature_view import edge_json, edge_of
from backend.routes.request.kept_route import kept_by
from backend.routes.request.limits import check_page
from backend.routes.request.problems import Refusal, refuse_field
from backend.routes.request.served import Served
from backend.routes.request.splice import answered, array, spliced
from backend.schemas import TokenDetail, TokenLayer, TokenPage, TokenQuery, TokenRow, TokensQuery

router = APIRouter(tags=["tokens"], route_class=kept_by("features"))
TokenId = Annotated[int, Path(ge=0, le=2**31 - 1, description="vocabulary entry")]
AROUND = 3  # places of frequency rank to either side


@router.get("/tokens")
def list_tokens(query: Annotated[TokensQuery, Query()], served: Served) -> TokenPage:
    """Tokens of the vocabulary, with rank, class and frequency."""
    check_page(query.limit, served.settings)
    store = served.build.require()
    rows, total = store.tokens(query.q, query.token_class, query.order, query.limit, query.offset)
    tokens = [TokenRow.model_validate(asdict(row)) for row in rows]
    return TokenPage(tokens=tokens, total=total, effective=query.model_dump())


@router.get("/tokens/{token_id}", response_model=TokenDetail)
def read_token(
    token_id: TokenId, query: Annotated[TokenQuery, Query()], served: Served
) -> Response:
    """One token: its frequency, its degree in every SAE, its first features,
    those that only it reaches.
    """
    check_page(query.limit, served.settings)
    store = served.build.require()
    row = store.token(token_id)
    if row is None:
        raise Refusal(404, f"The build has no token_id {token_id}.")
    saes = [sae for sae in store.saes() if query.sae_id in (None, sae.sae_id)]
    if not saes:
        raise refuse_field("sae_id", query.sae_id, f"one of {[sae.sae_id for sae in store.saes()]}")
    around = [] if row.rank is None else store.tokens_around(row.rank, AROUND)
    answer = TokenDetail.model_validate(
        {
            **vars(row),
            "layers": [],
            "neighbours": [vars(one) for one in around if one.token_id != token_id],
            "effective": {"token_id": token_id, **query.model_dump()},
        }
    )
    return answered(
        spliced(answer, {"layers": array(_layer(store, sae, row, query) for sae in saes)})
    )


def _layer(store: Store, sae: SaeRow, token: StoredToken, query: TokenQuery) -> str:
    """A TokenLayer as JSON."""
    own = store.own_edges(sae.sae_id, token.token_id)
    edges = own.first(query.limit, query.order, store.feature_columns(sae.sae_id))
    degree, place = store.degree_place(token.token_id, sae.sae_id)
    only, n_only = store.exclusive_features(sae.sae_id, token.rank, query.limit)
    listed = _edges(store, sae, token, [*edges, *own.to(only)], query.notes)
    layer = TokenLayer(
        sae_id=sae.sae_id,
        layer=sae.layer,
        degree=degree,
        degree_place=None if token.rank is None else place,
        n_active=sae.n_active,
        n_exclusive=n_only,
        n_listed=len(own.feature_index),
        edges=[],
    )
    return spliced(
        layer, {"edges": array(listed[: len(edges)]), "exclusive": array(listed[len(edges) :])}
    )


def _edges(
    store: Store, sae: SaeRow, token: StoredToken, edges: list[EdgeRow], notes: bool
) -> list[str]:
    """Each a TokenEdge as JSON."""
    if not notes:
        return [edge_of(edge, token.occurrences).model_dump_json() for edge in edges]
    rows, tokens = (
        store.features(sae.sae_id, [edge.feature_index for edge in edges]),
        store.token_table(),
    )
    return [
        edge_json(tokens, edge, token.occurrences, row)
        for edge, row in zip(edges, rows, strict=True)
    ]
