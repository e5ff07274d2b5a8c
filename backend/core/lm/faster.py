"""What makes a model faster and changes nothing that it computes:
three edits, made once when it is wrapped.

Norms: RMS norms in one call each, where transformers makes eight small tensors a norm.
Attention: fused for models that may have it, though transformers withholds it from their whole
family. Gemma 2 can soft-cap its attention scores, which PyTorch's fused kernel cannot, so
transformers runs every Gemma 2 step by step ("eager"). A checkpoint whose config turns the
soft-capping off has nothing to cap.
Weights: their order in memory, on a CPU.
"""

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.models.gemma2.modeling_gemma2 import Gemma2RMSNorm


def use_fused_norms(model: PreTrainedModel) -> None:
    """Run Gemma 2's norms through PyTorch's own `rms_norm`, in float32 as before;
    other models stay as they are.

    The same sums and roots in the same precision. A prompt of some dozens of tokens is half Python
    and small tensors, and four norms a layer were a seventh of its forward pass.
    """
    for module in model.modules():
        if type(module) is Gemma2RMSNorm:
            module.forward = _FusedNorm(module)


class _FusedNorm:
    """The norm's forward. Its gain is 1 + weight, made anew when the weight was written to."""

    def __init__(self, norm: Gemma2RMSNorm) -> None:
        self.weight, self.eps = norm.weight, norm.eps
        # one object, so that a thread never sees the version of one gain with another
        self._made = self._make()

    def _make(self) -> tuple[int, Tensor]:
        return self.weight._version, 1.0 + self.weight.float()

    def __call__(self, x: Tensor) -> Tensor:
        version, gain = self._made
        if version != self.weight._version:
            self._made = _, gain = self._make()
        return torch.nn.functional.rms_norm(x.float(), gain.shape, gain, self.eps).type_as(x)


def use_fused_attention(model: PreTrainedModel) -> None:
    """Run the model's attention in the fused kernel if its config says that its scores
    are not soft-capped.

    The same residuals to 1e-5 of their size; no tensor [head, query, key] is made. Others are left
    as they are.
    """
    eager = model.config._attn_implementation == "eager"
    if eager and getattr(model.config, "attn_logit_softcapping", 0.0) is None:
        model.config._attn_implementation = "sdpa"


def lay_out_for_few_rows(layers: nn.ModuleList) -> None:
    """Keep float32 linear weights of the decoder layers column by column;
    their values and shapes stay.

    A prompt or a step of generation is a product with few rows, whose time goes into reading the
    weights: measured on a CPU core, 2 rows take 0.85 of the time, 8 take 0.75, 32 take 0.85, a
    thousand the same.
    """
    for module in layers.modules():
        if (
            isinstance(module, nn.Linear)
            and module.weight.is_cpu
            and module.weight.dtype == torch.float32
        ):
            module.weight.data = module.weight.data.T.contiguous().T
