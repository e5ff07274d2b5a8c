"""Tokens of the build as the wire refers to them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache

from backend.core.store import Store
from backend.core.store.token_table import TokenTable
from backend.core.store.tokens import TokenRow
from backend.core.token_classes import CLASS_NAMES
from backend.routes.request.problems import refuse_field
from backend.schemas import TokenRef

_REF = '{"token_id":%d,"text":%s,"token_class":"%s"}'


def token_refs(rows: dict[int, TokenRow], token_ids: Sequence[int]) -> list[TokenRef]:
    """`token_ids` as the wire shows them; ids that the build lacks are left out."""
    return [token_ref(rows[i]) for i in token_ids if i in rows]


def token_ref(row: TokenRow) -> TokenRef:
    return TokenRef.model_validate(
        {"token_id": row.token_id, "text": row.text, "token_class": row.token_class}
    )


def refs_json(tokens: TokenTable, token_ids: Sequence[int]) -> str:
    """The same as a JSON array, without an object for each."""
    written = _written(tokens)
    return f"[{','.join([written[i] for i in token_ids if i in written])}]"


@lru_cache(maxsize=1)  # those of the build that is served
def _written(tokens: TokenTable) -> Mapping[int, str]:
    """token_id -> its TokenRef as JSON."""
    names = ("token_id", "text", "token_class")
    ids, texts, codes = (tokens.columns[name].tolist() for name in names)
    refs = zip(ids, map(json.dumps, texts), (CLASS_NAMES[c] for c in codes), strict=True)
    return {ref[0]: _REF % ref for ref in refs}


def check_token(store: Store, token_id: int | None, name: str) -> None:
    """422 for a token that is not in the vocabulary; None is no token."""
    if token_id is not None and store.token(token_id) is None:
        n = store.tokens(limit=1)[1]
        raise refuse_field(
            name, token_id, f"a token of this build's vocabulary, which has {n}: see /api/tokens"
        )
