"""From the last hidden states to logits, a few positions at a time.

A vocabulary of 262,144 makes a megabyte of every position, and a product with its matrix is half of
a small model's forward: only what is asked for is unembedded, and never all of a long text at once.
"""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import PreTrainedModel

# Families whose logits are W_U · final_norm(resid), soft-capped where the config says so.
PLAIN = frozenset(
    {
        "Gemma2ForCausalLM",
        "Gemma3ForCausalLM",
        "LlamaForCausalLM",
        "GPT2LMHeadModel",
        "GPTNeoXForCausalLM",
    }
)
AT_ONCE = 1 << 24  # logits: 64 MB in float32


def is_plain(model: PreTrainedModel) -> bool:
    """Whether the model's logits are known to be made as `PLAIN` says; others only their own
    forward makes.
    """
    return type(model).__name__ in PLAIN


def positions_at_once(vocab_size: int) -> int:
    """Positions whose logits are held together."""
    return max(1, AT_ONCE // vocab_size)


def soft_cap(model: PreTrainedModel) -> float | None:
    """The size that logits are capped to; None for a model without a cap."""
    cap: float | None = getattr(model.config, "final_logit_softcapping", None)
    return cap or None


def losses(model: PreTrainedModel, ids: Tensor) -> Tensor:
    """ids int64 [batch, pos] -> nats, float32 [batch, pos - 1]: entry p is -log P(token p+1 |
    tokens 0..p).
    """
    target = ids[:, 1:].flatten()
    if is_plain(model):
        states = model.base_model(input_ids=ids, use_cache=False).last_hidden_state
        return losses_of(model, states[:, :-1].flatten(0, 1), target).view(len(ids), -1)
    whole = model(input_ids=ids, use_cache=False).logits[:, :-1].flatten(0, 1)
    rows = whole.split(positions_at_once(whole.shape[-1]))
    loss = [_loss(*both) for both in zip(rows, target.split(len(rows[0])), strict=True)]
    return torch.cat(loss).view(len(ids), -1)


def losses_of(model: PreTrainedModel, states: Tensor, target: Tensor) -> Tensor:
    """Nats of `target` [n] after the last hidden states [n, d_model] of a plain model."""
    at_once = positions_at_once(model.config.vocab_size)
    parts = zip(states.split(at_once), target.split(at_once), strict=True)
    return torch.cat([_loss(_logits(model, part), wanted) for part, wanted in parts])


def _logits(model: PreTrainedModel, states: Tensor) -> Tensor:
    """As the model's own forward makes them, [pos, vocab]."""
    logits: Tensor = model.get_output_embeddings()(states)
    cap = soft_cap(model)
    return logits if cap is None else logits.div_(cap).tanh_().mul_(cap)


def _loss(logits: Tensor, target: Tensor) -> Tensor:
    scores = logits.float()
    return scores.logsumexp(-1) - scores.gather(-1, target[:, None])[:, 0]
