"""In words: the tokens that the residual stream at a position promotes after each layer.

The residual goes through the final norm and the unembedding, as the last layer's does. After early
layers that is a reading, not what the model says: nothing trains those layers to speak in that
basis.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from backend.core.lm import LanguageModel
from backend.core.lm.past import Past, held_of
from backend.core.patching.unembedding import unembed

BLOCK = 512  # vocabulary entries of which only the largest is looked at first


@dataclass(frozen=True)
class Words:
    """By layer and position: the k most promoted tokens, token_ids int64 and probabilities float32
    [layer, pos, k]; of every watched token its rank (int64, 1 = most promoted) and probability,
    [layer, pos, watched]."""

    layers: tuple[int, ...]
    positions: tuple[int, ...]
    token_ids: Tensor
    probabilities: Tensor
    watched_ranks: Tensor
    watched_probabilities: Tensor


@torch.inference_mode()
def read_words(
    lm: LanguageModel,
    ids: Sequence[int],
    positions: Sequence[int],
    *,
    layers: Sequence[int] | None = None,
    k: int = 10,
    watched: Sequence[int] = (),
    past: Past | None = None,
) -> Words:
    """`layers`: None = all. Runs the prompt from the end of `past` up to the last position asked
    for, once; unembeds those rows alone.

    ValueError for no position, and for a position, layer, k or watched token that there is not;
    for a position that `past` holds.
    """
    chosen = tuple(range(lm.n_layers)) if layers is None else tuple(layers)
    held = held_of(past, ids)
    _check(lm, ids, positions, k, watched, held)
    resid = lm.resid_post([list(ids[held : max(positions) + 1])], chosen, past=past)
    wanted = torch.tensor(list(positions), device=lm.device) - held
    rows = torch.stack([resid[layer][0, wanted] for layer in chosen])  # [layer, pos, d_model]
    logits = unembed(lm, rows.flatten(0, 1))
    total = logits.logsumexp(-1, keepdim=True)
    best, token_ids = largest(logits, k)
    own = logits[:, torch.tensor(list(watched), dtype=torch.long, device=lm.device)]
    ranks = (
        torch.stack([(logits > one[:, None]).sum(-1) + 1 for one in own.T], -1)
        if watched
        else own.long()
    )
    shape = (len(chosen), len(positions))
    columns = (token_ids, (best - total).exp(), ranks, (own - total).exp())
    shaped = (one.view(*shape, one.shape[-1]) for one in columns)
    return Words(chosen, tuple(positions), *shaped)


def largest(logits: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """`topk` of [n, vocab] along the last axis, (values, indices) [n, k]; on a wide axis ten times
    as quick.

    The k largest lie in the k blocks whose largest entries are the largest; only those blocks are
    sorted.
    """
    n, width = logits.shape
    whole = width - width % BLOCK
    n_blocks = whole // BLOCK
    if n_blocks <= 2 * k:
        found = logits.topk(k, dim=-1)
        return found.values, found.indices
    blocks = logits[:, :whole].reshape(n, n_blocks, BLOCK)
    best = blocks.amax(-1).topk(k, dim=-1).indices  # [n, k]
    inside = torch.arange(BLOCK, device=logits.device)
    columns = (best[..., None] * BLOCK + inside).flatten(1)
    rest = torch.arange(whole, width, device=logits.device).expand(n, -1)
    columns = torch.cat([columns, rest], dim=-1)
    found = logits.gather(-1, columns).topk(k, dim=-1)
    return found.values, columns.gather(-1, found.indices)


def _check(
    lm: LanguageModel,
    ids: Sequence[int],
    positions: Sequence[int],
    k: int,
    watched: Sequence[int],
    held: int,
) -> None:
    if not positions or min(positions) < held or max(positions) >= len(ids):
        raise ValueError(
            f"positions are {list(positions)}; allowed: one or more of {held} to {len(ids) - 1}."
        )
    if not 0 <= k <= lm.vocab_size:
        raise ValueError(f"k is {k}; allowed: 0 to {lm.vocab_size}.")
    for token_id in watched:
        if not 0 <= token_id < lm.vocab_size:
            raise ValueError(f"token_id is {token_id}; allowed: 0 to {lm.vocab_size - 1}.")
