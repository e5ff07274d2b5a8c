"""`config.json` of a GGUF: what its metadata says, in the words of `transformers`.

What the file states is set even where it is the class's default, since that is one checkpoint's
value. What the file cannot state and the architecture fixes (Gemma's pattern of layers, its second
rotation base) is set here.
"""

from collections.abc import Mapping
from math import pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.core.gguf.reader import GgufError, GgufFile

ROPE_FACTORS = (
    "rope_freqs.weight"  # Llama 3's: by how much each frequency of the rotation is slowed down
)
FULL_EVERY, LOCAL_BASE = (
    6,
    10_000.0,
)  # Gemma 3: each sixth layer attends to everything; base of the others
LAYERS_OF_27B = {"gemma2": 46, "gemma3": 62}  # the size whose queries are scaled by d_model / heads


def gemma2(file: GgufFile) -> dict[str, Any]:
    n_layers = file.field("block_count")
    return _gemma(file) | {
        "model_type": "gemma2",
        "layer_types": _layers(
            "sliding" if layer % 2 == 0 else "full" for layer in range(n_layers)
        ),
        "attn_logit_softcapping": file.field("attn_logit_softcapping", 50.0),
        "final_logit_softcapping": file.field("final_logit_softcapping", 30.0),
        "rope_parameters": _rope(file),
    }


def gemma3(file: GgufFile) -> dict[str, Any]:
    n_layers = file.field("block_count")
    file.field("rope.freq_base")  # no default is right for it
    return _gemma(file) | {
        "model_type": "gemma3_text",
        "layer_types": _layers(
            "full" if (layer + 1) % FULL_EVERY == 0 else "sliding" for layer in range(n_layers)
        ),
        "attn_logit_softcapping": None,
        "final_logit_softcapping": None,
        "rope_parameters": {
            "full_attention": _rope(file),
            "sliding_attention": {"rope_theta": LOCAL_BASE, "rope_type": "default"},
        },
    }


def llama(file: GgufFile) -> dict[str, Any]:
    common = _decoder(file)
    rotated = file.field("rope.dimension_count", common["head_dim"])
    if rotated != common["head_dim"]:
        raise GgufError(
            f"{file.name} rotates {rotated} of a head's {common['head_dim']} dimensions; all are "
            "needed."
        )
    return common | {
        "model_type": "llama",
        "hidden_act": "silu",
        "attention_bias": "blk.0.attn_q.bias" in file.tensors,
        "mlp_bias": "blk.0.ffn_up.bias" in file.tensors,
        "rope_parameters": _llama3_rope(file, common["head_dim"])
        if ROPE_FACTORS in file.tensors
        else _rope(file),
    }


def qwen2(file: GgufFile) -> dict[str, Any]:
    return _decoder(file) | {
        "model_type": "qwen2",
        "hidden_act": "silu",
        "rope_parameters": _rope(file),
    }


def qwen3(file: GgufFile) -> dict[str, Any]:
    return _decoder(file) | {
        "model_type": "qwen3",
        "hidden_act": "silu",
        "rope_parameters": _rope(file),
    }


def gpt2(file: GgufFile) -> dict[str, Any]:
    return _ids(file) | {
        "model_type": "gpt2",
        "n_embd": file.field("embedding_length"),
        "n_head": file.field("attention.head_count"),
        "n_inner": file.field("feed_forward_length"),
        "n_layer": file.field("block_count"),
        "n_positions": file.field("context_length"),
        "layer_norm_epsilon": file.field("attention.layer_norm_epsilon"),
        "activation_function": "gelu_new",
    }


def _ids(file: GgufFile) -> dict[str, Any]:
    """What every architecture has; an id that the file does not state is null."""
    kinds = {"bos": "bos", "eos": "eos", "pad": "padding"}
    stated = {
        f"{ours}_token_id": file.metadata.get(f"tokenizer.ggml.{theirs}_token_id")
        for ours, theirs in kinds.items()
    }
    if "token_embd.weight" not in file.tensors:
        raise GgufError(
            f"{file.name} has no token_embd.weight: it is not a language model, or a part of one."
        )
    tied = "output.weight" not in file.tensors
    return stated | {
        "vocab_size": file.tensors["token_embd.weight"].shape[0],
        "tie_word_embeddings": tied,
    }


def _decoder(file: GgufFile) -> dict[str, Any]:
    n_heads, d_model = file.field("attention.head_count"), file.field("embedding_length")
    shape = {
        "hidden_size": d_model,
        "intermediate_size": file.field("feed_forward_length"),
        "num_hidden_layers": file.field("block_count"),
        "num_attention_heads": n_heads,
        "num_key_value_heads": file.field("attention.head_count_kv", n_heads),
    }
    for name, value in shape.items():
        if not isinstance(value, int) or value < 1:
            raise GgufError(
                f"{file.name}: {name} is {value!r}; one number for all layers is needed."
            )
    return (
        _ids(file)
        | shape
        | {
            "head_dim": file.field("attention.key_length", d_model // n_heads),
            "max_position_embeddings": file.field("context_length"),
            "rms_norm_eps": file.field("attention.layer_norm_rms_epsilon"),
        }
    )


def _gemma(file: GgufFile) -> dict[str, Any]:
    common = _decoder(file)
    largest = common["num_hidden_layers"] == LAYERS_OF_27B[file.architecture]
    scaled_by = (
        common["hidden_size"] // common["num_attention_heads"] if largest else common["head_dim"]
    )
    return common | {
        "hidden_activation": "gelu_pytorch_tanh",
        "query_pre_attn_scalar": scaled_by,
        "sliding_window": file.field("attention.sliding_window"),
    }


def _layers(kinds: Any) -> list[str]:
    return [f"{kind}_attention" for kind in kinds]


def _rope(file: GgufFile) -> dict[str, Any]:
    plain = {"rope_theta": file.field("rope.freq_base", 10_000.0), "rope_type": "default"}
    kind = file.field("rope.scaling.type", "none")
    if kind == "none":
        return plain
    if kind != "linear":
        raise GgufError(
            f"{file.name} scales its rotation by {kind!r}; read are 'none' and 'linear'."
        )
    return plain | {"rope_type": "linear", "factor": file.field("rope.scaling.factor")}


def _llama3_rope(file: GgufFile, head_dim: int) -> dict[str, Any]:
    """Llama 3's scaling, which the file holds as one factor a frequency: found, and checked against
    them all.
    """
    info = file.tensors[ROPE_FACTORS]
    factors = file.rows(info, 0, 1)[0]
    base = file.field("rope.freq_base")
    rope = {
        "rope_theta": base,
        "rope_type": "llama3",
        "factor": round(float(factors.max()), 3),
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }
    if not np.allclose(factors, _slowing(rope, head_dim), rtol=1e-4):
        raise GgufError(
            f"{file.name}: {ROPE_FACTORS} is not Llama 3's scaling of the rotation, the only one "
            "read."
        )
    return rope


def _slowing(rope: Mapping[str, Any], head_dim: int) -> NDArray[np.float64]:
    """Llama 3's factor for each frequency: 1 for short waves, `factor` for long ones, between them
    a passage.
    """
    wavelength = 2 * pi * rope["rope_theta"] ** (np.arange(0, head_dim, 2) / head_dim)
    turns = rope["original_max_position_embeddings"] / wavelength
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    share = np.clip((turns - low) / (high - low), 0.0, 1.0)
    factors: NDArray[np.float64] = 1.0 / ((1 - share) / rope["factor"] + share)
    return factors
