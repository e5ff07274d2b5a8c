"""What a GGUF's metadata and tensors are called in `transformers`, architecture by architecture.

llama.cpp's converter does four things to weights, undone here: norms of Gemma are stored + 1, rows
of Llama's queries and keys are interleaved for its rotation, GPT-2's matrices are transposed, names
are its own.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.core.gguf import configurations as configured
from backend.core.gguf.reader import GgufError, GgufFile

Floats = NDArray[np.float32]
Change = Callable[
    [Floats, Mapping[str, Any]], Floats
]  # a whole tensor and the model's configuration


@dataclass(frozen=True)
class Architecture:
    """`model_class` of transformers; `names` maps a tensor's GGUF name without `.weight` or
    `.bias`, a layer's with
    its number as {}; `changes` by the same name undo what the converter did."""

    model_class: str
    configure: Callable[[GgufFile], dict[str, Any]]
    names: Mapping[str, str]
    changes: Mapping[str, Change] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()  # what only its configuration is made from


@dataclass(frozen=True)
class Target:
    """Where a tensor goes. `change` None: its rows stay as they are, and can be written as they are
    read.
    """

    name: str
    change: Change | None


def architecture_of(file: GgufFile) -> Architecture:
    """GgufError for one that is not read here."""
    if file.architecture not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise GgufError(
            f"{file.name} is of the architecture {file.architecture!r}; read are {known}."
        )
    return ARCHITECTURES[file.architecture]


def targets(file: GgufFile, architecture: Architecture) -> dict[str, Target]:
    """For each tensor of the file, in its order; GgufError for one that the architecture does not
    have.
    """
    found = {}
    for name in file.tensors:
        if name in architecture.left_out:
            continue
        stem, _, kind = name.rpartition(".")
        layer = re.fullmatch(r"blk\.(\d+)\.(.+)", stem)
        general, number = (f"blk.{{}}.{layer[2]}", layer[1]) if layer else (stem, "")
        if general not in architecture.names or kind not in ("weight", "bias"):
            raise GgufError(f"{file.name} holds {name}, which is not read for {file.architecture}.")
        place = architecture.names[general].format(number)
        found[name] = Target(f"{place}.{kind}", architecture.changes.get(general))
    return found


def _less_one(weights: Floats, _: Mapping[str, Any]) -> Floats:
    return weights - np.float32(1)


def _transposed(weights: Floats, _: Mapping[str, Any]) -> Floats:
    return weights.T if weights.ndim == 2 else weights


def _uninterleaved(heads: str) -> Change:
    """Rows of each head from (0, d/2, 1, d/2 + 1 …) back to (0, 1, … d − 1). `heads`:
    configuration's count of them.
    """

    def change(weights: Floats, config: Mapping[str, Any]) -> Floats:
        paired = weights.reshape(config[heads], -1, 2, *weights.shape[1:])
        return paired.swapaxes(1, 2).reshape(weights.shape)

    return change


_DECODER = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
    "blk.{}.attn_norm": "model.layers.{}.input_layernorm",
    "blk.{}.attn_q": "model.layers.{}.self_attn.q_proj",
    "blk.{}.attn_k": "model.layers.{}.self_attn.k_proj",
    "blk.{}.attn_v": "model.layers.{}.self_attn.v_proj",
    "blk.{}.attn_output": "model.layers.{}.self_attn.o_proj",
    "blk.{}.ffn_norm": "model.layers.{}.post_attention_layernorm",
    "blk.{}.ffn_gate": "model.layers.{}.mlp.gate_proj",
    "blk.{}.ffn_up": "model.layers.{}.mlp.up_proj",
    "blk.{}.ffn_down": "model.layers.{}.mlp.down_proj",
}
_NORMED_HEADS = {
    "blk.{}.attn_q_norm": "model.layers.{}.self_attn.q_norm",
    "blk.{}.attn_k_norm": "model.layers.{}.self_attn.k_norm",
}
_GEMMA = _DECODER | {
    "blk.{}.post_attention_norm": "model.layers.{}.post_attention_layernorm",
    "blk.{}.ffn_norm": "model.layers.{}.pre_feedforward_layernorm",
    "blk.{}.post_ffw_norm": "model.layers.{}.post_feedforward_layernorm",
}
_GPT2 = {
    "token_embd": "transformer.wte",
    "position_embd": "transformer.wpe",
    "output_norm": "transformer.ln_f",
    "output": "lm_head",
    "blk.{}.attn_norm": "transformer.h.{}.ln_1",
    "blk.{}.attn_qkv": "transformer.h.{}.attn.c_attn",
    "blk.{}.attn_output": "transformer.h.{}.attn.c_proj",
    "blk.{}.ffn_norm": "transformer.h.{}.ln_2",
    "blk.{}.ffn_up": "transformer.h.{}.mlp.c_fc",
    "blk.{}.ffn_down": "transformer.h.{}.mlp.c_proj",
}


def _norms(names: Mapping[str, str]) -> dict[str, Change]:
    return {name: _less_one for name in names if name.endswith("norm")}


ARCHITECTURES = {
    "gemma2": Architecture("Gemma2ForCausalLM", configured.gemma2, _GEMMA, _norms(_GEMMA)),
    "gemma3": Architecture(
        "Gemma3ForCausalLM",
        configured.gemma3,
        _GEMMA | _NORMED_HEADS,
        _norms(_GEMMA | _NORMED_HEADS),
    ),
    "gpt2": Architecture(
        "GPT2LMHeadModel",
        configured.gpt2,
        _GPT2,
        {
            f"blk.{{}}.{name}": _transposed
            for name in ("attn_qkv", "attn_output", "ffn_up", "ffn_down")
        },
    ),
    "llama": Architecture(
        "LlamaForCausalLM",
        configured.llama,
        _DECODER,
        {
            "blk.{}.attn_q": _uninterleaved("num_attention_heads"),
            "blk.{}.attn_k": _uninterleaved("num_key_value_heads"),
        },
        frozenset({configured.ROPE_FACTORS}),
    ),
    "qwen2": Architecture("Qwen2ForCausalLM", configured.qwen2, _DECODER),
    "qwen3": Architecture("Qwen3ForCausalLM", configured.qwen3, _DECODER | _NORMED_HEADS),
}
