"""Per-token loss of many rows, faster than logits first and loss after.

The logits of a batch are the largest thing that a small model makes. Here a few positions at a time
go through unembedding, soft-capping and log-sum-exp in one buffer that stays in cache, and unscored
positions not at all.
"""

from __future__ import annotations

import torch
from torch import Tensor

from backend.core.lm import LanguageModel

CHUNK = 1 << 20  # elements of the buffer on a CPU: 4 MB in float32
GPU_CHUNK = 1 << 27
# nats between this and the model's own logits, at most
AGREES = {torch.float32: 1e-3, torch.bfloat16: 0.3}


class TokenLoss:
    """Next-token loss in nats, float32, of scored positions.

    The unembedding is taken apart only where that gives what the model's own logits give, which is
    tried on the first rows; any other architecture goes through its own logits.
    """

    def __init__(self, lm: LanguageModel, probe: Tensor) -> None:
        """probe: token ids [batch, pos] to try on."""
        self.lm = lm
        weight: Tensor = lm.model.get_output_embeddings().weight
        # on a CPU logits are summed in float32 whatever the weights are: bfloat16 ones are off by
        # 0.03 nats
        self.dtype = torch.float32 if lm.device.type == "cpu" else lm.dtype
        self.unembedding = weight.to(self.dtype)
        self.cap: float | None = getattr(lm.model.config, "final_logit_softcapping", None)
        vocab = len(self.unembedding)
        self.rows = max(16, (CHUNK if lm.device.type == "cpu" else GPU_CHUNK) // vocab)
        self.buffer = torch.empty(self.rows, vocab, dtype=self.dtype, device=lm.device)
        self.apart = self._can_take_apart(probe)

    @torch.inference_mode()
    def __call__(self, tokens: Tensor, scored: Tensor) -> Tensor:
        """tokens [batch, pos], scored bool [batch,
        pos - 1] -> float32 [scored positions], row by row.
        """
        if not self.apart:
            return self.lm.per_token_loss(tokens)[scored]
        return self._apart(tokens, scored)

    def _apart(self, tokens: Tensor, scored: Tensor) -> Tensor:
        hidden = self.lm.model.base_model(input_ids=tokens, use_cache=False)[0][:, :-1][scored].to(
            self.dtype
        )
        targets = tokens[:, 1:][scored]
        losses = torch.empty(len(targets), dtype=torch.float32, device=tokens.device)
        for start in range(0, len(targets), self.rows):
            part, target = (
                hidden[start : start + self.rows],
                targets[start : start + self.rows, None],
            )
            logits = torch.mm(part, self.unembedding.T, out=self.buffer[: len(part)])
            losses[start : start + self.rows] = self._nats(logits, target)
        return losses

    def _nats(self, logits: Tensor, target: Tensor) -> Tensor:
        if self.cap:
            logits = logits.div_(self.cap).tanh_().mul_(self.cap)
        scores = logits.float()  # the same buffer where it is float32 already
        chosen = scores.gather(-1, target)[:, 0]
        top = scores.amax(-1, keepdim=True)
        return scores.sub_(top).exp_().sum(-1).log_() + top[:, 0] - chosen

    @torch.inference_mode()
    def _can_take_apart(self, probe: Tensor) -> bool:
        scored = torch.ones_like(probe[:, 1:], dtype=torch.bool)
        if getattr(self.lm.model.get_output_embeddings(), "bias", None) is not None:
            return False
        return bool(
            (self._apart(probe, scored) - self.lm.per_token_loss(probe).flatten()).abs().max()
            < AGREES[self.lm.dtype]
        )
