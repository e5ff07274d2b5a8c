"""Residuals and the next tokens of every position in one pass, with the unembedding done in place.

`transformers` makes four tensors of [pos, vocab] on the way to soft-capped logits; a prompt read
live needs one. Where a model family does more to its logits than this module knows, its own forward
is used.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from backend.core.lm import hook as layer_hook
from backend.core.lm.model import LanguageModel

# Families whose logits are W_U · final_norm(resid), soft-capped where the config says so.
PLAIN_UNEMBEDDING = frozenset(
    {"Gemma2ForCausalLM", "LlamaForCausalLM", "GPT2LMHeadModel", "GPTNeoXForCausalLM"}
)


@dataclass(frozen=True)
class Reading:
    """One prompt: resid_post [pos, d_model] per layer;
    token_ids int64 and probabilities float32 [pos, k].
    """

    resid: dict[int, Tensor]
    token_ids: Tensor
    probabilities: Tensor


@dataclass(frozen=True)
class Wanted:
    """What to read of one prompt: residuals after `layers`,
    and `k` next tokens at every position.
    """

    token_ids: Sequence[int]
    layers: Sequence[int]
    k: int


def read(lm: LanguageModel, token_ids: Sequence[int], layers: Sequence[int], k: int) -> Reading:
    """`k` = 0 runs nothing beyond the deepest layer.

    Probabilities are at temperature 1, most probable first.
    """
    return read_together(lm, [Wanted(token_ids, layers, k)])[0]


@torch.inference_mode()
def read_together(lm: LanguageModel, wanted: Sequence[Wanted]) -> list[Reading]:
    """Several prompts as rows of one forward, padded on the right;
    each is read as it would be alone.

    Attention is causal, so what stands behind a prompt's last token changes nothing before it: no
    mask is needed, positions and neighbours in a sliding window are those of the lone prompt, and
    what the padding gives is thrown away. Sums may be rounded otherwise than alone.
    """
    lengths = [len(one.token_ids) for one in wanted]
    rows = [
        [*one.token_ids, *[0] * (max(lengths) - n)] for one, n in zip(wanted, lengths, strict=True)
    ]
    ids = torch.tensor(rows, device=lm.device)
    asking = [row for row, one in enumerate(wanted) if one.k]
    layers = sorted({layer for one in wanted for layer in one.layers})
    resid, logits = _run(lm, ids, layers, [(row, lengths[row]) for row in asking])
    tops = {}
    if asking:
        best = _top(logits, max(one.k for one in wanted))
        parts = (part.split([lengths[row] for row in asking]) for part in best)
        tops = dict(zip(asking, zip(*parts, strict=True), strict=True))
    readings = []
    for row, (one, n) in enumerate(zip(wanted, lengths, strict=True)):
        token_ids, probabilities = tops.get(row, (ids.new_empty(n, 0), torch.empty(n, 0)))
        own = {layer: resid[layer][row, :n] for layer in one.layers}
        readings.append(Reading(own, token_ids[:, : one.k], probabilities[:, : one.k]))
    return readings


def _run(
    lm: LanguageModel, ids: Tensor, layers: Sequence[int], unembedded: Sequence[tuple[int, int]]
) -> tuple[dict[int, Tensor], Tensor]:
    """Residuals [row, pos, d_model] by layer, and logits [n,
    vocab] of the first n of each (row, n), joined.
    """
    if not unembedded:
        return lm.resid_post(ids, layers), torch.empty(0)
    if type(lm.model).__name__ not in PLAIN_UNEMBEDDING:
        forward = lm.forward(ids, layers)
        return forward.resid, torch.cat([forward.logits[row, :n] for row, n in unembedded])
    lm.check_layers(layers)
    with layer_hook.capturing(frozenset(layers), stop=False) as resid:
        hidden = lm.model.base_model(input_ids=ids, use_cache=False).last_hidden_state
    kept = torch.cat([hidden[row, :n] for row, n in unembedded])
    return resid, _capped(lm, lm.model.get_output_embeddings()(kept))


def _top(logits: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """`top_next_tokens` of logits that nobody needs any more."""
    scores = logits.float()
    token_ids = scores.topk(k, dim=-1).indices
    return token_ids, scores.softmax(-1).gather(-1, token_ids)


def _capped(lm: LanguageModel, logits: Tensor) -> Tensor:
    """cap · tanh(logits / cap) in place, as a sigmoid:
    to 1e-6 of the cap the same, in a third of the time.
    """
    cap = getattr(lm.model.config, "final_logit_softcapping", None)
    return logits if not cap else logits.mul_(2 / cap).sigmoid_().mul_(2 * cap).sub_(cap)
