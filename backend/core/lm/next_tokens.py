"""Residuals and the next tokens of positions in one pass, with the unembedding done in place.

`transformers` makes four tensors of [pos, vocab] on the way to soft-capped logits; a prompt read
live needs one, and that of a few positions at a time. Where a model family does more to its logits
than is known (unembedding.PLAIN), its own forward is used.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from backend.core.lm import hook as layer_hook
from backend.core.lm.model import LanguageModel
from backend.core.lm.past import Past, begin, held_of
from backend.core.lm.unembedding import is_plain, positions_at_once, soft_cap


@dataclass(frozen=True)
class Reading:
    """One prompt, from position `first` on (what comes before was run before, and is not read).

    resid: resid_post [pos, d_model] per layer. token_ids int64 and probabilities float32 [n, k] are
    of `positions`, absolute and ascending.
    """

    first: int
    resid: dict[int, Tensor]
    positions: tuple[int, ...]
    token_ids: Tensor
    probabilities: Tensor

    def since(self, position: int) -> "Reading":
        """Without what was read before that position."""
        if position <= self.first:
            return self
        skipped = sum(at < position for at in self.positions)
        return Reading(
            position,
            {layer: resid[position - self.first :] for layer, resid in self.resid.items()},
            self.positions[skipped:],
            self.token_ids[skipped:],
            self.probabilities[skipped:],
        )


@dataclass(frozen=True)
class Wanted:
    """What to read of one prompt: residuals after `layers`, and `k` next tokens at `positions`
    (None: all read).
    """

    token_ids: Sequence[int]
    layers: Sequence[int]
    k: int
    positions: Sequence[int] | None = None

    def unembedded(self, first: int) -> tuple[int, ...]:
        """Positions whose next tokens are wanted, of those from `first` on."""
        if not self.k:
            return ()
        if self.positions is None:
            return tuple(range(first, len(self.token_ids)))
        chosen = tuple(sorted(set(self.positions)))
        if chosen and not first <= chosen[0] <= chosen[-1] < len(self.token_ids):
            raise ValueError(
                f"positions are {list(chosen)}; allowed: {first} to {len(self.token_ids) - 1}."
            )
        return chosen


def read(
    lm: LanguageModel,
    token_ids: Sequence[int],
    layers: Sequence[int],
    k: int,
    *,
    past: Past | None = None,
) -> Reading:
    """`k` = 0 runs nothing beyond the deepest layer. Probabilities are at temperature 1, most
    probable first.
    """
    return read_together(lm, [Wanted(token_ids, layers, k)], past)[0]


@torch.inference_mode()
def read_together(
    lm: LanguageModel, wanted: Sequence[Wanted], past: Past | None = None
) -> list[Reading]:
    """Several prompts as rows of one forward, padded on the right; each is read as it would be
    alone.

    Attention is causal, so what stands behind a prompt's last token changes nothing before it: no
    mask is needed, positions and neighbours in a sliding window are those of the lone prompt, and
    what the padding gives is thrown away. Sums may be rounded otherwise than alone. With `past`,
    which all of them must go on from, what it holds is neither run nor read.
    """
    first = [held_of(past, one.token_ids) for one in wanted][0]
    lengths = [len(one.token_ids) - first for one in wanted]
    rows = [
        [*one.token_ids[first:], *[0] * (max(lengths) - n)]
        for one, n in zip(wanted, lengths, strict=True)
    ]
    asked = [one.unembedded(first) for one in wanted]
    places = [
        (row, position - first) for row, positions in enumerate(asked) for position in positions
    ]
    layers = sorted({layer for one in wanted for layer in one.layers})
    most = max(one.k for one in wanted)
    resid, best, shares = _run(lm, torch.tensor(rows, device=lm.device), layers, places, most, past)
    sizes = [len(positions) for positions in asked]
    parts = zip(wanted, lengths, asked, best.split(sizes), shares.split(sizes), strict=True)
    return [
        Reading(
            first,
            {layer: resid[layer][row, :n] for layer in one.layers},
            positions,
            ids[:, : one.k],
            p[:, : one.k],
        )
        for row, (one, n, positions, ids, p) in enumerate(parts)
    ]


def _run(
    lm: LanguageModel,
    ids: Tensor,
    layers: Sequence[int],
    places: Sequence[tuple[int, int]],
    k: int,
    past: Past | None,
) -> tuple[dict[int, Tensor], Tensor, Tensor]:
    """Residuals [row, pos, d_model] by layer; token ids and probabilities [n, k] at the n places
    (row, pos).
    """
    if not places:
        return (
            lm.resid_post(ids, layers, past=past),
            ids.new_empty(0, k),
            torch.empty(0, k, device=lm.device),
        )
    row, column = torch.tensor(places, device=lm.device).T
    cache = begin(lm.model, past, len(ids)) if past is not None else None
    if not is_plain(lm.model):
        forward = lm.forward(ids, layers, past_key_values=cache)
        return forward.resid, *_top(forward.logits[row, column], k)
    lm.check_layers(layers)
    with layer_hook.capturing(frozenset(layers), stop=False) as resid:
        run = lm.model.base_model(input_ids=ids, past_key_values=cache, use_cache=cache is not None)
    states = run.last_hidden_state[row, column].split(positions_at_once(lm.vocab_size))
    tops = [_top(_capped(lm, lm.model.get_output_embeddings()(part)), k) for part in states]
    best, shares = zip(*tops, strict=True)
    return resid, torch.cat(best), torch.cat(shares)


def _top(logits: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """`top_next_tokens` of logits that nobody needs any more."""
    scores = logits.float()
    token_ids = scores.topk(k, dim=-1).indices
    return token_ids, scores.softmax(-1).gather(-1, token_ids)


def _capped(lm: LanguageModel, logits: Tensor) -> Tensor:
    """cap · tanh(logits / cap) in place, as a sigmoid: to 1e-6 of the cap the same, in a third of
    the time.
    """
    cap = soft_cap(lm.model)
    return logits if cap is None else logits.mul_(2 / cap).sigmoid_().mul_(2 * cap).sub_(cap)
