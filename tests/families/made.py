"""Tiny random checkpoints of the families that are read, and SAEs in the formats that are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from transformers import (
    Gemma2Config,
    Gemma3Config,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen3Config,
)
from transformers.models.auto import modeling_auto

from tests.tiny import D_MODEL, D_SAE, tiny_sae_dir, tiny_tokenizer

LAYER, N_LAYERS = 1, 3
_TOKENS = {"bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0}
_SIZES = {
    "hidden_size": D_MODEL,
    "intermediate_size": 64,
    "num_hidden_layers": N_LAYERS,
    "num_attention_heads": 4,
    "initializer_range": 0.3,
    "max_position_embeddings": 128,
}
_HEADS = {"num_key_value_heads": 2, "head_dim": 8}
_GEMMA = _SIZES | _HEADS | {"query_pre_attn_scalar": 8, "sliding_window": 8}
_SEEING = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 14,
}
FAMILIES: dict[str, Callable[[int], PreTrainedConfig]] = {
    "gpt2": lambda n: GPT2Config(
        vocab_size=n,
        n_embd=D_MODEL,
        n_layer=N_LAYERS,
        n_head=4,
        n_positions=128,
        initializer_range=0.3,
        **_TOKENS,
    ),
    "gpt_neox": lambda n: GPTNeoXConfig(vocab_size=n, **_SIZES, **_TOKENS),
    "llama": lambda n: LlamaConfig(vocab_size=n, **_SIZES, **_HEADS, **_TOKENS),
    "mistral": lambda n: MistralConfig(
        vocab_size=n, sliding_window=8, **_SIZES, **_HEADS, **_TOKENS
    ),
    "qwen2": lambda n: Qwen2Config(vocab_size=n, num_key_value_heads=2, **_SIZES, **_TOKENS),
    "qwen3": lambda n: Qwen3Config(vocab_size=n, **_SIZES, **_HEADS, **_TOKENS),
    "gemma2": lambda n: Gemma2Config(vocab_size=n, **_GEMMA, **_TOKENS),
    "gemma3_text": lambda n: Gemma3TextConfig(vocab_size=n, **_GEMMA, **_TOKENS),
    "gemma3": lambda n: Gemma3Config(
        text_config={"vocab_size": n, **_GEMMA, **_TOKENS},
        vision_config=_SEEING,
        mm_tokens_per_image=4,
        image_token_index=n - 1,
        boi_token_index=n - 2,
        eoi_token_index=n - 3,
        **_TOKENS,
    ),
}
WITHOUT_BOS = ("qwen2", "qwen3")
FORMATS = ("standard", "topk", "batchtopk", "jumprelu", "gated")


def family_dir(folder: Path, kind: str) -> PreTrainedModel:
    """Writes the checkpoint; the model as transformers has it, of pictures too where it sees."""
    tokenizer = tiny_tokenizer()
    if kind in WITHOUT_BOS:
        tokenizer.bos_token = None
    config = FAMILIES[kind](len(tokenizer))
    classes = {
        **modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING,
        **modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model: PreTrainedModel = classes[type(config)](config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model.eval()


def format_dir(folder: Path, kind: str) -> Path:
    """An SAE after LAYER; `batchtopk` is what sae-lens makes of one when it saves it."""
    architecture = "jumprelu" if kind == "batchtopk" else kind
    about: dict[str, Any] = {}
    if kind == "batchtopk":
        about["metadata"] = {
            "hook_name": f"blocks.{LAYER}.hook_resid_post",
            "sae_lens_version": "6.54.12",
            "training_architecture": "batchtopk",
            "k": 8.0,
        }
    made = tiny_sae_dir(folder / kind, LAYER, architecture=architecture, **about)
    if kind == "batchtopk":  # one threshold for all features
        weights = load_file(made / "sae_weights.safetensors")
        save_file(
            weights | {"threshold": torch.full((D_SAE,), 3.0)}, made / "sae_weights.safetensors"
        )
    return made.rename(folder / f"sae-{kind}")


def plain_firings(sae: Path, kind: str, resid: torch.Tensor) -> NDArray[np.float64]:
    """[n, d_sae] of resid [n, d_model], in float64 as each format's formula stands."""
    arrays = load_file(sae / "sae_weights.safetensors")
    w = {name: one.double().numpy() for name, one in arrays.items()}
    p = (resid.double().numpy() - w["b_dec"]) @ w["W_enc"]
    if kind == "gated":
        magnitude = np.maximum(p * np.exp(w["r_mag"]) + w["b_mag"], 0)
        return np.where(p + w["b_gate"] > 0, magnitude, 0)
    pre = p + w["b_enc"]
    if kind == "topk":  # the 8 largest in units of what each writes
        pre = pre * np.linalg.norm(w["W_dec"], axis=1)
        least = np.sort(pre, axis=1)[:, -8][:, None]
        return np.where((pre >= least) & (pre > 0), pre, 0)
    if kind in ("jumprelu", "batchtopk"):
        return np.where(pre > np.maximum(w["threshold"], 0), pre, 0)
    return np.maximum(pre, 0)
