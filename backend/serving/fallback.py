"""Which preset the settings ask for, and what is served where its weights cannot be had."""

from __future__ import annotations

import sys
from dataclasses import replace

from backend.core.own import find_preset, preset_of_options
from backend.core.presets import Preset
from backend.core.weights import why_absent
from backend.settings import Settings


def asked_preset(settings: Settings) -> Preset:
    """By name, or made of --model and --sae. ValueError says what is unknown or contradictory."""
    if settings.model is None:
        if settings.sae or settings.revision:
            raise ValueError(
                "--sae and --revision belong to --model: give it too, which may be the name of a "
                f"preset (--model {settings.preset} is that preset's model)."
            )
        return find_preset(settings.preset, settings.presets)
    if "preset" in settings.model_fields_set:
        raise ValueError(
            f"--preset is {settings.preset!r} and --model is {settings.model!r}: give one of them."
        )
    if not settings.sae:
        raise ValueError(
            "--model needs --sae: a folder, or RELEASE:ID as `functionscope saes` lists them."
        )
    return preset_of_options(
        settings.model, settings.sae, revision=settings.revision, build=settings.build
    )


def preset_to_serve(settings: Settings) -> Preset:
    """The preset that the settings name, or its fallback, whose note says why, as does stderr.

    ValueError for an unknown name. Without a live model, or with a build that was named, there is
    nothing to fall back for.
    """
    preset = asked_preset(settings)
    if preset.fallback is None or not settings.live or settings.build is not None:
        return preset
    why = why_absent(preset)
    if not why:
        return preset
    fallback = find_preset(preset.fallback, settings.presets)
    note = f"{fallback.title} is served instead of {preset.title}: {why}"
    print(f"functionscope: {note}", file=sys.stderr, flush=True)
    return replace(fallback, note=note)
