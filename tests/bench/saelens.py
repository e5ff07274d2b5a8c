"""The peer of the edge extraction:
sae-lens's SAETransformerBridge on the same model, SAEs and tokens.
"""

import copy
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from sae_lens import SAE
from sae_lens.analysis.sae_transformer_bridge import SAETransformerBridge
from torch import Tensor
from transformers import AutoTokenizer

from tests.bench.bare import load


@dataclass(frozen=True)
class Variant:
    """One way to call run_with_cache_with_saes. `note` ends the sentence "against sae-lens …"."""

    suffix: str
    note: str
    use_error_term: bool
    only_sae_acts: bool
    stop: bool


VARIANTS = (
    Variant(
        "",
        "as it is documented: error term on (without it the later SAEs read what the earlier "
        "ones reconstructed, and other features fire), everything cached, the whole forward",
        use_error_term=True,
        only_sae_acts=False,
        stop=False,
    ),
    Variant(
        ".error_term_off",
        "with its default error term, off: faster, and other firings",
        use_error_term=False,
        only_sae_acts=False,
        stop=False,
    ),
    Variant(
        ".names_filter",
        "tuned: error term on, names_filter for the SAE activations",
        use_error_term=True,
        only_sae_acts=True,
        stop=False,
    ),
    Variant(
        ".names_filter_stop",
        "tuned further: error term on, names_filter, and stop_at_layer after the deepest SAE",
        use_error_term=True,
        only_sae_acts=True,
        stop=True,
    ),
)


class SaeLensPeer:
    """The bridge around a deep copy of the model, which it rewrites in place."""

    def __init__(
        self, model: Path, saes: dict[str, Path], scratch: Path, dtype: torch.dtype = torch.float32
    ) -> None:
        self.saes: list[Any] = [
            SAE.load_from_disk(in_version_6(path, scratch), device="cpu") for path in saes.values()
        ]
        self.bridge: Any = SAETransformerBridge.boot_transformers(
            str(model),
            hf_model=copy.deepcopy(load(model, dtype)),
            tokenizer=AutoTokenizer.from_pretrained(model),
        )
        self.names = [self.bridge.get_sae_hook_name(sae) for sae in self.saes]
        self.after_deepest = 1 + max(int(name.split(".")[1]) for name in self.names)

    @torch.inference_mode()
    def run(self, tokens: Tensor, variant: Variant) -> list[Tensor]:
        """tokens [batch, pos] -> activations [batch, pos, d_sae] of each SAE, dense,
        as the bridge gives them.
        """
        options: dict[str, Any] = {}
        if variant.only_sae_acts:
            options["names_filter"] = self.names
        if variant.stop:
            options["stop_at_layer"] = self.after_deepest
        _, cache = self.bridge.run_with_cache_with_saes(
            tokens, saes=self.saes, use_error_term=variant.use_error_term, **options
        )
        return [cache[name] for name in self.names]


def in_version_6(folder: Path, scratch: Path) -> Path:
    """A copy of an SAE folder that is read as float32, like ours, and says which version wrote it.

    Without a version sae-lens reads an older layout into it.
    """
    copied = Path(shutil.copytree(folder, scratch / "sae-lens" / folder.name))
    config = json.loads((copied / "cfg.json").read_text(encoding="utf-8"))
    config["metadata"].setdefault("sae_lens_version", "6.0.0")
    config["dtype"] = "float32"
    (copied / "cfg.json").write_text(json.dumps(config), encoding="utf-8")
    return copied
