"""Attention frozen to the first row's pattern:
what an edit does through values, and not through looking elsewhere.

Inside `frozen`, every row of a batch attends, in every layer and head and at every position that
the forward runs, with the attention probabilities of row 0: what row 0's own queries and keys give,
after scaling, soft-capping, mask and softmax. A row's own queries and keys are not used, though its
keys are kept in the cache. Its values, its output projections, its MLPs and norms are its own.

transformers looks its attention function up by name at every forward. On first use the model is
given a name of ours, whose function is the model's own outside `frozen`, so nothing else changes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, eager_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

PREFIX = "freezable_"
_FROZEN: ContextVar[bool] = ContextVar("frozen_attention", default=False)


@contextmanager
def frozen(model: PreTrainedModel) -> Iterator[None]:
    """Forwards inside the block, of this thread or task, attend as their row 0 does.

    ValueError for a model whose attention cannot be read (flash attention of a kernel, say).
    """
    _make_freezable(model)
    token = _FROZEN.set(True)
    try:
        yield
    finally:
        _FROZEN.reset(token)


def can_freeze(model: PreTrainedModel) -> bool:
    """Whether `frozen` takes this model."""
    used: str = model.config._attn_implementation
    return used.startswith(PREFIX) or (used in ("eager", "sdpa") and _eager_of(model) is not None)


def _make_freezable(model: PreTrainedModel) -> None:
    """Give the model our dispatch, once; outside `frozen` it calls what the model called before."""
    used: str = model.config._attn_implementation
    if used.startswith(PREFIX):
        return
    if not can_freeze(model):
        raise ValueError(
            f"freeze_attention: {type(model).__name__} runs its attention as {used!r}, which "
            "does not show its probabilities; allowed: models that transformers can run as "
            "'eager' or 'sdpa'."
        )
    name = PREFIX + used
    AttentionInterface.register(name, _dispatch(used))
    AttentionMaskInterface.register(name, _masks(used))
    # not by the model's setter: that refuses a name with "sdpa" in it to a family that
    # use_fused_attention gave it to
    model.config._attn_implementation = name


def _eager_of(module: nn.Module) -> Callable[..., tuple[Tensor, Tensor]] | None:
    """The plain attention function of the modelling file that the module comes from."""
    source = sys.modules[type(module).__module__]
    found: Callable[..., tuple[Tensor, Tensor]] | None = getattr(
        source, "eager_attention_forward", None
    )
    return found


def _dispatch(used: str) -> Callable[..., tuple[Tensor, Tensor | None]]:
    def attend(
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor | None,
        **options: Any,
    ) -> tuple[Tensor, Tensor | None]:
        eager = _eager_of(module)
        if not _FROZEN.get():
            own = ALL_ATTENTION_FUNCTIONS.get_interface(used, eager)  # type: ignore[no-untyped-call, unused-ignore]
            answer: tuple[Tensor, Tensor | None] = own(
                module, query, key, value, attention_mask, **options
            )
            return answer
        if eager is None:
            raise ValueError(
                f"freeze_attention: {type(module).__name__} has no plain attention to read."
            )
        mask = attention_mask[:1] if attention_mask is not None else None
        _, probabilities = eager(module, query[:1], key[:1], value[:1], mask, **options)
        groups = getattr(module, "num_key_value_groups", 1)
        values = value.repeat_interleave(groups, dim=1)
        mixed = torch.matmul(probabilities, values)  # [1, head, query, key] over every row
        return mixed.transpose(1, 2).contiguous(), probabilities

    return attend


def _masks(used: str) -> Callable[..., Tensor | None]:
    def mask(*args: Any, **options: Any) -> Tensor | None:
        made: Tensor | None = (eager_mask if _FROZEN.get() else ALL_MASK_ATTENTION_FUNCTIONS[used])(
            *args, **options
        )
        return made

    return mask
