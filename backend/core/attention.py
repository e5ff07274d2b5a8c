"""Fused attention for models that may have it, though transformers withholds it from their whole family.

Gemma 2 can soft-cap its attention scores, which PyTorch's fused kernel cannot, so transformers runs every
Gemma 2 step by step ("eager"). A checkpoint whose config turns the soft-capping off has nothing to cap.
"""

from transformers import PreTrainedModel


def use_fused_attention(model: PreTrainedModel) -> None:
    """Run the model's attention in the fused kernel if its config says that its scores are not soft-capped.

    The same residuals to 1e-5 of their size; no tensor [head, query, key] is made. Others are left as they are.
    """
    eager = model.config._attn_implementation == "eager"
    if eager and getattr(model.config, "attn_logit_softcapping", 0.0) is None:
        model.config._attn_implementation = "sdpa"
