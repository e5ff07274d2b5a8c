"""`cfg.json` of an SAE folder, checked:
what is missing or not understood is refused, never guessed.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Literal, get_args

from backend.core.sae.keys import CENTRED, SAME_STREAM, settled

Architecture = Literal["gated", "jumprelu", "standard", "topk"]
Normalisation = Literal["none", "constant_norm_rescale", "layer_norm"]

_REQUIRED = ("architecture", "d_in", "d_sae", "apply_b_dec_to_input", "normalize_activations")
_HOOK = re.compile(r"blocks\.(\d+)\.hook_resid_(pre|post)")
_CONVERT = "convert the folder with `functionscope fetch --folder {folder} --out NEW`"


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
    config, centred = stated_config(read_json(path), path)
    if centred:
        raise ValueError(
            f"{path}: the SAE reads a stream whose mean was subtracted: "
            f"{_CONVERT.format(folder=path.parent)}."
        )
    return config


def read_json(path: Path) -> dict[str, Any]:
    """The object that the file holds; ValueError when it is missing or something else."""
    try:
        raw = json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise ValueError(
            f"No {path}: an SAE is a folder with cfg.json and sae_weights.safetensors."
        ) from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {error}.") from None
    if not isinstance(raw, dict):
        raise ValueError(f"{path} must hold a JSON object; it holds a {type(raw).__name__}.")
    return raw


def stated_config(raw: dict[str, Any], path: Path) -> tuple[SaeConfig, bool]:
    """What a `cfg.json` says, and whether the SAE reads the stream with its mean subtracted.
    ValueError as above.
    """
    found, metadata = settled(raw, path)
    missing = [name for name in _REQUIRED if found.get(name) is None]
    if missing:
        raise ValueError(
            f"{path} lacks {', '.join(missing)}: {_CONVERT.format(folder=path.parent)}."
        )
    _refuse_unsupported(found, path)
    architecture, k = _activation(found, path, older=_is_older(raw, metadata))
    hook_name = str(found.get("hook_name"))
    layer = layer_of(hook_name, path)
    _check_site(found, hook_name, path)
    config = SaeConfig(
        architecture=architecture,
        d_model=_positive(found, "d_in", path),
        d_sae=_positive(found, "d_sae", path),
        layer=layer,
        hook_name=hook_name,
        apply_b_dec_to_input=found["apply_b_dec_to_input"],
        normalize_activations=found["normalize_activations"]
        or "none",  # false, as older files have it
        k=k,
        rescale_acts_by_decoder_norm=bool(found.get("rescale_acts_by_decoder_norm")),
        l0=_l0(metadata, path),
        metadata=metadata,
    )
    return config, _is_centred(found, path)


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


def _refuse_unsupported(found: dict[str, Any], path: Path) -> None:
    allowed: dict[str, tuple[Any, ...]] = {
        "architecture": get_args(Architecture),
        "apply_b_dec_to_input": (True, False),
        "normalize_activations": (*get_args(Normalisation), False),
        "reshape_activations": (None, "none"),
        "finetuning_scaling_factor": (None, False),
        "activation_fn": (None, "relu", "topk"),
        "hook_head_index": (None,),
        "rescale_acts_by_decoder_norm": (None, False, True),
    }
    for name, values in allowed.items():
        value = found.get(name)
        if not any(value is one or (isinstance(value, str) and value == one) for one in values):
            said = ", ".join(str(one) for one in values if one is not None) or "none"
            raise ValueError(f"{path}: {name} is {value!r}; allowed: {said}.")


def _is_older(raw: dict[str, Any], metadata: dict[str, Any]) -> bool:
    """Whether sae-lens reads the file as one from before its version 6, whose settings lie side by
    side.
    """
    stated = raw.get("sae_lens_version") or metadata.get("sae_lens_version") or "0"
    first = str(stated).split(".")[0]
    return not first.isdecimal() or int(first) < 6


def _activation(
    found: dict[str, Any], path: Path, *, older: bool
) -> tuple[Architecture, int | None]:
    """(architecture, k) from the four settings that say it; older files call a top-k SAE
    "standard".
    """
    architecture, function = found["architecture"], found.get("activation_fn")
    options = found.get("activation_fn_kwargs") or {}
    if not isinstance(options, dict) or options.keys() - {"k", "signed"} or options.get("signed"):
        raise ValueError(
            f"{path}: activation_fn_kwargs is {options!r}; allowed: k, and signed if it is false."
        )
    if function == "topk" and architecture == "standard" and older:
        architecture = "topk"
    if function is not None and (function == "topk") != (architecture == "topk"):
        raise ValueError(
            f"{path}: activation_fn is {function!r}, and architecture is {architecture!r}."
        )
    stated = {"k": found.get("k"), "activation_fn_kwargs.k": options.get("k")}
    given = {name: value for name, value in stated.items() if value is not None}
    if architecture == "topk":
        return architecture, _k(given, path, older=older)
    for name, value in given.items():
        raise ValueError(
            f"{path}: {name} is {value!r} in an SAE of architecture {architecture!r}, "
            "which has no k."
        )
    if found.get("rescale_acts_by_decoder_norm"):
        raise ValueError(
            f"{path}: rescale_acts_by_decoder_norm is true; only SAEs of architecture 'topk' "
            "have it."
        )
    return architecture, None


def _k(given: dict[str, Any], path: Path, *, older: bool) -> int:
    """From either place where older files say it; newer ones say it in k alone."""
    names = given.keys() if older and given else given.keys() | {"k"}
    found = {name: _positive(given, name, path) for name in sorted(names)}
    if len(set(found.values())) > 1:
        raise ValueError(
            f"{path}: " + ", and ".join(f"{n} is {k}" for n, k in reversed(found.items()))
        )
    return found.popitem()[1]


def _check_site(found: dict[str, Any], hook_name: str, path: Path) -> None:
    """ValueError where the layer that is stated beside the hook's name is another one."""
    block, stated = int(hook_name.split(".")[1]), found.get("hook_layer")
    if stated is not None and stated != block:
        raise ValueError(f"{path}: hook_layer is {stated!r}, and hook_name is {hook_name!r}.")


def _is_centred(found: dict[str, Any], path: Path) -> bool:
    options = found.get("model_from_pretrained_kwargs") or {}
    if not isinstance(options, dict):
        raise ValueError(f"{path}: model_from_pretrained_kwargs is {options!r}; needed: an object.")
    unknown = sorted(
        name for name, value in options.items() if value and name not in SAME_STREAM | {CENTRED}
    )
    if unknown:
        raise ValueError(
            f"{path}: the SAE wants a model loaded with {', '.join(unknown)}: not supported."
        )
    return bool(options.get(CENTRED))


def _positive(raw: Mapping[str, Any], name: str, path: Path) -> int:
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
