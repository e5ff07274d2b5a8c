"""The one forward hook of each decoder layer: it edits, keeps and stops.

Installed once per model. What it does is read from context variables, so concurrent forwards
in different threads do not see each other's wishes (adding and removing hooks per request does
not have that property: 8 of 8 concurrent pairs came out wrong when it was tried).
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from backend.core.hub import ModelUnavailable
from backend.core.lm.interventions import current_plan

# decoder layers -> final norm, by attribute path; the first path that exists is used
LAYER_PATHS = {
    "model.layers": "model.norm",
    "transformer.h": "transformer.ln_f",
    "gpt_neox.layers": "gpt_neox.final_layer_norm",
}


class _Deepest(Exception):
    """Ends a forward after the deepest layer needed; never leaves this module."""


@dataclass
class _Capture:
    layers: frozenset[int]
    stop_after: int | None
    resid: dict[int, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """What a decoder layer was called with beside its residual."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


_CAPTURE: ContextVar[_Capture | None] = ContextVar("residual_capture", default=None)
_CALLS: ContextVar[dict[int, Call] | None] = ContextVar("layer_calls", default=None)


def find_decoder(model: nn.Module) -> tuple[nn.ModuleList, nn.Module]:
    """(decoder layers, final norm), by structure; ModelUnavailable for an unknown structure."""
    modules = dict(model.named_modules())
    for layers_path, norm_path in LAYER_PATHS.items():
        layers, norm = modules.get(layers_path), modules.get(norm_path)
        if isinstance(layers, nn.ModuleList) and norm is not None:
            return layers, norm
    raise ModelUnavailable(
        f"{type(model).__name__} has its decoder layers at none of {', '.join(LAYER_PATHS)}: "
        "give a decoder-only model built like Gemma, Llama, Qwen, GPT-2 or Pythia."
    )


def install(layers: nn.ModuleList) -> None:
    """Hooks every layer, for the life of the model."""
    for index, layer in enumerate(layers):
        layer.register_forward_hook(_hook(index), with_kwargs=True)


@contextmanager
def capturing(layers: frozenset[int], *, stop: bool) -> Iterator[dict[int, Tensor]]:
    """Collects resid_post of the layers, interventions included, from forwards inside the block.

    With `stop` the forward, and with it the block, ends after the deepest of them.
    """
    capture = _Capture(layers, max(layers) if stop else None)
    token = _CAPTURE.set(capture)
    try:
        with suppress(_Deepest):
            yield capture.resid
    finally:
        _CAPTURE.reset(token)


@contextmanager
def recording() -> Iterator[dict[int, Call]]:
    """Collects what each layer is called with by a forward inside the block: masks, positions, the
    cache."""
    calls: dict[int, Call] = {}
    token = _CALLS.set(calls)
    try:
        yield calls
    finally:
        _CALLS.reset(token)


def _hook(index: int) -> Any:
    def hook(module: nn.Module, args: Any, kwargs: dict[str, Any], output: Any) -> Any:
        plan, capture, calls = current_plan(), _CAPTURE.get(), _CALLS.get()
        if calls is not None:
            calls[index] = Call(args[1:], kwargs)
        hidden: Tensor = output[0] if isinstance(output, tuple) else output
        if plan is not None and plan.touches(index):
            hidden = plan.apply(index, hidden, kwargs.get("position_ids"))
            output = (hidden, *output[1:]) if isinstance(output, tuple) else hidden
        if capture is not None:
            if index in capture.layers:
                capture.resid[index] = hidden
            if index == capture.stop_after:
                raise _Deepest
        return output

    return hook
