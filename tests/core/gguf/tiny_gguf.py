"""Tiny models of every architecture that is read, and the GGUF that llama.cpp's converter would
make of them.

The way there is written here once more, forwards, so that the product's way back is checked by
another's.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from transformers import PreTrainedModel

from tests.core.gguf.vocabularies import byte_level, sentencepiece
from tests.core.gguf.writer import TYPES, Raw, plain, random_tensor, write_gguf

D_MODEL, FFN, HEADS, KV_HEADS, HEAD_DIM, LAYERS = 64, 256, 4, 2, 16, 7
GPT2_POSITIONS, QWEN3_HEAD_DIM = 1024, 128  # transformers does not read what a file states of these


@dataclass(frozen=True)
class Tiny:
    """A model and what its GGUF says: metadata and, for each tensor, values as the converter stores
    them.
    """

    model: PreTrainedModel
    metadata: dict[str, Any]
    stored: dict[str, np.ndarray]

    def write(self, path: Path, **changes: Any) -> Path:
        """In float32. `changes`: metadata by its last word, dots as `__`; None: left out."""
        metadata = dict(self.metadata)
        for name, value in changes.items():
            (key,) = [one for one in metadata if one.endswith(f".{name.replace('__', '.')}")] or [
                name.replace("__", ".")
            ]
            metadata[key] = value
        kept = {name: value for name, value in metadata.items() if value is not None}
        return write_gguf(path, kept, {name: plain(values) for name, values in self.stored.items()})

    def write_packed(self, path: Path) -> Path:
        """Every matrix in another format, of random bits: no model, but read alike."""
        wide = [kind for kind, (_, elements, _) in TYPES.items() if elements > 1]
        tensors: dict[str, Raw] = {}
        for number, (name, values) in enumerate(self.stored.items()):
            fitting = [
                kind for kind in wide if values.ndim == 2 and values.shape[1] % TYPES[kind][1] == 0
            ]
            kind = fitting[number % len(fitting)] if fitting else "F32"
            tensors[name] = random_tensor(values.shape, kind, number) if fitting else plain(values)
        return write_gguf(path, self.metadata, tensors)


def tiny(architecture: str, seed: int = 0) -> Tiny:
    """With a tokenizer of the kind that the architecture's files have."""
    vocabulary = sentencepiece() if architecture.startswith("gemma") else byte_level()
    n_vocab = len(vocabulary["tokenizer.ggml.tokens"])
    make, describe = _MADE[architecture]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = make(n_vocab).eval()
        for name, weight in model.named_parameters():
            if (
                "norm" in name or "ln_" in name
            ):  # in steps of 1/64, so that + 1 and − 1 lose nothing
                weight.data = torch.randint(-20, 20, weight.shape).float() / 64
            elif weight.dim() > 1:
                weight.data.normal_(0, 0.2)
            else:
                weight.data.normal_(0, 0.05)
    metadata = {
        "general.architecture": architecture,
        "general.name": "Tiny",
        **describe(architecture),
        **vocabulary,
    }
    return Tiny(model, metadata, _stored(architecture, model))


def _stored(architecture: str, model: PreTrainedModel) -> dict[str, np.ndarray]:
    stored = {}
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and model.config.tie_word_embeddings:
            continue
        values = tensor.numpy()
        if architecture.startswith("gemma") and name.endswith("norm.weight"):
            values = values + np.float32(1)
        if architecture == "llama" and re.search(r"\.[qk]_proj\.", name):
            heads = HEADS if ".q_proj." in name else KV_HEADS
            values = (
                values.reshape(heads, 2, -1, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape)
            )
        if architecture == "gpt2" and re.search(r"\.(c_attn|c_proj|c_fc)\.weight", name):
            values = values.T
        stored[_gguf_name(architecture, name)] = values
    return stored


def _gguf_name(architecture: str, name: str) -> str:
    feed_forward = "post_attention_norm" if architecture.startswith("gemma") else "ffn_norm"
    for theirs, ours in [
        ("model.embed_tokens", "token_embd"),
        ("model.norm", "output_norm"),
        ("lm_head", "output"),
        ("model.layers", "blk"),
        ("self_attn.q_norm", "attn_q_norm"),
        ("self_attn.k_norm", "attn_k_norm"),
        ("self_attn.q_proj", "attn_q"),
        ("self_attn.k_proj", "attn_k"),
        ("self_attn.v_proj", "attn_v"),
        ("self_attn.o_proj", "attn_output"),
        ("input_layernorm", "attn_norm"),
        ("post_attention_layernorm", feed_forward),
        ("pre_feedforward_layernorm", "ffn_norm"),
        ("post_feedforward_layernorm", "post_ffw_norm"),
        ("mlp.gate_proj", "ffn_gate"),
        ("mlp.up_proj", "ffn_up"),
        ("mlp.down_proj", "ffn_down"),
        ("transformer.wte", "token_embd"),
        ("transformer.wpe", "position_embd"),
        ("transformer.ln_f", "output_norm"),
        ("transformer.h", "blk"),
        (".ln_1", ".attn_norm"),
        (".ln_2", ".ffn_norm"),
        ("attn.c_attn", "attn_qkv"),
        ("attn.c_proj", "attn_output"),
        ("mlp.c_fc", "ffn_up"),
        ("mlp.c_proj", "ffn_down"),
    ]:
        name = name.replace(theirs, ours)
    return name


# -------------------------------------------------- models, and what their files state


def _shape(n_vocab: int) -> dict[str, Any]:
    return {
        "vocab_size": n_vocab,
        "hidden_size": D_MODEL,
        "intermediate_size": FFN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "head_dim": HEAD_DIM,
        "max_position_embeddings": 128,
        "rms_norm_eps": float(np.float32(1e-6)),
    }


def _states(architecture: str, **more: Any) -> dict[str, Any]:
    common = {
        "context_length": 128,
        "embedding_length": D_MODEL,
        "block_count": LAYERS,
        "feed_forward_length": FFN,
        "attention.head_count": HEADS,
        "attention.head_count_kv": KV_HEADS,
        "attention.key_length": HEAD_DIM,
        "attention.value_length": HEAD_DIM,
        "attention.layer_norm_rms_epsilon": 1e-6,
    }
    return {f"{architecture}.{name}": value for name, value in (common | more).items()}


def _gemma2(n_vocab: int) -> PreTrainedModel:
    shape = _shape(n_vocab) | {"query_pre_attn_scalar": HEAD_DIM, "sliding_window": 8}
    capped = {"attn_logit_softcapping": 40.0, "final_logit_softcapping": 20.0}
    return transformers.Gemma2ForCausalLM(transformers.Gemma2Config(**shape, **capped))


def _gemma3(n_vocab: int) -> PreTrainedModel:
    shape = _shape(n_vocab) | {"query_pre_attn_scalar": HEAD_DIM, "sliding_window": 8}
    return transformers.Gemma3ForCausalLM(transformers.Gemma3TextConfig(**shape))


def _llama(n_vocab: int) -> PreTrainedModel:
    rope = {"rope_type": "default", "rope_theta": 5000.0}
    config = transformers.LlamaConfig(
        **_shape(n_vocab), rope_parameters=rope, tie_word_embeddings=False
    )
    return transformers.LlamaForCausalLM(config)


def _qwen2(n_vocab: int) -> PreTrainedModel:
    return transformers.Qwen2ForCausalLM(
        transformers.Qwen2Config(**_shape(n_vocab), tie_word_embeddings=True)
    )


def _qwen3(n_vocab: int) -> PreTrainedModel:
    shape = _shape(n_vocab) | {"head_dim": QWEN3_HEAD_DIM}
    return transformers.Qwen3ForCausalLM(
        transformers.Qwen3Config(**shape, tie_word_embeddings=True)
    )


def _gpt2(n_vocab: int) -> PreTrainedModel:
    shape = {
        "n_embd": D_MODEL,
        "n_inner": FFN,
        "n_layer": LAYERS,
        "n_head": HEADS,
        "n_positions": GPT2_POSITIONS,
    }
    return transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=n_vocab, **shape, layer_norm_epsilon=float(np.float32(1e-6))
        )
    )


def _gpt2_states(_: str) -> dict[str, Any]:
    return {
        "gpt2.context_length": GPT2_POSITIONS,
        "gpt2.embedding_length": D_MODEL,
        "gpt2.block_count": LAYERS,
        "gpt2.feed_forward_length": FFN,
        "gpt2.attention.head_count": HEADS,
        "gpt2.attention.layer_norm_epsilon": 1e-6,
    }


_MADE: dict[str, tuple[Callable[[int], PreTrainedModel], Callable[[str], dict[str, Any]]]] = {
    "gemma2": (
        _gemma2,
        lambda a: _states(
            a,
            attn_logit_softcapping=40.0,
            final_logit_softcapping=20.0,
            **{"attention.sliding_window": 8},
        ),
    ),
    "gemma3": (
        _gemma3,
        lambda a: _states(a, **{"attention.sliding_window": 8, "rope.freq_base": 1e6}),
    ),
    "gpt2": (_gpt2, _gpt2_states),
    "llama": (
        _llama,
        lambda a: _states(a, **{"rope.freq_base": 5000.0, "rope.dimension_count": HEAD_DIM}),
    ),
    "qwen2": (_qwen2, lambda a: _states(a, **{"rope.freq_base": 10000.0})),
    "qwen3": (
        _qwen3,
        lambda a: _states(a, **{"rope.freq_base": 10000.0, "attention.key_length": QWEN3_HEAD_DIM}),
    ),
}
