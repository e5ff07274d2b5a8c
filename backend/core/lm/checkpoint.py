"""A checkpoint on its way in: read by `transformers`, or refused in one sentence that says what to
give instead.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from backend.core.hub import ModelUnavailable, complete_snapshot, explain_hub_error, require_hub
from backend.core.lm.inside import names_inside, text_config
from backend.core.lm.tokens import special_ids
from backend.core.lm.weights import CheckpointRefused, load_weights

Read = TypeVar("Read")


def read_checkpoint(
    source: str | Path, revision: str | None, dtype: torch.dtype, device: str
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Model and tokenizer, from a folder of `save_pretrained` or from a hub id at a revision.

    Raises ModelUnavailable, with the remedy, when they cannot be had.
    """
    folder = Path(source).expanduser()
    looks_local = isinstance(source, Path) or str(source).startswith((".", "/", "~"))
    if folder.is_dir():
        return _read_both(str(folder), dtype, device, {"local_files_only": True})
    if looks_local:
        raise ModelUnavailable(
            f"No model folder at {source}: give a folder written by save_pretrained, or a hub id."
        )
    options: dict[str, Any] = {} if revision is None else {"revision": revision}
    try:  # what was fetched before needs no network, and does not change under our feet
        return _read_both(str(source), dtype, device, options | {"local_files_only": True})
    except CheckpointRefused:
        raise
    except ModelUnavailable as here:
        _require_hub(str(source), revision, here)
    return _read_both(str(source), dtype, device, options)


def _require_hub(source: str, revision: str | None, here: ModelUnavailable) -> None:
    """ModelUnavailable when the hub cannot be reached: what is wrong with the files if they are all
    `here`.
    """
    try:
        require_hub(source)
    except ModelUnavailable:
        if complete_snapshot(source, revision) is not None:
            raise here from None
        raise


def _read_both(
    source: str, dtype: torch.dtype, device: str, options: dict[str, Any]
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    tokenizer = read_tokenizer(source, **options)  # first: it costs a second, the weights minutes
    return read_model(source, dtype, device, **options), tokenizer


def read_model(source: str, dtype: torch.dtype, device: str, **options: Any) -> PreTrainedModel:
    """The weights in `dtype`, of a causal model of text alone; ModelUnavailable, with the remedy,
    for any other.
    """
    return _read(source, options, lambda: _model(source, dtype, options)).to(device)


def read_weights_into(model: PreTrainedModel, source: str, device: str) -> None:
    """The float32 weights of another model; ModelUnavailable where that has another shape."""
    weights = read_model(source, torch.float32, device).state_dict()
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise ModelUnavailable(f"{source} has another shape than the model to begin.") from error


def read_config(source: str, **options: Any) -> PreTrainedConfig:
    """Of the text model; ModelUnavailable where there is none that transformers understands."""
    return _read(
        source, options, lambda: text_config(AutoConfig.from_pretrained(source, **options))
    )


def read_tokenizer(source: str, **options: Any) -> PreTrainedTokenizerBase:
    """ModelUnavailable, with the remedy; also where transformers makes an empty tokenizer for want
    of files.
    """
    tokenizer = _read(source, options, lambda: _tokenizer(source, options))
    words = len(tokenizer) - len(special_ids(tokenizer))
    if words <= 1:  # some have a lone space mark beside the special ones
        raise ModelUnavailable(
            f"{_name(source, options)} has no vocabulary for its tokenizer: put its tokenizer.json"
            " and tokenizer_config.json beside the weights."
        )
    return tokenizer


def _tokenizer(source: str, options: dict[str, Any]) -> PreTrainedTokenizerBase:
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(source, **options)
    tokenizer.encode("\n")  # some are made without complaint and can encode nothing
    return tokenizer


def _name(source: str, options: dict[str, Any]) -> str:
    return f"{source} at {options['revision']}" if options.get("revision") else source


def _read(source: str, options: dict[str, Any], read: Callable[[], Read]) -> Read:
    """What `read` gives. Whatever lies below may fail: the hub, a parser, an archive, a library
    that is not there.
    """
    try:
        return read()
    except ModelUnavailable:
        raise
    except Exception as error:
        raise ModelUnavailable(
            _damaged_json(source, options) or explain_hub_error(_name(source, options), error)
        ) from error


def _damaged_json(source: str, options: dict[str, Any]) -> str | None:
    """Which file of a checkpoint on this machine is no JSON object, which the libraries do not
    always say.
    """
    local = Path(source) if Path(source).is_dir() else None
    folder = local or complete_snapshot(source, options.get("revision"))
    for path in sorted(folder.glob("*.json")) if folder else ():
        try:
            held = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError, OSError) as error:
            return f"{path} is not JSON ({error}): fetch or copy it again."
        if not isinstance(held, dict):
            return f"{path} holds no JSON object, but a {type(held).__name__}: fetch it again."
    return None


def _model(source: str, dtype: torch.dtype, options: dict[str, Any]) -> PreTrainedModel:
    config = AutoConfig.from_pretrained(source, **options)
    reason = _unreadable(config)
    if reason:
        raise CheckpointRefused(f"{_name(source, options)} {reason}")
    _check_generation_config(source, options)
    called = _name(source, options)
    options = options | names_inside(config) | {"config": text_config(config), "dtype": dtype}
    return load_weights(AutoModelForCausalLM, source, called=called, **options)


def _unreadable(config: PreTrainedConfig) -> str | None:
    """Why this program does not read such a checkpoint, and the remedy; None where it does."""
    whole, text = config, config.get_text_config()
    config = text_config(config)
    kind = str(config.model_type)
    packed = [getattr(one, "quantization_config", None) for one in (whole, text)]
    if any(packed):
        return f"is quantised{_method(packed)}: give it as it was before, in float32 or bfloat16."
    senses = [name for name in config.sub_configs if "vision" in name or "audio" in name]
    if text is not config or senses:
        return f"is multimodal ({kind}): give a model of text alone, as its own saved by itself."
    if config.is_encoder_decoder:
        return f"is an encoder and a decoder ({kind}): give a decoder-only model."
    if kind not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        return f"is no causal language model ({kind}): give a decoder-only model."
    return None


def _method(packed: Sequence[Any]) -> str:
    """` (gptq)`, or nothing where a quantised checkpoint does not say how."""
    stored = next(one for one in packed if one)
    stated = stored if isinstance(stored, dict) else vars(stored)
    method = stated.get("quant_method")
    return f" ({getattr(method, 'value', method)})" if method else ""


def _check_generation_config(source: str, options: dict[str, Any]) -> None:
    """A damaged generation_config.json is refused: transformers would go on without it, and end
    texts elsewhere.
    """
    try:
        GenerationConfig.from_pretrained(source, **options)
    except OSError as error:
        if "not a valid JSON file" in str(error):
            raise
