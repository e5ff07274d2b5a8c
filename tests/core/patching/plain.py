"""The same experiments with plain transformers and a hook of one line: nothing of the product is
used."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

Edits = Mapping[int, Mapping[int, Tensor]]  # layer -> position -> state


class Plain:
    """A model of `transformers` whose decoder layers are edited by hooks that are put on for one
    forward."""

    def __init__(self, folder: Path) -> None:
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.layers = self.model.model.layers

    @torch.inference_mode()
    def run(self, ids: list[int], edits: Edits = {}) -> tuple[Tensor, dict[int, Tensor]]:  # noqa: B006
        """(logits of the last position [vocab], what each layer gave out [pos, d_model], edits
        included)."""
        seen: dict[int, Tensor] = {}

        def hook(index: int) -> Any:
            def edit(module: Any, args: Any, output: Any) -> Any:
                hidden = (output[0] if isinstance(output, tuple) else output).clone()
                for position, state in edits.get(index, {}).items():
                    hidden[0, position] = state
                seen[index] = hidden[0].clone()
                return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

            return edit

        handles = [layer.register_forward_hook(hook(i)) for i, layer in enumerate(self.layers)]
        try:
            return self.model(torch.tensor([ids])).logits[0, -1], seen
        finally:
            for handle in handles:
                handle.remove()
