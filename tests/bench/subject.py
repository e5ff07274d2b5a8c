"""What is measured: a shipped preset's model; without the lab's, a random one of its shape.

Either way it is folders on disk, so that our side and its peer load the same weights on their own.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import Gemma2ForCausalLM

from backend.core.hub import ModelUnavailable
from backend.core.lm import LanguageModel
from backend.core.presets import DEFAULT_PRESET, load_preset
from backend.core.weights import model_source
from tests.tiny import tiny_config, tiny_sae_dir, tiny_tokenizer

ROOT = Path(__file__).parents[2]
LAYERS = (1, 3, 5)
D_SAE = 2048
FIRINGS_PER_TOKEN = 16
VOCAB_SIZE = 8192
LAB_SHAPE = {
    "hidden_size": 192,
    "num_hidden_layers": 8,
    "intermediate_size": 512,
    "head_dim": 48,
    "query_pre_attn_scalar": 48,
    "max_position_embeddings": 256,
    "sliding_window": 128,
    "initializer_range": 0.02,
}


@dataclass(frozen=True)
class Subject:
    """A model folder and SAE folders by sae_id. `preset`: which serves it; None for random
    weights.
    """

    name: str
    model: Path
    saes: dict[str, Path]
    preset: str | None

    @property
    def is_lab(self) -> bool:
        return self.preset == "lab"


def find(scratch: Path, name: str = "lab") -> Subject:
    """The preset's model with all its SAEs; of the lab the first three, or a random model written
    below `scratch`. ModelUnavailable where another preset's weights are not here.
    """
    preset = load_preset(name)
    if name != "lab":
        model = model_source(preset, report=lambda words: print(words, file=sys.stderr))
        return Subject(preset.title, Path(model), {s.sae_id: s.path for s in preset.saes}, name)
    saes = {sae.sae_id: sae.path for sae in preset.saes if sae.path.is_dir()}
    if len(saes) < len(LAYERS) or not Path(preset.model).is_dir() or not preset.build.exists():
        return random_subject(scratch)
    first = dict(list(saes.items())[: len(LAYERS)])
    return Subject("the lab model", Path(preset.model), first, "lab")


def default_preset(scratch: Path) -> list[Subject]:
    """What is served where no preset is named; empty where its weights are not here."""
    try:
        return [find(scratch, DEFAULT_PRESET)]
    except ModelUnavailable as why:
        print(f"page_clicks: {DEFAULT_PRESET} is left out: {why}", file=sys.stderr)
        return []


def random_subject(scratch: Path) -> Subject:
    """Random weights of the lab model's shape: honest for times, meaningless for anything else."""
    model = scratch / "model"
    torch.manual_seed(0)
    Gemma2ForCausalLM(tiny_config(VOCAB_SIZE, **LAB_SHAPE)).save_pretrained(model)
    tiny_tokenizer().save_pretrained(model)
    lm = LanguageModel.load(model)
    resid = lm.resid_post(torch.randint(3, VOCAB_SIZE, (8, 256)), LAYERS)
    saes = {}
    for layer in LAYERS:
        # without its version in the metadata, sae-lens takes a folder for one of its older layouts
        metadata = {
            "sae_lens_version": "6.0.0",
            "hook_name": f"blocks.{layer}.hook_resid_post",
            "model_name": "random",
        }
        folder = tiny_sae_dir(scratch, layer, d_sae=D_SAE, d_model=lm.d_model, metadata=metadata)
        calibrate(folder, resid[layer].flatten(0, 1))
        saes[f"layer_{layer}"] = folder
    return Subject(
        "RANDOM weights of the lab model's shape (the lab model is not complete)",
        model,
        saes,
        None,
    )


def calibrate(folder: Path, resid: Tensor) -> None:
    """Set an SAE's thresholds so that FIRINGS_PER_TOKEN features fire on `resid` [n,
    d_model], on average.
    """
    path = folder / "sae_weights.safetensors"
    weights = load_file(path)
    pre = (resid - weights["b_dec"]) @ weights["W_enc"] + weights["b_enc"]
    weights["threshold"] = torch.quantile(pre, 1 - FIRINGS_PER_TOKEN / D_SAE, dim=0).clamp(min=1e-3)
    save_file(weights, path)


def prompts(lm: LanguageModel, n_tokens: int, count: int) -> list[str]:
    """`count` different texts that tokenise to exactly `n_tokens`, BOS included; seeded.

    Made of whole single-token words of the model's own vocabulary. RuntimeError when it has too
    few.
    """
    pieces = [
        lm.token_text(token_id)
        for token_id in range(lm.vocab_size)
        if token_id not in lm.special_ids
    ]
    words = [
        text
        for text in pieces
        if text.startswith(" ") and text[1:].isascii() and text[1:].isalpha()
    ]
    generator = torch.Generator().manual_seed(0)
    found: list[str] = []
    for _ in range(100 * count):
        chosen = torch.randint(len(words), (n_tokens - 1,), generator=generator).tolist()
        text = "".join(words[index] for index in chosen)
        if len(lm.tokenize(text)) == n_tokens and text not in found:
            found.append(text)
        if len(found) == count:
            return found
    raise RuntimeError(
        f"only {len(found)} of {count} prompts of {n_tokens} tokens could be made from "
        f"{len(words)} words"
    )
