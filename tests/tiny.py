"""A tiny real model and tiny real SAEs on disk, made from a seed: nothing downloads.

`tiny_model_dir(tmp)` -> a folder written by `save_pretrained` (random Gemma 2 with a sliding
window of 8, and a byte-level BPE tokenizer with a chat template); `tiny_sae_dir(tmp, layer)` ->
a SAELens folder that fits it.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import Gemma2Config, Gemma2ForCausalLM, PreTrainedTokenizerFast

D_MODEL, N_LAYERS, D_SAE, SLIDING_WINDOW = 32, 4, 96, 8
PAD, EOS, BOS = 0, 1, 2

_TEXT = (
    "What is the capital of Russia?\nMoscow.\nWhat is the capital of the UK?\nLondon.\n"
    "The cat sat on the mat, and the dog sat by the door.\nSpeak Chinese.\n你好，世界。\n"
) * 4
_CHAT = (
    "{{ bos_token }}{% for m in messages %}{{ m['role'] }}\n{{ m['content'] }}{{ eos_token }}\n"
    "{% endfor %}{% if add_generation_prompt %}model\n{% endif %}"
)


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """About 400 entries: <pad> 0, <eos> 1, <bos> 2, all bytes,
    newline its own token, Han reachable.
    """
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex("\n"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=[AddedToken(text, special=True) for text in ("<pad>", "<eos>", "<bos>")],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator([_TEXT], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<pad>",
        eos_token="<eos>",
        bos_token="<bos>",
        chat_template=_CHAT,
    )


def tiny_config(vocab_size: int, **changes: Any) -> Gemma2Config:
    options: dict[str, Any] = {
        "vocab_size": vocab_size,
        "hidden_size": D_MODEL,
        "intermediate_size": 64,
        "num_hidden_layers": N_LAYERS,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "query_pre_attn_scalar": 8,
        "sliding_window": SLIDING_WINDOW,
        "max_position_embeddings": 512,
        "initializer_range": 0.3,  # large, so that edits and positions matter
        "pad_token_id": PAD,
        "eos_token_id": EOS,
        "bos_token_id": BOS,
    }
    return Gemma2Config(**(options | changes))


def tiny_model_dir(tmp: Path, *, seed: int = 0, **changes: Any) -> Path:
    """`changes` replace fields of the Gemma2Config. The same seed gives the same weights."""
    folder = Path(tmp) / "model"
    tokenizer = tiny_tokenizer()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Gemma2ForCausalLM(tiny_config(changes.pop("vocab_size", len(tokenizer)), **changes))
        for name, weight in model.named_parameters():
            if "norm" in name:  # gains that differ, so that a forgotten gain shows
                weight.data.uniform_(-0.3, 0.3)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def tiny_sae_dir(
    tmp: Path,
    layer: int,
    *,
    architecture: str = "jumprelu",
    d_sae: int = D_SAE,
    d_model: int = D_MODEL,
    seed: int = 0,
    **config: Any,
) -> Path:
    """Folder `layer_<layer>`; `config` replaces fields of cfg.json.

    About one feature in ten fires.
    """
    folder = Path(tmp) / "saes" / f"layer_{layer}"
    folder.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(1000 * seed + layer)
    W_dec = torch.randn(d_sae, d_model, generator=generator)
    W_dec /= W_dec.norm(dim=-1, keepdim=True)
    weights = {
        "W_enc": (W_dec.T + 0.05 * torch.randn(d_model, d_sae, generator=generator)).contiguous(),
        "b_enc": 0.1 * torch.randn(d_sae, generator=generator),
        "W_dec": W_dec,
        "b_dec": 0.1 * torch.randn(d_model, generator=generator),
    }
    if architecture == "gated":
        b_enc = weights.pop("b_enc")
        weights["r_mag"] = 0.3 * torch.randn(d_sae, generator=generator)
        weights["b_mag"] = b_enc - 2.0  # for some features the gate decides, for others this
        weights["b_gate"] = -4.0 + 4.0 * torch.rand(d_sae, generator=generator)
    if architecture == "jumprelu":
        weights["threshold"] = 4.0 + torch.rand(d_sae, generator=generator)
    save_file(weights, folder / "sae_weights.safetensors")
    (folder / "cfg.json").write_text(
        json.dumps(_sae_config(architecture, layer, d_model, d_sae) | config)
    )
    return folder


def _sae_config(architecture: str, layer: int, d_model: int, d_sae: int) -> dict[str, Any]:
    config: dict[str, Any] = {
        "architecture": architecture,
        "d_in": d_model,
        "d_sae": d_sae,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": True,
        "normalize_activations": "none",
        "reshape_activations": "none",
        "metadata": {
            "hook_name": f"blocks.{layer}.hook_resid_post",
            "model_name": "tiny",
            "sae_lens_version": "6.0.0",  # without it sae-lens takes this for an older layout
            "l0": 10.0,
        },
    }
    return config | (
        {"k": 8, "rescale_acts_by_decoder_norm": True} if architecture == "topk" else {}
    )
