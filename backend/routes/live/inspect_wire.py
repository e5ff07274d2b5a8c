"""What was read of a prompt, on the wire: tensors as InspectResponse has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from pydantic import TypeAdapter
from pydantic_core import to_json
from torch import Tensor

from backend.core.reactivation.split import split_rows
from backend.core.sae import Firings
from backend.routes.live.prompting import Prompt
from backend.schemas import NextToken

# one call a list: an object a row costs several times as much
_NEXT_TOKENS = TypeAdapter(list[NextToken])


def next_token_list(
    prompt: Prompt, positions: Sequence[int], token_ids: Tensor, probabilities: Tensor
) -> list[NextToken]:
    """Two [pos, k] tensors as a list, position by position."""
    return _NEXT_TOKENS.validate_python(next_rows(prompt, positions, token_ids, probabilities))


def next_rows(
    prompt: Prompt, positions: Sequence[int], token_ids: Tensor, probabilities: Tensor
) -> list[dict[str, Any]]:
    text = prompt.loaded.text
    return [
        {"position": at, "token_id": token_id, "text": text(token_id), "probability": share}
        for at, ids, shares in zip(
            positions, token_ids.tolist(), probabilities.tolist(), strict=True
        )
        for token_id, share in zip(ids, shares, strict=True)
    ]


def json_object(parts: dict[str, bytes]) -> bytes:
    """Members that are JSON already, copied once: the notes on features are most of an answer."""
    pieces = [piece for name, part in parts.items() for piece in (b",", to_json(name), b":", part)]
    return b"".join([b"{", *pieces[1:], b"}"])


def columns(found: Firings) -> dict[str, list[Any]]:
    return {
        "position": found.position.tolist(),
        "feature_index": found.feature_index.tolist(),
        "activation": found.activation.tolist(),
    }


def splits(firings: dict[str, Firings], prompt: Prompt) -> dict[str, list[dict[str, int]]]:
    """By sae_id, a row per position after the prefix that is not special. All SAEs are counted in
    one go.
    """
    n, special = len(prompt.token_ids), set(prompt.unseen_positions)
    if not firings:
        return {}
    found = list(firings.values())
    together = Firings(
        torch.cat([one.position + k * n for k, one in enumerate(found)]),
        torch.cat([one.feature_index for one in found]),
        found[0].activation,
    )
    counts = split_rows(together, len(found), n, special).stacked().tolist()
    return {
        sae_id: [
            {
                "position": p,
                "firing": row[0],
                "new": row[1],
                "reactivated": row[2],
                "carried": row[3],
            }
            for p, row in enumerate(rows)
            if p not in special
        ]
        for sae_id, rows in zip(firings, counts, strict=True)
    }
