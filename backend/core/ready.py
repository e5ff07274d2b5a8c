"""Whether all of a preset is on this machine, and the command that gets what is not."""

from __future__ import annotations

from pathlib import Path

from backend.core.hub import complete_snapshot
from backend.core.presets import Preset, SaeSource


def has_sae(sae: SaeSource) -> bool:
    return (sae.path / "cfg.json").exists() and (sae.path / "sae_weights.safetensors").exists()


def has_model(preset: Preset) -> bool:
    """Its files, packed or not; on the hub they are not here."""
    if preset.weights is not None and preset.weights.find():
        return True
    if Path(preset.model).is_absolute():
        path = Path(preset.model)
        return path.is_file() or (path / "config.json").exists()
    try:
        return complete_snapshot(preset.model, preset.revision) is not None
    except ImportError:  # the dashboard's image has no huggingface_hub, and no model
        return False


def what_makes_ready(preset: Preset, *, live: bool = True) -> str:
    """The command that gets what is missing, or the first of several; "" where all is here. `live`:
    whether model and SAEs are needed.
    """
    if live and not has_model(preset) and preset.weights is not None:
        return preset.weights.install
    if live and not (has_model(preset) and all(map(has_sae, preset.saes))):
        return f"functionscope fetch {preset.name}"
    if not preset.build.exists():
        return f"functionscope precompute all --preset {preset.name} --work work/"
    return ""
