"""Residuals after any layer as logits: the final norm, the unembedding and the model's own cap."""

from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from backend.core.lm import LanguageModel
from backend.core.lm.unembedding import is_plain

_FOUND: WeakKeyDictionary[LanguageModel, bool] = (
    WeakKeyDictionary()
)  # models that were probed -> whether it held
PROBE = 3  # tokens


@torch.inference_mode()
def unembed(lm: LanguageModel, resid: Tensor) -> Tensor:
    """resid_post [n, d_model] -> float32 logits [n, vocab], as the model would make them of its
    last layer's.

    ValueError for a model that does more to its logits than a norm, a product and a soft cap.
    """
    if not _is_plain(lm):
        raise ValueError(
            f"{type(lm.model).__name__} makes its logits otherwise than by final norm, "
            "unembedding and soft cap: "
            "its residuals cannot be read in words."
        )
    return _logits(lm, resid)


def _logits(lm: LanguageModel, resid: Tensor) -> Tensor:
    logits: Tensor = lm.model.get_output_embeddings()(lm.final_norm(resid.to(lm.dtype))).float()
    cap = getattr(lm.model.config, "final_logit_softcapping", None)
    return logits.div_(cap).tanh_().mul_(cap) if cap else logits


def _is_plain(lm: LanguageModel) -> bool:
    """By its family; an unknown family is asked once, with a few tokens."""
    if is_plain(lm.model):
        return True
    if lm not in _FOUND:
        ids = [[lm.bos_id or 0, *range(PROBE - 1)]]
        forward = lm.forward(ids, [lm.n_layers - 1])
        own, theirs = _logits(lm, forward.resid[lm.n_layers - 1][0]), forward.logits[0].float()
        _FOUND[lm] = bool((own - theirs).abs().max() <= 1e-2 * theirs.abs().max())
    return _FOUND[lm]
