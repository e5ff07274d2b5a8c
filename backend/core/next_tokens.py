"""Residuals and the next tokens of every position in one pass, with the unembedding done in place.

`transformers` makes four tensors of [pos, vocab] on the way to soft-capped logits; a prompt read live needs
one. Where a model family does more to its logits than this module knows, its own forward is used.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from backend.core import layer_hook
from backend.core.lm import LanguageModel

# Families whose logits are W_U · final_norm(resid), soft-capped where the config says so.
PLAIN_UNEMBEDDING = frozenset({"Gemma2ForCausalLM", "LlamaForCausalLM", "GPT2LMHeadModel", "GPTNeoXForCausalLM"})


@dataclass(frozen=True)
class Reading:
    """One prompt: resid_post [pos, d_model] per layer; token_ids int64 and probabilities float32 [pos, k]."""

    resid: dict[int, Tensor]
    token_ids: Tensor
    probabilities: Tensor


@torch.inference_mode()
def read(lm: LanguageModel, token_ids: Sequence[int], layers: Sequence[int], k: int) -> Reading:
    """`k` = 0 runs nothing beyond the deepest layer. Probabilities are at temperature 1, most probable first."""
    ids = torch.tensor([list(token_ids)], device=lm.device)
    if k == 0:
        resid = {layer: found[0] for layer, found in lm.resid_post(ids, layers).items()}
        return Reading(resid, ids.new_empty(ids.shape[1], 0), torch.empty(ids.shape[1], 0))
    if type(lm.model).__name__ not in PLAIN_UNEMBEDDING:
        forward = lm.forward(ids, layers)
        resid, logits = forward.resid, forward.logits[0]
    else:
        lm.check_layers(layers)
        with layer_hook.capturing(frozenset(layers), stop=False) as resid:
            hidden = lm.model.base_model(input_ids=ids, use_cache=False).last_hidden_state[0]
        logits = _capped(lm, lm.model.get_output_embeddings()(hidden))
    return Reading({layer: found[0] for layer, found in resid.items()}, *_top(logits, k))


def _top(logits: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """`top_next_tokens` of logits that nobody needs any more: one pass of exponentials, in place."""
    scores = logits.float()
    best, token_ids = scores.topk(k, dim=-1)
    total = scores.sub_(best[:, :1]).exp_().sum(-1, keepdim=True)
    return token_ids, (best - best[:, :1]).exp_() / total


def _capped(lm: LanguageModel, logits: Tensor) -> Tensor:
    cap = getattr(lm.model.config, "final_logit_softcapping", None)
    return logits if not cap else logits.div_(cap).tanh_().mul_(cap)
