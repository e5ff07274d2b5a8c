"""Tokens of the build as the wire refers to them."""

from __future__ import annotations

from collections.abc import Sequence

from backend.core.store import Store
from backend.core.store.tokens import TokenRow
from backend.routes.request.problems import refuse_field
from backend.schemas import TokenRef


def token_refs(rows: dict[int, TokenRow], token_ids: Sequence[int]) -> list[TokenRef]:
    """`token_ids` as the wire shows them; ids that the build lacks are left out."""
    return [token_ref(rows[i]) for i in token_ids if i in rows]


def token_ref(row: TokenRow) -> TokenRef:
    return TokenRef.model_validate(
        {"token_id": row.token_id, "text": row.text, "token_class": row.token_class}
    )


def check_token(store: Store, token_id: int | None, name: str) -> None:
    """422 for a token that is not in the vocabulary; None is no token."""
    if token_id is not None and store.token(token_id) is None:
        n = store.tokens(limit=1)[1]
        raise refuse_field(
            name, token_id, f"a token of this build's vocabulary, which has {n}: see /api/tokens"
        )
