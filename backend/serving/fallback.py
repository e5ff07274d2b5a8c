"""What is served where the weights of the preset that was asked for cannot be had."""

from __future__ import annotations

import sys
from dataclasses import replace

from backend.core.presets import Preset, load_preset
from backend.core.weights import why_absent
from backend.settings import Settings


def preset_to_serve(settings: Settings) -> Preset:
    """The preset that the settings name, or its fallback, whose note says why, as does stderr.

    ValueError for an unknown name. Without a live model, or with a build that was named, there is
    nothing to fall back for.
    """
    preset = load_preset(settings.preset)
    if preset.fallback is None or not settings.live or settings.build is not None:
        return preset
    why = why_absent(preset)
    if not why:
        return preset
    fallback = load_preset(preset.fallback)
    note = f"{fallback.title} is served instead of {preset.title}: {why}"
    print(f"functionscope: {note}", file=sys.stderr, flush=True)
    return replace(fallback, note=note)
