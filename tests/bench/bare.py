"""The peers in plain PyTorch and transformers: the least that does the same work.

Uses none of our code.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel


@dataclass(frozen=True)
class BareSae:
    """A JumpReLU or standard SAE's encoder, dense."""

    layer: int
    W_enc: Tensor
    b_enc: Tensor
    b_dec: Tensor | None
    threshold: Tensor | float

    @classmethod
    def load(cls, folder: Path) -> "BareSae":
        config: dict[str, Any] = json.loads((folder / "cfg.json").read_text(encoding="utf-8"))
        if config["architecture"] not in ("jumprelu", "standard"):
            raise ValueError(
                f"{folder}: {config['architecture']} is not measured; jumprelu and standard are"
            )
        weights = {
            name: tensor.float()
            for name, tensor in load_file(folder / "sae_weights.safetensors").items()
        }
        return cls(
            int(config["metadata"]["hook_name"].split(".")[1]),
            weights["W_enc"],
            weights["b_enc"],
            weights["b_dec"] if config["apply_b_dec_to_input"] else None,
            weights.get("threshold", 0.0),
        )

    def encode(self, resid: Tensor) -> Tensor:
        """resid [n, d_model] -> activations [n, d_sae]."""
        pre = (resid if self.b_dec is None else resid - self.b_dec) @ self.W_enc + self.b_enc
        return torch.relu(pre) * (pre > self.threshold)


class BareModel:
    """A second copy of the model, as transformers gives it,
    and a third that ends after the deepest SAE layer.
    """

    def __init__(
        self, folder: Path, saes: dict[str, Path], dtype: torch.dtype = torch.float32
    ) -> None:
        self.saes = [BareSae.load(path) for path in saes.values()]
        self.model = load(folder, dtype)
        deepest = max(sae.layer for sae in self.saes)
        cut = load(folder, dtype).base_model
        cut.layers = cut.layers[: deepest + 1]
        cut.config.num_hidden_layers = deepest + 1
        cut.norm = torch.nn.Identity()
        self.cut = cut

    @torch.inference_mode()
    def inspect(self, token_ids: list[int]) -> list[Tensor]:
        """The forward to the deepest layer plus the dense encodes:
        activations [pos, d_sae] of each SAE.
        """
        output = self.cut(torch.tensor([token_ids]), use_cache=False, output_hidden_states=True)
        return [sae.encode(output.hidden_states[sae.layer + 1][0]) for sae in self.saes]

    @torch.inference_mode()
    def prefill(self, token_ids: list[int]) -> int:
        """One forward of the prompt that fills a cache and unembeds the last position;
        the greedy next token.
        """
        output = self.model(torch.tensor([token_ids]), use_cache=True, logits_to_keep=1)
        return int(output.logits[0, -1].argmax())

    @torch.inference_mode()
    def generate(self, token_ids: list[int], *, rows: int, max_new_tokens: int) -> int:
        """Greedy `generate` of the prompt in `rows` equal rows;
        the number of new tokens in all rows.
        """
        prompt = torch.tensor([token_ids] * rows)
        made = self.model.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            do_sample=False,
            max_new_tokens=max_new_tokens,
            min_new_tokens=max_new_tokens,
            disable_compile=True,
        )
        return (made.shape[1] - prompt.shape[1]) * rows


def load(folder: Path, dtype: torch.dtype) -> PreTrainedModel:
    """The model as transformers gives it, from disk."""
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval().requires_grad_(False)
