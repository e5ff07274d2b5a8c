"""`cfg.json` of an SAE folder, checked:
what is missing or not understood is refused, never guessed.
"""

import json
import re
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Literal, get_args

Architecture = Literal["jumprelu", "standard", "topk"]
Normalisation = Literal["none", "constant_norm_rescale", "layer_norm"]

_REQUIRED = ("architecture", "d_in", "d_sae", "apply_b_dec_to_input", "normalize_activations")
_HOOK = re.compile(r"blocks\.(\d+)\.hook_resid_(pre|post)")


@dataclass(frozen=True)
class SaeConfig:
    """What an SAE needs beside its weights.

    `layer`: 0-based decoder layer whose output it reads.
    """

    architecture: Architecture
    d_model: int
    d_sae: int
    layer: int
    hook_name: str
    apply_b_dec_to_input: bool
    normalize_activations: Normalisation
    k: int | None  # features kept per position; topk only
    rescale_acts_by_decoder_norm: bool  # topk only
    l0: float | None  # mean firings per token, measured by whoever made the folder
    metadata: dict[str, Any]


def read_config(path: Path) -> SaeConfig:
    """Raises ValueError naming the file, the field, what it holds and what is allowed."""
    try:
        raw = json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise ValueError(
            f"No {path}: an SAE is a folder with cfg.json and sae_weights.safetensors."
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {error}.") from None
    if not isinstance(raw, dict):
        raise ValueError(f"{path} must hold a JSON object; it holds a {type(raw).__name__}.")
    missing = [name for name in _REQUIRED if raw.get(name) is None]
    if missing:
        raise ValueError(
            f"{path} lacks {', '.join(missing)}: convert the SAE with `functionscope fetch`."
        )
    _refuse_unsupported(raw, path)
    metadata = raw.get("metadata") or {}
    if (metadata.get("model_from_pretrained_kwargs") or {}).get("center_writing_weights"):
        raise ValueError(
            f"{path}: the SAE reads a stream whose mean was subtracted: convert it with "
            "`functionscope fetch`."
        )
    hook_name = str(metadata.get("hook_name") or raw.get("hook_name"))
    return SaeConfig(
        architecture=raw["architecture"],
        d_model=_positive(raw, "d_in", path),
        d_sae=_positive(raw, "d_sae", path),
        layer=layer_of(hook_name, path),
        hook_name=hook_name,
        apply_b_dec_to_input=raw["apply_b_dec_to_input"],
        normalize_activations=raw["normalize_activations"],
        k=_positive(raw, "k", path) if raw["architecture"] == "topk" else None,
        rescale_acts_by_decoder_norm=bool(raw.get("rescale_acts_by_decoder_norm", False)),
        l0=_l0(metadata, path),
        metadata=metadata,
    )


def layer_of(hook_name: str, path: Path) -> int:
    """`blocks.9.hook_resid_post` -> 9;
    `blocks.9.hook_resid_pre` -> 8, the same stream one layer on.
    """
    found = _HOOK.fullmatch(hook_name)
    layer = int(found[1]) - (found[2] == "pre") if found else -1
    if layer < 0:
        raise ValueError(
            f"{path}: metadata.hook_name is {hook_name!r}; needed: blocks.N.hook_resid_post, or "
            "blocks.N.hook_resid_pre with N ≥ 1 (the residual stream after a decoder layer)."
        )
    return layer


def _refuse_unsupported(raw: dict[str, Any], path: Path) -> None:
    allowed: dict[str, tuple[Any, ...]] = {
        "architecture": get_args(Architecture),
        "apply_b_dec_to_input": (True, False),
        "normalize_activations": get_args(Normalisation),
        "reshape_activations": (None, "none"),
        "finetuning_scaling_factor": (None, False),
        "activation_fn": (None, "relu", "topk"),
    }
    for name, values in allowed.items():
        if raw.get(name) not in values:
            raise ValueError(
                f"{path}: {name} is {raw.get(name)!r}; allowed: "
                f"{', '.join(str(v) for v in values if v is not None)}."
            )


def _positive(raw: dict[str, Any], name: str, path: Path) -> int:
    value = raw.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{path}: {name} is {value!r}; needed: a whole number, 1 or more.")
    return value


def _l0(metadata: dict[str, Any], path: Path) -> float | None:
    value = metadata.get("l0")
    if value is None:
        return None
    if not isinstance(value, (int, float)) or not isfinite(value) or value < 0:
        raise ValueError(
            f"{path}: metadata.l0 is {value!r}; needed: mean firings per token, 0 or more."
        )
    return float(value)
